import { memo } from "react"
import type { Item } from "../chat/chatbot.ts"
import { after, tokens } from "../chat/chatbot.ts"
import type { About } from "../chat/view.ts"
import { Code } from "./Code.tsx"
import { Steps, type Work } from "./Steps.tsx"

interface Props {
  readonly content: string
  readonly type: Item["type"]
  readonly about?: About | undefined
  readonly work?: Work
}

/** An answer of the chatbot, complete or not. It is shown as text, never as markup. */
export const Answer = memo(function Answer({ content, type, about, work }: Props) {
  const state = work === undefined ? "whole" : work.isGoing ? "streaming" : "broken"
  return (
    <article
      className={`answer ${state}`}
      aria-busy={state === "streaming"}
      data-testid="message"
      data-role="assistant"
      data-state={state}
    >
      <h2 className="unseen">Chatbot</h2>
      {content !== "" &&
        (type === "code" ? <Code content={content} /> : <p className={`words ${type}`}>{content}</p>)}
      {work === undefined ? <About about={about} /> : <Steps work={work} />}
    </article>
  )
})

function About({ about }: { readonly about: About | undefined }) {
  if (about === undefined) return null
  return (
    <p className="byline" data-testid="about" data-step={about.step}>
      {about.step !== undefined && <span data-testid="mode">{after(about.step)}</span>}
      {about.stopped === true && <span data-testid="stopped">Stopped</span>}
      {about.usage !== undefined && (
        <span
          data-testid="usage"
          title={`${about.usage.prompt_tokens} read, ${about.usage.completion_tokens} written${about.usage.estimated ? ", estimated" : ""}`}
        >
          {tokens(about.usage)}
        </span>
      )}
    </p>
  )
}
