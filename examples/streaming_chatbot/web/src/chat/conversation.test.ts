import type { ServerResponse } from "node:http"
import { describe, expect, test } from "vitest"
import { Client, type StreamEvent } from "../../client/index.ts"
import { cut, events, head, refuse, serve, type Seen, type TestServer, wire } from "../../client/testing.ts"
import type { Item } from "./chatbot.ts"
import { Conversation } from "./conversation.ts"
import type { View } from "./view.ts"

const said = (content: string): Item => ({ role: "user", content, type: "text" })
const told = (content: string): Item => ({ role: "assistant", content, type: "text" })
const USAGE = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, estimated: false }

/** The events of one answer to `prompt`, after the messages `before`. */
function answer(prompt: string, before: readonly Item[] = [], stream = "s1"): StreamEvent[] {
  const asked = [...before, said(prompt)]
  return events(
    ["start", { stream, session: "me" }],
    ["state", { action: "prompt", state: { chat_history: asked } as never }],
    ["state", { action: "check_safety", state: { chat_history: asked, safe: true } as never }],
    ["state", { action: "decide_mode", state: { chat_history: asked, mode: "generate_poem" } as never }],
    ["delta", { delta: "Two ", action: "generate_poem" }],
    ["usage", { usage: { ...USAGE, estimated: true } }],
    ["delta", { delta: "lines", action: "generate_poem" }],
    ["state", { action: "generate_poem", state: { chat_history: [...asked, told("Two lines")] } as never }],
    ["done", { response: "Two lines", finish_reason: "stop", usage: USAGE }],
  )
}

/** The events of an answer that fails in the middle. */
function failed(prompt: string): StreamEvent[] {
  const some = answer(prompt).slice(0, 5)
  const data = { type: "ServiceUnavailable", message: "The model is away.", retryable: true }
  return [...some, { id: 6, event: "error", data }]
}

interface Kept {
  readonly history?: readonly Item[]
  readonly next?: string
  readonly stream?: string
}

/** The responses of a server: to a request for the session, and to all others. */
type Play = {
  readonly session: (count: number) => Kept
  readonly answer: (response: ServerResponse, seen: Seen, count: number) => unknown
}

function play({ session, answer }: Play): Promise<TestServer> {
  const counts = { session: 0, answer: 0 }
  return serve((response, seen) => {
    if (seen.route !== "GET /chatbot/me") return answer(response, seen, counts.answer++)
    const { history = [], next = "prompt", stream = null } = session(counts.session++)
    return refuse(response, 200, { session: "me", state: { chat_history: history }, next, stream })
  })
}

function stream(response: ServerResponse, list: readonly StreamEvent[]): void {
  head(response)
  response.end(wire(list))
}

function conversationWith(server: TestServer): Conversation {
  const client = new Client(server.base, { retry: 1, maxRetry: 5, attempts: 3 })
  return new Conversation(client, "me", { frame: (show) => show(), look: 10 })
}

async function opened(server: TestServer): Promise<Conversation> {
  const conversation = conversationWith(server)
  await conversation.open()
  return conversation
}

/** The requests to the server, without those for the session. */
const asked = (server: TestServer) =>
  server.seen
    .filter(({ route }) => route !== "GET /chatbot/me")
    .map(({ route, body }) => `${route} ${body}`.trim())

const ASK = (inputs: object) => `POST /chatbot ${JSON.stringify({ inputs, session: "me" })}`

test("the messages are shown after a reload", async () => {
  await using server = await play({
    session: () => ({ history: [said("Hi"), told("Ho")] }),
    answer: () => {},
  })
  const { items, phase } = (await opened(server)).view()
  expect(items).toEqual([said("Hi"), told("Ho")])
  expect(phase).toBe("ready")
})

test("an unknown session is empty", async () => {
  await using server = await serve((response) => refuse(response, 404, { detail: "Unknown" }))
  const { items, phase, trouble } = (await opened(server)).view()
  expect([items, phase, trouble]).toEqual([[], "ready", undefined])
})

test("an answer comes step by step and word by word", async () => {
  await using server = await play({
    session: () => ({}),
    answer: (response) => stream(response, answer("A poem")),
  })
  const conversation = await opened(server)
  const seen: View[] = []
  conversation.subscribe(() => seen.push(conversation.view()))
  await conversation.send("A poem")

  expect(seen[0]).toMatchObject({
    phase: "answering",
    prompt: "A poem",
    answer: { text: "", step: "prompt" },
  })
  expect([...new Set(seen.flatMap((view) => view.answer?.step ?? []))]).toEqual([
    "prompt",
    "check_safety",
    "decide_mode",
    "generate_poem",
  ])
  expect([...new Set(seen.flatMap((view) => view.answer?.text ?? []))]).toEqual(["", "Two ", "Two lines"])
  expect([...new Set(seen.map((view) => view.spoken))]).toEqual(["Answering", "Two lines"])
  expect(conversation.view()).toEqual({
    phase: "ready",
    connected: true,
    items: [said("A poem"), told("Two lines")],
    about: { 1: { step: "generate_poem", usage: USAGE } },
    spoken: "Two lines",
  })
})

test("a running answer is followed from its first event when the page is loaded", async () => {
  await using server = await play({
    session: () => ({ history: [said("A poem")], next: "generate_poem", stream: "s1" }),
    answer: (response) => stream(response, answer("A poem")),
  })
  const conversation = await opened(server)
  expect(conversation.view().items).toEqual([said("A poem"), told("Two lines")])
  expect(asked(server)).toEqual(["GET /streams/s1"])
})

test("a page that is closed and opened again at once follows an answer once", async () => {
  await using server = await play({
    session: () => ({ stream: "s1" }),
    answer: (response) => stream(response, answer("A poem")),
  })
  const conversation = conversationWith(server)
  const first = conversation.open()
  conversation.close()
  await conversation.open()
  await first
  expect(asked(server)).toEqual(["GET /streams/s1"])
  expect(conversation.view()).toMatchObject({ phase: "ready", items: [said("A poem"), told("Two lines")] })
})

test("details of an answer are kept after a reload, and dropped with the answer", async () => {
  await using server = await play({
    session: () => ({ history: [said("Hi"), told("Ho")] }),
    answer: () => {},
  })
  const about = { 1: { step: "answer_question" }, 3: { step: "generate_poem" } }
  const conversation = new Conversation(new Client(server.base), "me", { about })
  await conversation.open()
  expect(conversation.view().about).toEqual({ 1: { step: "answer_question" } })
})

test("an answer whose first events are no longer kept is polled", async () => {
  await using server = await play({
    session: (count) => (count < 2 ? { stream: "s1" } : { history: [said("A poem"), told("Two lines")] }),
    answer: (response) => refuse(response, 410, { detail: { type: "EventsGone", message: "Gone" } }),
  })
  const { items, phase, trouble } = (await opened(server)).view()
  expect(items).toEqual([said("A poem"), told("Two lines")])
  expect([phase, trouble]).toEqual(["ready", undefined])
})

describe("after an error", () => {
  test("the partial answer stays visible, and the prompt is sent again if the server does not have it", async () => {
    await using server = await play({
      session: () => ({}),
      answer: (response, _seen, count) => stream(response, count === 0 ? failed("A poem") : answer("A poem")),
    })
    const conversation = await opened(server)
    await conversation.send("A poem")
    expect(conversation.view()).toMatchObject({
      phase: "ready",
      answer: { text: "Two " },
      trouble: { kind: "failed", message: "The model is away." },
    })
    await conversation.retry()
    expect(asked(server)).toEqual([ASK({ prompt: "A poem" }), ASK({ prompt: "A poem" })])
    expect(conversation.view().items).toEqual([said("A poem"), told("Two lines")])
    expect(conversation.view().trouble).toBeUndefined()
  })

  test("it continues from the state of the session, if the server has the prompt", async () => {
    await using server = await play({
      session: (count) => (count === 0 ? {} : { history: [said("A poem")], next: "generate_poem" }),
      answer: (response, _seen, count) => stream(response, count === 0 ? failed("A poem") : answer("A poem")),
    })
    const conversation = await opened(server)
    await conversation.send("A poem")
    await conversation.retry()
    expect(asked(server)).toEqual([ASK({ prompt: "A poem" }), ASK({})])
    expect(conversation.view().items).toEqual([said("A poem"), told("Two lines")])
  })

  test("another prompt can be sent", async () => {
    await using server = await play({
      session: () => ({}),
      answer: (response, _seen, count) => stream(response, count === 0 ? failed("A poem") : answer("More")),
    })
    const conversation = await opened(server)
    await conversation.send("A poem")
    await conversation.send("More")
    expect(conversation.view().items).toEqual([said("More"), told("Two lines")])
    expect(conversation.view().trouble).toBeUndefined()
  })
})

describe("a server that was restarted", () => {
  const restarted = (): Promise<TestServer> =>
    play({
      session: (count) => (count === 0 ? {} : { history: [said("A poem")], next: "generate_poem" }),
      answer: (response, { route, body }, count) => {
        if (count === 0) return cut(response, wire(answer("A poem").slice(0, 5)))
        if (route.startsWith("GET")) return refuse(response, 404, { detail: "Unknown" })
        return stream(response, body.includes("More") ? answer("More", [said("A poem")]) : answer("A poem"))
      },
    })

  test("leaves an answer that can be continued", async () => {
    await using server = await restarted()
    const conversation = await opened(server)
    await conversation.send("A poem")
    expect(conversation.view()).toMatchObject({
      phase: "ready",
      trouble: { kind: "unfinished" },
      answer: { text: "Two " },
    })
    await conversation.retry()
    expect(asked(server).slice(1)).toEqual(["GET /streams/s1", ASK({})])
    expect(conversation.view().items).toEqual([said("A poem"), told("Two lines")])
  })

  test("accepts a new prompt instead", async () => {
    await using server = await restarted()
    const conversation = await opened(server)
    await conversation.send("A poem")
    await conversation.send("More")
    expect(asked(server).at(-1)).toBe(ASK({ prompt: "More" }))
    expect(conversation.view().items).toEqual([said("A poem"), said("More"), told("Two lines")])
    expect(conversation.view().trouble).toBeUndefined()
  })
})

describe("a connection that is lost before the answer started", () => {
  test("is not shown if the answer is running", async () => {
    await using server = await play({
      session: (count) => (count === 0 ? {} : { stream: "s1" }),
      answer: (response, _seen, count) =>
        count === 0 ? cut(response, "") : stream(response, answer("A poem")),
    })
    const conversation = await opened(server)
    await conversation.send("A poem")
    expect(conversation.view()).toMatchObject({ phase: "ready", items: [said("A poem"), told("Two lines")] })
  })

  test("is shown if the server does not have the prompt; a retry sends it again", async () => {
    await using server = await play({
      session: () => ({}),
      answer: (response, _seen, count) =>
        count === 0 ? cut(response, "") : stream(response, answer("A poem")),
    })
    const conversation = await opened(server)
    await conversation.send("A poem")
    expect(conversation.view()).toMatchObject({
      phase: "ready",
      prompt: "A poem",
      trouble: { kind: "failed" },
    })
    await conversation.retry()
    expect(conversation.view().items).toEqual([said("A poem"), told("Two lines")])
  })
})

test("an unreachable server is shown, and can be tried again", async () => {
  let isAway = true
  await using server = await serve((response) => {
    if (isAway) response.destroy()
    else
      refuse(response, 200, {
        session: "me",
        state: { chat_history: [said("Hi")] },
        next: "prompt",
        stream: null,
      })
  })
  const conversation = await opened(server)
  expect(conversation.view()).toMatchObject({ phase: "ready", trouble: { kind: "lost" } })
  isAway = false
  await conversation.retry()
  expect(conversation.view().items).toEqual([said("Hi")])
  expect(conversation.view().trouble).toBeUndefined()
})

test("if another page sent a message first, its answer is shown, and the prompt goes back into the field", async () => {
  await using server = await play({
    session: (count) => (count === 0 ? {} : { stream: "s9" }),
    answer: (response, { route }) => {
      if (route.startsWith("GET")) return stream(response, answer("Theirs", [], "s9"))
      return refuse(response, 409, { detail: { type: "SessionBusy", message: "At work", stream: "s9" } })
    },
  })
  const conversation = await opened(server)
  await conversation.send("Mine")
  expect(conversation.view()).toMatchObject({
    phase: "ready",
    unsent: "Mine",
    items: [said("Theirs"), told("Two lines")],
  })
})

test("a refused prompt goes back into the field", async () => {
  await using server = await play({
    session: () => ({}),
    answer: (response) => refuse(response, 413, { detail: { type: "TooLarge", message: "Too long." } }),
  })
  const conversation = await opened(server)
  await conversation.send("Long")
  const { phase, unsent, prompt, items, trouble } = conversation.view()
  expect([phase, unsent, prompt, items]).toEqual(["ready", "Long", undefined, []])
  expect(trouble).toEqual({ kind: "refused", message: "Too long." })
})

describe("stopping", () => {
  const stopped = (after: number): StreamEvent[] => {
    const some = answer("A poem").slice(0, after)
    const response = some.map((event) => (event.event === "delta" ? event.data.delta : "")).join("")
    return [
      ...some,
      { id: after + 1, event: "stopped", data: { response, usage: { ...USAGE, estimated: true } } },
    ]
  }

  /** Serve an answer that waits after some events, until it is stopped. */
  async function waiting(after: number): Promise<TestServer> {
    let end = () => {}
    return play({
      session: () => ({}),
      answer: (response, { route }) => {
        if (route.endsWith("/stop")) {
          refuse(response, 202, { stream: "s1" })
          return end()
        }
        const list = stopped(after)
        head(response)
        response.write(wire(list.slice(0, -1)))
        end = () => response.end(wire(list.slice(-1)))
      },
    })
  }

  test("keeps the text so far", async () => {
    await using server = await waiting(5)
    const conversation = await opened(server)
    const answered = conversation.send("A poem")
    await expect.poll(() => conversation.view().answer?.text).toBe("Two ")
    await conversation.stop()
    await answered
    expect(conversation.view()).toMatchObject({
      phase: "ready",
      items: [said("A poem"), told("Two ")],
      about: { 1: { step: "generate_poem", stopped: true, usage: { estimated: true } } },
      spoken: "Stopped. Two ",
    })
  })

  test("is possible before the first event", async () => {
    await using server = await waiting(1)
    const conversation = await opened(server)
    const answered = conversation.send("A poem")
    await conversation.stop()
    await answered
    expect(asked(server)).toEqual([ASK({ prompt: "A poem" }), "POST /streams/s1/stop"])
    expect(conversation.view()).toMatchObject({ phase: "ready", items: [said("A poem")] })
    expect(conversation.view().answer).toBeUndefined()
  })
})

test("a closed page sends no more requests", async () => {
  await using server = await play({
    session: () => ({}),
    answer: (response) => {
      head(response)
      response.write(wire(answer("A poem").slice(0, 5)))
    },
  })
  const conversation = await opened(server)
  const answered = conversation.send("A poem")
  await expect.poll(() => conversation.view().answer?.text).toBe("Two ")
  conversation.close()
  await answered
  expect(conversation.view().trouble).toBeUndefined()
  expect(asked(server)).toHaveLength(1)
})
