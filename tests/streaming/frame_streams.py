"""Typed streams for tests: models, the four kinds of streams, and functions that write, cut and read them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import pairwise
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
    """Return the frames of a stream."""
    types = TYPES[kind]
    writer = streaming.stream_writer(types, **settings)
    frames = [writer.yield_header(HEADER)] if types.header_type else []
    frames += [writer.yield_item(item) for item in items]
    frames += [writer.yield_footer(FOOTER)] if types.footer_type else []
    return [*frames, writer.close()]


def models_of(kind: str, items: Iterable[Segment] = ITEMS) -> list[Any]:
    """Return the models that must be read from such a stream."""
    return [*([HEADER] if TYPES[kind].header_type else []), *items, *([FOOTER] if TYPES[kind].footer_type else [])]


def read(types: Any, pieces: Iterable[bytes], **settings: Any) -> list[Any]:
    """Return everything that can be read from a stream, and as the last result the error, if there is one."""
    types = TYPES.get(types, types) if isinstance(types, str) else types
    results: list[Any] = []
    try:
        with streaming.stream_reader(types, pieces, **settings) as reader:
            if types.header_type:
                results.append(reader.read_header())
            results.extend(reader.read_items())
            if types.footer_type:
                results.append(reader.read_footer())
    except Exception as error:
        results.append(error)
    return results


def read_in(world: Any, types: Any, pieces: Iterable[bytes], **settings: Any) -> list[Any]:
    """Read a stream as `read` does, in one of the worlds."""
    if world.name == "blocking":
        return read(types, pieces, **settings)
    types = TYPES.get(types, types) if isinstance(types, str) else types
    results: list[Any] = []

    async def read_async() -> None:
        async with streaming.stream_reader(types, later(pieces), **settings) as reader:
            if types.header_type:
                results.append(await reader.read_header())
            async for item in reader.read_items():
                results.append(item)
            if types.footer_type:
                results.append(await reader.read_footer())

    try:
        world.run(read_async)
    except Exception as error:
        results.append(error)
    return results


async def later(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the pieces, each after a checkpoint of the event loop."""
    for piece in pieces:
        await anyio.lowlevel.checkpoint()
        yield piece


def two_ways(data: bytes) -> Iterator[list[bytes]]:
    """Yield the bytes cut in two, at each position."""
    return ([data[:position], data[position:]] for position in range(len(data) + 1))


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[position : position + 1] for position in range(len(data))]


def cut(data: bytes, positions: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(position % (len(data) + 1) for position in positions), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def same_results(one: list[Any], other: list[Any]) -> bool:
    """True if two readings returned the same; errors are compared by class and message."""
    return [_comparable(value) for value in one] == [_comparable(value) for value in other]


def _comparable(value: Any) -> Any:
    return (type(value), str(value)) if isinstance(value, Exception) else value
