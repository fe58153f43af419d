"""Sampled answers: JSON that is valid for the schema of a request, or a sentence. They have no meaning."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from .sampler import JSONSchemaSampler
from .wire import forced_tool, message_text

_CONSTRAINED_TEXT = re.compile(r"^## Answer \(str, (.*)\)$", re.MULTILINE)
_LENGTH = re.compile(r"(minLength|maxLength) (\d+)")
_PATTERN = re.compile(r"pattern (.*?)(?=, m(?:in|ax)Length \d+|$)")
_PLAIN_OBJECT = {"type": "object", "properties": {"text": {"type": "string"}}}


def sample_answer(body: Mapping[str, Any], schema: Mapping[str, Any] | None = None) -> str:
    """Return an answer to a request: JSON if it has a schema, else a sentence that names the offline model.

    The same request gets the same answer.

    Args:
        body: the body of the request.
        schema: the JSON Schema of the answer; by default it is searched for in the request.
    """
    schema = schema or _find_schema(body)
    prompt = next(_texts_from_last(body), "")
    if schema is None:
        if limits := _text_constraints(prompt):
            return str(JSONSchemaSampler(limits, seed=0).sample())
        first_line = prompt.strip().partition("\n")[0]
        return f"This is the offline model, not a language model. It was asked: {first_line}"
    # crc32 is the same in each process; hash() of a str is not
    value = JSONSchemaSampler(schema, seed=zlib.crc32(prompt.encode("utf-8", "replace"))).sample()
    return json.dumps(value, ensure_ascii=False)


def _find_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the JSON Schema in a request: that of its response format, of a forced tool, or of its prompt."""
    response_format: Mapping[str, Any] = body.get("response_format") or {}
    if response_format.get("type") == "json_schema":
        schema: Mapping[str, Any] = response_format["json_schema"].get("schema") or _PLAIN_OBJECT
        return schema
    if response_format.get("type") == "json_object":
        return _PLAIN_OBJECT
    if tool := forced_tool(body):
        parameters: Mapping[str, Any] = tool.get("parameters") or {"type": "object"}
        return parameters
    return next(filter(None, map(_schema_in_text, _texts_from_last(body))), None)


def _schema_in_text(text: str) -> Mapping[str, Any] | None:
    """Return the JSON Schema in a prompt, which ``ask_for_json`` has written."""
    _, marker, rest = text.rpartition("JSON Schema:\n")
    try:
        return json.JSONDecoder().raw_decode(rest)[0] if marker else None
    except ValueError:
        return None


def _text_constraints(prompt: str) -> Mapping[str, Any]:
    """Return the length and the pattern that a prompt requires of a constrained str."""
    *_, text = ["", *_CONSTRAINED_TEXT.findall(prompt)]
    limits: dict[str, Any] = {name: int(length) for name, length in _LENGTH.findall(text)}
    if pattern := _PATTERN.search(text):
        limits["pattern"] = pattern[1]
    return limits


def _texts_from_last(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts that were sent to the model, from the last.

    After a wrong answer the last message is its correction, and the schema is in an earlier one.
    """
    for message in reversed(body.get("messages") or ()):
        if message.get("role") != "assistant":
            yield message_text(message)
