import { useEffect, useMemo, useSyncExternalStore } from "react"
import type { Client } from "../../client/index.ts"
import { Conversation } from "../chat/conversation.ts"
import { saveAbout, savedAbout } from "../chat/storage.ts"

/** Return the conversation of a session, and its current view. */
export function useConversation(client: Client, session: string) {
  const conversation = useMemo(
    () =>
      new Conversation(client, session, {
        about: savedAbout(session),
        onAbout: (about) => saveAbout(session, about),
      }),
    [client, session],
  )
  useEffect(() => {
    void conversation.open()
    return () => conversation.close()
  }, [conversation])
  return { conversation, view: useSyncExternalStore(conversation.subscribe, conversation.view) }
}
