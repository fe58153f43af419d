/** What the page shows, and how each event changes it. Nothing here does I/O. */
import type { Payloads, StreamEvent, Usage } from "../../client/index.ts"
import { FIRST_STEP, following, historyIn, type Item, type Session, STEPS_BEFORE } from "./chatbot.ts"

/** What is known of an answer beside its words. */
export interface About {
  readonly step?: string
  readonly usage?: Usage
  readonly stopped?: boolean
}

/** An answer on its way. */
export interface Answer {
  readonly text: string
  /** The steps that have ended. */
  readonly ended: readonly string[]
  /** The step that is at work. */
  readonly step: string
  readonly usage?: Usage
}

export type Trouble =
  /** What was said cannot be taken as it is. */
  | { readonly kind: "refused"; readonly message: string }
  /** It failed; `retry` asks again. */
  | { readonly kind: "failed"; readonly message: string }
  /** The session stands in the middle of an answer; `retry` goes on. */
  | { readonly kind: "unfinished" }
  /** The server cannot be reached; `retry` tries again. */
  | { readonly kind: "lost" }

export interface View {
  readonly phase: "loading" | "ready" | "answering" | "stopping"
  readonly connected: boolean
  readonly items: readonly Item[]
  readonly about: { readonly [index: number]: About }
  /** What was said and is not yet among the items. */
  readonly prompt?: string
  readonly answer?: Answer
  readonly trouble?: Trouble
  /** What could not be sent: it goes back to where it was written. */
  readonly unsent?: string
  /** What a screen reader shall say. */
  readonly spoken: string
}

export const EMPTY: View = { phase: "loading", connected: true, items: [], about: {}, spoken: "" }

/** Give the view without what is named. */
export function without(view: View, ...keys: ("prompt" | "answer" | "trouble" | "unsent")[]): View {
  const rest: { -readonly [Key in keyof View]: View[Key] } = { ...view }
  for (const key of keys) delete rest[key]
  return rest
}

/** An answer begins: to what was said now, or, without a prompt, to what is there already. */
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

/** A session was loaded. */
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

/** The answer is among the items now. */
function whole(view: View, step: string): View {
  const usage = view.answer?.usage
  const about = { step, ...(usage === undefined ? {} : { usage }) }
  const last = view.items.length - 1
  return { ...without(view, "prompt", "answer"), about: { ...view.about, [last]: about } }
}

/** Add to what is known of the last item. */
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

/** Put an answer among the items that no state has put there. */
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
