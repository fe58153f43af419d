/** Types of the events of an answer, and their validation. */
import type { ServerSentEvent } from "./decoder.ts"
import { ProtocolError } from "./errors.ts"
import type { Json, Operation } from "./patch.ts"

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  /** True if the provider has not reported the numbers (yet). */
  readonly estimated: boolean
}

/** The data of each event. There may be further keys. */
export interface Payloads {
  /** Always the first event. */
  readonly start: { readonly stream: string; readonly session?: string }
  /** New text; in an application, with the name of the action. */
  readonly delta: { readonly delta: string; readonly action?: string }
  /** The typed value so far, or the changes since the last event. */
  readonly partial: { readonly value: Json } | { readonly patch: readonly Operation[] }
  /** A complete value, one of several. */
  readonly item: { readonly index: number; readonly value: Json; readonly action?: string }
  /** A step of an application ended: the state after it. */
  readonly state: { readonly action: string; readonly state: { readonly [key: string]: Json } }
  readonly usage: { readonly usage: Usage }
  /** The answer is complete. */
  readonly done: {
    readonly response: string
    readonly finish_reason: string | null
    readonly usage: Usage | null
    readonly result?: Json
  }
  /** The answer was stopped; `response` is the text so far. */
  readonly stopped: { readonly response: string; readonly usage: Usage | null }
  /** The answer failed. */
  readonly error: { readonly type: string; readonly message: string; readonly retryable: boolean }
}

/** One event; `event` is the discriminant. `id` counts from 1 within the stream. */
export type StreamEvent = {
  readonly [Name in keyof Payloads]: {
    readonly id: number
    readonly event: Name
    readonly data: Payloads[Name]
  }
}[keyof Payloads]

/** True if this is the last event of its stream. */
export function isLast(event: StreamEvent): boolean {
  return event.event === "done" || event.event === "stopped" || event.event === "error"
}

type Fields = { readonly [key: string]: Json }

const FITS: { readonly [Name in keyof Payloads]: (data: Fields) => boolean } = {
  start: (data) => typeof data.stream === "string",
  delta: (data) => typeof data.delta === "string",
  partial: (data) => Array.isArray(data.patch) || data.value !== undefined,
  item: (data) => typeof data.index === "number" && data.value !== undefined,
  state: (data) => typeof data.action === "string" && isFields(data.state),
  usage: (data) => isFields(data.usage),
  done: (data) => typeof data.response === "string",
  stopped: (data) => typeof data.response === "string",
  error: (data) => typeof data.message === "string",
}

/** Return the id of an event, which must be an integer >= 1. */
export function idOf(sent: ServerSentEvent): number {
  if (!/^[1-9][0-9]{0,14}$/.test(sent.id))
    throw new ProtocolError(`The id of an event must be an integer >= 1, got ${JSON.stringify(sent.id)}`)
  return Number(sent.id)
}

/** Validate an event. Unknown events return undefined, as a later server may send some. */
export function readEvent(sent: ServerSentEvent): StreamEvent | undefined {
  if (!Object.hasOwn(FITS, sent.event)) return undefined
  const event = sent.event as keyof Payloads
  const data = parse(sent.data)
  if (!isFields(data) || !FITS[event](data)) {
    throw new ProtocolError(`The data of event ${idOf(sent)} (${event}) is not valid`)
  }
  return { id: idOf(sent), event, data } as unknown as StreamEvent
}

function parse(data: string): Json {
  try {
    return JSON.parse(data) as Json
  } catch {
    throw new ProtocolError("The data of an event is not JSON")
  }
}

function isFields(value: Json | undefined): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
