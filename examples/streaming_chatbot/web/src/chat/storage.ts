/** What the browser keeps for the page: which conversation it is in, and what is known of its answers. */
import type { View } from "./view.ts"

const SESSION = "chatbot.session"
const ABOUT = "chatbot.about"

/** Give the session that this browser is in, or a new one. */
export function currentSession(): string {
  return read(SESSION) ?? newSession()
}

export function newSession(): string {
  const id = newId()
  write(SESSION, id)
  write(ABOUT, undefined)
  return id
}

export function savedAbout(session: string): View["about"] {
  try {
    const saved = JSON.parse(read(ABOUT) ?? "null") as { session?: unknown; about?: View["about"] } | null
    return saved?.session === session ? (saved.about ?? {}) : {}
  } catch {
    return {}
  }
}

export function saveAbout(session: string, about: View["about"]): void {
  write(ABOUT, JSON.stringify({ session, about }))
}

/** An id that cannot be guessed; `crypto.randomUUID` is only there where the page came over a secure connection. */
function newId(): string {
  if ("randomUUID" in crypto) return crypto.randomUUID()
  return Array.from((crypto as Crypto).getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("")
}

// A browser may forbid to keep anything: then the page forgets when it is left

export function read(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined
  } catch {
    return undefined
  }
}

export function write(key: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(key)
    else localStorage.setItem(key, value)
  } catch {
    // See above
  }
}
