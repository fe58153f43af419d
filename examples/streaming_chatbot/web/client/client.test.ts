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

/** Collect until it fails, and give both. */
async function failing(answer: AsyncIterable<StreamEvent>): Promise<[StreamEvent[], unknown]> {
  const got: StreamEvent[] = []
  try {
    for await (const event of answer) got.push(event)
  } catch (error) {
    return [got, error]
  }
  throw new Error("It did not fail")
}

test("an answer is asked for, and given event by event", async () => {
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

test("a stream is followed from its beginning, or from an event on", async () => {
  await using server = await serve((response, { lastEventId }) => {
    head(response)
    response.end(wire(ANSWER.slice(Number(lastEventId ?? 0))))
  })
  const client = clientOf(server)
  expect(await all(client.follow("s1"))).toEqual(ANSWER)
  expect(await all(client.follow("s1", { after: 2 }))).toEqual(ANSWER.slice(2))
  expect(server.seen.map((one) => one.lastEventId)).toEqual([undefined, "2"])
})

describe("a connection that is cut", () => {
  test(
    "at any byte is taken up again where it was: no event is lost, none comes twice",
    { timeout: 30_000 },
    async () => {
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
    },
  )

  test("after each event, many times, comes to its end", async () => {
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

  test("is told to the page, and its return as well", async () => {
    await using server = await serve((response, { lastEventId }, count) => {
      if (count === 1) return response.destroy()
      if (count === 2) return refuse(response, 503, {})
      return cut(response, wire(ANSWER.slice(Number(lastEventId ?? 0), count === 0 ? 2 : 4)))
    })
    const told: boolean[] = []
    const answer = clientOf(server).ask("chat", {}, { onConnection: (connected) => told.push(connected) })
    expect(await all(answer)).toEqual(ANSWER)
    expect(told).toEqual([false, false, false, true])
  })

  test("that ends cleanly without a last event is a cut as well", async () => {
    await using server = await serve((response, { lastEventId }, count) => {
      head(response)
      response.end(wire(ANSWER.slice(Number(lastEventId ?? 0), count === 0 ? 2 : 4)))
    })
    expect(await all(clientOf(server).ask("chat", {}))).toEqual(ANSWER)
  })

  test("before the first event of a new answer is an error: there is nothing to take up", async () => {
    await using server = await serve((response) => cut(response, ""))
    const [got, error] = await failing(clientOf(server).ask("chat", {}))
    expect(got).toEqual([])
    expect(error).toBeInstanceOf(ConnectionLost)
    expect(server.seen).toHaveLength(1)
  })

  test("is given up when nothing comes any more", async () => {
    await using server = await serve((response, _seen, count) => {
      if (count === 0) cut(response, wire(ANSWER.slice(0, 2)))
      else response.destroy()
    })
    const [got, error] = await failing(clientOf(server, { attempts: 3 }).ask("chat", {}))
    expect(got).toEqual(ANSWER.slice(0, 2))
    expect(error).toBeInstanceOf(ConnectionLost)
    expect(server.seen).toHaveLength(4)
  })

  test("is noticed by its silence, which heartbeats break", async () => {
    await using server = await serve(async (response, { lastEventId }, count) => {
      head(response)
      if (count > 0) return response.end(wire(ANSWER.slice(Number(lastEventId))))
      response.write(wire(ANSWER.slice(0, 1)))
      for (let beat = 0; beat < 6; beat++) {
        await sleep(50)
        response.write(":\n\n")
      }
      return response.write(wire(ANSWER.slice(1, 2))) // and then nothing, for ever
    })
    expect(await all(clientOf(server, { silence: 150 }).ask("chat", {}))).toEqual(ANSWER)
    expect(server.seen.map((one) => one.lastEventId)).toEqual([undefined, "2"])
  })
})

test("events that come twice are dropped", async () => {
  await using server = await serve((response, _seen, count) => {
    // This server does not look at Last-Event-ID
    if (count === 0) cut(response, wire(ANSWER.slice(0, 3)))
    else {
      head(response)
      response.end(WIRE)
    }
  })
  expect(await all(clientOf(server).ask("chat", {}))).toEqual(ANSWER)
})

test("events that are missing are asked for", async () => {
  await using server = await serve((response, { lastEventId }, count) => {
    head(response)
    if (count === 0) response.write(wire([ANSWER[0], ANSWER[2], ANSWER[3]] as StreamEvent[]))
    else response.end(wire(ANSWER.slice(Number(lastEventId))))
  })
  expect(await all(clientOf(server).ask("chat", {}))).toEqual(ANSWER)
  expect(server.seen[1]?.lastEventId).toBe("1")
})

test("events of kinds that are not known are passed over, and counted", async () => {
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

test("an answer that is no stream of events is a ProtocolError", async () => {
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
  test("of a busy session names the answer that is under way", async () => {
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

  test("of a new answer is not tried again, also where the server asks for patience", async () => {
    await using server = await serve((response) => response.writeHead(503).end("<html>"))
    const [, error] = await failing(clientOf(server).ask("chat", {}))
    expect(error).toMatchObject({ status: 503, message: "The server answered with status 503" })
    expect(server.seen).toHaveLength(1)
  })
})

describe("leaving", () => {
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

  test("the loop early closes the connection", async () => {
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
    const told: boolean[] = []
    const onConnection = (connected: boolean) => told.push(connected)
    const answer = clientOf(server).ask("chat", {}, { signal: leave.signal, onConnection })
    await answer.next()
    await answer.next()
    setTimeout(() => leave.abort(), 20)
    await expect(answer.next()).rejects.toMatchObject({ name: "AbortError" })
    await expect.poll(() => state.closed).toBe(1)
    expect(told).toEqual([])
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
