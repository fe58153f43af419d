"""An answer made up from the form that was asked for. It has the form, and nothing more."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from .sampler import JsonSchemaSampler
from .wire import forced_tool, words

_LIMITED_TEXT = re.compile(r"^## Answer \(str, (.*)\)$", re.MULTILINE)
_LENGTH = re.compile(r"(minLength|maxLength) (\d+)")
_PATTERN = re.compile(r"pattern (.*?)(?=, m(?:in|ax)Length \d+|$)")
_PLAIN_OBJECT = {"type": "object", "properties": {"text": {"type": "string"}}}


def compose(body: Mapping[str, Any], form: Mapping[str, Any] | None = None) -> str:
    """Make up an answer to a request: JSON where a form was asked for, else a sentence that says what it is.

    The form is given, or is in the request. The same request gets the same answer.
    """
    schema = form or _schema(body)
    prompt = next(_from_the_last(body), "")
    if schema is None:
        if limits := _limits(prompt):
            return str(JsonSchemaSampler(limits, seed=0).make())
        first = prompt.strip().partition("\n")[0]
        return f"This is the offline stand-in, not a language model. It was asked: {first}"
    made = JsonSchemaSampler(schema, seed=zlib.crc32(prompt.encode("utf-8", "replace"))).make()
    return json.dumps(made, ensure_ascii=False)


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Find the JSON Schema in a request, in the three places where it may be."""
    form: Mapping[str, Any] = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        found: Mapping[str, Any] = form["json_schema"].get("schema") or _PLAIN_OBJECT
        return found
    if form.get("type") == "json_object":
        return _PLAIN_OBJECT
    if tool := forced_tool(body):
        parameters: Mapping[str, Any] = tool.get("parameters") or {"type": "object"}
        return parameters
    return next(filter(None, map(_in_words, _from_the_last(body))), None)


def _in_words(text: str) -> Mapping[str, Any] | None:
    """Find the JSON Schema in a text that asks for it."""
    _, asked, text = text.rpartition("JSON Schema:\n")
    try:
        return json.JSONDecoder().raw_decode(text)[0] if asked else None
    except ValueError:
        return None


def _limits(prompt: str) -> Mapping[str, Any]:
    """Find what a prompt says of the text that it wants: how long it may be, and which pattern it has."""
    *_, said = ["", *_LIMITED_TEXT.findall(prompt)]
    limits: dict[str, Any] = {name: int(length) for name, length in _LENGTH.findall(said)}
    if pattern := _PATTERN.search(said):
        limits["pattern"] = pattern[1]
    return limits


def _from_the_last(body: Mapping[str, Any]) -> Iterator[str]:
    """Give what was said to the model, the last first: after a wrong answer the form is in an earlier message."""
    for message in reversed(body.get("messages") or ()):
        if message.get("role") != "assistant":
            yield words(message)
