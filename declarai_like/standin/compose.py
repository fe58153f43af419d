"""An answer made up from the form that was asked for. It has the form, and nothing more."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

_DEEPEST = 4  # of a type that contains itself
_FORMATS = {
    "date-time": "2026-01-01T12:00:00Z",
    "date": "2026-01-01",
    "time": "12:00:00",
    "duration": "PT1H",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "email": "someone@example.com",
    "uri": "https://example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "binary": "",
}


def compose(body: Mapping[str, Any]) -> str:
    """Make up an answer to a request: JSON where a form was asked for, else a sentence that says what it is."""
    prompt = str(body["messages"][-1]["content"])
    schema = _schema(body, prompt)
    if schema is None:
        first = prompt.strip().partition("\n")[0]
        return f"This is the offline stand-in, not a language model. It was asked: {first}"
    return json.dumps(_Composer(schema, seed=zlib.crc32(prompt.encode("utf-8", "replace"))).value(schema))


def _schema(body: Mapping[str, Any], prompt: str) -> Mapping[str, Any] | None:
    """Find the JSON Schema in a request, in the three places where it may be."""
    if form := body.get("response_format"):
        found: Mapping[str, Any] = form["json_schema"]["schema"]
        return found
    if tools := body.get("tools"):
        parameters: Mapping[str, Any] = tools[0]["function"]["parameters"]
        return parameters
    _, asked, text = prompt.rpartition("JSON Schema:\n")
    try:
        return json.JSONDecoder().raw_decode(text)[0] if asked else None
    except ValueError:
        return None


class _Composer:
    def __init__(self, schema: Mapping[str, Any], seed: int) -> None:
        self._definitions: Mapping[str, Any] = schema.get("$defs", {})
        self._seed = seed

    def value(self, schema: Mapping[str, Any], name: str = "text", depth: int = 0) -> Any:
        if "$ref" in schema:
            return self.value(self._definitions[schema["$ref"].rpartition("/")[2]], name, depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][self._seed % len(schema["enum"])]
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return self.value(self._member(schema[union], depth), name, depth)
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind in ("integer", "number"):
            return self._number(schema, integer=kind == "integer")
        if kind == "boolean":
            return self._seed % 2 == 0
        if kind == "null":
            return None
        return self._text(schema, name)

    def _member(self, members: list[Mapping[str, Any]], depth: int) -> Mapping[str, Any]:
        """Choose a member of a union: something, but nothing when it has become deep."""
        empty = [member for member in members if member.get("type") == "null"]
        return empty[0] if empty and depth > _DEEPEST else members[0]

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        made = {
            name: self.value(part, name, depth + 1)
            for name, part in schema.get("properties", {}).items()
            if name in required or depth <= _DEEPEST
        }
        free = schema.get("additionalProperties")
        if isinstance(free, Mapping) and not made:
            made = {"key": self.value(free, "value", depth + 1)}
        return made

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        if "prefixItems" in schema:
            return [self.value(part, name, depth + 1) for part in schema["prefixItems"]]
        wanted = 0 if depth > _DEEPEST else 1 if schema.get("uniqueItems") else 2
        count = max(schema.get("minItems", 0), min(wanted, schema.get("maxItems", wanted)))
        items = schema.get("items", {})
        return [self.value(items, f"{name} {place + 1}", depth + 1) for place in range(count)]

    def _number(self, schema: Mapping[str, Any], *, integer: bool) -> float:
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1 if "exclusiveMinimum" in schema else None)
        high = schema.get("maximum", schema.get("exclusiveMaximum", 0) - 1 if "exclusiveMaximum" in schema else None)
        if low is None:
            low = 1 if high is None or high >= 1 else high
        number = low + self._seed % 5
        number = number if high is None or number <= high else low
        step = schema.get("multipleOf")
        number = number if not step else step * -(-number // step)
        return int(number) if integer else number

    def _text(self, schema: Mapping[str, Any], name: str) -> str:
        text = _FORMATS.get(schema.get("format", ""), f"an offline {name}")
        text = text.ljust(schema.get("minLength", 0), ".")
        return text[: schema.get("maxLength", len(text))]
