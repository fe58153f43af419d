"""The server side of OpenAI's Chat Completions API: replies as response bodies and streams.

https://platform.openai.com/docs/api-reference/chat and its streaming events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from .._llm.transport.inprocess import PieceOrPause
from ..messages import Usage
from .replies import Fault, Raw, Reply, ScriptedReply

_MAX_PIECE_LENGTH = 20  # characters; text without spaces is split as well
_PIECES = re.compile(rf"\s*\S{{1,{_MAX_PIECE_LENGTH}}}|\s+\Z")
_CREATED = 1_700_000_000  # a fixed time, so that the same request gets the same bytes


def split(text: str) -> list[str]:
    """Split text after each word, and within very long ones. The joined pieces are the text."""
    return _PIECES.findall(text)


def dumps(value: Any) -> str:
    """Return any value as JSON, including pydantic models, dataclasses and dates."""
    from pydantic_core import to_json

    return to_json(value).decode()


def _json_bytes(value: Any) -> bytes:
    """Return JSON as a server sends it. A lone surrogate is escaped, because UTF-8 cannot encode it."""
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def encode(reply: ScriptedReply, body: Mapping[str, Any]) -> Raw:
    """Return a reply to a request with this body as the bytes of a response."""
    if isinstance(reply, Raw):
        return reply
    if isinstance(reply, Fault):
        return Raw([reply.body()], "application/json", status=reply.status, headers=reply.headers)
    return Raw(_pieces(reply, body), "text/event-stream" if body.get("stream") else "application/json")


def last_text(body: Mapping[str, Any]) -> str:
    """Return the text of a request's last message."""
    messages = body.get("messages")
    return message_text(messages[-1]) if messages else ""


def message_text(message: Mapping[str, Any]) -> str:
    """Return the text of a message, whose content may be a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text") or "" for part in content)


def forced_tool(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the tool that a request forces the model to call, or None."""
    choice: Any = body.get("tool_choice")
    tools: list[Mapping[str, Any]] = [tool["function"] for tool in body.get("tools") or ()]
    if isinstance(choice, Mapping):
        name = cast("Mapping[str, Any]", choice)["function"]["name"]
        return next((tool for tool in tools if tool["name"] == name), None)
    return tools[0] if tools and choice == "required" else None


def _pieces(reply: Reply, body: Mapping[str, Any]) -> Iterator[PieceOrPause]:
    if reply.first_delay:
        yield float(reply.first_delay)
    if not body.get("stream"):
        yield _json_bytes(_completion(reply, body))
        return
    options: Mapping[str, Any] = body.get("stream_options") or {}
    has_usage = bool(options.get("include_usage"))
    # With include_usage, each chunk but the last has a usage of null
    head = {**_head(body, "chat.completion.chunk"), **({"usage": None} if has_usage else {})}
    for index, (delta, finish_reason) in enumerate(_deltas(reply, body)):
        if index and reply.delay:
            yield float(reply.delay)
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        yield _event({**head, "choices": [choice]})
    if has_usage:  # in a separate event, after the last choice
        yield _event({**head, "choices": [], "usage": _usage(reply, body)})
    yield b"data: [DONE]\n\n"


def _deltas(reply: Reply, body: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
    text, calls = _parts(reply, body)
    # The first chunk has the role and no text, the last one the finish reason and no delta
    yield {"role": "assistant", "content": "" if text is not None else None}, None
    for piece in split(reply.reasoning):  # not an OpenAI field: DeepSeek's name, which vLLM and others use as well
        yield {"reasoning_content": piece}, None
    if text is not None:
        for piece in _chunks(reply):
            yield {"content": piece}, None
    for index, call in enumerate(calls):
        function = call["function"]
        # The id and the name are in the first part of a call only; the arguments follow in pieces
        yield {"tool_calls": [{"index": index, **call, "function": {**function, "arguments": ""}}]}, None
        arguments = function["arguments"]
        for piece in _chunks(reply) if arguments == reply.text else split(arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, None
    for piece in split(reply.refusal or ""):
        yield {"refusal": piece}, None
    yield {}, _finish_reason(reply)


def _completion(reply: Reply, body: Mapping[str, Any]) -> dict[str, Any]:
    text, calls = _parts(reply, body)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": reply.refusal}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(reply)}
    return {**_head(body, "chat.completion"), "choices": [choice], "usage": _usage(reply, body)}


def _parts(reply: Reply, body: Mapping[str, Any]) -> tuple[str | None, list[dict[str, Any]]]:
    """Return the text of an answer, or None if it is the arguments of a tool; and its tool calls."""
    calls = [(name, dumps(arguments)) for name, arguments in reply.tool_calls]
    tool = None if calls or reply.refusal else forced_tool(body)
    if tool is not None:
        calls = [(tool["name"], reply.text)]
    text = None if tool is not None or (not reply.text and (calls or reply.refusal)) else reply.text
    return text, [
        {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for index, (name, arguments) in enumerate(calls)
    ]


def _chunks(reply: Reply) -> list[str]:
    return split(reply.text) if reply.chunks is None else list(reply.chunks)


def _finish_reason(reply: Reply) -> str:
    # OpenAI ends the forced call of a named tool with "stop", unlike a call that the model chooses
    return reply.finish_reason or ("tool_calls" if reply.tool_calls else "stop")


def _head(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-offline", "object": kind, "created": _CREATED, "model": body.get("model", "offline")}


def _usage(reply: Reply, body: Mapping[str, Any]) -> dict[str, int]:
    usage = reply.usage
    if usage is None:
        text, calls = _parts(reply, body)
        texts = [text or "", *(call["function"]["arguments"] for call in calls)]
        prompt = sum(len(split(message_text(message))) for message in body["messages"])
        completion = sum(map(len, map(split, texts)))
        usage = Usage(prompt, completion, prompt + completion)
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + _json_bytes(value) + b"\n\n"
