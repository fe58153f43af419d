"""A value that fits a JSON Schema, for the schemas that pydantic makes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

from .number import number
from .pattern import example

Schema: TypeAlias = Mapping[str, Any]

_USUAL_ITEMS = 2
_MORE_TRIES = 10  # for items that differ
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
    "base64": "{day:04}",
    "base64url": "{day:04}",
    "regex": "a{{{day}}}",
}


class JsonSchemaSampler:
    """Makes values that fit a schema. What may vary is varied by the ``seed``, and by an item's place.

    A type that contains itself is made once within itself, and then as short as it can be.
    """

    def __init__(self, schema: Schema, *, seed: int) -> None:
        self._schema = schema
        self._seed = seed % 5
        self._definitions: Mapping[str, Schema] = schema.get("$defs", {})
        self._heights = dict.fromkeys(self._definitions, math.inf)
        for _ in self._definitions:  # a definition is known when those that it needs are
            self._heights = {name: self._height(part) for name, part in self._definitions.items()}

    def make(self) -> Any:
        """Make a value."""
        return self._value(self._schema, "text", self._seed, ())

    def _value(self, schema: Schema, name: str, place: int, path: tuple[str, ...]) -> Any:
        if "$ref" in schema:
            inner = _referred(schema)
            if _is_deep(path) and self._heights[inner] == math.inf:
                return None  # it has no end, so nothing fits
            return self._value(self._definitions[inner], name, place, (*path, inner))
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][place % len(schema["enum"])]
        if members := schema.get("anyOf") or schema.get("oneOf"):
            member = min(members, key=self._height) if _is_deep(path) else members[0]
            return self._value(member, name, place, path)
        match schema.get("type"):
            case "object":
                return self._object(schema, place, path)
            case "array":
                return self._array(schema, name, place, path)
            case "integer" | "number" as kind:
                return number(schema, place, whole=kind == "integer")
            case "boolean":
                return place % 2 == 0
            case "null":
                return None
            case _:
                return self._text(schema, name, place)

    def _object(self, schema: Schema, place: int, path: tuple[str, ...]) -> dict[str, Any]:
        required = schema.get("required", ())
        made = {
            name: self._value(part, name, place, path)
            for name, part in schema.get("properties", {}).items()
            if not _is_deep(path) or (name in required and self._height(part) < math.inf)
        }
        free, key_schema = _free(schema)
        wanted = 0 if made or _is_deep(path) or free is None else 1
        wanted = max(schema.get("minProperties", 0), min(wanted, schema.get("maxProperties", wanted)))
        for nth in range(place, place + wanted + _MORE_TRIES):
            if len(made) >= wanted:
                break
            # where nothing is said of the keys, they may still be numbers
            key = self._value(key_schema, "key", nth, path) if key_schema else str(nth - place + 1)
            made[str(key)] = self._value(free or {}, "value", nth, path)
        return made

    def _array(self, schema: Schema, name: str, place: int, path: tuple[str, ...]) -> list[Any]:
        prefix: Sequence[Schema] = schema.get("prefixItems", ())
        made = [self._value(part, name, place + nth, path) for nth, part in enumerate(prefix)]
        least = schema.get("minItems", 0)
        wanted = 0 if prefix or _is_deep(path) else _USUAL_ITEMS
        wanted = max(least, min(wanted, schema.get("maxItems", wanted)))
        places = range(place, place + wanted + _MORE_TRIES)
        items = (self._value(schema.get("items", {}), name, nth, path) for nth in places)
        made += islice(_distinct(items), max(0, wanted - len(made)))
        while len(made) < least:  # there are not so many different ones
            made.append(made[-1])
        return made

    def _text(self, schema: Schema, name: str, place: int) -> str:
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
        if "pattern" in schema:
            found = example(schema["pattern"], shortest, longest, place)
            if found is not None:
                return found
        if template := _FORMATS.get(schema.get("format", "")):
            return template.format(day=1 + place % 28)
        ending = f" {place - self._seed + 1}" if place != self._seed else ""
        return _sized(f"an offline {name}", ending, shortest, longest)

    def _height(self, schema: Schema) -> float:
        """Give how deep the shortest value is; infinite as long as that is not known."""
        if "$ref" in schema:
            return 1 + self._heights[_referred(schema)]
        if members := schema.get("anyOf") or schema.get("oneOf"):
            return min(map(self._height, members))
        properties: Mapping[str, Schema] = schema.get("properties", {})
        parts = [properties[name] for name in schema.get("required", ()) if name in properties]
        parts += schema.get("prefixItems", ())
        if schema.get("minItems", 0) > len(parts):
            parts.append(schema.get("items", {}))
        free, _ = _free(schema)
        if schema.get("minProperties", 0) and free is not None:
            parts.append(free)
        return max(map(self._height, parts), default=0) + (1 if parts else 0)


def _referred(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _is_deep(path: tuple[str, ...]) -> bool:
    """Whether a type is within itself."""
    return len(set(path)) < len(path)


def _free(schema: Schema) -> tuple[Schema | None, Schema | None]:
    """Give the schemas of an object's free values and of their keys; None where there are none, or any will do."""
    if patterns := schema.get("patternProperties"):
        pattern, values = next(iter(patterns.items()))
        return values, {"pattern": pattern}
    values = schema.get("additionalProperties")
    return ({} if values is True else values or None), schema.get("propertyNames")


def _distinct(values: Iterator[Any]) -> Iterator[Any]:
    seen: set[str] = set()
    for value in values:
        written = json.dumps(value)
        if written not in seen:
            seen.add(written)
            yield value


def _sized(text: str, ending: str, shortest: int, longest: int | None) -> str:
    """Bring a text to its length. Its ending, by which items differ, is what stays."""
    text = text.ljust(shortest - len(ending), ".")
    if longest is not None:
        text = text[: max(0, longest - len(ending))]
        ending = ending[max(0, len(ending) - longest) :]
    return text + ending
