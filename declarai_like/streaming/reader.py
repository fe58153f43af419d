"""Reads a typed stream from an iterator of bytes: blocking, or async in any event loop."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, cast, overload

from pydantic import BaseModel

from .declared import Footer, Footer_co, Header, Header_co, Item, Item_co, StreamTypes
from .encodings import EncodingName, encoding_of
from .receiver import MORE, Reading, Receiver
from .sources import AsyncByteSource, ByteSource, Piece

T = TypeVar("T")
EndRule: TypeAlias = Literal["required", "optional"]

MAX_FRAME_SIZE = 64 * 1024 * 1024


class StreamReader(Generic[Item_co, Header_co, Footer_co]):
    """Reads header, items and footer, in this order; made by `stream_reader` from an iterator of bytes.

    As a context manager it closes the iterator at its end. A stream that has been read to its end, or that failed,
    closes it by itself.

    Raises:
        StreamTruncated: of its methods: the bytes end before the stream does.
        FrameError: of its methods: what came is not what it has to be; there is an error for each case.
        RemoteError: of its methods: the producer failed. An error of a class that is known here is raised as it is.
        OutOfOrder: of its methods: this cannot be read now, the types declare none, or the reader is closed.
        TypeError: of its methods: the iterator gives something else than bytes.
    """

    def __init__(self, receiver: Receiver, source: Iterable[Piece]) -> None:
        self._receiver = receiver
        self._source = ByteSource(source)

    def read_header(self: StreamReader[Any, BaseModel, Any]) -> Header_co:
        """Give the header.

        Raises:
            MissingHeader: the stream has none; the items can be read all the same.
        """
        header: Header_co = self._read(self._receiver.header())
        return header

    def read_items(self) -> Iterator[Item_co]:
        """Give the items that are left, each as soon as it has come; again after a ``break``, from the next one on."""
        try:
            for item in self._receiver.items():
                if item is MORE:
                    self._feed()
                else:
                    yield item
        finally:
            self._close_at_end()

    def read_footer(self: StreamReader[Any, Any, BaseModel]) -> Footer_co:
        """Give the footer, when the stream is whole.

        Raises:
            MissingFooter: the stream has none.
        """
        footer: Footer_co = self._read(self._receiver.footer())
        return footer

    def close(self) -> None:
        """Close the iterator of bytes. What has not been read is given up."""
        self._receiver.close()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, reading: Reading[T]) -> T:
        try:
            while True:
                next(reading)
                self._feed()
        except StopIteration as done:
            return cast("T", done.value)
        finally:
            self._close_at_end()

    def _feed(self) -> None:
        """Let the receiver have pieces until there is something to read, or no more of them."""
        for piece in self._source.pieces:
            if self._receiver.feed(piece):
                return
        self._receiver.end()

    def _close_at_end(self) -> None:
        if self._receiver.is_over:
            self._source.close()


class AsyncStreamReader(Generic[Item_co, Header_co, Footer_co]):
    """Reads header, items and footer, in this order; made by `stream_reader` from an async iterator of bytes.

    As an async context manager it closes the iterator at its end. A stream that has been read to its end, or that
    failed, closes it by itself. Its methods raise what those of a `StreamReader` raise.
    """

    def __init__(self, receiver: Receiver, source: AsyncIterable[Piece]) -> None:
        self._receiver = receiver
        self._source = AsyncByteSource(source)

    async def read_header(self: AsyncStreamReader[Any, BaseModel, Any]) -> Header_co:
        """Give the header.

        Raises:
            MissingHeader: the stream has none; the items can be read all the same.
        """
        return await self._read(self._receiver.header())

    def read_items(self) -> AsyncIterator[Item_co]:
        """Give the items that are left, each as soon as it has come; again after a ``break``, from the next one on."""
        return _Items(self._receiver, self._source)

    async def read_footer(self: AsyncStreamReader[Any, Any, BaseModel]) -> Footer_co:
        """Give the footer, when the stream is whole.

        Raises:
            MissingFooter: the stream has none.
        """
        return await self._read(self._receiver.footer())

    async def aclose(self) -> None:
        """Close the iterator of bytes. What has not been read is given up."""
        self._receiver.close()
        await self._source.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _read(self, reading: Reading[T]) -> T:
        try:
            while True:
                next(reading)
                await _feed(self._receiver, self._source)
        except StopIteration as done:
            return cast("T", done.value)
        finally:
            await self._close_at_end()

    async def _close_at_end(self) -> None:
        if self._receiver.is_over:
            await self._source.aclose()


class _Items(AsyncIterator[Any]):
    """The items of an async reader. No async generator: those must be closed by who leaves them early."""

    def __init__(self, receiver: Receiver, source: AsyncByteSource) -> None:
        self._receiver = receiver
        self._source = source
        self._reading = receiver.items()

    async def __anext__(self) -> Any:
        try:
            for item in self._reading:
                if item is not MORE:
                    return item
                await _feed(self._receiver, self._source)
        except Exception:
            if self._receiver.is_over:
                await self._source.aclose()
            raise
        if self._receiver.is_over:
            await self._source.aclose()
        raise StopAsyncIteration


async def _feed(receiver: Receiver, source: AsyncByteSource) -> None:
    """Let the receiver have pieces until there is something to read, or no more of them."""
    async for piece in source.pieces:
        if receiver.feed(piece):
            return
    receiver.end()


@overload
def stream_reader(
    types: StreamTypes[Item, Header, Footer],
    source: AsyncIterable[Piece],
    *,
    end: EndRule = "required",
    encoding: EncodingName = "frames",
    max_frame_size: int = MAX_FRAME_SIZE,
    errors: Iterable[type[Exception]] = (),
) -> AsyncStreamReader[Item, Header, Footer]: ...
@overload
def stream_reader(
    types: StreamTypes[Item, Header, Footer],
    source: Iterable[Piece],
    *,
    end: EndRule = "required",
    encoding: EncodingName = "frames",
    max_frame_size: int = MAX_FRAME_SIZE,
    errors: Iterable[type[Exception]] = (),
) -> StreamReader[Item, Header, Footer]: ...
def stream_reader(
    types: StreamTypes[Item, Header, Footer],
    source: AsyncIterable[Piece] | Iterable[Piece],
    *,
    end: EndRule = "required",
    encoding: EncodingName = "frames",
    max_frame_size: int = MAX_FRAME_SIZE,
    errors: Iterable[type[Exception]] = (),
) -> AsyncStreamReader[Item, Header, Footer] | StreamReader[Item, Header, Footer]:
    """Give the reader of a stream of these types, whose bytes may be cut anywhere.

    Args:
        source: gives the bytes. An async iterator makes an async reader.
        end: whether a stream is whole only when its end has come. ``"optional"`` is for streams that are written
            without one: such a stream, if it has no footer, cannot be told from one that was cut between two items.
        encoding: the form in which the stream is written.
        max_frame_size: in bytes; a frame that is larger is refused when its first bytes say so.
        errors: classes of errors that the producer may raise here, beside Python's own and this package's. An error
            of another class is a `RemoteError`.

    Raises:
        ValueError: there is no such encoding, or ``end`` is something else.
    """
    if end not in ("required", "optional"):
        raise ValueError(f'end is "required" or "optional", and not {end!r}')
    decoder = encoding_of(encoding).decoder(max_frame_size=max_frame_size)
    receiver = Receiver(types, decoder, end_required=end == "required", errors=errors)
    if isinstance(source, AsyncIterable):
        return AsyncStreamReader(receiver, source)
    return StreamReader(receiver, source)
