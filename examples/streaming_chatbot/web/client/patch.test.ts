import { describe, expect, test } from "vitest"
import { PatchError } from "./errors.ts"
import { applyPatch, type Json, type Operation } from "./patch.ts"

const add = (path: string, value: Json): Operation => ({ op: "add", path, value })
const replace = (path: string, value: Json): Operation => ({ op: "replace", path, value })
const remove = (path: string): Operation => ({ op: "remove", path })
const append = (path: string, value: Json): Operation => ({ op: "append", path, value })

test("a value grows from null", () => {
  const patches = [
    [add("", {})],
    [add("/title", "Al"), add("/tags", [])],
    [append("/title", "ien"), add("/tags/-", "hor")],
    [append("/tags/0", "ror"), add("/year", 1979)],
  ]
  expect(patches.reduce<Json>(applyPatch, null)).toEqual({ title: "Alien", tags: ["horror"], year: 1979 })
})

const FITTING: [string, Json, Operation, Json][] = [
  ["add inserts into a list", ["a", "c"], add("/1", "b"), ["a", "b", "c"]],
  ["add appends to a list, by index", ["a"], add("/1", "b"), ["a", "b"]],
  ["add replaces an existing key", { a: 1 }, add("/a", 2), { a: 2 }],
  ["replace changes an element", [1, 2], replace("/1", 3), [1, 3]],
  ["replace changes the root", { a: 1 }, replace("", null), null],
  ["null is a value that can be replaced", { a: null }, replace("/a", 1), { a: 1 }],
  ["remove deletes a key", { a: 1, b: 2 }, remove("/a"), { b: 2 }],
  ["remove deletes an element", { list: [1, 2, 3] }, remove("/list/1"), { list: [1, 3] }],
  ["remove of the root leaves null", { a: 1 }, remove(""), null],
  ["append adds to a string at the root", "a", append("", "b"), "ab"],
  ["~1 is a slash and ~0 a tilde", { "a/b": { "~1": 1 } }, replace("/a~1b/~01", 2), { "a/b": { "~1": 2 } }],
  ["an empty key is a key", { "": 1 }, replace("/", 2), { "": 2 }],
]

test.each(FITTING)("%s", (_name, value, operation, expected) => {
  expect(applyPatch(value, [operation])).toEqual(expected)
})

const UNFITTING: [string, Json, Operation][] = [
  ["replace of a missing key", {}, replace("/a", 1)],
  ["append to a missing key", {}, append("/a", "b")],
  ["append to a number", { a: 1 }, append("/a", "b")],
  ["append of a number", "a", append("", 1)],
  ["an index beyond the end of a list", [1], add("/2", 1)],
  ["an index with a leading zero", [1, 2], replace("/01", 1)],
  ["the index -, for another operation than add", [1], replace("/-", 1)],
  ["remove of a missing key", { a: 1 }, remove("/b")],
  ["remove of a missing element", [1], remove("/1")],
  ["remove of an inherited property", {}, remove("/constructor")],
  ["a path through a string", "a", add("/0", "b")],
  ["replace of an inherited property", {}, replace("/constructor", 1)],
  ["a path through an inherited property", {}, add("/constructor/x", 1)],
  ["a path without a slash", { a: 1 }, replace("a", 2)],
  ["an unknown operation", { a: 1 }, { op: "move", path: "/a", value: null } as unknown as Operation],
]

test.each(UNFITTING)("%s is a PatchError", (_name, value, operation) => {
  expect(() => applyPatch(value, [operation])).toThrow(PatchError)
})

describe("the given value", () => {
  test("stays unchanged, also when a later operation fails", () => {
    const value: Json = { list: [{ a: "x" }] }
    const before = structuredClone(value)
    expect(applyPatch(value, [append("/list/0/a", "y")])).toEqual({ list: [{ a: "xy" }] })
    expect(() => applyPatch(value, [append("/list/0/a", "y"), replace("/gone", 1)])).toThrow(PatchError)
    expect(value).toEqual(before)
  })

  test("shares unchanged parts with the result", () => {
    const value = { left: { a: 1 }, right: { b: 2 } }
    const after = applyPatch(value, [add("/left/c", 3)]) as typeof value
    expect(after.right).toBe(value.right)
  })
})

test("the key __proto__ is a key like any other", () => {
  const value = applyPatch({}, [add("/__proto__", { polluted: true }), add("/__proto__/more", 1)])
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  expect(Object.keys(value as object)).toEqual(["__proto__"])
  expect(JSON.stringify(value)).toBe('{"__proto__":{"polluted":true,"more":1}}')
})
