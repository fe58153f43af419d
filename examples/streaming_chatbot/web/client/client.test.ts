import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import { Client, type ClientOptions } from "./client.ts"
import { ConnectionLost, EventTooLarge, ProtocolError, RequestRefused, StreamGone } from "./errors.ts"
import type { StreamEvent } from "./events.ts"
import { applyPatch, type Json } from "./patch.ts"
import { cut, events, head, refuse, serve, type TestServer, wire } from "./testing.ts"

const USAGE = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, estimated: false }
const ANSWER = events(
  ["start", { stream: "s1", session: "me" }],
  ["delta", { delta: "Grüße, 🦉 data: " }],
  ["delta", { delta: "\n\nid: 9" }],
  ["done", { response: "Grüße, 🦉 data: \n\nid: 9", finish_reason: "stop", usage: USAGE }],
)
const WIRE = new TextEncoder().encode(wire(ANSWER))

function clientOf(server: TestServer, options: ClientOptions = {}): Client {
  return new Client(server.base, { retry: 1, maxRetry: 5, ...options })
}

async function all(answer: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const got: StreamEvent[] = []
  for await (const event of answer) got.push(event)
  return got
}

/** Return the events before an error, and the error. */
async function failing(answer: AsyncIterable<StreamEvent>): Promise<[StreamEvent[], unknown]> {
  const got: StreamEvent[] = []
  try {
    for await (const event of answer) got.push(event)
  } catch (error) {
    return [got, error]
  }
  throw new Error("There was no error")
}

test("an answer is requested, and its events are yielded", async () => {
  await using server = await serve((response) => {
    head(response)
    response.end(WIRE)
  })
  expect(await all(clientOf(server).ask("chat bot", { inputs: {} }))).toEqual(ANSWER)
  expect(server.seen).toEqual([{ route: "POST /chat%20bot", lastEventId: undefined, body: '{"inputs":{}}' }])
})

test("a typed answer comes as patches, on request", async () => {
  const typed = events(
    ["start", { stream: "s1" }],
    ["partial", { patch: [{ op: "add", path: "", value: { title: "Al" } }] }],
    ["partial", { patch: [{ op: "append", path: "/title", value: "ien" }] }],
    ["done", { response: "", finish_reason: "stop", usage: null, result: { title: "Alien" } }],
  )
  await using server = await serve((response) => {
    head(response)
    response.end(wire(typed))
  })
  let value: Json = null
  for await (const { event, data } of clientOf(server).ask("film", {}, { partials: "patch" })) {
    if (event === "partial" && "patch" in data) value = applyPatch(value, data.patch)
  }
  expect(value).toEqual({ title: "Alien" })
  expect(server.seen[0]?.route).toBe("POST /film?partials=patch")
})

test("a stream is followed from its first event, or after a given one", async () => {
  await using server = await serve((response, { lastEventId }) => {
    head(response)
    response.end(wire(ANSWER.slice(Number(lastEventId ?? 0))))
  })
  const client = clientOf(server)
  expect(await all(client.follow("s1"))).toEqual(ANSWER)
  expect(await all(client.follow("s1", { after: 2 }))).toEqual(ANSWER.slice(2))
  expect(server.seen.map((one) => one.lastEventId)).toEqual([undefined, "2"])
})

describe("a lost connection", () => {
  test("is resumed at any byte: no event is lost, none comes twice", { timeout: 30_000 }, async () => {
    const begun = new Set<string>()
    await using server = await serve((response, { route, lastEventId }) => {
      const at = Number(route.split("-")[1])
      if (!begun.has(route)) {
        begun.add(route)
        return cut(response, WIRE.subarray(0, at))
      }
      head(response)
      return response.end(wire(ANSWER.slice(Number(lastEventId ?? 0))))
    })
    for (let at = 0; at < WIRE.length; at++) {
      expect(await all(clientOf(server).follow(`cut-${at}`)), `cut at ${at}`).toEqual(ANSWER)
    }
  })

  test("after each event still leads to the end of the answer", async () => {
    const long = events(
      ["start", { stream: "s1" }],
      ...Array.from({ length: 40 }, (_, n) => ["delta", { delta: `${n} ` }] as ["delta", { delta: string }]),
      ["done", { response: "", finish_reason: "stop", usage: null }],
    )
    await using server = await serve((response, { lastEventId }) => {
      const from = Number(lastEventId ?? 0)
      cut(response, wire(long.slice(from, from + 1)))
    })
    expect(await all(clientOf(server, { attempts: 2 }).ask("chat", {}))).toEqual(long)
  })

  test("is reported to the page, and so is the new one", async () => {
    await using server = await serve((response, { lastEventId }, count) => {
      if (count === 1) return response.destroy()
      if (count === 2) return refuse(response, 503, {})
      return cut(response, wire(ANSWER.slice(Number(lastEventId ?? 0), count === 0 ? 2 : 4)))
    })
    const reported: boolean[] = []
    const answer = clientOf(server).ask("chat", {}, { onConnection: (connected) => reported.push(connected) })
    expect(await all(answer)).toEqual(ANSWER)
    expect(reported).toEqual([false, false, false, true])
  })

  test("may be a response that ends normally without a last event", async () => {
    await using server = await serve((response, { lastEventId }, count) => {
      head(response)
      response.end(wire(ANSWER.slice(Number(lastEventId ?? 0), count === 0 ? 2 : 4)))
    })
    expect(await all(clientOf(server).ask("chat", {}))).toEqual(ANSWER)
  })

  test("before the first event of a new answer is an error: there is nothing to resume", async () => {
    await using server = await serve((response) => cut(response, ""))
    const [got, error] = await failing(clientOf(server).ask("chat", {}))
    expect(got).toEqual([])
    expect(error).toBeInstanceOf(ConnectionLost)
    expect(server.seen).toHaveLength(1)
  })

  test("is an error after the maximum number of attempts", async () => {
    await using server = await serve((response, _seen, count) => {
      if (count === 0) cut(response, wire(ANSWER.slice(0, 2)))
      else response.destroy()
    })
    const [got, error] = await failing(clientOf(server, { attempts: 3 }).ask("chat", {}))
    expect(got).toEqual(ANSWER.slice(0, 2))
    expect(error).toBeInstanceOf(ConnectionLost)
    expect(server.seen).toHaveLength(4)
  })

  test("is noticed by missing heartbeats", async () => {
    await using server = await serve(async (response, { lastEventId }, count) => {
      head(response)
      if (count > 0) return response.end(wire(ANSWER.slice(Number(lastEventId))))
      response.write(wire(ANSWER.slice(0, 1)))
      for (let beat = 0; beat < 6; beat++) {
        await sleep(50)
        response.write(":\n\n")
      }
      return response.write(wire(ANSWER.slice(1, 2))) // and then nothing
    })
    expect(await all(clientOf(server, { silence: 150 }).ask("chat", {}))).toEqual(ANSWER)
    expect(server.seen.map((one) => one.lastEventId)).toEqual([undefined, "2"])
  })
})

test("duplicate events are dropped", async () => {
  await using server = await serve((response, _seen, count) => {
    // This server ignores Last-Event-ID
    if (count === 0) cut(response, wire(ANSWER.slice(0, 3)))
    else {
      head(response)
      response.end(WIRE)
    }
  })
  expect(await all(clientOf(server).ask("chat", {}))).toEqual(ANSWER)
})

test("missing events are requested", async () => {
  await using server = await serve((response, { lastEventId }, count) => {
    head(response)
    if (count === 0) response.write(wire([ANSWER[0], ANSWER[2], ANSWER[3]] as StreamEvent[]))
    else response.end(wire(ANSWER.slice(Number(lastEventId))))
  })
  expect(await all(clientOf(server).ask("chat", {}))).toEqual(ANSWER)
  expect(server.seen[1]?.lastEventId).toBe("1")
})

test("unknown events are skipped, and their ids are counted", async () => {
  const later = { id: 2, event: "toString", data: {} }
  await using server = await serve((response) => {
    head(response)
    response.end(
      wire([
        ANSWER[0],
        later,
        ...ANSWER.slice(1).map((event) => ({ ...event, id: event.id + 1 })),
      ] as StreamEvent[]),
    )
  })
  const got = await all(clientOf(server).ask("chat", {}))
  expect(got.map((event) => event.id)).toEqual([1, 3, 4, 5])
})

test.each([
  ["no JSON", "id: 1\nevent: delta\ndata: {\n\n"],
  ["no object", "id: 1\nevent: delta\ndata: []\n\n"],
  ["without its key", "id: 1\nevent: delta\ndata: {}\n\n"],
  ["without a number", "event: delta\ndata: {}\n\n"],
])("an event that is %s is a ProtocolError, and not tried again", async (_name, text) => {
  await using server = await serve((response) => {
    head(response)
    response.end(text)
  })
  const [, error] = await failing(clientOf(server).follow("s1"))
  expect(error).toBeInstanceOf(ProtocolError)
  expect(server.seen).toHaveLength(1)
})

test("a response that is not a stream of events is a ProtocolError", async () => {
  await using server = await serve((response) =>
    response.writeHead(200, { "Content-Type": "text/html" }).end("<p>"),
  )
  const [, error] = await failing(clientOf(server).ask("chat", {}))
  expect(error).toBeInstanceOf(ProtocolError)
})

test("an event over the limit is an error, and ends the connection before more is read", async () => {
  let closed = false
  await using server = await serve((response) => {
    head(response)
    response.on("close", () => {
      closed = true
    })
    response.write(`id: 1\ndata: ${"a".repeat(5000)}`)
  })
  const [, error] = await failing(clientOf(server, { maxEventSize: 1000 }).follow("s1"))
  expect(error).toBeInstanceOf(EventTooLarge)
  await expect.poll(() => closed).toBe(true)
})

describe("a refusal", () => {
  test("of a busy session has the id of the running answer", async () => {
    const detail = { type: "SessionBusy", message: "At work", stream: "s9" }
    await using server = await serve((response) => refuse(response, 409, { detail }))
    const [, error] = await failing(clientOf(server).ask("chat", {}))
    expect(error).toBeInstanceOf(RequestRefused)
    expect(error).toMatchObject({ status: 409, type: "SessionBusy", message: "At work", stream: "s9" })
  })

  test.each([404, 410])("with %i says that the stream is gone", async (status) => {
    await using server = await serve((response, _seen, count) => {
      if (count === 0) cut(response, wire(ANSWER.slice(0, 2)))
      else refuse(response, status, { detail: "Not there" })
    })
    const [got, error] = await failing(clientOf(server).ask("chat", {}))
    expect(got).toHaveLength(2)
    expect(error).toBeInstanceOf(StreamGone)
    expect(error).toMatchObject({ status, message: "Not there" })
  })

  test("of a new answer is not retried, even if the server is busy", async () => {
    await using server = await serve((response) => response.writeHead(503).end("<html>"))
    const [, error] = await failing(clientOf(server).ask("chat", {}))
    expect(error).toMatchObject({ status: 503, message: "The server answered with status 503" })
    expect(server.seen).toHaveLength(1)
  })
})

describe("an early end", () => {
  async function endless() {
    const state = { closed: 0 }
    const server = await serve((response) => {
      head(response)
      response.on("close", () => {
        state.closed += 1
      })
      response.write(wire(ANSWER.slice(0, 2)))
    })
    return { server, state }
  }

  test("of the loop closes the connection", async () => {
    const { server, state } = await endless()
    await using _ = server
    for await (const event of clientOf(server).ask("chat", {})) if (event.event === "delta") break
    await expect.poll(() => state.closed).toBe(1)
    expect(server.seen).toHaveLength(1)
  })

  test("by the signal ends the wait for the next event", async () => {
    const { server, state } = await endless()
    await using _ = server
    const leave = new AbortController()
    const reported: boolean[] = []
    const onConnection = (connected: boolean) => reported.push(connected)
    const answer = clientOf(server).ask("chat", {}, { signal: leave.signal, onConnection })
    await answer.next()
    await answer.next()
    setTimeout(() => leave.abort(), 20)
    await expect(answer.next()).rejects.toMatchObject({ name: "AbortError" })
    await expect.poll(() => state.closed).toBe(1)
    expect(reported).toEqual([])
  })

  test("by the signal ends the wait for the next attempt", async () => {
    await using server = await serve((response) => cut(response, wire(ANSWER.slice(0, 1), 60_000)))
    const leave = new AbortController()
    const client = clientOf(server, { maxRetry: 60_000 })
    const answer = client.ask("chat", {}, { signal: leave.signal, onConnection: () => leave.abort() })
    const [got, error] = await failing(answer)
    expect(got).toHaveLength(1)
    expect(error).toMatchObject({ name: "AbortError" })
  })
})

test("an answer is stopped, and a session is read", async () => {
  await using server = await serve((response, { route }) => {
    if (route.startsWith("POST")) refuse(response, 202, { stream: "s/1" })
    else refuse(response, 200, { session: "me", next: "prompt" })
  })
  const client = clientOf(server)
  await client.stop("s/1")
  expect(await client.session("chatbot", "me")).toEqual({ session: "me", next: "prompt" })
  expect(server.seen.map((one) => one.route)).toEqual(["POST /streams/s%2F1/stop", "GET /chatbot/me"])
})
