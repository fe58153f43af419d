"""OpenAI's Chat Completions API, which Azure and most other servers implement as well.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jiter

from .._net.sse import ServerSentEvent
from ..errors import InvalidJSON, InvalidUTF8, StreamFailed
from ..messages import Delta, Message, ToolCallDelta, Usage, read_json
from . import AnswerFormat, Question, Request
from .http_errors import error_in
from .strict_schema import strict

_DONE = (Delta(b"", shown=False, end=True),)


class OpenAIProvider:
    """The Chat Completions API.

    Args:
        include_usage: requests the usage of a stream (``stream_options``); False for servers that reject the option.
    """

    def __init__(self, *, include_usage: bool = True) -> None:
        self._include_usage = include_usage

    def request(self, question: Question) -> Request:
        """Return the request for ``chat/completions``."""
        body: dict[str, Any] = {
            "model": question.model,
            "messages": [_message(message) for message in question.messages],
            "stream": question.stream,
        }
        if question.stream and self._include_usage:
            body["stream_options"] = {"include_usage": True}
        if question.format is not None:
            body.update(_format(question.format))
        body.update(question.params)
        return Request("chat/completions", body, question.format.schema if question.format else None)

    def deltas(self, event: ServerSentEvent) -> Iterable[Delta]:
        """Return what a chunk of a stream, or a complete response, adds to the answer."""
        raw = event.data
        if raw == b"[DONE]":
            return _DONE
        try:
            body: Any = jiter.from_json(raw)
        except ValueError:
            body = _parse_again(raw)
        # Not checked in advance: nearly every event is valid, and an invalid one fails at one of these accesses
        try:
            choices = body["choices"]
            if not choices:  # the usage, or Azure's filter results for the prompt
                return (Delta(raw, shown=False, usage=_usage(body.get("usage")), model=body.get("model")),)
            choice = choices[0]
            if choice.get("index"):  # of a request with n > 1, only the first choice is read
                return ()
            new = choice["delta"] if "delta" in choice else choice["message"]
            text = new.get("content")
            finish_reason = choice.get("finish_reason")
            usage = body.get("usage")
            if text and len(new) == 1 and finish_reason is None and usage is None:  # nearly every event
                return (Delta(raw, text),)
            others = _other_fields(new)
            return (
                Delta(
                    raw, text or "", finish_reason=finish_reason, usage=_usage(usage), model=body.get("model"), **others
                ),
            )
        except (KeyError, TypeError, AttributeError, IndexError):
            raise _failure(body, raw) from None


def _other_fields(new: Mapping[str, Any]) -> dict[str, Any]:
    """Read the fields that most chunks do not have."""
    calls = new.get("tool_calls")
    return {
        "role": new.get("role"),
        "refusal": new.get("refusal") or "",
        # The API has no such field; DeepSeek and vLLM use the first name, OpenRouter the second
        "reasoning": new.get("reasoning_content") or new.get("reasoning") or "",
        "tool_calls": tuple(_tool_call(call, position) for position, call in enumerate(calls)) if calls else (),
    }


def _tool_call(call: Mapping[str, Any], position: int) -> ToolCallDelta:
    index = call.get("index")  # missing in a response that is not streamed
    function: Mapping[str, Any] = call.get("function") or {}
    return ToolCallDelta(
        position if index is None else index,
        call.get("id") or "",
        function.get("name") or "",
        function.get("arguments") or "",
    )


def _message(message: Message) -> dict[str, Any]:
    body: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        body["content"] = message.content or None  # null, as in the API's own responses
        body["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        body["tool_call_id"] = message.tool_call_id
    return body


def _format(format: AnswerFormat) -> dict[str, Any]:
    schema, is_strict = strict(format.schema)
    named = {"name": format.name, "strict": is_strict}
    if format.by == "schema":
        return {"response_format": {"type": "json_schema", "json_schema": {**named, "schema": schema}}}
    function = {**named, "description": format.description, "parameters": schema}
    return {
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": format.name}},
    }


def _usage(counts: Mapping[str, Any] | None) -> Usage | None:
    if not counts:
        return None
    prompt, completion = counts.get("prompt_tokens") or 0, counts.get("completion_tokens") or 0
    return Usage(prompt, completion, counts.get("total_tokens") or prompt + completion)


def _parse_again(raw: bytes) -> Any:
    """Parse JSON that the fast parser rejects: the slower one accepts more, and its error is more precise."""
    try:
        return read_json(raw)
    except UnicodeDecodeError as error:
        raise InvalidUTF8(f"the provider's response is not UTF-8, at byte {error.start}: {raw[:80]!r}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidJSON(f"the provider's response is not JSON ({error}): {raw[:80]!r}") from None


def _failure(body: Any, raw: bytes) -> Exception:
    """Return the error for an event that is not a chunk: the provider's own error, or a violation of the protocol."""
    found = error_in(body)
    if found is None:
        return InvalidJSON(f"the provider's response is not a chat completion: {raw[:80]!r}")
    message, code = found
    return StreamFailed(f"the provider sent an error: {message}", code=code)
