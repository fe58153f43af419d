"""Messages as JSON: a message is an object, and messages that are appended together are one record, a JSON array."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from .._core.checks import wrong_type, wrong_value
from ..errors import InvalidMessage
from ..messages import Message, ToolCall, Usage, read_json

T = TypeVar("T")


def message_to_dict(message: Message) -> dict[str, Any]:
    """Return a message as a dict for JSON, without empty fields.

    Raises:
        InvalidMessage: the message could not be read back; the error names the field.
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
    # A field may have a value of a wrong type. If it were stored, the whole session could not be loaded any more.
    message_from_dict(written)
    return written


def message_from_dict(written: Any) -> Message:
    """Return the message of a dict. Unknown keys are ignored, as newer versions may add some; missing ones are empty.

    Raises:
        InvalidMessage: a value has a wrong type, or the role is missing; the error names the field.
    """
    fields = _fields("a message", written)
    if "role" not in fields:
        raise InvalidMessage("a message must have a role")
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
    """Return messages as one line of JSON."""
    written = [message_to_dict(message) for message in messages]
    try:
        return json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate: UTF-8 cannot encode it, an escape can
        return json.dumps(written, separators=(",", ":")).encode()


def read_record(record: bytes) -> list[Message]:
    """Return the messages of one record.

    Raises:
        InvalidMessage: it is not a record, or one of its messages is not valid.
    """
    try:
        fields = {"a record": read_json(record)}
    except (ValueError, RecursionError) as error:
        raise InvalidMessage(f"a record must be JSON, got {record[:60]!r} ({error})") from None
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
        raise wrong_value("created", "a date and time in ISO 8601", text, error=InvalidMessage) from None
    raise wrong_value(
        "created", "a time with a time zone", text, "make it with datetime.now(UTC)", error=InvalidMessage
    )


def _fields(name: str, written: Any) -> Mapping[str, Any]:
    if not isinstance(written, dict):
        raise wrong_type(name, "a JSON object", written, error=InvalidMessage)
    return cast("dict[str, Any]", written)


def _text(fields: Mapping[str, Any], name: str) -> str:
    return _value(fields, name, str, "a str", "")


def _count(fields: Mapping[str, Any], name: str) -> int:
    return _value(fields, name, int, "an integer", 0)


def _value(fields: Mapping[str, Any], name: str, kind: type[T], expected: str, default: T) -> T:
    value = fields.get(name, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise wrong_type(name, expected, value, error=InvalidMessage)
    return value
