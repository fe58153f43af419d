"""Where the bytes of a stream come from: iterators, blocking or async, and how they are closed."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any, TypeAlias, cast

Piece: TypeAlias = bytes | bytearray | memoryview


class ByteSource:
    """The pieces of an iterable, which can be closed.

    Attributes:
        pieces: what gives those that are left.
    """

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self.pieces = iter(pieces)
        self._given = pieces

    def close(self) -> None:
        """Close the iterator, and what it was made from, where they can be closed."""
        for resource in (self.pieces, self._given):
            close: Callable[[], object] | None = getattr(resource, "close", None)
            if close is not None:
                close()


class AsyncByteSource:
    """The pieces of an async iterable, which can be closed.

    Attributes:
        pieces: what gives those that are left.
    """

    def __init__(self, pieces: AsyncIterable[Piece]) -> None:
        self.pieces = aiter(pieces)
        self._given = pieces

    async def aclose(self) -> None:
        """Close the iterator, and what it was made from, where they can be closed."""
        for resource in (self.pieces, self._given):
            aclose: Callable[[], Awaitable[object]] | None = getattr(resource, "aclose", None)
            if aclose is not None:
                await aclose()


def as_bytes(piece: Any) -> bytes:
    """Give a piece as bytes; what is none is a mistake of the source."""
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, bytearray | memoryview):
        return bytes(cast("bytearray", piece))
    raise TypeError(f"the source of a stream has to give bytes, and gives {type(piece).__name__}")
