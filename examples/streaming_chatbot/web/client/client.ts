/** Client of a server: requests answers, and follows them to their end over any number of connections. */
import { type Connection, connect, refused } from "./connection.ts"
import { ClientError, ConnectionLost, ProtocolError, RequestRefused } from "./errors.ts"
import { idOf, isLast, readEvent, type StreamEvent } from "./events.ts"
import { backOff, pause } from "./pause.ts"

export interface ClientOptions {
  readonly fetch?: typeof fetch
  /** Milliseconds before the first reconnection, unless the server sends a time. */
  readonly retry?: number
  /** Maximum wait between two attempts, in milliseconds. */
  readonly maxRetry?: number
  /** Maximum number of consecutive connections that fail without a new event. */
  readonly attempts?: number
  /** Milliseconds without a byte after which a connection counts as lost. */
  readonly silence?: number
  /** Maximum size of an event, in bytes. */
  readonly maxEventSize?: number
}

export interface FollowOptions {
  readonly signal?: AbortSignal
  /** Called with false when the connection is lost, and with true when it is open again. */
  readonly onConnection?: (connected: boolean) => void
}

export interface AskOptions extends FollowOptions {
  /** Form of typed values: the value so far each time (`snapshot`, the default), or the changes (`patch`). */
  readonly partials?: "snapshot" | "patch"
}

const LATER = new Set([408, 425, 429, 500, 502, 503, 504])
const NEVER = new AbortController().signal

/** Uses the routes of one server, under the URL `base`. */
export class Client {
  readonly #base: string
  readonly #options: Required<ClientOptions>

  constructor(base: string, options: ClientOptions = {}) {
    this.#base = base.replace(/\/+$/, "")
    this.#options = {
      fetch: globalThis.fetch,
      retry: 1000,
      maxRetry: 15_000,
      attempts: 10,
      silence: 45_000,
      maxEventSize: 16 * 1024 * 1024,
      ...options,
    }
  }

  /**
   * Request an answer of the endpoint `name`, and yield its events.
   *
   * The last event is `done`, `stopped` or `error`; everything else throws. A lost connection is resumed. If it is lost
   * before the first event, that is a `ConnectionLost`: the id of the stream, which a resumption needs, is not known.
   */
  ask(name: string, body: unknown, options: AskOptions = {}): AsyncGenerator<StreamEvent, void, undefined> {
    const path =
      encodeURIComponent(name) + (options.partials === undefined ? "" : `?partials=${options.partials}`)
    return this.#events(undefined, 0, options, { path, body: JSON.stringify(body) })
  }

  /** Yield the events after `after` of an answer that runs, or has ended and is still kept. */
  follow(
    stream: string,
    options: FollowOptions & { readonly after?: number } = {},
  ): AsyncGenerator<StreamEvent, void, undefined> {
    return this.#events(stream, options.after ?? 0, options)
  }

  /** Stop an answer; its text so far is kept. */
  async stop(stream: string, signal: AbortSignal = NEVER): Promise<void> {
    await this.#request(`streams/${encodeURIComponent(stream)}/stop`, { method: "POST", signal })
  }

  /** Return the conversation or the state of a session. */
  async session<T>(name: string, session: string, signal: AbortSignal = NEVER): Promise<T> {
    const path = `${encodeURIComponent(name)}/${encodeURIComponent(session)}`
    const response = await this.#request(path, { signal })
    return (await response.json()) as T
  }

  async #request(path: string, request: RequestInit): Promise<Response> {
    // Not `this.#options.fetch(...)`: a browser's fetch throws if `this` is another object
    const { fetch } = this.#options
    const response = await fetch(`${this.#base}/${path}`, { ...request, cache: "no-store" })
    if (!response.ok) throw await refused(response)
    return response
  }

  async *#events(
    stream: string | undefined,
    after: number,
    { signal = NEVER, onConnection = () => {} }: FollowOptions,
    first?: { readonly path: string; readonly body: string },
  ): AsyncGenerator<StreamEvent, void, undefined> {
    let failures = 0
    let retry = this.#options.retry
    for (;;) {
      let connection: Connection | undefined
      try {
        connection = await this.#connect(stream, after, signal, first)
        if (failures > 0) onConnection(true)
        for await (const sent of connection.events) {
          const id = idOf(sent)
          if (id <= after) continue
          // Events are missing: reconnect, as after a lost connection
          if (id > after + 1) break
          after = id
          failures = 0
          const event = readEvent(sent)
          if (event === undefined) continue
          if (event.event === "start") stream = event.data.stream
          yield event
          if (isLast(event)) return
        }
      } catch (error) {
        signal.throwIfAborted()
        if (!isCut(error) || (stream === undefined && error instanceof RequestRefused)) throw error
        if (stream === undefined) throw new ConnectionLost("The connection was lost", { cause: error })
      }
      if (stream === undefined) throw new ConnectionLost("The connection was lost before the answer started")
      onConnection(false)
      failures += 1
      if (failures > this.#options.attempts) throw new ConnectionLost("The connection was lost")
      retry = connection?.retry ?? retry
      await pause(backOff(failures - 1, retry, this.#options.maxRetry), signal)
    }
  }

  #connect(
    stream: string | undefined,
    after: number,
    signal: AbortSignal,
    first?: { readonly path: string; readonly body: string },
  ): Promise<Connection> {
    const headers: Record<string, string> = { Accept: "text/event-stream" }
    if (stream === undefined) {
      if (first === undefined) throw new ProtocolError("The id of the stream is not known")
      const request = {
        method: "POST",
        body: first.body,
        headers: { ...headers, "Content-Type": "application/json" },
      }
      return connect(`${this.#base}/${first.path}`, request, { ...this.#options, signal })
    }
    if (after > 0) headers["Last-Event-ID"] = String(after)
    return connect(
      `${this.#base}/streams/${encodeURIComponent(stream)}`,
      { headers },
      { ...this.#options, signal },
    )
  }
}

/** True if a retry may help: the network failed, or the server is busy. */
function isCut(error: unknown): boolean {
  if (error instanceof RequestRefused) return LATER.has(error.status)
  return !(error instanceof ClientError)
}
