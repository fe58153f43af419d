import type { Usage } from "../../client/index.ts"
import { now, STEPS_BEFORE, tokens } from "../chat/chatbot.ts"

export interface Work {
  readonly ended: readonly string[]
  readonly step: string
  readonly usage: Usage | undefined
  readonly isGoing: boolean
}

/** Progress of the state machine: a bead for each step, and the label of the running one. */
export function Steps({ work: { ended, step, usage, isGoing } }: { readonly work: Work }) {
  const steps = STEPS_BEFORE.includes(step) ? [...STEPS_BEFORE, "answer"] : [...ended, step]
  return (
    <p className="byline" data-testid="steps" data-step={step}>
      {isGoing && (
        <span className="beads" aria-hidden="true">
          {steps.map((name) => (
            <i key={name} className={name === step ? "at" : ended.includes(name) ? "past" : ""} />
          ))}
        </span>
      )}
      <span data-testid="mode">{isGoing ? now(step) : "Not finished"}</span>
      {usage !== undefined && <span data-testid="usage">{tokens(usage)}</span>}
    </p>
  )
}
