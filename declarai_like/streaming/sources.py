"""Where the bytes of a stream come from: iterators, blocking or async, and how they are closed."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any, TypeAlias, cast

Piece: TypeAlias = bytes | bytearray | memoryview


class Source:
    """Gives the pieces of an iterable, and closes it."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._given = pieces
        self._pieces = iter(pieces)

    def next(self) -> bytes | None:
        """Give the next piece; None where there are no more."""
        for piece in self._pieces:
            return piece if isinstance(piece, bytes) else _as_bytes(piece)
        return None

    def close(self) -> None:
        """Close the iterator, and what it was made from, where they can be closed."""
        for resource in (self._pieces, self._given):
            close: Callable[[], object] | None = getattr(resource, "close", None)
            if close is not None:
                close()


class AsyncSource:
    """Gives the pieces of an async iterable, and closes it."""

    def __init__(self, pieces: AsyncIterable[Piece]) -> None:
        self._given = pieces
        self._pieces = aiter(pieces)

    async def next(self) -> bytes | None:
        """Give the next piece; None where there are no more."""
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            return None
        return piece if isinstance(piece, bytes) else _as_bytes(piece)

    async def aclose(self) -> None:
        """Close the iterator, and what it was made from, where they can be closed."""
        for resource in (self._pieces, self._given):
            aclose: Callable[[], Awaitable[object]] | None = getattr(resource, "aclose", None)
            if aclose is not None:
                await aclose()


def _as_bytes(piece: Any) -> bytes:
    if isinstance(piece, bytearray | memoryview):
        return bytes(cast("bytearray", piece))
    raise TypeError(f"the source of a stream has to give bytes, and gives {type(piece).__name__}")
