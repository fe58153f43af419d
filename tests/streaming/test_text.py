"""The text encodings of a typed stream, NDJSON and server-sent events, and streams of plain text."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarai_like import streaming
from declarai_like._net.sse import SSEDecoder
from declarai_like.streaming import InvalidPayload, InvalidText, StreamTruncated, UnknownFrame
from tests.streaming.frame_streams import (
    ITEMS,
    TYPES,
    Segment,
    byte_by_byte,
    cut,
    later,
    read,
    same_results,
    two_ways,
    written,
)

AS_LINES = (
    b'{"header":{"name":"a"}}\n{"item":{"text":"b","start":1.5}}\n{"footer":{"seconds":2.0}}\n{"end":{"items":1}}\n'
)
AS_EVENTS = (
    b'event: header\ndata: {"name":"a"}\n\nevent: item\ndata: {"text":"b","start":1.5}\n\n'
    b'event: footer\ndata: {"seconds":2.0}\n\nevent: end\ndata: {"items":1}\n\n'
)


def test_the_bytes_are_those_of_the_encodings() -> None:
    for encoding, data in (("ndjson", AS_LINES), ("sse", AS_EVENTS)):
        [header, item, footer] = read("both", [data], encoding=encoding)
        writer: Any = streaming.stream_writer(TYPES["both"], encoding=encoding)
        frames = [writer.yield_header(header), writer.yield_item(item), writer.yield_footer(footer), writer.close()]
        assert b"".join(frames) == data


@pytest.mark.parametrize(
    ("encoding", "media_type"),
    [("frames", "application/octet-stream"), ("ndjson", "application/x-ndjson"), ("sse", "text/event-stream")],
)
def test_a_writer_knows_its_media_type(encoding: Any, media_type: str) -> None:
    assert streaming.stream_writer(TYPES["items"], encoding=encoding).media_type == media_type


def test_each_frame_is_one_line_of_json() -> None:
    frames = written("both", encoding="ndjson")
    assert all(frame.count(b"\n") == 1 and frame.endswith(b"}\n") for frame in frames)
    assert [list(json.loads(frame)) for frame in frames] == [
        ["header"],
        ["item"],
        ["item"],
        ["item"],
        ["footer"],
        ["end"],
    ]


def test_another_event_decoder_reads_the_events() -> None:
    frames = written("both", encoding="sse")
    events = SSEDecoder().feed(b"".join(frames))
    assert [event.event for event in events] == ["header", "item", "item", "item", "footer", "end"]
    assert Segment.model_validate_json(events[3].data) == ITEMS[2]


ALIKE = {
    "spaces": ("ndjson", b' { "item" : {"text": "a"} } \n\t{"end":\t{"items":1}}\n'),
    "line ends of Windows": ("ndjson", b'{"item":{"text":"a"}}\r\n{"end":{"items":1}}\r\n'),
    "empty lines": ("ndjson", b'\n\n{"item":{"text":"a"}}\n \n\r\n{"end":{"items":1}}\n\n'),
    "a byte order mark": ("ndjson", b'\xef\xbb\xbf{"item":{"text":"a"}}\n{"end":{"items":1}}\n'),
    "carriage returns": ("sse", b'event: item\rdata: {"text":"a"}\r\revent: end\rdata: {"items":1}\r\r'),
    "both line ends": ("sse", b'event: item\r\ndata: {"text":"a"}\r\n\r\nevent: end\r\ndata: {"items":1}\r\n\r\n'),
    "no spaces": ("sse", b'event:item\ndata:{"text":"a"}\n\nevent:end\ndata:{"items":1}\n\n'),
    "data in several lines": ("sse", b'event: item\ndata: {"text":\ndata: "a"}\n\ndata: {"items":1}\nevent: end\n\n'),
    "comments and heartbeats": ("sse", b': hi\n\n:\n\nevent: item\n: in between\ndata: {"text":"a"}\n\n\n: ping\n\nevent: end\ndata: {"items":1}\n\n: bye\n\n'),
    "ids and other fields": ("sse", b'id: 7\nretry: 100\nevent: item\nfoo: bar\ndata: {"text":"a"}\n\nid: 8\n\nevent: end\ndata: {"items":1}\nid\n\n'),
    "an event without data": ("sse", b'event: item\n\nevent: item\ndata: {"text":"a"}\n\nevent: end\ndata: {"items":1}\n\n'),
    "a byte order mark before events": ("sse", b'\xef\xbb\xbfevent: item\ndata: {"text":"a"}\n\nevent: end\ndata: {"items":1}\n\n'),
}  # fmt: skip


@pytest.mark.parametrize("case", ALIKE)
def test_variants_of_the_encodings_are_read_alike(case: str) -> None:
    encoding, data = ALIKE[case]
    for pieces in ([data], byte_by_byte(data), *two_ways(data)):
        assert read("items", pieces, encoding=encoding) == [Segment(text="a")]


WRONG = {
    "a line that is not an object": ("ndjson", b"[1]\n", UnknownFrame),
    "a line of something else": ("ndjson", b'{"text":"a"}\n', UnknownFrame),
    "a line of nothing": ("ndjson", b"{}\n", UnknownFrame),
    "a line without its closing brace": ("ndjson", b'{"item":{"text":"a"}\n', InvalidPayload),
    "a line with data after the object": ("ndjson", b'{"item":{"text":"a"}} x\n', InvalidPayload),
    "a line of two frames": ("ndjson", b'{"item":{"text":"a"},"item":{"text":"a"}}\n', InvalidPayload),
    "an event of another name": ("sse", b"event: delta\ndata: {}\n\n", UnknownFrame),
    "an event without a name": ("sse", b"data: {}\n\n", UnknownFrame),
    "an event that is not JSON": ("sse", b"event: item\ndata: a\n\n", InvalidPayload),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_fault_has_an_error_class_and_a_position(case: str) -> None:
    encoding, data, expected = WRONG[case]
    frames = written("items", ITEMS[:2], encoding=encoding)[:2]
    before = b"".join(frames)
    for pieces in ([before + data], byte_by_byte(before + data), *two_ways(before + data)):
        results = read("items", pieces, encoding=encoding)
        assert results[:-1] == ITEMS[:2]
        assert type(results[-1]) is expected
        assert (results[-1].frame, results[-1].offset) == (2, len(before))


TEXT = "naïve 🦄 drei €\n\x00\u2028"


def read_text(world: Any, pieces: list[bytes]) -> str:
    if world.name == "blocking":
        return "".join(streaming.text_reader(pieces))

    async def join() -> str:
        return "".join([text async for text in streaming.text_reader(later(pieces))])

    return world.run(join)


def test_text_is_the_same_for_each_cut(world: Any) -> None:
    data = TEXT.encode()
    for pieces in ([], [data], byte_by_byte(data), *two_ways(data)):
        assert read_text(world, pieces) == (TEXT if pieces else "")


@given(st.text(), st.lists(st.integers(0, 1000)))
def test_any_text_is_the_same_for_any_cut(text: str, positions: list[int]) -> None:
    pieces = list(streaming.text_reader(cut(text.encode(), positions)))
    assert "".join(pieces) == text
    assert "" not in pieces


def test_text_is_yielded_as_soon_as_its_characters_are_complete() -> None:
    pieces = iter([b"a\xf0\x9f", b"\xa6", b"\x84b", b"c"])
    assert list(streaming.text_reader(pieces)) == ["a", "🦄b", "c"]


def test_text_cut_inside_a_character_is_an_error(world: Any) -> None:
    for length in (1, 2, 3):
        with pytest.raises(StreamTruncated, match=r"the text ends inside a character \(byte 2\)"):
            read_text(world, [b"ab", "🦄".encode()[:length]])


def test_invalid_utf8_is_an_error_with_a_position(world: Any) -> None:
    data = b"ab\xf0\x9f\x41"
    for pieces in ([data], byte_by_byte(data), *two_ways(data)):
        with pytest.raises(InvalidText, match=r"the stream is not valid UTF-8: invalid continuation byte \(byte 2\)"):
            read_text(world, pieces)


def test_leaving_text_closes_the_source(world: Any) -> None:
    closed: list[str] = []

    def source() -> Iterator[bytes]:
        try:
            yield from [b"a", b"b"]
        finally:
            closed.append("closed")

    async def async_source() -> AsyncIterator[bytes]:
        try:
            for piece in (b"a", b"b"):
                yield piece
        finally:
            closed.append("closed")

    async def leave() -> None:
        text: Any = streaming.text_reader(async_source())
        assert await anext(text) == "a"
        await text.aclose()

    async def fail() -> None:
        with pytest.raises(InvalidText):
            [text async for text in streaming.text_reader(later_and_closed())]

    async def later_and_closed() -> AsyncIterator[bytes]:
        try:
            yield b"\xff"
        finally:
            closed.append("closed")

    if world.name == "blocking":
        text = streaming.text_reader(source())
        assert next(text) == "a"
        text.close()
        assert closed == ["closed"]
    else:
        world.run(leave)
        world.run(fail)
        assert closed == ["closed"] * 2


@given(
    st.lists(st.sampled_from([b"event: item", b"data: {", b'data: {"text":"a"}', b"", b"event: end", b": x", b"data"])),
    st.lists(st.integers(0, 200), max_size=5),
    st.sampled_from([b"\n", b"\r", b"\r\n"]),
)
def test_any_events_are_read_alike_for_any_cut(lines: list[bytes], positions: list[int], end: bytes) -> None:
    data = b"".join(line + end for line in lines)
    assert same_results(read("items", cut(data, positions), encoding="sse"), read("items", [data], encoding="sse"))
