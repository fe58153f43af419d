/** Local storage: the id of the current session, and details of its answers. */
import type { View } from "./view.ts"

const SESSION = "chatbot.session"
const ABOUT = "chatbot.about"

/** Return the id of this browser's session, or a new one. */
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

/** Return an id that cannot be guessed; `crypto.randomUUID` exists only in a secure context (HTTPS or localhost). */
function newId(): string {
  if ("randomUUID" in crypto) return crypto.randomUUID()
  return Array.from((crypto as Crypto).getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("")
}

// Local storage may be disabled: then nothing is kept after the page is closed

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
    // As above
  }
}
