"""The sources of a stream's bytes: sync and async iterables, and how they are closed."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any, TypeAlias, cast

from .errors import type_name

Piece: TypeAlias = bytes | bytearray | memoryview


class ByteSource:
    """An iterable of bytes that can be closed.

    Attributes:
        pieces: the iterator over it.
    """

    def __init__(self, iterable: Iterable[Piece]) -> None:
        self.pieces = iter(iterable)
        self._iterable = iterable

    def close(self) -> None:
        """Close the iterator and then the iterable, if they have a ``close()``."""
        # Both: of an HTTP response the iterator may be a generator, while the response itself has the connection
        for resource in (self.pieces, self._iterable):
            close: Callable[[], object] | None = getattr(resource, "close", None)
            if close is not None:
                close()


class AsyncByteSource:
    """An async iterable of bytes that can be closed.

    Attributes:
        pieces: the async iterator over it.
    """

    def __init__(self, iterable: AsyncIterable[Piece]) -> None:
        self.pieces = aiter(iterable)
        self._iterable = iterable

    async def aclose(self) -> None:
        """Close the iterator and then the iterable, if they have an ``aclose()``."""
        for resource in (self.pieces, self._iterable):
            aclose: Callable[[], Awaitable[object]] | None = getattr(resource, "aclose", None)
            if aclose is not None:
                await aclose()


def as_bytes(piece: Any) -> bytes:
    """Return a piece as bytes.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, bytearray | memoryview):
        return bytes(cast("bytearray", piece))
    raise TypeError(f"the source of a stream must yield bytes, got {type_name(piece)}")
