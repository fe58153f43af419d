import { useEffect, useState } from "react"
import { unfenced } from "../chat/chatbot.ts"
import { CopyIcon, DoneIcon } from "./icons.tsx"

/** Code in a block with a copy button. */
export function Code({ content }: { readonly content: string }) {
  const { language, text } = unfenced(content)
  return (
    <figure className="code" data-testid="code">
      <figcaption>
        <span>{language || "Code"}</span>
        <Copy text={text} />
      </figcaption>
      {/* It scrolls, so it must be focusable for the keyboard */}
      <pre tabIndex={0} role="group" aria-label="Code">
        <code>{text}</code>
      </pre>
    </figure>
  )
}

function Copy({ text }: { readonly text: string }) {
  const [isDone, setDone] = useState(false)
  useEffect(() => {
    if (!isDone) return
    const timer = setTimeout(() => setDone(false), 2000)
    return () => clearTimeout(timer)
  }, [isDone])
  return (
    <button
      type="button"
      className="quiet small"
      onClick={() => void copy(text).then(setDone)}
      data-testid="copy"
    >
      {isDone ? <DoneIcon /> : <CopyIcon />}
      <span aria-live="polite">{isDone ? "Copied" : "Copy"}</span>
    </button>
  )
}

/** Copy to the clipboard; without a secure context only `execCommand` exists. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const field = document.createElement("textarea")
    field.className = "unseen"
    field.value = text
    document.body.append(field)
    field.select()
    const isDone = document.execCommand("copy")
    field.remove()
    return isDone
  }
}
