/** One conversation: it requests, follows and stops answers, and recovers from errors. The page shows its `view`. */
import {
  type Client,
  ConnectionLost,
  RequestRefused,
  type StreamEvent,
  StreamGone,
} from "../../client/index.ts"
import { FIRST_STEP, NAME, type Session } from "./chatbot.ts"
import { type About, asked, EMPTY, loaded, reduce, type Trouble, type View, without } from "./view.ts"

export interface ConversationOptions {
  /** Saved details of the answers. */
  readonly about?: View["about"]
  readonly onAbout?: (about: { readonly [index: number]: About }) => void
  /** Schedules showing new text; by default with `requestAnimationFrame`. */
  readonly frame?: (show: () => void) => void
  /** Milliseconds between two polls for an answer that cannot be followed. */
  readonly look?: number
}

const BAD_PROMPT = new Set([400, 413, 422])

export class Conversation {
  readonly #client: Client
  readonly #session: string
  readonly #options: ConversationOptions
  readonly #listeners = new Set<() => void>()
  #leave = new AbortController()
  #view: View
  #framed = false
  /** The id of the answer that is followed. */
  #stream: string | undefined
  /** The last prompt, and the number of items before it. */
  #last: { readonly prompt: string; readonly before: number } | undefined

  constructor(client: Client, session: string, options: ConversationOptions = {}) {
    this.#client = client
    this.#session = session
    this.#options = options
    this.#view = { ...EMPTY, about: options.about ?? {} }
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly view = (): View => this.#view

  /** Load the session, and follow its running answer. */
  async open(): Promise<void> {
    this.#leave = new AbortController()
    await this.#findBack({ kind: "lost" })
  }

  /** Disconnect; a running answer continues. */
  close(): void {
    this.#leave.abort()
  }

  /** Send a prompt. An unfinished answer is given up for it. */
  async send(prompt: string): Promise<void> {
    if (this.#view.phase !== "ready") return
    this.#last = { prompt, before: this.#view.items.length }
    this.#show(asked(this.#view, prompt))
    await this.#follow(this.#ask({ prompt }))
  }

  /** Retry after an error, from the current state of the session. */
  async retry(): Promise<void> {
    if (this.#view.phase !== "ready") return
    this.#show(asked(this.#view))
    await this.#findBack({ kind: "lost" }, "retry")
  }

  /** Stop the answer; its text so far is kept. */
  async stop(): Promise<void> {
    if (this.#view.phase !== "answering") return
    this.#show({ ...this.#view, phase: "stopping" })
    await this.#sendStop()
  }

  async #sendStop(): Promise<void> {
    // Without an id it cannot be stopped yet; `#apply` does so at the start event
    if (this.#stream === undefined) return
    const { signal } = this.#leave
    try {
      await this.#client.stop(this.#stream)
    } catch (error) {
      if (signal.aborted || error instanceof StreamGone) return
      if (this.#view.phase === "stopping") this.#show({ ...this.#view, phase: "answering" })
    }
  }

  #ask(inputs: { readonly prompt?: string }): AsyncGenerator<StreamEvent> {
    this.#stream = undefined
    return this.#client.ask(NAME, { inputs, session: this.#session }, this.#following())
  }

  #following() {
    const onConnection = (connected: boolean) => this.#show({ ...this.#view, connected })
    return { signal: this.#leave.signal, onConnection }
  }

  async #follow(events: AsyncGenerator<StreamEvent>): Promise<void> {
    const { signal } = this.#leave
    try {
      for await (const event of events) this.#apply(event)
    } catch (error) {
      if (!signal.aborted) await this.#recover(error)
    }
  }

  #apply(event: StreamEvent): void {
    if (event.event === "start") {
      this.#stream = event.data.stream
      if (this.#view.phase === "stopping") void this.#sendStop()
    }
    const view = reduce(this.#view, event)
    if (view.about !== this.#view.about) this.#options.onAbout?.(view.about)
    if (event.event === "delta") this.#showSoon(view)
    else this.#show(view)
  }

  async #recover(error: unknown): Promise<void> {
    const { prompt } = this.#view
    if (error instanceof RequestRefused && error.status === 409 && error.stream !== undefined) {
      // Another page has sent a message to this session: show its answer
      this.#last = undefined
      this.#show({ ...without(this.#view, "prompt"), ...(prompt === undefined ? {} : { unsent: prompt }) })
      return this.#findBack({ kind: "lost" })
    }
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof StreamGone || error instanceof ConnectionLost) {
      return this.#findBack({
        kind: "failed",
        message: "The connection was lost before the answer was complete.",
      })
    }
    if (error instanceof RequestRefused && BAD_PROMPT.has(error.status) && prompt !== undefined) {
      // The server refused the prompt: it goes back into the input field
      this.#show({ ...without(this.#view, "prompt", "answer"), unsent: prompt })
      this.#last = undefined
      return this.#rest(this.#view, { kind: "refused", message })
    }
    return this.#rest(this.#view, { kind: "failed", message })
  }

  /**
   * Load the session, and continue from its state: follow the running answer, show one that has ended by now, or
   * report the trouble. With `retry`, a missing answer is requested again.
   */
  async #findBack(trouble: Trouble, retry?: "retry"): Promise<void> {
    const { signal } = this.#leave
    let session: Session
    try {
      session = await this.#load()
    } catch {
      if (!signal.aborted) this.#rest(this.#view, { kind: "lost" })
      return
    }
    if (session.stream !== null) return this.#takeUp(session, session.stream)
    this.#stream = undefined
    const view = loaded(this.#view, session)
    if (session.next !== null && session.next !== FIRST_STEP) {
      const unfinished = without(view, "prompt")
      return retry ? this.#askAgain(unfinished, {}) : this.#rest(unfinished, { kind: "unfinished" })
    }
    const isAnswered =
      view.items.length > (this.#last?.before ?? 0) && view.items.at(-1)?.role === "assistant"
    if (this.#last === undefined || isAnswered) return this.#rest(without(view, "prompt", "answer"))
    // The server does not have the last prompt
    const { prompt } = this.#last
    return retry ? this.#askAgain({ ...view, prompt }, { prompt }) : this.#rest({ ...view, prompt }, trouble)
  }

  #askAgain(view: View, inputs: { readonly prompt?: string }): Promise<void> {
    this.#show(view)
    return this.#follow(this.#ask(inputs))
  }

  /** Show that no answer runs. */
  #rest(view: View, trouble?: Trouble): void {
    const rest: View = { ...without(view, "trouble"), phase: "ready", connected: true }
    this.#show(trouble === undefined ? rest : { ...rest, trouble })
  }

  async #takeUp(session: Session, stream: string): Promise<void> {
    const { unsent } = this.#view
    const view = asked(loaded(this.#view, session))
    this.#show({ ...without(view, "prompt"), connected: true, ...(unsent === undefined ? {} : { unsent }) })
    const { signal } = this.#leave
    try {
      this.#stream = stream
      for await (const event of this.#client.follow(stream, this.#following())) this.#apply(event)
    } catch (error) {
      if (signal.aborted) return
      // Its first events are no longer kept: poll until it has ended
      if (error instanceof StreamGone)
        await new Promise((done) => setTimeout(done, this.#options.look ?? 1500))
      if (!signal.aborted) await this.#recover(error)
    }
  }

  async #load(): Promise<Session> {
    try {
      return await this.#client.session<Session>(NAME, this.#session, this.#leave.signal)
    } catch (error) {
      // An unknown session is empty
      if (error instanceof StreamGone) return { state: {}, next: null, stream: null }
      throw error
    }
  }

  #show(view: View): void {
    this.#view = view
    for (const listener of this.#listeners) listener()
  }

  #showSoon(view: View): void {
    this.#view = view
    if (this.#framed) return
    this.#framed = true
    const frame = this.#options.frame ?? requestAnimationFrame
    frame(() => {
      this.#framed = false
      this.#show(this.#view)
    })
  }
}
