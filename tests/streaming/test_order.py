"""The order of a typed stream: a wrong order is an error of the writer, the reader or the stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from declarai_like import streaming
from declarai_like.streaming import (
    DataAfterEnd,
    FrameTooLarge,
    InvalidPayload,
    MissingFooter,
    MissingHeader,
    OutOfOrder,
    UnexpectedFrame,
    UnknownFrame,
    WrongCount,
    WrongModel,
)
from declarai_like.streaming.errors import type_name
from tests.streaming.frame_streams import (
    FOOTER,
    HEADER,
    ITEMS,
    TYPES,
    Segment,
    byte_by_byte,
    later,
    models_of,
    read,
    read_in,
    two_ways,
    written,
)

H = b'\x02\x00\x00\x00\x0c{"name":"a"}'
I = b'\x03\x00\x00\x00\x0c{"text":"b"}'
F = b'\x04\x00\x00\x00\x0d{"seconds":1}'
E0 = b'\x05\x00\x00\x00\x0b{"items":0}'
E1 = b'\x05\x00\x00\x00\x0b{"items":1}'

WRONG = {
    "a header that is not declared": ("items", H + I + E1, UnexpectedFrame, 0),
    "a header after the first item": ("header", H + I + H + E1, UnexpectedFrame, 2),
    "two headers": ("header", H + H + I + E1, UnexpectedFrame, 1),
    "a footer that is not declared": ("items", I + F, UnexpectedFrame, 1),
    "an item after the footer": ("footer", I + F + I + E1, UnexpectedFrame, 2),
    "two footers": ("footer", I + F + F + E1, UnexpectedFrame, 2),
    "a header after the footer": ("both", H + I + F + H, UnexpectedFrame, 3),
    "no header": ("header", I + E1, MissingHeader, 0),
    "no header, and no item": ("header", E0, MissingHeader, 0),
    "a footer and no header": ("both", F + E0, MissingHeader, 0),
    "no footer": ("footer", I + E1, MissingFooter, 1),
    "fewer items than the end counts": ("items", E1, WrongCount, 0),
    "more items than the end counts": ("items", I + I + E1, WrongCount, 2),
    "more items than the end after a footer counts": ("footer", I + I + F + E1, WrongCount, 3),
    "an item after the end": ("items", I + E1 + I, DataAfterEnd, 2),
    "two ends": ("items", I + E1 + E1, DataAfterEnd, 2),
    "something after the end": ("items", I + E1 + b"x", DataAfterEnd, 2),
    "a part of a frame after the end": ("items", I + E1 + I[:3], DataAfterEnd, 2),
    "an item that is not JSON": ("items", I + I[:4] + b"\x03{\xff}", InvalidPayload, 1),
    "an item that is not valid": ("items", I + I[:4] + b'\x0a{"text":3}', InvalidPayload, 1),
    "an item of another model": ("items", I + I[:4] + H[4:], InvalidPayload, 1),
    "an empty item": ("items", I + b"\x03\x00\x00\x00\x00", InvalidPayload, 1),
    "a header that is not valid": ("header", H[:4] + I[4:], InvalidPayload, 0),
    "a footer that is not valid": ("footer", I + F[:4] + b"\x02{}", InvalidPayload, 1),
    "an end without a count": ("items", I + b"\x05\x00\x00\x00\x02{}", InvalidPayload, 1),
    "an error without a type": ("items", I + b"\x06\x00\x00\x00\x02{}", InvalidPayload, 1),
    "a tag that is never sent": ("items", I + b"\x01\x00\x00\x00\x00", UnknownFrame, 1),
    "an unknown tag": ("items", I + b"\x09\x00\x00\x00\x00", UnknownFrame, 1),
    "an end with a binary payload": ("items", I + b"\x85" + E1[1:], UnknownFrame, 1),
    "an item of the largest size": ("items", I + b"\x03\xff\xff\xff\xff", FrameTooLarge, 1),
    "an item with a binary payload that is too short": ("items", I + b"\x83\x00\x00\x00\x03abc", InvalidPayload, 1),
    "an item with a binary payload that is not JSON": ("items", I + b"\x83\x00\x00\x00\x06\x00\x00\x00\x02{]", InvalidPayload, 1),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_each_fault_of_a_stream_has_an_error_class_and_a_position(world: Any, case: str) -> None:
    kind, data, expected, frame = WRONG[case]
    error = read_in(world, kind, [data])[-1]
    assert type(error) is expected
    assert isinstance(error, ValueError)
    assert error.frame == frame
    starts = [0]
    while data[starts[-1] : starts[-1] + 5] and len(starts) <= frame:
        starts.append(starts[-1] + 5 + int.from_bytes(data[starts[-1] + 1 : starts[-1] + 5]))
    assert error.offset == starts[frame]
    assert f"(frame {frame}, byte {starts[frame]})" in str(error)


@pytest.mark.parametrize("case", WRONG)
def test_each_cut_gives_the_same_error_and_the_items_before_it(case: str) -> None:
    kind, data, expected, _ = WRONG[case]
    at_once = read(kind, [data])
    for pieces in (*two_ways(data), byte_by_byte(data)):
        results = read(kind, pieces)
        assert type(results[-1]) is expected
        assert str(results[-1]) == str(at_once[-1])
        assert results[:-1] == at_once[:-1]


@pytest.mark.parametrize("case", sorted(set(WRONG) - {case for case in WRONG if WRONG[case][2] is MissingHeader}))
def test_each_reading_raises_the_error_of_the_stream_again(case: str) -> None:
    kind, data, expected, _ = WRONG[case]
    reader: Any = streaming.stream_reader(TYPES[kind], [data])
    readings = [lambda: list(reader.read_items())]
    if TYPES[kind].header_type:
        readings.insert(0, reader.read_header)
    if TYPES[kind].footer_type:
        readings.append(reader.read_footer)
    errors = []
    for reading in readings * 2:
        try:
            reading()
        except streaming.TypedStreamError as error:
            errors.append(error)
    first = next(error for error in errors if type(error) is expected)
    assert all(error is first for error in errors[errors.index(first) :])


@pytest.mark.parametrize(
    ("page", "hint"),
    [
        (b"<!DOCTYPE html><html><body>502 Bad Gateway", "looks like an HTML page"),
        (b"<html>", "looks like an HTML page"),
        (b'{"detail": "Not Found"}', "looks like JSON or text"),
        (b"Internal Server Error", "looks like JSON or text"),
    ],
)
@pytest.mark.parametrize("encoding", ["frames", "ndjson", "sse"])
def test_the_page_of_a_server_or_proxy_is_recognised(page: bytes, hint: str, encoding: str) -> None:
    for pieces in (*list(two_ways(page)), byte_by_byte(page)):
        error = read("both", pieces, encoding=encoding)[-1]
        if encoding == "frames" or page.startswith(b"<"):
            assert type(error) is UnknownFrame
            assert hint in str(error)
        assert isinstance(error, streaming.TypedStreamError)


def test_items_can_be_read_without_the_declared_header(world: Any) -> None:
    def read_blocking() -> list[Any]:
        reader = streaming.stream_reader(TYPES["header"], [I + E1])
        with pytest.raises(MissingHeader):
            reader.read_header()
        return list(reader.read_items())

    async def read_later() -> list[Any]:
        reader = streaming.stream_reader(TYPES["header"], later([I + E1]))
        with pytest.raises(MissingHeader):
            await reader.read_header()
        return [item async for item in reader.read_items()]

    results = read_blocking() if world.name == "blocking" else world.run(read_later)
    assert results == [Segment(text="b")]


def test_a_missing_header_is_raised_once_by_the_items() -> None:
    reader = streaming.stream_reader(TYPES["header"], [I + E1])
    with pytest.raises(MissingHeader):
        next(reader.read_items())
    assert list(reader.read_items()) == [Segment(text="b")]
    with pytest.raises(OutOfOrder, match="can be read only once, before anything else"):
        reader.read_header()


def test_reading_in_the_wrong_order_changes_nothing() -> None:
    reader = streaming.stream_reader(TYPES["both"], written("both"))
    for _ in range(3):
        with pytest.raises(OutOfOrder, match=r"header must be read before the items; call read_header\(\)"):
            next(reader.read_items())
        with pytest.raises(OutOfOrder, match=r"header must be read before the footer; call read_header\(\)"):
            reader.read_footer()
    assert reader.read_header() == HEADER
    with pytest.raises(OutOfOrder, match="can be read only once, before anything else"):
        reader.read_header()
    for _ in range(3):
        with pytest.raises(OutOfOrder, match=r"items must be read before the footer; call read_items\(\)"):
            reader.read_footer()
    assert list(reader.read_items()) == ITEMS
    with pytest.raises(OutOfOrder, match="can be read only once, before anything else"):
        reader.read_header()
    assert list(reader.read_items()) == []
    assert reader.read_footer() == FOOTER
    with pytest.raises(OutOfOrder, match="the footer can be read only once"):
        reader.read_footer()
    assert list(reader.read_items()) == []


def test_a_footer_can_be_read_first_if_there_are_no_items() -> None:
    reader = streaming.stream_reader(TYPES["footer"], written("footer", []))
    assert reader.read_footer() == FOOTER


def test_a_stream_cut_before_its_footer_is_truncated() -> None:
    reader = streaming.stream_reader(TYPES["footer"], [])
    with pytest.raises(streaming.StreamTruncated):
        reader.read_footer()


def test_undeclared_parts_can_be_neither_read_nor_written() -> None:
    types: Any = TYPES["items"]
    reader: Any = streaming.stream_reader(types, written("items"))
    writer: Any = streaming.stream_writer(types)
    for use in (reader.read_header, lambda: writer.yield_header(HEADER)):
        with pytest.raises(OutOfOrder, match="the types declare no header"):
            use()
    for use in (reader.read_footer, lambda: writer.yield_footer(FOOTER)):
        with pytest.raises(OutOfOrder, match="the types declare no footer"):
            use()
    assert list(reader.read_items()) == ITEMS


def test_reading_continues_after_a_break(world: Any) -> None:
    results: list[Segment] = []

    def read_blocking() -> None:
        reader = streaming.stream_reader(TYPES["items"], [b"".join(written("items"))])
        for _ in range(4):
            for item in reader.read_items():
                results.append(item)
                break

    async def read_later() -> None:
        reader = streaming.stream_reader(TYPES["items"], later([b"".join(written("items"))]))
        for _ in range(4):
            async for item in reader.read_items():
                results.append(item)
                break

    read_blocking() if world.name == "blocking" else world.run(read_later)
    assert results == ITEMS


class Other(BaseModel):
    text: str = ""


class Longer(Segment):
    more: int = 1


def test_the_writer_accepts_only_the_declared_models() -> None:
    writer: Any = streaming.stream_writer(TYPES["both"])
    with pytest.raises(WrongModel, match="the header of this stream must be an instance of Audio, got Other"):
        writer.yield_header(Other())
    frames = [writer.yield_header(HEADER)]
    for wrong in (Other(), HEADER, {"text": "a"}, None):
        with pytest.raises(
            WrongModel, match=f"the item of this stream must be an instance of Segment, got {type_name(wrong)} "
        ) as caught:
            writer.yield_item(wrong)
        assert caught.value.frame == 1
    frames += [writer.yield_item(item) for item in ITEMS]
    with pytest.raises(WrongModel, match=r"instance of Totals, got Audio \(frame 4\)"):
        writer.yield_footer(HEADER)
    frames += [writer.yield_footer(FOOTER), writer.close()]
    assert read("both", frames) == models_of("both")


def test_only_the_declared_fields_of_a_subclass_are_written() -> None:
    writer = streaming.stream_writer(TYPES["items"])
    assert writer.yield_item(Longer(text="a")) == streaming.stream_writer(TYPES["items"]).yield_item(Segment(text="a"))


def test_writing_in_the_wrong_order_changes_nothing() -> None:
    writer = streaming.stream_writer(TYPES["both"])
    for too_early in (lambda: writer.yield_item(ITEMS[0]), lambda: writer.yield_footer(FOOTER), writer.close):
        with pytest.raises(OutOfOrder, match="the declared header must come first"):
            too_early()
    frames = [writer.yield_header(HEADER)]
    with pytest.raises(OutOfOrder, match="a header is allowed only once, as the first frame"):
        writer.yield_header(HEADER)
    frames += [writer.yield_item(item) for item in ITEMS]
    with pytest.raises(OutOfOrder, match="a header is allowed only once, as the first frame"):
        writer.yield_header(HEADER)
    with pytest.raises(OutOfOrder, match="the declared footer is missing"):
        writer.close()
    frames.append(writer.yield_footer(FOOTER))
    with pytest.raises(OutOfOrder, match="a footer is allowed only once"):
        writer.yield_footer(FOOTER)
    with pytest.raises(OutOfOrder, match=r"an item is not allowed after the footer \(frame 5\)"):
        writer.yield_item(ITEMS[0])
    assert not writer.is_over
    frames.append(writer.close())
    assert writer.is_over
    for too_late in (
        lambda: writer.yield_header(HEADER),
        lambda: writer.yield_item(ITEMS[0]),
        lambda: writer.yield_footer(FOOTER),
        lambda: writer.error(ValueError()),
    ):
        with pytest.raises(OutOfOrder, match="the stream has ended"):
            too_late()
    assert writer.close() == b""
    assert read("both", frames) == models_of("both")


def test_only_models_can_be_types() -> None:
    with pytest.raises(WrongModel, match="item_type must be a pydantic model class, got the class int"):
        streaming.stream_types(int)  # type: ignore[type-var]
    with pytest.raises(WrongModel, match="footer_type must be a pydantic model class, got Segment"):
        streaming.stream_types(Segment, footer_type=Segment(text=""))  # type: ignore[call-overload]
    with pytest.raises(WrongModel, match="item_type must be a pydantic model class, got None"):
        streaming.stream_types(None)  # type: ignore[type-var]


def test_a_wrong_setting_is_an_error() -> None:
    with pytest.raises(ValueError, match="encoding must be one of 'frames', 'ndjson', 'sse', got 'xml'"):
        streaming.stream_writer(TYPES["items"], encoding="xml")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="end must be 'required' or 'optional', got False"):
        streaming.stream_reader(TYPES["items"], [], end=False)  # type: ignore[call-overload]


def source(closed: list[str], pieces: list[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    finally:
        closed.append("closed")


async def async_source(closed: list[str], pieces: list[bytes]) -> AsyncIterator[bytes]:
    try:
        for piece in pieces:
            yield piece
    finally:
        closed.append("closed")


@pytest.mark.parametrize("read_some", [1, 2])
def test_leaving_the_reader_closes_the_source(world: Any, read_some: int) -> None:
    closed: list[str] = []
    frames = written("items")

    def leave() -> None:
        with streaming.stream_reader(TYPES["items"], source(closed, frames)) as reader:
            for _ in range(read_some):
                next(reader.read_items())
            assert closed == []
        with pytest.raises(OutOfOrder, match="the reader is closed"):
            next(reader.read_items())
        reader.close()

    async def leave_async() -> None:
        async with streaming.stream_reader(TYPES["items"], async_source(closed, frames)) as reader:
            for _ in range(read_some):
                await anext(reader.read_items())
            assert closed == []
        with pytest.raises(OutOfOrder, match="the reader is closed"):
            await anext(reader.read_items())
        await reader.aclose()

    leave() if world.name == "blocking" else world.run(leave_async)
    assert closed == ["closed"]


@pytest.mark.parametrize("wrong", [b"", b"?", I[:7]])
def test_a_stream_that_fails_closes_the_source_at_once(world: Any, wrong: bytes) -> None:
    closed: list[str] = []
    frames = [*written("items", end=False), wrong, b""]

    def fail() -> None:
        with pytest.raises(streaming.TypedStreamError):
            list(reader.read_items())

    async def fail_async() -> None:
        async_reader = streaming.stream_reader(TYPES["items"], async_source(closed, frames))
        with pytest.raises(streaming.TypedStreamError):
            [item async for item in async_reader.read_items()]

    reader = streaming.stream_reader(TYPES["items"], source(closed, frames))
    fail() if world.name == "blocking" else world.run(fail_async)
    assert closed == ["closed"]


def test_the_iterable_is_closed_after_its_iterator() -> None:
    closed: list[str] = []

    class Response:
        def __iter__(self) -> Iterator[bytes]:
            return source(closed, written("items"))

        def close(self) -> None:
            closed.append("response")

    with streaming.stream_reader(TYPES["items"], Response()) as reader:
        next(reader.read_items())
    assert closed == ["closed", "response"]


def test_the_footer_can_be_read_after_the_source_has_ended() -> None:
    reader = streaming.stream_reader(TYPES["footer"], written("footer"))
    assert list(reader.read_items()) == ITEMS
    assert reader.read_footer() == FOOTER
    reader.close()
    assert list(reader.read_items()) == []


def test_the_error_of_a_source_comes_after_the_items_before_it(world: Any) -> None:
    def broken() -> Iterator[bytes]:
        yield from written("items")[:2]
        raise ConnectionResetError("gone")

    results = read_in(world, "items", broken())
    assert results[:-1] == ITEMS[:2]
    assert isinstance(results[-1], ConnectionResetError)


@pytest.mark.parametrize("before", [[], ITEMS[:2]])
def test_an_item_can_be_read_again_after_a_validator_failed(before: list[Segment]) -> None:
    failures = [RuntimeError("not now")]

    class Picky(BaseModel):
        text: str

        def model_post_init(self, _: Any) -> None:
            if failures and self.text == "b":
                raise failures.pop()

    reader = streaming.stream_reader(
        streaming.stream_types(Picky), [b"".join(written("items", before)[:-1]) + I], end="optional"
    )
    texts: list[str] = []
    with pytest.raises(RuntimeError, match="not now"):
        texts.extend(item.text for item in reader.read_items())
    assert texts + [item.text for item in reader.read_items()] == [item.text for item in before] + ["b"]
