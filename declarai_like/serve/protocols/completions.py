"""Answers and errors in the form of OpenAI's Chat Completions.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import to_json

from ..events import Event, encode_data

_FINISH_REASONS = frozenset(("stop", "length", "content_filter", "tool_calls", "function_call"))


class ChunkEncoder:
    """Encodes all events of one answer, from the first, as a stream of chunks.

    Text is sent as it comes. A typed answer is sent as its JSON text when it is complete. An error ends the stream
    without ``[DONE]``.

    Args:
        id: the id of the completion.
        model: the name of the endpoint.
        created: creation time, in seconds since 1970.
        include_usage: end with a chunk that has the token counts, if known, and no choice.

    Attributes:
        media_type: the media type of the response.
        headers: headers of the response.
        heartbeat: the bytes of a heartbeat.
    """

    media_type = "text/event-stream"
    headers: Mapping[str, str] = MappingProxyType({})
    heartbeat = b":\n\n"  # a comment

    def __init__(self, id: str, model: str, created: int, *, include_usage: bool = False) -> None:
        self._head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._include_usage = include_usage
        self._has_text = False

    def feed(self, event: Event) -> bytes:
        """Return the event as chunks of the stream."""
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
                return _sse_line(_error_body_of(data))
            case _:  # the protocol has only text
                return b""

    def _end(self, data: Mapping[str, Any]) -> bytes:
        text = "" if self._has_text else _text(data)
        end = self._chunk({"content": text}) if text else b""
        end += self._chunk({}, _finish_reason(data))
        usage = _usage(data)
        if self._include_usage and usage:
            end += _sse_line({**self._head, "choices": [], "usage": usage})
        return end + b"data: [DONE]\n\n"

    def _chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
        # `logprobs` and `refusal` are null, but required by OpenAI's schema
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        # With include_usage, OpenAI sends `usage: null` in each chunk but the last
        return _sse_line({**self._head, "choices": [choice], **({"usage": None} if self._include_usage else {})})


class CompletionResponse(NamedTuple):
    """A response that is not a stream."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


def completion(id: str, model: str, created: int, events: Iterable[Event]) -> CompletionResponse:
    """Return the response for an answer or its error. Of the events, only the last one is needed."""
    *_, last = events
    data = last.read()
    if last.name == "error":
        # OpenAI's clients follow this header; without it they decide by the status, and retry every 5xx
        retry = {"x-should-retry": "true" if data["retryable"] else "false"}
        return CompletionResponse(503 if data["retryable"] else 500, retry, _error_body_of(data))
    message = {"role": "assistant", "content": _text(data), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(data)}
    usage = _usage(data)
    body = {"id": id, "object": "chat.completion", "created": created, "model": model, "choices": [choice]}
    return CompletionResponse(200, {}, {**body, **({"usage": usage} if usage else {})})


def error_body(
    status: int, message: str, type: str | None = None, code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """Return the body of an error response."""
    type = type or ("server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def validation_error_body(error: ValidationError) -> dict[str, Any]:
    """Return the body of the response for an invalid request, without the input that was sent."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path = ".".join(str(key) for key in first["loc"])
    return error_body(400, f"{path}: {first['msg']}" if path else first["msg"], param=path or None)


def models(names: Iterable[str], created: int = 0) -> dict[str, Any]:
    """Return the list of models."""
    return {"object": "list", "data": [model(name, created) for name in names]}


def model(name: str, created: int = 0) -> dict[str, Any]:
    """Return one model, as in the list."""
    return {"id": name, "object": "model", "created": created, "owned_by": "declarai-like"}


def _text(data: Mapping[str, Any]) -> str:
    return to_json(data["result"]).decode() if "result" in data else data["response"]


def _finish_reason(data: Mapping[str, Any]) -> str:
    reason = data.get("finish_reason")
    # The OpenAI client's types allow only these values
    return reason if reason in _FINISH_REASONS else "stop"


def _usage(data: Mapping[str, Any]) -> dict[str, Any] | None:
    usage: dict[str, Any] | None = data.get("usage")
    return usage


def _error_body_of(data: Mapping[str, Any]) -> dict[str, Any]:
    return error_body(500, data["message"], code=data["type"])


def _sse_line(data: Mapping[str, Any]) -> bytes:
    return b"data: %b\n\n" % encode_data(data)
