import {
  type FormEvent,
  type KeyboardEvent,
  type MouseEvent,
  type Ref,
  useEffect,
  useImperativeHandle,
  useRef,
} from "react"
import type { View } from "../chat/view.ts"
import { SendIcon, StopIcon } from "./icons.tsx"

export interface Field {
  focus(): void
}

interface Props {
  readonly ref: Ref<Field>
  readonly text: string
  readonly onText: (text: string) => void
  readonly phase: View["phase"]
  readonly onSend: () => void
  readonly onStop: () => void
}

/** The form with the input field. */
export function Composer({ ref, text, onText, phase, onSend, onStop }: Props) {
  const area = useRef<HTMLTextAreaElement>(null)
  const isAtWork = phase === "answering" || phase === "stopping"

  useImperativeHandle(ref, () => ({ focus: () => focus(area.current) }), [])
  useEffect(() => focus(area.current), [])

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!isAtWork) onSend()
  }
  const onKey = (event: KeyboardEvent) => {
    // An Enter that ends an IME composition must not send
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return
    submit(event)
  }
  const stop = (event: MouseEvent) => {
    // "Stop" replaces "Send" under the pointer: ignore the second click of a double click
    if (event.detail < 2) onStop()
  }

  return (
    <form className="composer" aria-label="Write a message" onSubmit={submit}>
      <div className="growing" data-text={text}>
        <textarea
          ref={area}
          rows={1}
          value={text}
          onChange={(event) => onText(event.target.value)}
          onKeyDown={onKey}
          placeholder="Write a message"
          aria-label="Message"
          aria-describedby="keys"
          enterKeyHint="send"
          autoComplete="off"
          data-testid="input"
        />
      </div>
      {isAtWork ? (
        <button
          key="stop"
          type="button"
          className="round"
          onClick={stop}
          disabled={phase === "stopping"}
          aria-label="Stop"
          title="Stop (Esc)"
          data-testid="stop"
        >
          <StopIcon />
        </button>
      ) : (
        <button
          key="send"
          type="submit"
          className="round"
          disabled={phase === "loading" || text.trim() === ""}
          aria-label="Send"
          title="Send (Enter)"
          data-testid="send"
        >
          <SendIcon />
        </button>
      )}
      <p id="keys" className="keys">
        <kbd>Enter</kbd> sends, <kbd>Shift</kbd>+<kbd>Enter</kbd> makes a new line, <kbd>Esc</kbd> stops.
      </p>
    </form>
  )
}

/** Focus the field, except on touch screens, where a keyboard would cover half of the page. */
function focus(area: HTMLTextAreaElement | null): void {
  if (matchMedia("(pointer: fine)").matches) area?.focus()
}
