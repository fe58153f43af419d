"""The readers of a typed stream: one for sync code, one for asyncio and trio, both around a `Receiver`."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, cast, overload

from pydantic import BaseModel

from .declaration import Footer, Footer_co, Header, Header_co, Item, Item_co, StreamTypes
from .encodings import EncodingName, encoding_of
from .receiver import MORE, Reading, Receiver
from .sources import AsyncByteSource, ByteSource, Piece

T = TypeVar("T")
EndRule: TypeAlias = Literal["required", "optional"]

MAX_FRAME_SIZE = 64 * 1024 * 1024  # bytes


class StreamReader(Generic[Item_co, Header_co, Footer_co]):
    """Reads header, items and footer, in this order; created by `stream_reader` from an iterable of bytes.

    The source is closed by `close`, by the end of a ``with`` block, and when the stream was read to its end or failed.

    Raises:
        StreamTruncated: in the methods, as all of these: the bytes end before the stream does.
        FrameError: the bytes are not a valid stream; there is a subclass for each case.
        RemoteError: the producer failed. An error of a known class is raised as that class instead.
        OutOfOrder: this cannot be read now, the types do not declare it, or the reader is closed.
        TypeError: the source yields something other than bytes.
    """

    def __init__(self, receiver: Receiver, source: Iterable[Piece]) -> None:
        self._receiver = receiver
        self._source = ByteSource(source)

    def read_header(self: StreamReader[Any, BaseModel, Any]) -> Header_co:
        """Return the header.

        Raises:
            MissingHeader: the stream does not have one. The items can still be read.
        """
        header: Header_co = self._read(self._receiver.header())
        return header

    def read_items(self) -> Iterator[Item_co]:
        """Yield the items that are left, each as soon as it arrives. After a ``break``, a second call continues."""
        try:
            # The state is in the receiver and not in this generator, so another generator can continue
            for item in self._receiver.items():
                if item is MORE:
                    self._feed()
                else:
                    yield item
        finally:  # after a ``break`` this runs too, but the stream is not over
            self._close_at_end()

    def read_footer(self: StreamReader[Any, Any, BaseModel]) -> Footer_co:
        """Return the footer, after the end of the stream was checked.

        Raises:
            MissingFooter: the stream does not have one.
        """
        footer: Footer_co = self._read(self._receiver.footer())
        return footer

    def close(self) -> None:
        """Close the source, and discard what was not read."""
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
        """Feed pieces to the receiver until one may complete a frame, or the source ends."""
        for piece in self._source.pieces:
            if self._receiver.feed(piece):
                return
        self._receiver.end()

    def _close_at_end(self) -> None:
        if self._receiver.is_over:
            self._source.close()


class AsyncStreamReader(Generic[Item_co, Header_co, Footer_co]):
    """Reads header, items and footer, in this order; created by `stream_reader` from an async iterable of bytes.

    The source is closed by `aclose`, by the end of an ``async with`` block, and when the stream was read to its end or
    failed. The methods raise the errors of those of `StreamReader`.
    """

    def __init__(self, receiver: Receiver, source: AsyncIterable[Piece]) -> None:
        self._receiver = receiver
        self._source = AsyncByteSource(source)

    async def read_header(self: AsyncStreamReader[Any, BaseModel, Any]) -> Header_co:
        """Return the header.

        Raises:
            MissingHeader: the stream does not have one. The items can still be read.
        """
        return await self._read(self._receiver.header())

    def read_items(self) -> AsyncIterator[Item_co]:
        """Yield the items that are left, each as soon as it arrives. After a ``break``, a second call continues."""
        return _Items(self._receiver, self._source)

    async def read_footer(self: AsyncStreamReader[Any, Any, BaseModel]) -> Footer_co:
        """Return the footer, after the end of the stream was checked.

        Raises:
            MissingFooter: the stream does not have one.
        """
        return await self._read(self._receiver.footer())

    async def aclose(self) -> None:
        """Close the source, and discard what was not read."""
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
    """The items of an async reader.

    Not an async generator: if a caller leaves one with ``break``, it stays suspended until the event loop or the garbage
    collector closes it.
    """

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
    """Feed pieces to the receiver until one may complete a frame, or the source ends."""
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
    """Return the reader of a stream of these types, whose bytes may be cut anywhere.

    Args:
        types: the types of the stream.
        source: an iterable of bytes; with an async iterable, the reader is async.
        end: ``"required"`` if a stream is complete only with its END frame. ``"optional"`` is for streams that are
            written without one. Such a stream, if it also has no footer, looks the same if it was cut between two items.
        encoding: the encoding of the stream.
        max_frame_size: in bytes. A larger frame is rejected before its content is kept.
        errors: classes of errors that the producer may raise here, in addition to those of Python and of this package.
            For an error of another class, a `RemoteError` is raised.

    Raises:
        ValueError: ``encoding`` or ``end`` has an unknown value.
    """
    if end not in ("required", "optional"):
        raise ValueError(f"end must be 'required' or 'optional', got {end!r}")
    decoder = encoding_of(encoding).decoder(max_frame_size=max_frame_size)
    receiver = Receiver(types, decoder, end_required=end == "required", errors=errors)
    if isinstance(source, AsyncIterable):
        return AsyncStreamReader(receiver, source)
    return StreamReader(receiver, source)
