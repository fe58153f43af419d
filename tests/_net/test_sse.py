"""The decoder of server-sent events: the events do not depend on where the bytes are cut."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from declarai_like._net.sse import SSEDecoder
from declarai_like.errors import EventTooLarge

CASES = {
    "one line of data": (b"data: a\n\n", [(b"a", "message", "")]),
    "no space after the colon": (b"data:a\n\n", [(b"a", "message", "")]),
    "only one space is removed": (b"data:  a\n\n", [(b" a", "message", "")]),
    "a colon in the data": (b"data: a: b\n\n", [(b"a: b", "message", "")]),
    "several lines of data": (b"data: a\ndata: b\ndata\ndata:c\n\n", [(b"a\nb\n\nc", "message", "")]),
    "a field without a colon": (b"data\n\n", [(b"", "message", "")]),
    "carriage returns": (b"data: a\r\rdata: b\r\r", [(b"a", "message", ""), (b"b", "message", "")]),
    "both": (b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"a", "message", ""), (b"b", "message", "")]),
    "a mixture": (b"data: a\r\n\ndata: b\n\r\n", [(b"a", "message", ""), (b"b", "message", "")]),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [(b"a", "message", "")]),
    "a second mark is data": (b"data: x\n\n\xef\xbb\xbfdata: a\n\n", [(b"x", "message", "")]),
    "comments": (b": hello\n\n:\ndata: a\n: in between\ndata: b\n\n", [(b"a\nb", "message", "")]),
    "an event name": (b"event: ping\ndata: a\n\ndata: b\n\n", [(b"a", "ping", ""), (b"b", "message", "")]),
    "an event without data is dropped, its name too": (b"event: ping\n\ndata: b\n\n", [(b"b", "message", "")]),
    "ids stay": (b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", [(b"a", "message", "1"), (b"b", "message", "1"), (b"c", "message", "")]),
    "an id with a null is ignored": (b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", [(b"a", "message", "1"), (b"b", "message", "1")]),
    "unknown fields": (b"foo: bar\nDATA: x\n data: y\ndata: a\n\n", [(b"a", "message", "")]),
    "an unfinished event is dropped": (b"data: a\n\ndata: b\n", [(b"a", "message", "")]),
    "an unfinished line is dropped": (b"data: a\n\ndata: b", [(b"a", "message", "")]),
    "empty lines": (b"\n\n\ndata: a\n\n\n\n", [(b"a", "message", "")]),
    "other line ends are data": ("data: a\x0b\x0c\u2028\x85b\n\n".encode(), [("a\x0b\x0c\u2028\x85b".encode(), "message", "")]),
    "several in one piece": (b"data: a\n\ndata: b\n\nevent: x\ndata: c\n\n: ping\n\ndata: d\n\n", [(b"a", "message", ""), (b"b", "message", ""), (b"c", "x", ""), (b"d", "message", "")]),
    "invalid UTF-8 is passed on": (b"data: \xff\n\nevent: \xff\ndata: a\n\n", [(b"\xff", "message", ""), (b"a", "\ufffd", "")]),
}  # fmt: skip


def decode(pieces: list[bytes]) -> list[tuple[bytes, str, str]]:
    decoder = SSEDecoder()
    return [(event.data, event.event, event.id) for piece in pieces for event in decoder.feed(piece)]


def cut(data: bytes, positions: list[int]) -> list[bytes]:
    edges = [0, *sorted(position % (len(data) + 1) for position in positions), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize("name", CASES)
def test_each_case_in_one_piece(name: str) -> None:
    data, events = CASES[name]
    assert decode([data]) == events


@pytest.mark.parametrize("name", CASES)
def test_each_case_byte_by_byte(name: str) -> None:
    data, events = CASES[name]
    assert decode([data[position : position + 1] for position in range(len(data))]) == events


@pytest.mark.parametrize("name", CASES)
def test_each_case_cut_in_two_at_every_position(name: str) -> None:
    data, events = CASES[name]
    for position in range(len(data) + 1):
        assert decode([data[:position], data[position:]]) == events


@pytest.mark.parametrize("name", [name for name in CASES if "mark" not in name and "unfinished" not in name])
def test_each_case_after_a_plain_event_and_before_another(name: str) -> None:
    data, events = CASES[name]
    last_id = events[-1][2]
    around = decode([b"data: before\n\n", data, b"data: after\n\n"])
    assert around == [(b"before", "message", ""), *events, (b"after", "message", last_id)]


lines = st.one_of(
    st.sampled_from(
        [b"", b"data", b"data:", b"data: ", b"event: x", b"id: 7", b"id", b":", b"retry: 10", b"\xef\xbb\xbf"]
    ),
    st.binary(max_size=12).map(lambda raw: b"data: " + raw.replace(b"\n", b"").replace(b"\r", b"")),
)
streams = st.lists(st.tuples(lines, st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n"])), max_size=20).map(
    lambda parts: b"".join(line + end for line, end in parts)
)


@given(streams, st.lists(st.integers(0, 10_000), max_size=8))
@example(b"data: a\r\n\r\n", [8])
@example(b"data: a\n\ndata: b\n\n", [9])
def test_the_cuts_do_not_matter(data: bytes, positions: list[int]) -> None:
    assert decode(cut(data, positions)) == decode([data])


@given(streams)
def test_the_decoder_agrees_with_the_steps_of_the_standard(data: bytes) -> None:
    assert decode([data]) == by_the_standard(data)


def by_the_standard(data: bytes) -> list[tuple[bytes, str, str]]:
    """Decode a complete stream with the steps of the WHATWG standard, without optimisations."""
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events, buffer, kind, last_id = [], b"", "", ""
    for line in data.split(b"\n")[:-1]:
        if not line:
            if buffer:
                events.append((buffer.removesuffix(b"\n"), kind or "message", last_id))
            buffer, kind = b"", ""
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            buffer += value + b"\n"
        elif field == b"event":
            kind = value.decode("utf-8", "replace")
        elif field == b"id" and b"\0" not in value:
            last_id = value.decode("utf-8", "replace")
    return events


def test_retry_is_kept_if_it_is_a_number() -> None:
    decoder = SSEDecoder()
    decoder.feed(b"retry: 1500\n\n")
    assert decoder.retry == 1500
    decoder.feed(b"retry: soon\nretry: -1\nretry\nretry: " + b"9" * 10_000 + b"\n\n")
    assert decoder.retry == 1500


@pytest.mark.parametrize("data", [b"data: " + b"x" * 200 + b"\n\n", b"data: xxxxxxxxxx\n" * 20, b": " + b"x" * 200])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_larger_than_the_limit_is_an_error(data: bytes, size: int) -> None:
    decoder = SSEDecoder(max_event_size=100)
    with pytest.raises(EventTooLarge, match="limit of 100 bytes"):
        for position in range(0, len(data), size):
            decoder.feed(data[position : position + size])


def test_the_limit_is_for_each_event() -> None:
    decoder = SSEDecoder(max_event_size=100)
    assert len(decoder.feed(b"data: xxxxxxxxxxxxxxxxxxxx\n\n" * 50)) == 50
    assert len([event for _ in range(50) for event in decoder.feed(b"data: yyyyyyyyyyyyyyyyyyyy\r\n\r\n")]) == 50


def test_a_long_line_in_small_pieces_takes_linear_time() -> None:
    """A line of 10 MB in 200,000 pieces; joining it for each piece would copy 10^12 bytes."""
    decoder = SSEDecoder()
    decoder.feed(b"data: ")
    for _ in range(200_000):
        assert decoder.feed(b"x" * 50) == []
    (event,) = decoder.feed(b"\n\n")
    assert event.data == b"x" * 10_000_000


def test_a_long_stream_at_random_cuts() -> None:
    rng = random.Random(7)
    data = b"".join(b'data: {"n":%d,"t":"%s"}\n\n' % (n, b"x" * rng.randrange(300)) for n in range(500))
    expected = decode([data])
    assert len(expected) == 500
    for _ in range(20):
        assert decode(cut(data, [rng.randrange(len(data)) for _ in range(200)])) == expected
