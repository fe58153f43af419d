"""Sampling of values that are valid for a JSON Schema, for the schemas that pydantic generates."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

from .number import sample_number
from .pattern import sample_match

JSONSchema: TypeAlias = Mapping[str, Any]

_DEFAULT_ITEMS = 2
_MAX_RETRIES = 10  # further samples, to get items that differ
_FORMATS = {
    "date-time": "2026-01-{day:02}T12:00:00Z",
    "date": "2026-01-{day:02}",
    "time": "12:{day:02}:00Z",
    "duration": "PT{day}H",
    "uuid": "00000000-0000-4000-8000-{day:012}",
    **{f"uuid{version}": f"00000000-0000-{version}000-8000-{{day:012}}" for version in range(1, 9)},
    "email": "someone{day}@example.com",
    "name-email": "Someone <someone{day}@example.com>",
    "uri": "https://example.com/{day}",
    "multi-host-uri": "https://example.com/{day}",
    "ipv4": "127.0.0.{day}",
    "ipv4interface": "127.0.0.{day}/32",
    "ipv4network": "127.0.0.{day}/32",
    "ipv6": "::{day}",
    "ipv6interface": "::{day}/128",
    "ipv6network": "::{day}/128",
    "ipvanyaddress": "127.0.0.{day}",
    "ipvanyinterface": "127.0.0.{day}/32",
    "ipvanynetwork": "127.0.0.{day}/32",
    "base64": "{day:04}",  # a multiple of four characters
    "base64url": "{day:04}",
    "regex": "a{{{day}}}",
}


class JSONSchemaSampler:
    """Samples values of a schema. They vary with the ``seed``, and with the index of an item.

    A recursive type is nested once, and then as short as possible.
    """

    def __init__(self, schema: JSONSchema, *, seed: int) -> None:
        self._schema = schema
        self._seed = seed % 5  # small, so that numbers stay small and enums near their first members
        self._definitions: Mapping[str, JSONSchema] = schema.get("$defs", {})
        # The minimal depth of each definition. Each round settles those whose parts are known, so as many rounds as
        # definitions are enough; a type that can only contain itself stays infinite.
        self._depths = dict.fromkeys(self._definitions, math.inf)
        for _ in self._definitions:
            self._depths = {name: self._min_depth(part) for name, part in self._definitions.items()}

    def sample(self) -> Any:
        """Return a value."""
        return self._value(self._schema, "text", self._seed, ())

    def _value(self, schema: JSONSchema, name: str, variant: int, path: tuple[str, ...]) -> Any:
        """Return a value; ``path`` has the definitions that contain it, ``name`` is that of its property."""
        if "$ref" in schema:
            definition = _referred(schema)
            if _is_recursive(path) and self._depths[definition] == math.inf:
                return None  # the type has no finite value, so nothing is valid
            return self._value(self._definitions[definition], name, variant, (*path, definition))
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][variant % len(schema["enum"])]
        if members := schema.get("anyOf") or schema.get("oneOf"):
            member = min(members, key=self._min_depth) if _is_recursive(path) else members[0]
            return self._value(member, name, variant, path)
        match schema.get("type"):
            case "object":
                return self._object(schema, variant, path)
            case "array":
                return self._array(schema, name, variant, path)
            case "integer" | "number" as kind:
                return sample_number(schema, variant, integer=kind == "integer")
            case "boolean":
                return variant % 2 == 0
            case "null":
                return None
            case _:
                return self._text(schema, name, variant)

    def _object(self, schema: JSONSchema, variant: int, path: tuple[str, ...]) -> dict[str, Any]:
        required = schema.get("required", ())
        members = {
            name: self._value(part, name, variant, path)
            for name, part in schema.get("properties", {}).items()
            if not _is_recursive(path) or (name in required and self._min_depth(part) < math.inf)
        }
        additional, key_schema = _additional_properties(schema)
        size = 0 if members or _is_recursive(path) or additional is None else 1
        size = max(schema.get("minProperties", 0), min(size, schema.get("maxProperties", size)))
        for index in range(variant, variant + size + _MAX_RETRIES):
            if len(members) >= size:
                break
            # A dict[int, ...] has no schema for its keys, so by default they are numbers
            key = self._value(key_schema, "key", index, path) if key_schema else str(index - variant + 1)
            members[str(key)] = self._value(additional or {}, "value", index, path)
        return members

    def _array(self, schema: JSONSchema, name: str, variant: int, path: tuple[str, ...]) -> list[Any]:
        prefix: Sequence[JSONSchema] = schema.get("prefixItems", ())
        items = [self._value(part, name, variant + index, path) for index, part in enumerate(prefix)]
        minimum = schema.get("minItems", 0)
        size = 0 if prefix or _is_recursive(path) else _DEFAULT_ITEMS
        size = max(minimum, min(size, schema.get("maxItems", size)))
        variants = range(variant, variant + size + _MAX_RETRIES)
        samples = (self._value(schema.get("items", {}), name, index, path) for index in variants)
        items += islice(_distinct(samples), max(0, size - len(items)))
        while len(items) < minimum:  # the type does not have so many different values
            items.append(items[-1])
        return items

    def _text(self, schema: JSONSchema, name: str, variant: int) -> str:
        min_length, max_length = schema.get("minLength", 0), schema.get("maxLength")
        if "pattern" in schema:
            match = sample_match(schema["pattern"], min_length, max_length, variant)
            if match is not None:
                return match
        if template := _FORMATS.get(schema.get("format", "")):
            return template.format(day=1 + variant % 28)
        suffix = f" {variant - self._seed + 1}" if variant != self._seed else ""
        return _with_length(f"an offline {name}", suffix, min_length, max_length)

    def _min_depth(self, schema: JSONSchema) -> float:
        """Return the depth of the shortest value; infinite if it is unknown, or if no value is finite."""
        if "$ref" in schema:
            return 1 + self._depths[_referred(schema)]
        if members := schema.get("anyOf") or schema.get("oneOf"):
            return min(map(self._min_depth, members))
        properties: Mapping[str, JSONSchema] = schema.get("properties", {})
        parts = [properties[name] for name in schema.get("required", ()) if name in properties]
        parts += schema.get("prefixItems", ())
        if schema.get("minItems", 0) > len(parts):
            parts.append(schema.get("items", {}))
        additional, _ = _additional_properties(schema)
        if schema.get("minProperties", 0) and additional is not None:
            parts.append(additional)
        return max(map(self._min_depth, parts), default=0) + (1 if parts else 0)


def _referred(schema: JSONSchema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _is_recursive(path: tuple[str, ...]) -> bool:
    """Return True if a type is nested in itself."""
    return len(set(path)) < len(path)


def _additional_properties(schema: JSONSchema) -> tuple[JSONSchema | None, JSONSchema | None]:
    """Return the schema of additional values, None if they are not allowed; and that of their keys, None for any."""
    if patterns := schema.get("patternProperties"):
        pattern, values = next(iter(patterns.items()))
        return values, {"pattern": pattern}
    values = schema.get("additionalProperties")
    return ({} if values is True else values or None), schema.get("propertyNames")


def _distinct(values: Iterator[Any]) -> Iterator[Any]:
    seen: set[str] = set()
    for value in values:
        text = json.dumps(value)  # lists and dicts are not hashable
        if text not in seen:
            seen.add(text)
            yield value


def _with_length(text: str, suffix: str, min_length: int, max_length: int | None) -> str:
    """Pad or cut text to its length. The suffix is kept if possible, as items differ in it."""
    text = text.ljust(min_length - len(suffix), ".")
    if max_length is not None:
        text = text[: max(0, max_length - len(suffix))]
        suffix = suffix[max(0, len(suffix) - max_length) :]
    return text + suffix
