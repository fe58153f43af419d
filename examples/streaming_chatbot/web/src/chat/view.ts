/** The state of the page, and the reducer that applies events to it. There is no I/O here. */
import type { Payloads, StreamEvent, Usage } from "../../client/index.ts"
import { FIRST_STEP, following, historyIn, type Item, type Session, STEPS_BEFORE } from "./chatbot.ts"

/** Details of an answer besides its text. */
export interface About {
  readonly step?: string
  readonly usage?: Usage
  readonly stopped?: boolean
}

/** A running answer. */
export interface Answer {
  readonly text: string
  /** The steps that have ended. */
  readonly ended: readonly string[]
  /** The step that runs. */
  readonly step: string
  readonly usage?: Usage
}

export type Trouble =
  /** The server refused the prompt. */
  | { readonly kind: "refused"; readonly message: string }
  /** The answer failed; `retry` requests it again. */
  | { readonly kind: "failed"; readonly message: string }
  /** The session has an unfinished answer; `retry` continues it. */
  | { readonly kind: "unfinished" }
  /** The server is not reachable; `retry` connects again. */
  | { readonly kind: "lost" }

export interface View {
  readonly phase: "loading" | "ready" | "answering" | "stopping"
  readonly connected: boolean
  readonly items: readonly Item[]
  readonly about: { readonly [index: number]: About }
  /** The prompt, until it is one of the items. */
  readonly prompt?: string
  readonly answer?: Answer
  readonly trouble?: Trouble
  /** A prompt that could not be sent; it goes back into the input field. */
  readonly unsent?: string
  /** Text for screen readers. */
  readonly spoken: string
}

export const EMPTY: View = { phase: "loading", connected: true, items: [], about: {}, spoken: "" }

/** Return the view without these keys. */
export function without(view: View, ...keys: ("prompt" | "answer" | "trouble" | "unsent")[]): View {
  const rest: { -readonly [Key in keyof View]: View[Key] } = { ...view }
  for (const key of keys) delete rest[key]
  return rest
}

/** Return the view at the start of an answer; without a prompt, it is an answer to the last item. */
export function asked(view: View, prompt?: string): View {
  const rest = without(view, "answer", "trouble", "unsent")
  const answer: Answer = { text: "", ended: [], step: FIRST_STEP }
  return {
    ...rest,
    phase: "answering",
    spoken: "Answering",
    answer,
    ...(prompt === undefined ? {} : { prompt }),
  }
}

/** Return the view after a session was loaded. */
export function loaded(view: View, session: Session): View {
  const items = historyIn(session.state) ?? []
  const about = Object.entries(view.about).filter(([index]) => Number(index) < items.length)
  return { ...view, items, about: Object.fromEntries(about) }
}

export function reduce(view: View, { event, data }: StreamEvent): View {
  switch (event) {
    case "delta":
      return onDelta(view, data)
    case "state":
      return onState(view, data)
    case "usage":
      return onUsage(view, data.usage)
    case "done":
      return onDone(data.usage === null ? view : onUsage(view, data.usage), data)
    case "stopped":
      return onStopped(data.usage === null ? view : onUsage(view, data.usage), data)
    case "error":
      return { ...view, phase: "ready", connected: true, trouble: { kind: "failed", message: data.message } }
    default:
      return view
  }
}

function onDelta(view: View, { delta, action }: Payloads["delta"]): View {
  if (view.answer === undefined) return view
  const { text, step } = view.answer
  return { ...view, answer: { ...view.answer, text: text + delta, step: action ?? step } }
}

function onState(view: View, { action, state }: Payloads["state"]): View {
  const items = historyIn(state) ?? view.items
  const said = action === FIRST_STEP ? without(view, "prompt") : view
  if (!STEPS_BEFORE.includes(action)) return whole({ ...said, items }, action)
  const { answer } = view
  if (answer === undefined) return { ...said, items }
  const step = following(action, state) ?? answer.step
  return { ...said, items, answer: { ...answer, ended: [...answer.ended, action], step } }
}

/** Return the view when the answer is one of the items. */
function whole(view: View, step: string): View {
  const usage = view.answer?.usage
  const about = { step, ...(usage === undefined ? {} : { usage }) }
  const last = view.items.length - 1
  return { ...without(view, "prompt", "answer"), about: { ...view.about, [last]: about } }
}

/** Add details to the last item. */
function tell(view: View, about: About): View {
  const last = view.items.length - 1
  return { ...view, about: { ...view.about, [last]: { ...view.about[last], ...about } } }
}

function onUsage(view: View, usage: Usage): View {
  if (view.answer !== undefined) return { ...view, answer: { ...view.answer, usage } }
  return view.items.at(-1)?.role === "assistant" ? tell(view, { usage }) : view
}

function onDone(view: View, { response }: Payloads["done"]): View {
  const kept = keep(view, response)
  return { ...kept, phase: "ready", connected: true, spoken: kept.items.at(-1)?.content ?? "" }
}

function onStopped(view: View, { response }: Payloads["stopped"]): View {
  const kept = keep(view, response)
  const marked = kept.items.at(-1)?.role === "assistant" ? tell(kept, { stopped: true }) : kept
  return { ...marked, phase: "ready", connected: true, spoken: `Stopped. ${response}` }
}

/** Add the answer to the items, if no state event has done so. */
function keep(view: View, response: string): View {
  const { answer, prompt } = view
  if (answer === undefined) return view
  const said: Item[] = prompt === undefined ? [] : [{ role: "user", content: prompt, type: "text" }]
  const type = answer.step === "generate_code" ? "code" : "text"
  const told: Item[] = response === "" ? [] : [{ role: "assistant", content: response, type }]
  const items = [...view.items, ...said, ...told]
  return told.length > 0
    ? whole({ ...view, items }, answer.step)
    : without({ ...view, items }, "prompt", "answer")
}
