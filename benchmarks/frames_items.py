"""The items of typed streams that are measured, and their bytes."""

from __future__ import annotations

import struct
import sys
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

PIECE = 64 * 1024
MEGABYTE = 1_000_000


class Token(BaseModel):
    text: str


class Words(BaseModel):
    words: list[str]


class Segment(BaseModel):
    text: str
    start: float
    end: float
    speaker: int


ITEMS: dict[str, BaseModel] = {
    "token": Token(text=" hello"),
    "words": Words(words=["hello", "you"]),
    "segment": Segment(text="hello you", start=1.5, end=2.25, speaker=3),
}
CUTS = {"blocks": PIECE, "frames": 0, "whole": sys.maxsize, "bits": 16}
"""How the bytes of small items are cut: the length of the pieces, or 0 for one frame in each."""


@lru_cache
def pieces(kind: str, number: int, cut: str) -> list[bytes]:
    """Give the bytes of a stream of small items, cut."""
    one = frame(ITEMS[kind].model_dump_json().encode())
    if not CUTS[cut]:
        return [bytes(bytearray(one)) for _ in range(number)]  # each one of its own, as they come from a network
    data = one * number
    size = min(CUTS[cut], len(data))
    return [data[at : at + size] for at in range(0, len(data), size)]


@lru_cache
def large_item(megabytes: int) -> Token:
    return Token(text="x" * (megabytes * MEGABYTE))


@lru_cache
def large_content(megabytes: int) -> bytes:
    return large_item(megabytes).model_dump_json().encode()


@lru_cache
def large_frame(megabytes: int) -> bytes:
    return frame(large_content(megabytes))


def large_pieces(megabytes: int) -> Iterator[bytes]:
    """Give the bytes of a large item in pieces, each made when it is its turn."""
    data = large_frame(megabytes)
    return (data[at : at + PIECE] for at in range(0, len(data), PIECE))


def frame(content: bytes) -> bytes:
    """Give the frame of an item, as it is in both."""
    return struct.pack(">BI", 3, len(content)) + content


async def later(source: Any) -> AsyncIterator[bytes]:
    for piece in source:
        yield piece
