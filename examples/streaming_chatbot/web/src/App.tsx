import { useState } from "react"
import { Client } from "../client/index.ts"
import { currentSession, newSession } from "./chat/storage.ts"
import { Chat } from "./parts/Chat.tsx"

const client = new Client(new URL("api", document.baseURI).href)

/** The page: one conversation at a time. */
export function App() {
  const [session, setSession] = useState(currentSession)
  return <Chat key={session} client={client} session={session} onNew={() => setSession(newSession())} />
}
