/** The events of a streamed answer, as types, and read from what came over the wire. */
import type { ServerSentEvent } from "./decoder.ts"
import { ProtocolError } from "./errors.ts"
import type { Json, Operation } from "./patch.ts"

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  /** The numbers were reckoned here or there, not told by the model. */
  readonly estimated: boolean
}

/** What each event carries. Further keys may be there. */
export interface Payloads {
  /** Always the first. */
  readonly start: { readonly stream: string; readonly session?: string }
  /** New text; an application says which action it is from. */
  readonly delta: { readonly delta: string; readonly action?: string }
  /** The typed value so far, whole or by what changed. */
  readonly partial: { readonly value: Json } | { readonly patch: readonly Operation[] }
  /** A value that is whole, one of several. */
  readonly item: { readonly index: number; readonly value: Json; readonly action?: string }
  /** A step of an application has ended; the state after it. */
  readonly state: { readonly action: string; readonly state: { readonly [key: string]: Json } }
  readonly usage: { readonly usage: Usage }
  /** The answer is whole. */
  readonly done: {
    readonly response: string
    readonly finish_reason: string | null
    readonly usage: Usage | null
    readonly result?: Json
  }
  /** It was stopped; the text is what there was. */
  readonly stopped: { readonly response: string; readonly usage: Usage | null }
  /** It failed. */
  readonly error: { readonly type: string; readonly message: string; readonly retryable: boolean }
}

/** One event, told apart by `event`. Its `id` counts from 1 within the stream. */
export type StreamEvent = {
  readonly [Name in keyof Payloads]: {
    readonly id: number
    readonly event: Name
    readonly data: Payloads[Name]
  }
}[keyof Payloads]

/** Whether this is the last event of its stream. */
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

/** Give the id that an event must have: a whole number, from 1. */
export function idOf(sent: ServerSentEvent): number {
  if (!/^[1-9][0-9]{0,14}$/.test(sent.id))
    throw new ProtocolError(`The id ${JSON.stringify(sent.id)} is no number from 1`)
  return Number(sent.id)
}

/** Read an event. One of a kind that is not known gives undefined, as later servers may have more. */
export function readEvent(sent: ServerSentEvent): StreamEvent | undefined {
  if (!Object.hasOwn(FITS, sent.event)) return undefined
  const event = sent.event as keyof Payloads
  const data = parse(sent.data)
  if (!isFields(data) || !FITS[event](data)) {
    throw new ProtocolError(`The event ${idOf(sent)} (${event}) has not the form of one`)
  }
  return { id: idOf(sent), event, data } as unknown as StreamEvent
}

function parse(data: string): Json {
  try {
    return JSON.parse(data) as Json
  } catch {
    throw new ProtocolError("The data of an event is no JSON")
  }
}

function isFields(value: Json | undefined): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
