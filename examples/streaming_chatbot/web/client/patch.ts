/** JSON Patch (RFC 6902): `add`, `replace` and `remove`; and `append`, which adds to the end of a string. */
import { PatchError } from "./errors.ts"

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export type Operation =
  | {
      readonly op: "add" | "replace" | "append"
      /** A JSON Pointer (RFC 6901); the empty one points to the root. */
      readonly path: string
      readonly value: Json
    }
  | { readonly op: "remove"; readonly path: string }

/** Returns a changed copy of a list, an object or the root. */
interface Change {
  inList(list: readonly Json[], index: number): Json
  inObject(object: { readonly [key: string]: Json }, key: string): Json
  /** For a path that is the root. */
  whole(old: Json): Json
}

/** Return the value after the operations. The given value stays unchanged; both share the parts that are equal. */
export function applyPatch(value: Json, operations: readonly Operation[]): Json {
  return operations.reduce(apply, value)
}

function apply(value: Json, operation: Operation): Json {
  const { path } = operation
  if (path !== "" && !path.startsWith("/"))
    throw new PatchError(`The path must be a JSON Pointer, got ${path}`)
  const keys = path === "" ? [] : path.slice(1).split("/").map(unescape)
  const change = changeOf(operation)
  return keys.length === 0 ? change.whole(value) : at(value, keys, 0, change)
}

function changeOf(operation: Operation): Change {
  const { op, path } = operation
  if (op === "remove") {
    return {
      inList: (list, index) => (index < list.length ? list.toSpliced(index, 1) : missing(path)),
      inObject: (object, key) => without(object, key, path),
      whole: () => null,
    }
  }
  const { value } = operation
  if (op === "add") {
    return {
      inList: (list, index) => list.toSpliced(index, 0, value),
      inObject: (object, key) => ({ ...object, [key]: value }),
      whole: () => value,
    }
  }
  if (op === "replace") return inPlace(path, () => value)
  if (op === "append") {
    return inPlace(path, (old) => {
      if (typeof old !== "string" || typeof value !== "string")
        throw new PatchError(`append needs a string at ${path || "the root"}`)
      return old + value
    })
  }
  throw new PatchError(`Unknown operation ${String(op)}`)
}

/** Return a change of an existing value. */
function inPlace(path: string, change: (old: Json) => Json): Change {
  return {
    inList: (list, index) =>
      index < list.length ? list.with(index, change(list[index] as Json)) : missing(path),
    inObject: (object, key) => ({ ...object, [key]: change(own(object, key, path)) }),
    whole: change,
  }
}

function at(value: Json, keys: readonly string[], depth: number, change: Change): Json {
  const key = keys[depth] as string
  const last = depth === keys.length - 1
  if (isList(value)) {
    const index = indexOf(key, value.length)
    if (last) return change.inList(value, index)
    if (index >= value.length) return missing(key)
    return value.with(index, at(value[index] as Json, keys, depth + 1, change))
  }
  if (typeof value !== "object" || value === null) return missing(key)
  if (last) return change.inObject(value, key)
  return { ...value, [key]: at(own(value, key, key), keys, depth + 1, change) }
}

function without(object: { readonly [key: string]: Json }, key: string, path: string): Json {
  own(object, key, path)
  return Object.fromEntries(Object.entries(object).filter(([each]) => each !== key))
}

function own(object: { readonly [key: string]: Json }, key: string, path: string): Json {
  return Object.hasOwn(object, key) ? (object[key] as Json) : missing(path)
}

function indexOf(key: string, length: number): number {
  if (key === "-") return length
  const index = /^(0|[1-9][0-9]*)$/.test(key) ? Number(key) : Number.NaN
  if (!(index <= length)) throw new PatchError(`The index must be an integer from 0 to ${length}, got ${key}`)
  return index
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function unescape(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~")
}

function missing(path: string): never {
  throw new PatchError(`There is nothing at ${path}`)
}
