"""Contenders that write items as frames and read them from bytes: this library's codec, truss, and pydantic alone.

A size is a number of items, or the megabytes of one large item. Words name how the bytes are cut and the kind of item.
It uses no network. Only pydantic is needed here, so that this library can be measured in the environment of truss.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import AsyncIterator, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

_LIBRARY = Path(__file__).parents[1] / "declarai_like"
_BLOCK = 64 * 1024
_CUTS = {"blocks": _BLOCK, "whole": sys.maxsize, "bits": 16}
"""The length of the pieces. "frames" has each frame in a piece of its own."""


class Token(BaseModel):
    text: str


class Words(BaseModel):
    words: list[str]


class Segment(BaseModel):
    text: str
    start: float
    end: float
    speaker: int


_ITEMS: dict[str, BaseModel] = {
    "token": Token(text=" hello"),
    "words": Words(words=["hello", "you"]),
    "segment": Segment(text="hello you", start=1.5, end=2.25, speaker=3),
}


@lru_cache
def _item(kind: str, size: int) -> BaseModel:
    return _ITEMS.get(kind) or Token(text="x" * (size * 1_000_000))


@lru_cache
def _content(kind: str, size: int) -> bytes:
    return _item(kind, size).model_dump_json().encode()


@lru_cache
def _frame(kind: str, size: int) -> bytes:
    """Return the frame of an item, which is the same in both libraries."""
    content = _content(kind, size)
    return struct.pack(">BI", 3, len(content)) + content


def _pieces(cut: str, kind: str, size: int) -> Iterable[bytes]:
    """Return the bytes of a stream in pieces. Those of a large item are made one by one, to save memory."""
    if kind != "large":
        return _small_pieces(cut, kind, size)
    data = _frame(kind, size)
    return (data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK))


@lru_cache
def _small_pieces(cut: str, kind: str, size: int) -> list[bytes]:
    if cut == "frames":  # each is an object of its own, as it comes from a network
        return [bytes(bytearray(_frame(kind, size))) for _ in range(size)]
    data = _frame(kind, size) * size
    length = min(_CUTS[cut], len(data))
    return [data[at : at + length] for at in range(0, len(data), length)]


class Contender:
    """Verifies the number of items, and the last of them."""

    packages: tuple[str, ...] = ()  # their versions are shown

    def verify(self, work: str, size: int, result: tuple[int, Any]) -> None:
        kind = work.split()[-1]
        count, last = result
        assert count == _count(kind, size), f"{count} items came"
        if isinstance(last, BaseModel):
            assert last == _item(kind, size), f"the last item is {last!r:.200}"
        else:
            assert bytes(last) in (_content(kind, size), _frame(kind, size)), f"the last item is {bytes(last)!r:.200}"


class Floor(Contender):
    """Pydantic alone: JSON without frames."""

    packages = ("pydantic", "pydantic-core")

    def encode(self, kind: str, size: int) -> tuple[int, Any]:
        item = _item(kind, size)
        dump = item.__pydantic_serializer__.to_json
        for _ in range(count := _count(kind, size)):
            last = dump(item)
        return count, last

    def decode(self, kind: str, size: int) -> tuple[int, Any]:
        load, content = type(_item(kind, size)).__pydantic_validator__.validate_json, _content(kind, size)
        for _ in range(count := _count(kind, size)):
            last = load(content)
        return count, last


class Codec(Contender):
    """A codec of typed streams, given as its module. The names in it are the same in both libraries."""

    def __init__(self, streaming: Any, **settings: Any) -> None:
        self._streaming, self._settings = streaming, settings

    def encode(self, kind: str, size: int) -> tuple[int, Any]:
        item = _item(kind, size)
        write = self._streaming.stream_writer(self._streaming.stream_types(type(item))).yield_item
        for _ in range(count := _count(kind, size)):
            last = write(item)
        return count, last

    async def adecode(self, cut: str, kind: str, size: int) -> tuple[int, Any]:
        count = 0
        async for item in self._reader(kind, size, _later(_pieces(cut, kind, size))):
            count += 1
            last = item
        return count, last

    def _reader(self, kind: str, size: int, source: Any) -> Any:
        types = self._streaming.stream_types(type(_item(kind, size)))
        return self._streaming.stream_reader(types, source, **self._settings).read_items()


class Ours(Codec):
    """This library's codec, which stands alone. It reads in blocking code too."""

    def __init__(self) -> None:
        sys.path.append(str(_LIBRARY))
        import streaming

        sys.path.remove(str(_LIBRARY))
        super().__init__(streaming, end="optional")

    def decode(self, cut: str, kind: str, size: int) -> tuple[int, Any]:
        count = 0
        for item in self._reader(kind, size, _pieces(cut, kind, size)):
            count += 1
            last = item
        return count, last


class Truss(Codec):
    """Truss, which reads in async code only."""

    packages = ("truss",)

    def __init__(self) -> None:
        from truss_chains import streaming

        super().__init__(streaming)


def _count(kind: str, size: int) -> int:
    return 1 if kind == "large" else size


async def _later(source: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in source:
        yield piece
