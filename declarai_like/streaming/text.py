"""Text from a stream of UTF-8 bytes that may be cut inside a character."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable
from typing import overload

from .errors import InvalidText, StreamTruncated
from .sources import AsyncByteSource, ByteSource, Piece, as_bytes


class TextDecoder:
    """An incremental decoder of UTF-8 whose errors have a position."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._fed = 0  # bytes

    def feed(self, piece: bytes) -> str:
        """Return the characters that the piece completes; ``""`` if it completes none.

        Raises:
            InvalidText: the bytes are not UTF-8.
        """
        pending = len(self._decoder.getstate()[0])  # bytes of an incomplete character
        try:
            text = self._decoder.decode(piece)
        except UnicodeDecodeError as error:
            # error.start counts from the first pending byte, which was in an earlier piece
            offset = self._fed - pending + error.start
            raise InvalidText(f"the stream is not valid UTF-8: {error.reason}", offset=offset) from error
        self._fed += len(piece)
        return text

    def end(self) -> None:
        """Handle the end of the bytes.

        Raises:
            StreamTruncated: it is inside a character.
        """
        pending = len(self._decoder.getstate()[0])
        if pending:
            raise StreamTruncated("the text ends inside a character", offset=self._fed - pending)


@overload
def text_reader(source: AsyncIterable[Piece]) -> AsyncIterator[str]: ...
@overload
def text_reader(source: Iterable[Piece]) -> Generator[str, None, None]: ...
def text_reader(source: AsyncIterable[Piece] | Iterable[Piece]) -> AsyncIterator[str] | Generator[str, None, None]:
    """Yield the text of a stream of UTF-8. Each character is yielded as soon as its last byte arrives.

    Raises:
        InvalidText: the bytes are not UTF-8.
        StreamTruncated: the stream ends inside a character.
        TypeError: the source yields something other than bytes.
    """
    return _AsyncText(AsyncByteSource(source)) if isinstance(source, AsyncIterable) else _read(ByteSource(source))


def _read(source: ByteSource) -> Generator[str, None, None]:
    decoder = TextDecoder()
    try:
        for piece in source.pieces:
            if text := decoder.feed(as_bytes(piece)):
                yield text
        decoder.end()
    finally:
        source.close()


class _AsyncText(AsyncIterator[str]):
    """The text of an async source.

    Not an async generator: if a caller leaves one with ``break``, it stays suspended until the event loop or the garbage
    collector closes it.
    """

    def __init__(self, source: AsyncByteSource) -> None:
        self._source = source
        self._decoder = TextDecoder()

    async def __anext__(self) -> str:
        try:
            async for piece in self._source.pieces:
                if text := self._decoder.feed(as_bytes(piece)):
                    return text
            self._decoder.end()
        except Exception:
            await self.aclose()
            raise
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await self._source.aclose()
