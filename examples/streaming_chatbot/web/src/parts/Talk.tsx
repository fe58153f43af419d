import type { ReactNode } from "react"
import type { Item } from "../chat/chatbot.ts"
import type { View } from "../chat/view.ts"
import { Answer } from "./Answer.tsx"
import { Said } from "./Said.tsx"

/**
 * The messages. A screen reader would read a log out with each token, so it is silent; the page's announcer has the
 * complete answers.
 */
export function Talk({ view }: { readonly view: View }) {
  return (
    <div
      className={view.connected ? "talk" : "talk waiting"}
      role="log"
      aria-label="Conversation"
      aria-live="off"
      data-testid="talk"
    >
      {turns(view)}
    </div>
  )
}

/** Return one list, so that an answer stays the same element when it is complete. */
function turns({ items, about, prompt, answer, phase }: View): ReactNode[] {
  const said: readonly Item[] =
    prompt === undefined ? items : [...items, { role: "user", content: prompt, type: "text" }]
  const list: ReactNode[] = said.map((item, index) =>
    item.role === "user" ? (
      <Said key={index} content={item.content} />
    ) : (
      <Answer key={index} content={item.content} type={item.type} about={about[index]} />
    ),
  )
  const isAtWork = phase === "answering" || phase === "stopping"
  if (answer !== undefined && (isAtWork || answer.text !== "")) {
    const type = answer.step === "generate_code" ? "code" : "text"
    const work = { ended: answer.ended, step: answer.step, usage: answer.usage, isGoing: isAtWork }
    list.push(<Answer key={said.length} content={answer.text} type={type} work={work} />)
  }
  return list
}
