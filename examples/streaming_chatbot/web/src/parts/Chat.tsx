import { useCallback, useEffect, useRef, useState } from "react"
import type { Client } from "../../client/index.ts"
import { useConversation } from "./useConversation.ts"
import { useFollowing } from "./useFollowing.ts"
import { Composer, type Field } from "./Composer.tsx"
import { Header } from "./Header.tsx"
import { DownIcon } from "./icons.tsx"
import { Status } from "./Status.tsx"
import { Talk } from "./Talk.tsx"
import { Welcome } from "./Welcome.tsx"

interface Props {
  readonly client: Client
  readonly session: string
  readonly onNew: () => void
}

export function Chat({ client, session, onNew }: Props) {
  const { view, conversation } = useConversation(client, session)
  const [text, setText] = useState("")
  const field = useRef<Field>(null)
  const { phase, unsent } = view
  const isAtWork = phase === "answering" || phase === "stopping"
  const isKnown = phase !== "loading" && view.trouble?.kind !== "lost"
  const isEmpty = isKnown && !isAtWork && view.items.length === 0 && view.prompt === undefined
  const following = useFollowing(!isEmpty)

  const stop = useCallback(() => {
    void conversation.stop()
    field.current?.focus()
  }, [conversation])

  useEffect(() => {
    if (unsent !== undefined) setText((written) => written || unsent)
  }, [unsent])

  useEffect(() => {
    if (phase !== "answering") return
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.isComposing) stop()
    }
    document.addEventListener("keydown", onKey)
    return () => document.removeEventListener("keydown", onKey)
  }, [phase, stop])

  const send = (prompt: string) => {
    if (prompt.trim() === "" || phase !== "ready") return
    setText("")
    following.toEnd()
    void conversation.send(prompt.trim())
    field.current?.focus()
  }
  const retry = () => {
    void conversation.retry()
    field.current?.focus()
  }
  const startAnew = () => {
    // The answer of the old session has no reader any more
    void conversation.stop()
    onNew()
  }

  return (
    <div className="page">
      <Header onNew={startAnew} isNew={isEmpty} />
      <main className="middle" tabIndex={0} ref={following.frame} aria-busy={phase === "loading"}>
        <div className="column" ref={following.content}>
          {isEmpty ? <Welcome onChoose={send} /> : <Talk view={view} />}
          <Status view={view} onRetry={retry} />
        </div>
      </main>
      <div className="foot">
        {!following.isAtEnd && (
          <button type="button" className="jump" onClick={following.toEnd} data-testid="jump">
            <DownIcon /> Jump to latest
          </button>
        )}
        <Composer
          ref={field}
          text={text}
          onText={setText}
          phase={phase}
          onSend={() => send(text)}
          onStop={stop}
        />
      </div>
      <p className="unseen" role="status" aria-live="polite" data-testid="announcer">
        {view.spoken}
      </p>
    </div>
  )
}
