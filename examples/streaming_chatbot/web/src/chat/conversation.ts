/** One conversation: asks, follows, stops, and finds back after whatever went wrong. The page shows its `view`. */
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
  /** What was known of the answers when the page was left. */
  readonly about?: View["about"]
  readonly onAbout?: (about: { readonly [index: number]: About }) => void
  /** Called to show new text; by default once for each frame of the screen. */
  readonly frame?: (show: () => void) => void
  /** Milliseconds between two looks at an answer that can be waited for, and not followed. */
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
  /** The answer that is followed. */
  #stream: string | undefined
  /** What was asked last, and how much had been said before it. */
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

  /** Load what was said, and follow the answer that is under way. */
  async open(): Promise<void> {
    this.#leave = new AbortController()
    await this.#findBack({ kind: "lost" })
  }

  /** Leave it; an answer that is under way goes on. */
  close(): void {
    this.#leave.abort()
  }

  /** Say something. An answer that was not finished is given up for it. */
  async send(prompt: string): Promise<void> {
    if (this.#view.phase !== "ready") return
    this.#last = { prompt, before: this.#view.items.length }
    this.#show(asked(this.#view, prompt))
    await this.#follow(this.#ask({ prompt }))
  }

  /** Try again what did not work, from where the session stands. */
  async retry(): Promise<void> {
    if (this.#view.phase !== "ready") return
    this.#show(asked(this.#view))
    await this.#findBack({ kind: "lost" }, "retry")
  }

  /** End the answer, and keep what there is. */
  async stop(): Promise<void> {
    if (this.#view.phase !== "answering") return
    this.#show({ ...this.#view, phase: "stopping" })
    await this.#sendStop()
  }

  async #sendStop(): Promise<void> {
    // One whose id has not come is stopped when it comes
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
      // Another page asked first: its answer is shown
      this.#last = undefined
      this.#show({ ...without(this.#view, "prompt"), ...(prompt === undefined ? {} : { unsent: prompt }) })
      return this.#findBack({ kind: "lost" })
    }
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof StreamGone || error instanceof ConnectionLost) {
      return this.#findBack({
        kind: "failed",
        message: "The connection was lost before the answer was whole.",
      })
    }
    if (error instanceof RequestRefused && BAD_PROMPT.has(error.status) && prompt !== undefined) {
      // What cannot be taken as it is goes back to be written anew
      this.#show({ ...without(this.#view, "prompt", "answer"), unsent: prompt })
      this.#last = undefined
      return this.#rest(this.#view, { kind: "refused", message })
    }
    return this.#rest(this.#view, { kind: "failed", message })
  }

  /**
   * Look where the session stands, and go on from there: follow the answer that is under way, take the one that came
   * meanwhile, or say what is the matter. With `retry` an answer that is not there is asked for.
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
    // The server knows nothing of what was said last
    const { prompt } = this.#last
    return retry ? this.#askAgain({ ...view, prompt }, { prompt }) : this.#rest({ ...view, prompt }, trouble)
  }

  #askAgain(view: View, inputs: { readonly prompt?: string }): Promise<void> {
    this.#show(view)
    return this.#follow(this.#ask(inputs))
  }

  /** Nothing is under way. */
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
      // Its beginning is not kept any more: it is waited for
      if (error instanceof StreamGone)
        await new Promise((done) => setTimeout(done, this.#options.look ?? 1500))
      if (!signal.aborted) await this.#recover(error)
    }
  }

  async #load(): Promise<Session> {
    try {
      return await this.#client.session<Session>(NAME, this.#session, this.#leave.signal)
    } catch (error) {
      // A session that is not known is one in which nothing was said
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
