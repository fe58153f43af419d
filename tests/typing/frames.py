"""The types of streams between processes. This module is never run; mypy --strict and pyright strict check it."""

from __future__ import annotations

import array
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator
from typing import assert_type

from pydantic import BaseModel

from declarai_like import streaming
from declarai_like.streaming import AsyncStreamReader, StreamReader, StreamTypes, StreamWriter


class Audio(BaseModel):
    name: str


class Segment(BaseModel):
    text: str
    samples: streaming.FloatArray
    marks: streaming.IntArray


class Totals(BaseModel):
    seconds: float


items = streaming.stream_types(Segment)
with_header = streaming.stream_types(Segment, header_type=Audio)
with_footer = streaming.stream_types(Segment, footer_type=Totals)
with_both = streaming.stream_types(Segment, header_type=Audio, footer_type=Totals)

assert_type(items, StreamTypes[Segment, None, None])
assert_type(with_header, StreamTypes[Segment, Audio, None])
assert_type(with_footer, StreamTypes[Segment, None, Totals])
assert_type(with_both, StreamTypes[Segment, Audio, Totals])

streaming.stream_types(int)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
streaming.stream_types(Segment, header_type=str)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


def writes(audio: Audio, segment: Segment, totals: Totals) -> None:
    assert_type(streaming.stream_writer(items), StreamWriter[Segment, None, None])
    assert_type(streaming.stream_writer(with_both, encoding="sse", end=False), StreamWriter[Segment, Audio, Totals])

    for_items = streaming.stream_writer(items)
    assert_type(for_items.yield_item(segment), bytes)
    assert_type(for_items.close(), bytes)
    assert_type(for_items.error(ValueError(), details={"a": 1}), bytes)
    for_items.yield_item(audio)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    for_items.yield_header(audio)  # type: ignore[arg-type]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    for_items.yield_footer(totals)  # type: ignore[arg-type]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    for_header = streaming.stream_writer(with_header)
    assert_type(for_header.yield_header(audio), bytes)
    for_header.yield_header(totals)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    for_header.yield_footer(totals)  # type: ignore[arg-type]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    for_footer = streaming.stream_writer(with_footer)
    assert_type(for_footer.yield_footer(totals), bytes)
    for_footer.yield_footer(audio)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    for_footer.yield_header(audio)  # type: ignore[arg-type]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    for_both = streaming.stream_writer(with_both)
    assert_type(for_both.yield_header(audio), bytes)
    assert_type(for_both.yield_footer(totals), bytes)
    streaming.stream_writer(items, encoding="xml")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def guards(pieces: Iterable[bytes], later: AsyncIterator[bytes]) -> None:
    writer = streaming.stream_writer(with_both)
    assert_type(writer.guard(pieces), Generator[bytes, None, None])
    assert_type(writer.guard(later), AsyncGenerator[bytes, None])


def reads(pieces: Iterable[bytes]) -> None:
    assert_type(streaming.stream_reader(items, pieces), StreamReader[Segment, None, None])
    for_items = streaming.stream_reader(items, pieces, end="optional")
    assert_type(for_items.read_items(), Iterator[Segment])
    for_items.read_header()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    for_items.read_footer()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    for_header = streaming.stream_reader(with_header, pieces)
    assert_type(for_header.read_header(), Audio)
    for_header.read_footer()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    for_footer = streaming.stream_reader(with_footer, pieces)
    assert_type(for_footer.read_footer(), Totals)
    for_footer.read_header()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    with streaming.stream_reader(with_both, pieces, errors=[KeyError]) as for_both:
        assert_type(for_both, StreamReader[Segment, Audio, Totals])
        assert_type(for_both.read_header(), Audio)
        for item in for_both.read_items():
            assert_type(item, Segment)
            assert_type(item.samples, array.array[float])
            assert_type(item.marks, array.array[int])
        assert_type(for_both.read_footer(), Totals)
    streaming.stream_reader(items, pieces, end="never")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


async def reads_later(pieces: AsyncIterator[bytes]) -> None:
    assert_type(streaming.stream_reader(items, pieces), AsyncStreamReader[Segment, None, None])
    for_items = streaming.stream_reader(items, pieces)
    assert_type(for_items.read_items(), AsyncIterator[Segment])
    await for_items.read_header()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    for_header = streaming.stream_reader(with_header, pieces)
    assert_type(await for_header.read_header(), Audio)
    await for_header.read_footer()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    for_footer = streaming.stream_reader(with_footer, pieces)
    assert_type(await for_footer.read_footer(), Totals)

    async with streaming.stream_reader(with_both, pieces) as for_both:
        assert_type(for_both, AsyncStreamReader[Segment, Audio, Totals])
        assert_type(await for_both.read_header(), Audio)
        async for item in for_both.read_items():
            assert_type(item, Segment)
        assert_type(await for_both.read_footer(), Totals)


def reads_text(pieces: Iterable[bytes], later: AsyncIterator[bytes]) -> None:
    assert_type(streaming.text_reader(pieces), Generator[str, None, None])
    assert_type(streaming.text_reader(later), AsyncIterator[str])
