/** One connection, and the events that come over it. */
import { EventDecoder, type ServerSentEvent } from "./decoder.ts"
import { ProtocolError, type Refusal, RequestRefused, StreamGone } from "./errors.ts"

/** No byte came for too long: the connection counts as lost, although it was not closed. */
class Silence extends Error {}

export interface ConnectionOptions {
  readonly fetch: typeof fetch
  readonly signal: AbortSignal
  /** Milliseconds without a byte, heartbeats included, after which the connection counts as lost. */
  readonly silence: number
  readonly maxEventSize: number
}

export interface Connection {
  readonly events: AsyncGenerator<ServerSentEvent, void, undefined>
  /** The reconnection time, if the server has sent one. */
  readonly retry: number | undefined
}

/** Send a request for a stream of events. An error status throws a `RequestRefused`; errors of `fetch` pass through. */
export async function connect(
  address: string,
  request: RequestInit,
  options: ConnectionOptions,
): Promise<Connection> {
  const own = new AbortController()
  const signal = AbortSignal.any([own.signal, options.signal])
  const quiet = watch(options.silence, () => own.abort(new Silence(`No data for ${options.silence} ms`)))
  try {
    const { fetch } = options
    const response = await fetch(address, { ...request, cache: "no-store", signal })
    if (!response.ok) throw await refused(response)
    const type = response.headers.get("content-type") ?? ""
    if (response.body === null || !/^text\/event-stream\b/i.test(type)) {
      throw new ProtocolError(
        `The content type of the response must be text/event-stream, got ${type || "none"}`,
      )
    }
    const decoder = new EventDecoder({ maxEventSize: options.maxEventSize })
    return {
      events: read(response.body, decoder, own, quiet),
      get retry() {
        return decoder.retry
      },
    }
  } catch (error) {
    quiet.end()
    own.abort()
    throw error
  }
}

async function* read(
  body: ReadableStream<Uint8Array>,
  decoder: EventDecoder,
  own: AbortController,
  quiet: Watch,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      quiet.heard()
      yield* decoder.feed(value)
    }
  } finally {
    quiet.end()
    own.abort()
  }
}

interface Watch {
  heard(): void
  end(): void
}

function watch(limit: number, onSilence: () => void): Watch {
  let timer = setTimeout(onSilence, limit)
  return {
    heard() {
      clearTimeout(timer)
      timer = setTimeout(onSilence, limit)
    },
    end() {
      clearTimeout(timer)
    },
  }
}

/** Return the error for a response with an error status. */
export async function refused(response: Response): Promise<RequestRefused> {
  const refusal = refusalIn(await response.text().catch(() => ""), response.status)
  const gone = response.status === 404 || response.status === 410
  return gone ? new StreamGone(response.status, refusal) : new RequestRefused(response.status, refusal)
}

function refusalIn(body: string, status: number): Refusal {
  const plain = { type: undefined, message: `The server answered with status ${status}`, stream: undefined }
  try {
    const detail: unknown = (JSON.parse(body) as { detail?: unknown }).detail
    if (typeof detail === "string") return { ...plain, message: detail }
    if (typeof detail !== "object" || detail === null) return plain
    const { type, message, stream } = detail as { [key: string]: unknown }
    return {
      type: textOr(type, undefined),
      message: textOr(message, plain.message),
      stream: textOr(stream, undefined),
    }
  } catch {
    return plain
  }
}

function textOr<T>(value: unknown, other: T): string | T {
  return typeof value === "string" ? value : other
}
