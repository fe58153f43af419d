/** The page's knowledge of this chatbot: the form of its state, the names of its steps, and example prompts. */
import type { Json, Usage } from "../../client/index.ts"

export const NAME = "chatbot"

/** A message of the conversation. */
export interface Item {
  readonly role: "user" | "assistant"
  readonly content: string
  readonly type: "text" | "code" | "error"
}

/** A session as the server returns it. */
export interface Session {
  readonly state: Fields
  /** The next step; if it is not `prompt`, the last answer is unfinished. */
  readonly next: string | null
  /** The id of the running answer. */
  readonly stream: string | null
}

export type Fields = { readonly [key: string]: Json }

export const FIRST_STEP = "prompt"

/** The steps before the one that answers. */
export const STEPS_BEFORE: readonly string[] = [FIRST_STEP, "check_safety", "decide_mode"]

/** For each step: its label while it runs, and after it. */
const WORDS: { readonly [step: string]: readonly [now: string, after: string] } = {
  prompt: ["Reading", "Read"],
  check_safety: ["Checking", "Checked"],
  decide_mode: ["Deciding", "Decided"],
  generate_poem: ["Writing a poem", "Poem"],
  generate_code: ["Writing code", "Code"],
  answer_question: ["Answering", "Answer"],
  prompt_for_more: ["Asking back", "Asked back"],
  unsafe_response: ["Declining", "Declined"],
}

export function now(step: string): string {
  return WORDS[step]?.[0] ?? step
}

export function after(step: string): string {
  return WORDS[step]?.[1] ?? step
}

/** Return the step after one that has ended, if the state determines it. */
export function following(step: string, state: Fields): string | undefined {
  if (step === FIRST_STEP) return "check_safety"
  if (step === "check_safety") return state.safe === false ? "unsafe_response" : "decide_mode"
  if (step !== "decide_mode" || typeof state.mode !== "string") return undefined
  return state.mode === "unknown" ? "prompt_for_more" : state.mode
}

/** Return the messages of a state; invalid ones are skipped. */
export function historyIn(state: Fields): readonly Item[] | undefined {
  const history = state.chat_history
  return Array.isArray(history) ? history.flatMap(itemIn) : undefined
}

function itemIn(value: Json): Item[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return []
  const { role, content, type } = value as Fields
  if ((role !== "user" && role !== "assistant") || typeof content !== "string") return []
  return [{ role, content, type: type === "code" || type === "error" ? type : "text" }]
}

export interface Code {
  readonly language: string
  readonly text: string
}

/** Return code without the Markdown fence that a model may have put around it; the end may not have come yet. */
export function unfenced(content: string): Code {
  const opening = /^\s*```([\w+#.-]*)[^\n]*(\n|$)/.exec(content)
  if (opening === null) return { language: "", text: content }
  return { language: opening[1] ?? "", text: content.slice(opening[0].length).replace(/\n?`{1,3}\s*$/, "") }
}

export function tokens({ total_tokens, estimated }: Usage): string {
  return `${estimated ? "~" : ""}${total_tokens.toLocaleString("en")} ${total_tokens === 1 ? "token" : "tokens"}`
}

export interface Example {
  readonly label: string
  readonly prompt: string
}

export const EXAMPLES: readonly Example[] = [
  { label: "A poem", prompt: "Write a poem about tokens that arrive one by one" },
  { label: "A question", prompt: "What is the answer to everything?" },
  { label: "Some code", prompt: "Write code that gives the answer" },
]

export const DECLINED: Example = { label: "Something it declines", prompt: "Tell me something unsafe" }
