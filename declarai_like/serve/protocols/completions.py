"""Answers and errors in the form of OpenAI's Chat Completions.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import to_json

from ..events import Event, written

_REASONS = frozenset(("stop", "length", "content_filter", "tool_calls", "function_call"))


class ChunkEncoder:
    """Turns the events of one answer, from its first, into a stream of chunks.

    Text goes out as it comes. A typed answer is text, too: its JSON, once it is whole. After an error there is no
    ``[DONE]``.

    Args:
        id: the answer's name.
        model: the name of what was asked.
        created: when, in seconds since 1970.
        include_usage: end with a chunk with the tokens and without a choice, where they are known.

    Attributes:
        media_type: what this is called.
        headers: what is said of it beside that.
        alive: what is sent as a sign of life.
    """

    media_type = "text/event-stream"
    headers: Mapping[str, str] = MappingProxyType({})
    alive = b":\n\n"

    def __init__(self, id: str, model: str, created: int, *, include_usage: bool = False) -> None:
        self._head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._include_usage = include_usage
        self._has_text = False

    def feed(self, event: Event) -> bytes:
        """Give the event as chunks of the stream."""
        data = event.read()
        match event.name:
            case "start":
                return self._chunk({"role": "assistant", "content": "", "refusal": None})
            case "delta":
                self._has_text = True
                return self._chunk({"content": data["delta"]})
            case "done" | "stopped":
                return self._end(data)
            case "error":
                return _line(_failure(data))
            case _:  # there is no place for it in a text
                return b""

    def _end(self, data: Mapping[str, Any]) -> bytes:
        text = "" if self._has_text else _text(data)
        end = self._chunk({"content": text}) if text else b""
        end += self._chunk({}, _reason(data))
        usage = _usage(data)
        if self._include_usage and usage:
            end += _line({**self._head, "choices": [], "usage": usage})
        return end + b"data: [DONE]\n\n"

    def _chunk(self, delta: Mapping[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _line({**self._head, "choices": [choice], **({"usage": None} if self._include_usage else {})})


class Whole(NamedTuple):
    """A response that is no stream."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


def completion(id: str, model: str, created: int, events: Iterable[Event]) -> Whole:
    """Give one answer, or its error, from its events, of which all but the last may be left out."""
    *_, last = events
    data = last.read()
    if last.name == "error":
        # The client's own way to be told whether to try again: of a status, it makes up its mind itself
        again = {"x-should-retry": "true" if data["retryable"] else "false"}
        return Whole(503 if data["retryable"] else 500, again, _failure(data))
    message = {"role": "assistant", "content": _text(data), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(data)}
    usage = _usage(data)
    body = {"id": id, "object": "chat.completion", "created": created, "model": model, "choices": [choice]}
    return Whole(200, {}, {**body, **({"usage": usage} if usage else {})})


def error_body(
    status: int, message: str, type: str | None = None, code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """Give an error as clients understand it."""
    type = type or ("server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def explained(error: ValidationError) -> dict[str, Any]:
    """Say what is wrong with a request, as clients understand it. What was sent is not repeated."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return error_body(400, f"{where}: {first['msg']}" if where else first["msg"], param=where or None)


def models(names: Iterable[str], created: int = 0) -> dict[str, Any]:
    """Give the list of what can be asked."""
    return {"object": "list", "data": [model(name, created) for name in names]}


def model(name: str, created: int = 0) -> dict[str, Any]:
    """Give one entry of that list."""
    return {"id": name, "object": "model", "created": created, "owned_by": "declarai-like"}


def _text(data: Mapping[str, Any]) -> str:
    return to_json(data["result"]).decode() if "result" in data else data["response"]


def _reason(data: Mapping[str, Any]) -> str:
    reason = data.get("finish_reason")
    return reason if reason in _REASONS else "stop"


def _usage(data: Mapping[str, Any]) -> dict[str, Any] | None:
    usage: dict[str, Any] | None = data.get("usage")
    return usage


def _failure(data: Mapping[str, Any]) -> dict[str, Any]:
    return error_body(500, data["message"], code=data["type"])


def _line(data: Mapping[str, Any]) -> bytes:
    return b"data: %b\n\n" % written(data)
