"""How messages are written down: each as a dict of JSON, and those that belong together as one record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from ..errors import InvalidMessage
from ..messages import Message, ToolCall, Usage, read_json

T = TypeVar("T")


def message_to_dict(message: Message) -> dict[str, Any]:
    """Write a message as a dict that JSON can hold; what is empty is left out.

    Raises:
        InvalidMessage: it could not be read again; the error names the field.
    """
    written: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        written["tool_calls"] = [
            {"id": call.id, "name": call.name, "arguments": call.arguments} for call in message.tool_calls
        ]
    for name in ("tool_call_id", "id", "model", "finish_reason"):
        if value := getattr(message, name):
            written[name] = value
    if message.created is not None:
        written["created"] = message.created.isoformat()
    if (usage := message.usage) is not None:
        written["usage"] = {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
            **({"estimated": True} if usage.estimated else {}),
        }
    message_from_dict(written)  # what cannot be read again must not be kept
    return written


def message_from_dict(written: Any) -> Message:
    """Read a message. Unknown keys are passed over, and those that are missing have their defaults.

    Raises:
        InvalidMessage: a value is not what it must be, or there is no role; the error names the field.
    """
    fields = _fields("a message", written)
    if "role" not in fields:
        raise InvalidMessage("a message has no role")
    return Message(
        _text(fields, "role"),
        _text(fields, "content"),
        tool_calls=tuple(map(_tool_call, _value(fields, "tool_calls", list, "a list", []))),
        tool_call_id=_text(fields, "tool_call_id"),
        id=_text(fields, "id"),
        created=_time(_text(fields, "created")),
        model=_text(fields, "model"),
        usage=_usage(fields["usage"]) if "usage" in fields else None,
        finish_reason=_text(fields, "finish_reason") or None,
    )


def write_record(messages: Iterable[Message]) -> bytes:
    """Write messages as one line of JSON."""
    written = [message_to_dict(message) for message in messages]
    try:
        return json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a character, which only an escape can hold
        return json.dumps(written, separators=(",", ":")).encode()


def read_record(record: bytes) -> list[Message]:
    """Read the messages of one record.

    Raises:
        InvalidMessage: it is no record, or one of its messages is none.
    """
    try:
        fields = {"a record": read_json(record)}
    except (ValueError, RecursionError) as error:
        raise InvalidMessage(f"a record is not JSON ({error}): {record[:60]!r}") from None
    return [message_from_dict(each) for each in _value(fields, "a record", list, "a list of messages", [])]


def _tool_call(written: Any) -> ToolCall:
    fields = _fields("a tool call", written)
    return ToolCall(_text(fields, "id"), _text(fields, "name"), _text(fields, "arguments"))


def _usage(written: Any) -> Usage:
    fields = _fields("usage", written)
    return Usage(
        _count(fields, "prompt_tokens"),
        _count(fields, "completion_tokens"),
        _count(fields, "total_tokens"),
        estimated=fields.get("estimated") is True,
    )


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidMessage(f"created is {_shown(text)}; it is a date and time in the form of ISO 8601") from None
    raise InvalidMessage(f"created is {_shown(text)}, without a time zone; write it as datetime.now(UTC)")


def _fields(name: str, written: Any) -> Mapping[str, Any]:
    if not isinstance(written, dict):
        raise InvalidMessage(f"{name} is {_shown(written)}; it is an object")
    return cast("dict[str, Any]", written)


def _text(fields: Mapping[str, Any], name: str) -> str:
    return _value(fields, name, str, "a text", "")


def _count(fields: Mapping[str, Any], name: str) -> int:
    return _value(fields, name, int, "a whole number", 0)


def _value(fields: Mapping[str, Any], name: str, kind: type[T], said: str, default: T) -> T:
    value = fields.get(name, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidMessage(f"{name} is {_shown(value)}; it is {said}")
    return value


def _shown(value: Any) -> str:
    return f"{value!r:.60}"
