"""Typed streams for tests: their models, the four kinds of them, and a reading that notes all that comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import anyio
from pydantic import BaseModel

from declarai_like import streaming


class Audio(BaseModel):
    name: str


class Segment(BaseModel):
    text: str
    start: float = 0.0


class Totals(BaseModel):
    seconds: float


TYPES: dict[str, Any] = {
    "items": streaming.stream_types(Segment),
    "header": streaming.stream_types(Segment, header_type=Audio),
    "footer": streaming.stream_types(Segment, footer_type=Totals),
    "both": streaming.stream_types(Segment, header_type=Audio, footer_type=Totals),
}
HEADER = Audio(name="naïve 🦄.wav")
ITEMS = [Segment(text="one"), Segment(text="", start=1.5), Segment(text="drei: äöü 🦄\n\r\u2028", start=-2.25)]
FOOTER = Totals(seconds=2.5)


def written(kind: str, items: Iterable[Segment] = ITEMS, **settings: Any) -> list[bytes]:
    """Give the frames of a stream."""
    types = TYPES[kind]
    writer = streaming.stream_writer(types, **settings)
    frames = [writer.yield_header(HEADER)] if types.header_type else []
    frames += [writer.yield_item(item) for item in items]
    frames += [writer.yield_footer(FOOTER)] if types.footer_type else []
    return [*frames, writer.close()]


def whole(kind: str, items: Iterable[Segment] = ITEMS) -> list[Any]:
    """Give what is to be read of such a stream."""
    return [*([HEADER] if TYPES[kind].header_type else []), *items, *([FOOTER] if TYPES[kind].footer_type else [])]


def read(types: Any, pieces: Iterable[bytes], **settings: Any) -> list[Any]:
    """Give all that can be read of a stream, and in its place, as the last, the error that came."""
    types = TYPES.get(types, types) if isinstance(types, str) else types
    seen: list[Any] = []
    try:
        with streaming.stream_reader(types, pieces, **settings) as reader:
            if types.header_type:
                seen.append(reader.read_header())
            seen.extend(reader.read_items())
            if types.footer_type:
                seen.append(reader.read_footer())
    except Exception as error:
        seen.append(error)
    return seen


def read_in(world: Any, types: Any, pieces: Iterable[bytes], **settings: Any) -> list[Any]:
    """Do the same in one of the worlds."""
    if world.name == "blocking":
        return read(types, pieces, **settings)
    types = TYPES.get(types, types) if isinstance(types, str) else types
    seen: list[Any] = []

    async def read_async() -> None:
        async with streaming.stream_reader(types, later(pieces), **settings) as reader:
            if types.header_type:
                seen.append(await reader.read_header())
            async for item in reader.read_items():
                seen.append(item)
            if types.footer_type:
                seen.append(await reader.read_footer())

    try:
        world.run(read_async)
    except Exception as error:
        seen.append(error)
    return seen


async def later(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Give the pieces, each after the event loop has had a turn."""
    for piece in pieces:
        await anyio.lowlevel.checkpoint()
        yield piece


def two_ways(data: bytes) -> Iterator[list[bytes]]:
    """Cut bytes in two, at each place."""
    return ([data[:place], data[place:]] for place in range(len(data) + 1))


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[place : place + 1] for place in range(len(data))]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in zip(edges, edges[1:])]


def same(one: list[Any], other: list[Any]) -> bool:
    """Whether two readings gave the same; of errors, their class and what they say."""
    return [_told(value) for value in one] == [_told(value) for value in other]


def _told(value: Any) -> Any:
    return (type(value), str(value)) if isinstance(value, Exception) else value
