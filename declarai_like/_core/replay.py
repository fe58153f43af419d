"""A flow's items as a generator that remembers them: many readers, both worlds, one run."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ..errors import StreamClosed, StreamInUse
from .flow import Driver, Flow

if TYPE_CHECKING:
    from typing import Self

    import anyio

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")
S_contra = TypeVar("S_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)


class StreamBuffer(Generic[T, R]):
    """What a flow has emitted, and how it ended: plain data, which outlives the run."""

    __slots__ = ("closed", "dropped", "error", "items", "keep", "result", "whole")

    def __init__(self, *, keep: bool = True) -> None:
        self.items: list[T] = []
        self.dropped = 0  # how many items at the front are no longer kept
        self.keep = keep
        self.closed = False  # nothing will be added
        self.whole = False  # the flow came to its end by itself, and has a result
        self.result: R
        self.error: BaseException | None = None

    @property
    def length(self) -> int:
        return self.dropped + len(self.items)

    @property
    def last(self) -> T | None:
        return self.items[-1] if self.items else None

    def add(self, items: Iterable[T]) -> None:
        if self.keep:
            self.items += items
        else:
            self.dropped += len(self.items)
            self.items[:] = items

    def since(self, place: int) -> Sequence[T]:
        """Give the items from this place on, as far as they are kept."""
        return self.items[place - self.dropped :] if place >= self.dropped else ()

    def finish(self, place: int) -> None:
        """Raise what a reader must know that finds no item at this place."""
        if place < self.dropped:
            raise StreamInUse("this stream does not keep its chunks (replay=False): it can be read once, by one reader")
        if self.error is not None:
            raise self.error

    def end(self, error: BaseException | None = None) -> None:
        if not self.closed:
            self.error = error
            self.closed = True  # last, for readers in other threads

    def complete(self, result: R) -> None:
        if not self.closed:
            self.result, self.whole = result, True
            self.closed = True


class Closing:
    """What is closed at the end of a ``with`` or ``async with`` block."""

    def close(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


class Replay(Closing, Generator[T, None, None], Generic[T, R]):
    """A generator over a flow's items that can be read again, by several readers, blocking or async.

    The flow emits sequences of items: each holds what one step of it gave, and none is empty.

    Nothing happens until the first item is asked for. Each ``for`` or ``async for`` is a reader of
    its own: it gets every item once, in order, first those that are there already. The readers
    share one run of the flow; whoever is ahead drives it, so nothing runs when nobody reads. A loop
    starts where ``next()`` stands, or at the beginning when ``next()`` was not used or has seen all.

    A run is blocking or async, as its first reader is; the other kind can read when it has ended.

    When the last reference to it goes before its end, what its flow opened is closed, as with any
    generator; ``close()``, ``aclose()``, ``with`` and ``async with`` do that at a place of your choice.
    """

    def __init__(self, flow: Flow[Sequence[T], R], *, buffer: StreamBuffer[T, R] | None = None) -> None:
        self._buffer: StreamBuffer[T, R] = StreamBuffer() if buffer is None else buffer
        self._driver: Driver[Sequence[T], R] = Driver(flow)
        self._blocking: Generator[Sequence[T], None, None] | None = None
        self._async: AsyncGenerator[Sequence[T], None] | None = None
        self._lock = threading.Lock()
        self._waiting: list[anyio.Event] | None = None  # readers that wait for an async reader to read on
        self._position = 0  # of next()

    @property
    def has_reader(self) -> bool:
        """Whether a reader waits for the next item right now."""
        return self._lock.locked() or self._waiting is not None

    # Reading, blocking

    def __iter__(self) -> Generator[T, None, None]:
        return self.items_from(self._start())

    def __next__(self) -> T:
        if self._position < self._buffer.length or self._pull(self._position):
            return self._next_item()
        self._buffer.finish(self._position)
        raise StopIteration

    def items_from(self, place: int) -> Generator[T, None, None]:
        """Read from a place on, 0 for the beginning."""
        while new := self._pull(place):
            for item in new:  # noqa: UP028  (mostly there is one, for which `yield from` is slower)
                yield item
            place += len(new)
        self._buffer.finish(place)

    def _pull(self, place: int) -> Sequence[T]:
        """Give the items from this place on; where there are none yet, read on. None when the flow has ended."""
        buffer = self._buffer
        with self._lock:
            if place >= buffer.dropped + len(buffer.items) and not buffer.closed:
                source = self._blocking or self._begin()
                try:
                    new = next(source)
                    buffer.add(new)
                    if not buffer.closed:
                        return new
                except StopIteration:
                    self._complete()
                except Exception as error:
                    buffer.end(error)
                except BaseException:
                    buffer.end(StreamClosed("the reading of this stream was interrupted"))
                    raise
        if buffer.closed:
            self._settle()
        return buffer.since(place)

    def _begin(self) -> Generator[Sequence[T], None, None]:
        if self._async is not None:
            raise StreamInUse(
                "this stream is being read with `async for`; go on reading it that way, or read it when it has ended"
            )
        self._blocking = self._driver.items()
        return self._blocking

    # Reading, async

    def __aiter__(self) -> AsyncIterator[T]:
        return self.aitems_from(self._start())

    def aitems_from(self, place: int) -> AsyncIterator[T]:
        """Give what `items_from` gives, in async code."""
        return _AsyncReader(self._buffer, self._apull, place)

    async def __anext__(self) -> T:
        if self._position < self._buffer.length or await self._apull(self._position):
            return self._next_item()
        self._buffer.finish(self._position)
        raise StopAsyncIteration

    async def _apull(self, place: int) -> Sequence[T]:
        buffer = self._buffer
        while place >= buffer.length and not buffer.closed:
            if self._waiting is not None:
                import anyio

                self._waiting.append(turn := anyio.Event())
                await turn.wait()
                continue
            source = self._async or self._abegin()
            waiting: list[anyio.Event] = []
            self._waiting = waiting
            try:
                new = await source.__anext__()
                buffer.add(new)
                if not buffer.closed:
                    return new
            except StopAsyncIteration:
                self._complete()
            except Exception as error:
                buffer.end(error)
            except BaseException:  # a cancelled reader ends the run that it was driving
                buffer.end(StreamClosed("the task that was reading this stream was cancelled"))
                raise
            finally:
                self._waiting = None
                for turn in waiting:
                    turn.set()
            if buffer.closed:
                await source.aclose()
        return buffer.since(place)

    def _abegin(self) -> AsyncGenerator[Sequence[T], None]:
        if self._blocking is not None:
            raise StreamInUse(
                "this stream is being read with `for`; go on reading it that way, or read it when it has ended"
            )
        self._async = self._driver.aitems()
        return self._async

    # Ending

    def _complete(self) -> None:
        if self._driver.finished:
            self._buffer.complete(self._driver.result)
        else:
            self._buffer.end()

    def send(self, value: None, /) -> T:
        """As ``next()``: a stream takes no values.

        Raises:
            TypeError: there is one.
        """
        if value is not None:
            raise TypeError(f"a stream takes no values; send({value!r}) has nowhere to go")
        return next(self)

    def throw(self, typ: Any, val: Any = None, tb: TracebackType | None = None, /) -> T:
        """Leave the stream with an error, which is raised here, and again for every later reader."""
        error = typ if isinstance(typ, BaseException) else (val if isinstance(val, BaseException) else typ())
        self._buffer.end(error)
        self.close()
        raise error.with_traceback(tb) if tb else error

    def close(self) -> None:
        """Leave the stream: what it opened is closed at once; what has come stays readable.

        A read that is under way in another thread is ended.

        Raises:
            StreamInUse: it is read with ``async for`` and not over; use ``await stream.aclose()``.
        """
        if self._async is not None and not self._buffer.closed:
            raise StreamInUse("this stream is being read with `async for`; close it with `await stream.aclose()`")
        self._buffer.end()
        self._settle()

    def _settle(self) -> None:
        """Close the run of a stream that is over. Where another thread is reading, that thread does it."""
        if not self._buffer.closed or self._blocking is None:
            return
        if self._lock.acquire(blocking=False):
            try:
                self._blocking.close()
            finally:
                self._lock.release()
        else:
            self._driver.abort()

    async def aclose(self) -> None:
        """Leave the stream, as `close` does, from async code."""
        self._buffer.end()
        if self._async is None:
            self._settle()
        elif self._waiting is None:
            await self._async.aclose()
        else:
            self._driver.abort()  # the task that is reading will close what it opened

    def _next_item(self) -> T:
        buffer, place = self._buffer, self._position
        if place < buffer.dropped:
            buffer.finish(place)
        self._position += 1
        return buffer.items[place - buffer.dropped]

    def _start(self) -> int:
        seen_all = self._buffer.closed and self._position >= self._buffer.length
        return 0 if seen_all else self._position


class _AsyncReader(Generic[T]):
    """One ``async for`` over a replay.

    Not an async generator: of one that is left early, trio complains, also when the replay is closed.
    """

    __slots__ = ("_buffer", "_new", "_place", "_pull")

    def __init__(
        self, buffer: StreamBuffer[T, Any], pull: Callable[[int], Coroutine[Any, Any, Sequence[T]]], place: int
    ) -> None:
        self._buffer = buffer
        self._pull = pull
        self._place = place
        self._new: Iterator[T] = iter(())  # what the last pull gave

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        for item in self._new:
            return item
        if new := await self._pull(self._place):
            self._place += len(new)
            items = self._new = iter(new)
            return next(items)
        self._buffer.finish(self._place)
        raise StopAsyncIteration


class Transducer(Protocol[S_contra, T_co]):
    """How one reader looks at a stream: each of its items becomes none, one or several."""

    def feed(self, item: S_contra, /) -> Iterable[T_co]: ...

    def end(self) -> Iterable[T_co]:
        """Give what is left when the stream has come to its end."""
        ...

    def fail(self, error: Exception, /) -> Iterable[T_co]:
        """Raise the error that the stream has ended with, or a better one."""
        ...


class View(Closing, Generic[S, T]):
    """Another look at a stream.

    It can be read with ``for`` and ``async for``, and again, as the stream can. Each reading has a look
    of its own, and sees the stream from its beginning.
    """

    def __init__(self, source: Replay[S, Any], transducer: Callable[[], Transducer[S, T]]) -> None:
        self._source = source
        self._transducer = transducer

    def __iter__(self) -> Iterator[T]:
        return _read(self._source.items_from(0), self._transducer())

    def __aiter__(self) -> AsyncIterator[T]:
        return _AsyncView(self._source.aitems_from(0), self._transducer())

    def close(self) -> None:
        """Leave the stream, as its own ``close`` does."""
        self._source.close()

    async def aclose(self) -> None:
        """Leave the stream, from async code."""
        await self._source.aclose()


class TailView(View[S, T]):
    """A view of what comes after the item that ``next()`` gave last, as a loop over the stream itself."""

    def __iter__(self) -> Iterator[T]:
        return _read(iter(self._source), self._transducer())

    def __aiter__(self) -> AsyncIterator[T]:
        return _AsyncView(aiter(self._source), self._transducer())


def _read(items: Iterator[S], transducer: Transducer[S, T]) -> Iterator[T]:
    try:
        for item in items:
            for seen in transducer.feed(item):  # noqa: UP028  (as in `Replay`)
                yield seen
    except Exception as error:
        yield from transducer.fail(error)
        return
    yield from transducer.end()


class _AsyncView(Generic[S, T]):
    """One ``async for`` over a view; no async generator, as `_AsyncReader` is none."""

    def __init__(self, items: AsyncIterator[S], transducer: Transducer[S, T]) -> None:
        self._items = items
        self._transducer = transducer
        self._seen: Iterator[T] = iter(())  # of the last item, what has not been given yet
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while True:
            try:
                for seen in self._seen:
                    return seen
                if self._is_over:
                    raise StopAsyncIteration
                self._seen = iter(self._transducer.feed(await anext(self._items)))
            except StopAsyncIteration:
                if self._is_over:
                    raise
                self._is_over = True
                self._seen = iter(self._transducer.end())
            except Exception as error:
                if self._is_over:
                    raise
                self._is_over = True
                self._seen = iter(self._transducer.fail(error))
