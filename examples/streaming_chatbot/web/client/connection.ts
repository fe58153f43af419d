/** One connection: the events that come over it, until it ends or is cut. */
import { EventDecoder, type ServerSentEvent } from "./decoder.ts"
import { ProtocolError, type Refusal, RequestRefused, StreamGone } from "./errors.ts"

/** Nothing came for too long: the connection is taken for dead, though nobody said so. */
class Silence extends Error {}

export interface ConnectionOptions {
  readonly fetch: typeof fetch
  readonly signal: AbortSignal
  /** Milliseconds without a single byte, heartbeats included, after which the connection counts as cut. */
  readonly silence: number
  readonly maxEventSize: number
}

export interface Connection {
  readonly events: AsyncGenerator<ServerSentEvent, void, undefined>
  /** The reconnection time that the server gave, so far. */
  readonly retry: number | undefined
}

/** Send a request whose answer is a stream of events. A refusal is a `RequestRefused`; what `fetch` throws is a cut. */
export async function connect(
  address: string,
  request: RequestInit,
  options: ConnectionOptions,
): Promise<Connection> {
  const own = new AbortController()
  const signal = AbortSignal.any([own.signal, options.signal])
  const quiet = watch(options.silence, () => own.abort(new Silence("Nothing came for too long")))
  try {
    const { fetch } = options
    const response = await fetch(address, { ...request, cache: "no-store", signal })
    if (!response.ok) throw await refused(response)
    const type = response.headers.get("content-type") ?? ""
    if (response.body === null || !/^text\/event-stream\b/i.test(type)) {
      throw new ProtocolError(`The server answered with ${type || "no type"}, not with events`)
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

/** Give the error for an answer that is a refusal. */
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
