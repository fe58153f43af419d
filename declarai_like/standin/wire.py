"""OpenAI's Chat Completions, as a server writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .script import Reply

_WORDS = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+$")
_CREATED = 1_700_000_000  # a fixed moment: the same question gets the same bytes


def dumps(value: Any) -> bytes:
    """Write any value as JSON: models, dataclasses and dates as well."""
    from pydantic_core import to_json

    return to_json(value)


def cut(text: str) -> list[str]:
    """Cut a text at the ends of its words; joined again it is the same text."""
    return _WORDS.findall(text)


def answer(reply: Reply, body: Mapping[str, Any]) -> Iterator[bytes | float]:
    """Write a reply to a request: the pieces of the body, and the pauses between them, in seconds."""
    if reply.first_delay:
        yield float(reply.first_delay)
    if not body.get("stream"):
        yield _whole(reply, body)
        return
    for place, (delta, finish_reason) in enumerate(_deltas(reply, body)):
        if place and reply.delay:
            yield float(reply.delay)
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        yield _event({**_head(body, "chat.completion.chunk"), "choices": [choice]})
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _event({**_head(body, "chat.completion.chunk"), "choices": [], "usage": _usage(reply, body)})
    yield b"data: [DONE]\n\n"


def _deltas(reply: Reply, body: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
    pieces = cut(reply.text) if reply.chunks is None else reply.chunks
    tool = _tool(body)
    if tool is None:
        yield {"role": "assistant", "content": ""}, None
        for piece in cut(reply.reasoning):
            yield {"reasoning_content": piece}, None
        for piece in pieces:
            yield {"content": piece}, None
    else:
        call = {"index": 0, "id": "call_0", "type": "function", "function": {"name": tool, "arguments": ""}}
        yield {"role": "assistant", "content": None, "tool_calls": [call]}, None
        for piece in pieces:
            yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}, None
    if reply.refusal:
        yield {"refusal": reply.refusal}, None
    yield {}, reply.finish_reason


def _whole(reply: Reply, body: Mapping[str, Any]) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": reply.refusal}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if (tool := _tool(body)) is not None:
        call = {"id": "call_0", "type": "function", "function": {"name": tool, "arguments": reply.text}}
        message.update(content=None, tool_calls=[call])
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}
    return dumps({**_head(body, "chat.completion"), "choices": [choice], "usage": _usage(reply, body)})


def _tool(body: Mapping[str, Any]) -> str | None:
    """Give the name of the tool that the request forces."""
    choice = body.get("tool_choice")
    return choice["function"]["name"] if isinstance(choice, Mapping) else None


def _head(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-offline", "object": kind, "created": _CREATED, "model": body.get("model", "offline")}


def _usage(reply: Reply, body: Mapping[str, Any]) -> dict[str, int]:
    if reply.usage is not None:
        prompt, completion = reply.usage.prompt_tokens, reply.usage.completion_tokens
    else:
        prompt = sum(len(str(message.get("content")).split()) for message in body["messages"])
        completion = len(cut(reply.text))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"
