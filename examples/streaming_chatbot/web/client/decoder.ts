/**
 * Decoder of server-sent events, from bytes that may be split anywhere.
 *
 * The format is defined by the WHATWG: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 * The decoder does no I/O. Its time is linear in the number of bytes, and it buffers at most one event.
 */
import { EventTooLarge } from "./errors.ts"

export interface ServerSentEvent {
  readonly event: string
  readonly data: string
  /** The last id received, with this event or an earlier one. */
  readonly id: string
}

const LF = 0x0a
const CR = 0x0d
const BOM = "\uFEFF"

/** Decodes bytes into events: `feed` returns the events that the bytes complete. */
export class EventDecoder {
  /** The reconnection time in milliseconds, if the server sent one. */
  retry: number | undefined

  readonly #limit: number
  // Only complete lines are decoded, so a UTF-8 character is never split
  readonly #text = new TextDecoder("utf-8", { ignoreBOM: true })
  #rest: Uint8Array[] = []
  #restSize = 0
  #afterCR = false
  #first = true
  #event = ""
  #data: string[] = []
  #heldSize = 0
  #id = ""

  /** `maxEventSize` is in bytes; `feed` throws an `EventTooLarge` before it buffers more. */
  constructor({ maxEventSize = 16 * 1024 * 1024 }: { maxEventSize?: number } = {}) {
    this.#limit = maxEventSize
  }

  feed(piece: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = []
    let start = 0
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at]
      if (byte !== LF && byte !== CR) {
        this.#afterCR = false
        continue
      }
      if (byte === LF && this.#afterCR) {
        // The second byte of a CRLF; the first one may have been the last byte of the previous piece
        start = at + 1
        this.#afterCR = false
        continue
      }
      this.#afterCR = byte === CR
      this.#keep(piece, start, at)
      start = at + 1
      const size = this.#restSize
      const event = this.#line(this.#takeLine(), size)
      if (event !== undefined) events.push(event)
    }
    this.#keep(piece, start, piece.length)
    return events
  }

  #keep(piece: Uint8Array, start: number, end: number): void {
    if (start === end) return
    this.#restSize += end - start
    if (this.#restSize + this.#heldSize > this.#limit) {
      throw new EventTooLarge(`An event is larger than maxEventSize (${this.#limit} bytes)`)
    }
    // A copy, as the caller may reuse its buffer
    this.#rest.push(piece.slice(start, end))
  }

  #takeLine(): string {
    const [only, ...more] = this.#rest
    let bytes = only ?? new Uint8Array()
    if (more.length > 0) {
      bytes = new Uint8Array(this.#restSize)
      let at = 0
      for (const part of this.#rest) {
        bytes.set(part, at)
        at += part.length
      }
    }
    this.#rest = []
    this.#restSize = 0
    const line = this.#text.decode(bytes)
    if (!this.#first) return line
    this.#first = false
    return line.startsWith(BOM) ? line.slice(1) : line
  }

  #line(line: string, size: number): ServerSentEvent | undefined {
    if (line === "") return this.#dispatch()
    const colon = line.indexOf(":")
    if (colon === 0) return undefined
    const field = colon < 0 ? line : line.slice(0, colon)
    const rest = colon < 0 ? "" : line.slice(colon + 1)
    const value = rest.startsWith(" ") ? rest.slice(1) : rest
    if (field === "data") {
      this.#data.push(value)
      this.#heldSize += size + 1
    } else if (field === "event") {
      this.#event = value
    } else if (field === "id") {
      if (!value.includes("\0")) this.#id = value
    } else if (field === "retry" && /^[0-9]+$/.test(value)) {
      this.retry = Number(value)
    }
    return undefined
  }

  #dispatch(): ServerSentEvent | undefined {
    const event = this.#event || "message"
    const data = this.#data
    this.#event = ""
    this.#data = []
    this.#heldSize = 0
    return data.length === 0 ? undefined : { event, data: data.join("\n"), id: this.#id }
  }
}
