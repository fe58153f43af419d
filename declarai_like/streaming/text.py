"""Text from a stream of bytes that may be cut in the middle of a character."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable
from typing import overload

from .errors import InvalidText, StreamTruncated
from .sources import AsyncByteSource, ByteSource, Piece, as_bytes


class TextDecoder:
    """Turns bytes into text: ``feed`` gives what of it is whole."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._fed = 0

    def feed(self, piece: bytes) -> str:
        """Give the text that the piece completes; nothing where a character is not whole.

        Raises:
            InvalidText: this is not UTF-8.
        """
        pending = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(piece)
        except UnicodeDecodeError as error:
            raise InvalidText(f"this is not UTF-8: {error.reason}", offset=self._fed - pending + error.start) from error
        self._fed += len(piece)
        return text

    def end(self) -> None:
        """Take note that there are no more bytes.

        Raises:
            StreamTruncated: they end inside a character.
        """
        pending = len(self._decoder.getstate()[0])
        if pending:
            raise StreamTruncated("the text ends inside a character", offset=self._fed - pending)


@overload
def text_reader(source: AsyncIterable[Piece]) -> AsyncIterator[str]: ...
@overload
def text_reader(source: Iterable[Piece]) -> Generator[str, None, None]: ...
def text_reader(source: AsyncIterable[Piece] | Iterable[Piece]) -> AsyncIterator[str] | Generator[str, None, None]:
    """Give the text of a stream of UTF-8, piece by piece, each as soon as its characters are whole.

    Raises:
        InvalidText: this is not UTF-8.
        StreamTruncated: the stream ends inside a character.
        TypeError: the source gives something else than bytes.
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
    """The text of an async source. No async generator: those must be closed by who leaves them early."""

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
