import { describe, expect, test } from "vitest"
import { EventDecoder, type ServerSentEvent } from "./decoder.ts"
import { EventTooLarge } from "./errors.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

function decode(pieces: Iterable<Uint8Array>): ServerSentEvent[] {
  const decoder = new EventDecoder()
  return [...pieces].flatMap((piece) => decoder.feed(piece))
}

const data = (text: string) => decode([bytes(text)]).map((event) => event.data)

const CASES: [string, string, ServerSentEvent[]][] = [
  ["line feeds", "id: 1\nevent: delta\ndata: {}\n\n", [{ event: "delta", data: "{}", id: "1" }]],
  ["carriage returns", "id: 1\revent: delta\rdata: {}\r\r", [{ event: "delta", data: "{}", id: "1" }]],
  ["both", "id: 1\r\nevent: delta\r\ndata: {}\r\n\r\n", [{ event: "delta", data: "{}", id: "1" }]],
  [
    "all line ends mixed",
    "data: a\r\n\ndata: b\r\rdata: c\n\r\n",
    ["a", "b", "c"].map((text) => ({ event: "message", data: text, id: "" })),
  ],
  ["several lines of data", "data: a\ndata\ndata:b\n\n", [{ event: "message", data: "a\n\nb", id: "" }]],
  [
    "characters of four bytes",
    "data: Grüße 🦉 日本語\n\n",
    [{ event: "message", data: "Grüße 🦉 日本語", id: "" }],
  ],
  ["a mark at the start", "\uFEFFdata: a\n\ndata: \uFEFFb\n\n", ["a", "\uFEFFb"].map(message)],
  ["comments and unknown fields", ": hello\n:\n\nnews: x\ndata: a\n:\n\n", [message("a")]],
  ["data that looks like a field", "data: say data: {}\n\n", [message("say data: {}")]],
  ["line separators of other kinds", "data: a\u2028b\u0085c\u000bd\n\n", [message("a\u2028b\u0085c\u000bd")]],
]

function message(text: string): ServerSentEvent {
  return { event: "message", data: text, id: "" }
}

describe.each(CASES)("%s", (_name, text, expected) => {
  const whole = bytes(text)

  test("read whole", () => {
    expect(decode([whole])).toEqual(expected)
  })

  test("split in two, at every byte", () => {
    for (let at = 0; at <= whole.length; at++) {
      expect(decode([whole.slice(0, at), whole.slice(at)]), `cut at ${at}`).toEqual(expected)
    }
  })

  test("byte by byte, with empty pieces between", () => {
    expect(decode([...whole].flatMap((byte) => [Uint8Array.of(byte), new Uint8Array()]))).toEqual(expected)
  })

  test("cut at random", () => {
    const random = seeded(7)
    for (let round = 0; round < 100; round++) {
      const pieces: Uint8Array[] = []
      for (let at = 0; at < whole.length;) {
        const size = 1 + Math.floor(random() * 9)
        pieces.push(whole.slice(at, at + size))
        at += size
      }
      expect(decode(pieces)).toEqual(expected)
    }
  })
})

/** A seeded generator of random numbers, so that failures are reproducible (mulberry32). */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

test("one space after the colon is removed, and only one", () => {
  expect(data("data:  a\n\ndata:b\n\n")).toEqual([" a", "b"])
})

test("an event without data is dropped, and its name is not used for the next one", () => {
  expect(decode([bytes("event: delta\n\ndata: a\n\n")])).toEqual([message("a")])
})

test("empty data is data", () => {
  expect(data("data\n\ndata:\n\n")).toEqual(["", ""])
})

test("an unfinished event at the end is dropped", () => {
  expect(data("data: a\n\ndata: b\n")).toEqual(["a"])
})

test("an id is kept until another one comes, and one with NUL is ignored", () => {
  const ids = decode([bytes("id: 1\ndata\n\ndata\n\nid: 2\0\ndata\n\nid\ndata\n\n")]).map((event) => event.id)
  expect(ids).toEqual(["1", "1", "1", ""])
})

test("the reconnection time must be digits", () => {
  const decoder = new EventDecoder()
  decoder.feed(bytes("retry: 1500\n"))
  expect(decoder.retry).toBe(1500)
  decoder.feed(bytes("retry: soon\nretry: -1\nretry\n"))
  expect(decoder.retry).toBe(1500)
})

test("the caller may reuse its buffer", () => {
  const decoder = new EventDecoder()
  const buffer = bytes("data: abc")
  decoder.feed(buffer)
  buffer.fill(0)
  expect(decoder.feed(bytes("\n\n"))).toEqual([message("abc")])
})

describe("the limit of an event", () => {
  const limited = () => new EventDecoder({ maxEventSize: 100 })

  test("applies to a line without an end", () => {
    const decoder = limited()
    decoder.feed(bytes("d".repeat(100)))
    expect(() => decoder.feed(bytes("d"))).toThrow(EventTooLarge)
  })

  test("applies to many small lines", () => {
    const decoder = limited()
    expect(() => decoder.feed(bytes("data\n".repeat(100)))).toThrow(EventTooLarge)
  })

  test("counts bytes", () => {
    const decoder = limited()
    expect(() => decoder.feed(bytes(`data: ${"🦉".repeat(24)}`))).toThrow(EventTooLarge)
  })

  test("applies to one event: many events and comments may be larger together", () => {
    const decoder = limited()
    const events = decoder.feed(bytes(`data: ${"a".repeat(80)}\n\n:${" ".repeat(90)}\n\n`.repeat(50)))
    expect(events).toHaveLength(50)
  })
})
