"""Replayable streams: the items of one run of a flow, kept for many sync and async readers, and views of them.

`StreamBuffer` is the data: the items so far and how the run ended. `Replay` is the generator that fills it, for several
readers. A `Transducer` turns items into other items; a `View` is what a reader sees of a replay through one.
"""

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
    """The items of a run so far, and how it ended. Plain data, which outlives the run.

    Attributes:
        items: the items that are kept.
        dropped: the number of earlier items that are not kept.
        keep: False if only the items of the last step are kept; then there can be one reader only.
        closed: True if no more items will be added.
        is_complete: True if the flow returned by itself, so there is a ``result``.
        result: the flow's return value.
        error: the error that the run ended with.
    """

    __slots__ = ("closed", "dropped", "error", "is_complete", "items", "keep", "result")

    def __init__(self, *, keep: bool = True) -> None:
        self.items: list[T] = []
        self.dropped = 0
        self.keep = keep
        self.closed = False
        self.is_complete = False
        self.result: R
        self.error: BaseException | None = None

    @property
    def length(self) -> int:
        """The number of items so far, with those that are not kept."""
        return self.dropped + len(self.items)

    @property
    def last(self) -> T | None:
        """The last item; None before the first."""
        return self.items[-1] if self.items else None

    def add(self, items: Iterable[T]) -> None:
        if self.keep:
            self.items += items
        else:
            self.dropped += len(self.items)
            self.items[:] = items

    def items_from(self, index: int) -> Sequence[T]:
        """Return the items from an index on; empty if there are none yet, or if they are not kept."""
        return self.items[index - self.dropped :] if index >= self.dropped else ()

    def check_end(self, index: int) -> None:
        """Raise the error for a reader that finds no item at this index; return if the run ended without one.

        Raises:
            StreamInUse: the item is not kept.
            BaseException: the error that the run ended with.
        """
        if index < self.dropped:
            raise StreamInUse("this stream does not keep its chunks (replay=False): it can be read once, by one reader")
        if self.error is not None:
            raise self.error

    # The first end counts. `closed` is set last in both: a reader in another thread that sees it reads the rest

    def end(self, error: BaseException | None = None) -> None:
        """End without a result."""
        if not self.closed:
            self.error = error
            self.closed = True

    def complete(self, result: R) -> None:
        """End with a result."""
        if not self.closed:
            self.result, self.is_complete = result, True
            self.closed = True


class Closing:
    """A base class with ``with`` and ``async with``, which close the object at the end of the block."""

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
    """A generator over the items of a flow that keeps them, for several readers, sync or async.

    The flow yields non-empty sequences of items, one for each step of its work.

    The run starts when the first item is requested. Each ``for`` or ``async for`` is a separate reader. A reader gets
    every item once, in order; items that are already in the buffer come first. A loop starts at the position of
    ``next()``, or at the first item if ``next()`` was not used or has reached the end.

    All readers share one run: the reader that is furthest ahead advances it. Nothing runs in the background, so nothing
    runs while no reader waits. The first reader decides whether the run is sync or async. Readers of the other kind can
    only read once the run has ended.

    The run is closed with its resources when the last reference to the replay goes, as with any generator. ``close()``,
    ``aclose()``, ``with`` and ``async with`` close it at a known point.
    """

    def __init__(self, flow: Flow[Sequence[T], R], *, buffer: StreamBuffer[T, R] | None = None) -> None:
        self._buffer: StreamBuffer[T, R] = StreamBuffer() if buffer is None else buffer
        self._driver: Driver[Sequence[T], R] = Driver(flow)
        self._blocking: Generator[Sequence[T], None, None] | None = None
        self._async: AsyncGenerator[Sequence[T], None] | None = None
        self._lock = threading.Lock()  # held by the thread that advances a sync run
        self._waiting: list[anyio.Event] | None = None  # while a task advances an async run: its waiting readers
        self._position = 0  # of next()

    @property
    def has_reader(self) -> bool:
        """True if a reader waits for the next item right now."""
        return self._lock.locked() or self._waiting is not None

    # Sync reading

    def __iter__(self) -> Generator[T, None, None]:
        return self.items_from(self._start())

    def __next__(self) -> T:
        if self._position < self._buffer.length or self._pull(self._position):
            return self._next_item()
        self._buffer.check_end(self._position)
        raise StopIteration

    def items_from(self, index: int) -> Generator[T, None, None]:
        """Yield the items from an index on; 0 is the first item."""
        while new := self._pull(index):
            for item in new:  # noqa: UP028  (mostly there is one, for which `yield from` is slower)
                yield item
            index += len(new)
        self._buffer.check_end(index)

    def _pull(self, index: int) -> Sequence[T]:
        """Return the items from an index on; advance the run if there are none yet. Empty if the run has ended."""
        buffer = self._buffer
        # Other threads wait here while one advances the run, and then find its items in the buffer
        with self._lock:
            if index >= buffer.dropped + len(buffer.items) and not buffer.closed:
                source = self._blocking or self._start_sync()
                try:
                    new = next(source)
                    buffer.add(new)
                    if not buffer.closed:
                        return new
                except StopIteration:
                    self._complete()
                except Exception as error:
                    # Kept, not raised: each reader first gets the items before it (`check_end` raises it)
                    buffer.end(error)
                except BaseException:  # KeyboardInterrupt, for instance: the generator is finished and cannot go on
                    buffer.end(StreamClosed("the reading of this stream was interrupted"))
                    raise
        if buffer.closed:  # also by another thread, while this one was reading
            self._close_sync()
        return buffer.items_from(index)

    def _start_sync(self) -> Generator[Sequence[T], None, None]:
        if self._async is not None:
            raise StreamInUse(
                "this stream is being read with `async for`; continue with `async for`, or read it after it has ended"
            )
        self._blocking = self._driver.items()
        return self._blocking

    # Async reading

    def __aiter__(self) -> AsyncIterator[T]:
        return self.aitems_from(self._start())

    def aitems_from(self, index: int) -> AsyncIterator[T]:
        """Yield the items from an index on, in async code."""
        return _AsyncReader(self._buffer, self._apull, index)

    async def __anext__(self) -> T:
        if self._position < self._buffer.length or await self._apull(self._position):
            return self._next_item()
        self._buffer.check_end(self._position)
        raise StopAsyncIteration

    async def _apull(self, index: int) -> Sequence[T]:
        """Return what `_pull` returns, in async code."""
        buffer = self._buffer
        while index >= buffer.length and not buffer.closed:
            if self._waiting is not None:
                import anyio

                # One event for each waiting reader, as an anyio event cannot be reset
                self._waiting.append(woken := anyio.Event())
                await woken.wait()
                continue
            source = self._async or self._start_async()
            waiting: list[anyio.Event] = []
            self._waiting = waiting
            try:
                new = await source.__anext__()
                buffer.add(new)
                if not buffer.closed:
                    return new
            except StopAsyncIteration:
                self._complete()
            except Exception as error:  # as in `_pull`
                buffer.end(error)
            except BaseException:  # a cancelled reader ends the run that it was advancing
                buffer.end(StreamClosed("the task that was reading this stream was cancelled"))
                raise
            finally:
                self._waiting = None
                for woken in waiting:
                    woken.set()
            if buffer.closed:
                await source.aclose()
        return buffer.items_from(index)

    def _start_async(self) -> AsyncGenerator[Sequence[T], None]:
        if self._blocking is not None:
            raise StreamInUse(
                "this stream is being read with `for`; continue with `for`, or read it after it has ended"
            )
        self._async = self._driver.aitems()
        return self._async

    # Ending

    def _complete(self) -> None:
        if self._driver.finished:  # False if the run was aborted: then `result` is not set
            self._buffer.complete(self._driver.result)
        else:
            self._buffer.end()

    def send(self, value: None, /) -> T:
        """Return the next item, as ``next()`` does.

        Raises:
            TypeError: the value is not None; a stream does not receive values.
        """
        if value is not None:
            raise TypeError(f"a stream does not receive values, got send({value!r}); use next()")
        return next(self)

    def throw(self, typ: Any, val: Any = None, tb: TracebackType | None = None, /) -> T:
        """Close the stream with an error, which is raised here and for every later reader."""
        error = typ if isinstance(typ, BaseException) else (val if isinstance(val, BaseException) else typ())
        self._buffer.end(error)
        self.close()
        raise error.with_traceback(tb) if tb else error

    def close(self) -> None:
        """Close the run and its resources at once. The items so far stay readable.

        A read in another thread is interrupted.

        Raises:
            StreamInUse: the stream is being read with ``async for``; use ``await stream.aclose()``.
        """
        if self._async is not None and not self._buffer.closed:
            raise StreamInUse("this stream is being read with `async for`; close it with `await stream.aclose()`")
        self._buffer.end()
        self._close_sync()

    def _close_sync(self) -> None:
        """Close the sync run of a closed stream."""
        if not self._buffer.closed or self._blocking is None:
            return
        # A generator that runs cannot be closed ("generator already executing"). While another thread advances it, its
        # effect is interrupted instead; that thread sees `closed` and closes the run after it (see `_pull`).
        if self._lock.acquire(blocking=False):
            try:
                self._blocking.close()
            finally:
                self._lock.release()
        else:
            self._driver.abort()

    async def aclose(self) -> None:
        """Close the stream in async code, as `close` does."""
        self._buffer.end()
        if self._async is None:
            self._close_sync()
        elif self._waiting is None:
            await self._async.aclose()
        else:
            self._driver.abort()  # the task that advances the run closes it, see `_apull`

    def _next_item(self) -> T:
        buffer, index = self._buffer, self._position
        if index < buffer.dropped:
            buffer.check_end(index)
        self._position += 1
        return buffer.items[index - buffer.dropped]

    def _start(self) -> int:
        """Return the index of the first item of a new loop."""
        has_ended = self._buffer.closed and self._position >= self._buffer.length
        return 0 if has_ended else self._position


class _AsyncReader(Generic[T]):
    """One ``async for`` over a replay.

    Not an async generator: trio warns about an async generator that is not exhausted, even if the replay was closed.
    """

    __slots__ = ("_buffer", "_index", "_new", "_pull")

    def __init__(
        self, buffer: StreamBuffer[T, Any], pull: Callable[[int], Coroutine[Any, Any, Sequence[T]]], index: int
    ) -> None:
        self._buffer = buffer
        self._pull = pull
        self._index = index
        self._new: Iterator[T] = iter(())  # the rest of the last pull

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        for item in self._new:
            return item
        if new := await self._pull(self._index):
            self._index += len(new)
            items = self._new = iter(new)
            return next(items)
        self._buffer.check_end(self._index)
        raise StopAsyncIteration


class Transducer(Protocol[S_contra, T_co]):
    """A stateful, pure function over the items of a stream: each item becomes none, one or several others.

    After the last item, either `end` or `fail` is called once.
    """

    def feed(self, item: S_contra, /) -> Iterable[T_co]:
        """Return what the next item becomes."""
        ...

    def end(self) -> Iterable[T_co]:
        """Return the last items, for a stream that ended without an error."""
        ...

    def fail(self, error: Exception, /) -> Iterable[T_co]:
        """Raise the error that the stream ended with, or a more precise one; or return items to end without an error.

        An error that `feed` raises comes here as well.
        """
        ...


class View(Closing, Generic[S, T]):
    """A derived, re-iterable view of a stream, for ``for`` and ``async for``.

    Each loop has a new transducer and starts at the stream's first item. All loops share the run of the stream.
    """

    def __init__(self, source: Replay[S, Any], transducer: Callable[[], Transducer[S, T]]) -> None:
        self._source = source
        self._transducer = transducer

    def __iter__(self) -> Iterator[T]:
        return _read(self._source.items_from(0), self._transducer())

    def __aiter__(self) -> AsyncIterator[T]:
        return _AsyncView(self._source.aitems_from(0), self._transducer())

    def close(self) -> None:
        """Close the stream that this is a view of."""
        self._source.close()

    async def aclose(self) -> None:
        """Close the stream that this is a view of, in async code."""
        await self._source.aclose()


class TailView(View[S, T]):
    """A view whose loops start at the current position of the stream's ``next()``, as loops over the stream do."""

    def __iter__(self) -> Iterator[T]:
        return _read(iter(self._source), self._transducer())

    def __aiter__(self) -> AsyncIterator[T]:
        return _AsyncView(aiter(self._source), self._transducer())


def _read(items: Iterator[S], transducer: Transducer[S, T]) -> Iterator[T]:
    try:
        for item in items:
            for output in transducer.feed(item):  # noqa: UP028  (as in `Replay`)
                yield output
    except Exception as error:
        yield from transducer.fail(error)
        return
    yield from transducer.end()


class _AsyncView(Generic[S, T]):
    """One ``async for`` over a view. Not an async generator, for the reason given at `_AsyncReader`."""

    def __init__(self, items: AsyncIterator[S], transducer: Transducer[S, T]) -> None:
        self._items = items
        self._transducer = transducer
        self._outputs: Iterator[T] = iter(())  # of the last item, those not yet returned
        self._has_ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while True:
            try:
                for output in self._outputs:
                    return output
                if self._has_ended:
                    raise StopAsyncIteration
                self._outputs = iter(self._transducer.feed(await anext(self._items)))
            except StopAsyncIteration:
                if self._has_ended:
                    raise
                self._has_ended = True
                self._outputs = iter(self._transducer.end())
            except Exception as error:
                # An error of the stream, of `feed`, or of an iterator that `feed` returned; one of `end` or `fail`
                # comes here again, and is final
                if self._has_ended:
                    raise
                self._has_ended = True
                self._outputs = iter(self._transducer.fail(error))
