"""Messages: their repr, their form as JSON, and their form in requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarai_like import Message, Usage
from declarai_like.errors import InvalidMessage
from declarai_like.memory import message_from_dict, message_to_dict
from declarai_like.memory.records import read_record, write_record
from declarai_like.messages import ToolCall
from declarai_like.providers import Question
from declarai_like.providers.openai import OpenAIProvider

CALL = ToolCall("c1", "weather", '{"city": "Köln"}')


def test_the_repr_has_the_content_and_an_unusual_finish_reason() -> None:
    assert repr(Message("user", "hi")) == "Message(role='user', content='hi')"
    assert repr(Message("user", "")) == "Message(role='user', content='')"
    assert (
        repr(Message("assistant", "hi", model="m", usage=Usage(1, 2, 3), finish_reason="stop"))
        == "Message(role='assistant', content='hi')"
    )
    assert repr(Message("assistant", "h", finish_reason="closed")) == (
        "Message(role='assistant', content='h', finish_reason='closed')"
    )


def test_messages_with_the_same_role_and_content_are_equal_and_hashable() -> None:
    assert {Message("user", "hi"), Message(role="user", content="hi")} == {Message("user", "hi")}
    assert Message("user", "hi") != Message("user", "hi", id="m1")


def test_a_message_is_written_without_empty_fields() -> None:
    assert message_to_dict(Message("user", "")) == {"role": "user", "content": ""}
    full = Message(
        "assistant",
        "",
        tool_calls=(CALL,),
        id="m1",
        created=datetime(2026, 5, 4, tzinfo=UTC),
        model="m",
        usage=Usage(1, 2, 3),
        finish_reason="stop",
    )
    assert message_to_dict(full) == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c1", "name": "weather", "arguments": '{"city": "Köln"}'}],
        "id": "m1",
        "created": "2026-05-04T00:00:00+00:00",
        "model": "m",
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        "finish_reason": "stop",
    }


counts = st.integers(0)
messages = st.builds(
    Message,
    st.text(),
    st.text(st.characters(exclude_categories=[])),
    tool_calls=st.lists(st.builds(ToolCall, st.text(), st.text(), st.text())).map(tuple),
    tool_call_id=st.text(),
    id=st.text(),
    created=st.none() | st.datetimes(timezones=st.just(UTC)),
    model=st.text(),
    usage=st.none() | st.builds(Usage, counts, counts, counts),
    finish_reason=st.none() | st.text(min_size=1),
)


@given(st.lists(messages))
def test_written_messages_are_read_back(originals: list[Message]) -> None:
    record = write_record(originals)
    assert b"\n" not in record
    assert read_record(record) == originals
    assert [message_from_dict(json.loads(json.dumps(message_to_dict(message)))) for message in originals] == originals


def test_unknown_fields_are_ignored_and_missing_ones_are_empty() -> None:
    assert message_from_dict({"role": "user", "mood": "good"}) == Message("user", "")
    assert message_from_dict({"role": "user", "usage": {"cached": 1}}) == Message("user", "", usage=Usage(0, 0, 0))
    assert message_from_dict({"role": "assistant", "tool_calls": [{"id": "c"}]}) == Message(
        "assistant", "", tool_calls=(ToolCall("c", "", ""),)
    )


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (None, "a message must be a JSON object, got None$"),
        ([], "a message must be a JSON object, got list$"),
        ({}, "a message must have a role$"),
        ({"role": 3}, "role must be a str, got int$"),
        ({"role": "user", "content": None}, "content must be a str, got None$"),
        ({"role": "user", "content": [{"text": "x" * 100}]}, "content must be a str, got list$"),
        ({"role": "user", "created": "soon"}, "created must be a date and time in ISO 8601, got 'soon'$"),
        (
            {"role": "user", "created": "2026-01-01T00:00:00"},
            r"created must be a time with a time zone, got '2026.*'; make it with datetime.now\(UTC\)$",
        ),
        (
            {"role": "user", "created": "0001-01-01T00:00:00+14:00"},
            "created must be a date and time in ISO 8601, got '0001.*'$",
        ),
        ({"role": "user", "usage": 3}, "usage must be a JSON object, got int$"),
        ({"role": "user", "usage": {"prompt_tokens": "3"}}, "prompt_tokens must be an integer, got str$"),
        ({"role": "user", "usage": {"total_tokens": True}}, "total_tokens must be an integer, got bool$"),
        ({"role": "user", "tool_calls": {}}, "tool_calls must be a list, got dict$"),
        ({"role": "user", "tool_calls": [1]}, "a tool call must be a JSON object, got int$"),
        ({"role": "user", "tool_calls": [{"arguments": {}}]}, "arguments must be a str, got dict$"),
    ],
)
def test_an_invalid_message_is_an_error_that_names_the_field(written: Any, reason: str) -> None:
    with pytest.raises(InvalidMessage, match=f"^{reason}"):
        message_from_dict(written)


def test_a_message_that_could_not_be_read_back_is_not_written() -> None:
    with pytest.raises(InvalidMessage, match="^content must be a str, got None$"):
        message_to_dict(Message("assistant", None))  # type: ignore[arg-type]
    with pytest.raises(InvalidMessage, match="^created must be a time with a time zone"):
        message_to_dict(Message("assistant", "", created=datetime(2026, 1, 1)))


@pytest.mark.parametrize("record", [b"", b"{", b"3", b'{"role": "user"}', b"[" * 100_000, b"[\xff]", b"[1]"])
def test_an_invalid_record_is_an_error(record: bytes) -> None:
    with pytest.raises(InvalidMessage):
        read_record(record)


def test_tool_calls_and_their_results_are_sent_in_the_form_of_the_protocol() -> None:
    originals = [
        Message("user", "hi", id="m1", created=datetime.now(UTC), model="m"),
        Message("assistant", "", tool_calls=(CALL,)),
        Message("assistant", "I look", tool_calls=(CALL,)),
        Message("tool", "sun", tool_call_id="c1"),
    ]
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Köln"}'}}
    assert OpenAIProvider().request(Question("m", originals)).body["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "assistant", "content": "I look", "tool_calls": [call]},
        {"role": "tool", "content": "sun", "tool_call_id": "c1"},
    ]
