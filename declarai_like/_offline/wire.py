"""OpenAI's Chat Completions, as a server writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from .._llm.transport.inprocess import Piece
from ..messages import Usage
from .replies import Fault, Raw, Reply, ScriptedReply

_MAX_PIECE_LENGTH = 20  # characters; texts without spaces are cut as well
_PIECES = re.compile(rf"\s*\S{{1,{_MAX_PIECE_LENGTH}}}|\s+\Z")
_CREATED = 1_700_000_000  # a fixed moment: the same question gets the same bytes


def cut(text: str) -> list[str]:
    """Cut a text at the ends of its words, and inside very long ones; joined again it is the same text."""
    return _PIECES.findall(text)


def dumps(value: Any) -> str:
    """Write any value as JSON: models, dataclasses and dates as well."""
    from pydantic_core import to_json

    return to_json(value).decode()


def write(value: Any) -> bytes:
    """Write JSON values as a server does. A lone surrogate, which UTF-8 does not have, is escaped."""
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def raw(said: ScriptedReply, body: Mapping[str, Any]) -> Raw:
    """Write down what is said to a request, as the bytes of an answer."""
    if isinstance(said, Raw):
        return said
    if isinstance(said, Fault):
        return Raw([said.body()], "application/json", status=said.status, headers=said.headers)
    return Raw(_pieces(said, body), "text/event-stream" if body.get("stream") else "application/json")


def last_words(body: Mapping[str, Any]) -> str:
    """Give the text of a request's last message."""
    messages = body.get("messages")
    return words(messages[-1]) if messages else ""


def words(message: Mapping[str, Any]) -> str:
    """Give the text of a message, whose content may be in parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text") or "" for part in content)


def forced_tool(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the tool that a request forces the model to call."""
    choice: Any = body.get("tool_choice")
    tools: list[Mapping[str, Any]] = [tool["function"] for tool in body.get("tools") or ()]
    if isinstance(choice, Mapping):
        wanted = cast("Mapping[str, Any]", choice)["function"]["name"]
        return next((tool for tool in tools if tool["name"] == wanted), None)
    return tools[0] if tools and choice == "required" else None


def _pieces(reply: Reply, body: Mapping[str, Any]) -> Iterator[Piece]:
    if reply.first_delay:
        yield float(reply.first_delay)
    if not body.get("stream"):
        yield write(_whole(reply, body))
        return
    options: Mapping[str, Any] = body.get("stream_options") or {}
    tells_usage = bool(options.get("include_usage"))
    head = {**_head(body, "chat.completion.chunk"), **({"usage": None} if tells_usage else {})}
    for place, (delta, finish_reason) in enumerate(_deltas(reply, body)):
        if place and reply.delay:
            yield float(reply.delay)
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        yield _event({**head, "choices": [choice]})
    if tells_usage:
        yield _event({**head, "choices": [], "usage": _usage(reply, body)})
    yield b"data: [DONE]\n\n"


def _deltas(reply: Reply, body: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
    text, calls = _parts(reply, body)
    yield {"role": "assistant", "content": "" if text is not None else None}, None
    for piece in cut(reply.reasoning):
        yield {"reasoning_content": piece}, None
    if text is not None:
        for piece in _cut(reply):
            yield {"content": piece}, None
    for place, call in enumerate(calls):
        function = call["function"]
        yield {"tool_calls": [{"index": place, **call, "function": {**function, "arguments": ""}}]}, None
        arguments = function["arguments"]
        for piece in _cut(reply) if arguments == reply.text else cut(arguments):
            yield {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}, None
    for piece in cut(reply.refusal or ""):
        yield {"refusal": piece}, None
    yield {}, _finish_reason(reply)


def _whole(reply: Reply, body: Mapping[str, Any]) -> dict[str, Any]:
    text, calls = _parts(reply, body)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": reply.refusal}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(reply)}
    return {**_head(body, "chat.completion"), "choices": [choice], "usage": _usage(reply, body)}


def _parts(reply: Reply, body: Mapping[str, Any]) -> tuple[str | None, list[dict[str, Any]]]:
    """Give the text of an answer, None where it is the arguments of a tool; and its tool calls."""
    calls = [(name, dumps(arguments)) for name, arguments in reply.tool_calls]
    tool = None if calls or reply.refusal else forced_tool(body)
    if tool is not None:
        calls = [(tool["name"], reply.text)]
    text = None if tool is not None or (not reply.text and (calls or reply.refusal)) else reply.text
    return text, [
        {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for place, (name, arguments) in enumerate(calls)
    ]


def _cut(reply: Reply) -> list[str]:
    return cut(reply.text) if reply.chunks is None else list(reply.chunks)


def _finish_reason(reply: Reply) -> str:
    return reply.finish_reason or ("tool_calls" if reply.tool_calls else "stop")


def _head(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-offline", "object": kind, "created": _CREATED, "model": body.get("model", "offline")}


def _usage(reply: Reply, body: Mapping[str, Any]) -> dict[str, int]:
    usage = reply.usage
    if usage is None:
        text, calls = _parts(reply, body)
        answered = [text or "", *(call["function"]["arguments"] for call in calls)]
        prompt = sum(len(cut(words(message))) for message in body["messages"])
        completion = sum(map(len, map(cut, answered)))
        usage = Usage(prompt, completion, prompt + completion)
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + write(value) + b"\n\n"
