"""The stream of an answer: the generator that a streaming task returns, and its views."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, overload

from ._core import checks
from ._core.flow import Flow
from ._core.replay import Replay, StreamBuffer, TailView, View
from ._llm.usage import current_usage
from ._output.incremental import Missing, PartialJSON
from ._output.types.marks import done, not_null, with_state
from ._output.types.partials import Partial, StreamState, as_json
from ._output.views.events import (
    ElementCompleted,
    Event,
    FieldCompleted,
    FieldGrew,
    FieldStarted,
    Finished,
    ReasoningDelta,
    Restarted,
    TextDelta,
    ToolCalled,
    UsageReported,
)
from ._output.views.patches import Operation, apply_patch
from .errors import InvalidElement, StreamClosed
from .messages import LLMResponse, Usage

if TYPE_CHECKING:
    from typing import Self

    from ._output.output_type import OutputType
    from ._output.types.root import AnswerSpec
    from ._output.views.transducers import Elements

__all__ = [
    "Commitment",
    "ElementCompleted",
    "Event",
    "FieldCompleted",
    "FieldGrew",
    "FieldStarted",
    "Finished",
    "Items",
    "Missing",
    "OnError",
    "Operation",
    "Partial",
    "PartialJSON",
    "ReasoningDelta",
    "Restarted",
    "Stream",
    "StreamState",
    "TextDelta",
    "ToolCalled",
    "UsageReported",
    "apply_patch",
    "as_json",
    "done",
    "not_null",
    "with_state",
]

T = TypeVar("T")
R = TypeVar("R")

OnError: TypeAlias = Literal["raise", "collect"]


class Commitment:
    """A lock between the readers of a stream and its flow: either a reader commits to an attempt, or it is abandoned.

    Items that a reader has yielded cannot be withdrawn. So the reader commits to the attempt before its first item.
    From then on no other attempt follows, and a failure is raised at once. Of an abandoned attempt, no item is yielded.
    """

    def __init__(self, buffer: StreamBuffer[LLMResponse, Any]) -> None:
        self._buffer = buffer
        self._stream: weakref.ref[Replay[LLMResponse, Any]] | None = None
        # For each attempt: True if committed, False if abandoned. The first caller decides: dict.setdefault is atomic.
        self._committed: dict[int, bool] = {}

    def commit(self, attempt: int) -> bool:
        """Commit to an attempt. Return False if it was abandoned."""
        return self._committed.setdefault(attempt, True)

    def attach(self, stream: Replay[LLMResponse, Any]) -> None:
        """Set the stream that is read. The reference is weak: a stream is closed when its reader lets go of it."""
        self._stream = weakref.ref(stream)

    @property
    def last(self) -> LLMResponse | None:
        """The last chunk so far; None before the first."""
        return self._buffer.last

    def has_reader(self) -> bool:
        """Return True if a reader is waiting for the next chunk."""
        stream = self._stream() if self._stream else None
        return stream is not None and stream.has_reader

    def try_abandon(self, attempt: int) -> bool:
        """Abandon an attempt, so that another may follow. Return False if a reader is committed to it, or the stream is closed."""
        return not self._buffer.closed and not self._committed.setdefault(attempt, False)


class Stream(Replay[LLMResponse, tuple[R, LLMResponse]], Generic[R]):
    """A generator of accumulating `LLMResponse` chunks, with the typed value at its end.

    The request is sent when the first chunk is read. Each ``for`` or ``async for`` is a separate reader: it gets every
    chunk once, first those that have arrived already, all from one request. A loop starts at the current position of
    ``next()``, or at the beginning if ``next()`` was not used or has reached the end.

    ``close()``, ``aclose()``, ``with`` and ``async with`` end it early and release the connection at once. So does
    dropping the last reference to it.

    If an answer is not valid for the return type, another attempt follows, up to the ``retries`` of the task. The same
    applies to an answer that is cut off, if ``restart_on`` allows it. Then ``chunk.attempt`` is higher by one, and the
    text starts again.

    An error is raised after the chunks that arrived before it, and again for each later reader.

    Attributes:
        commitment: used by readers that cannot withdraw what they have yielded; it prevents another attempt.

    Raises:
        DeclaraiError: when it is read in any way: the answer is missing, or not valid.
        StreamInUse: it is being read both blocking and async; or it keeps no chunks, and was read already.
    """

    def __init__(
        self,
        flow: Flow[list[LLMResponse], tuple[R, LLMResponse]],
        *,
        spec: Callable[[], AnswerSpec[R]],
        buffer: StreamBuffer[LLMResponse, tuple[R, LLMResponse]],
        commitment: Commitment,
    ) -> None:
        super().__init__(flow, buffer=buffer)
        self.commitment = commitment
        self._spec = spec
        commitment.attach(self)

    def __repr__(self) -> str:
        buffer = self._buffer
        state = "running" if buffer.length else "not started"
        if buffer.closed:
            state = (
                "complete" if buffer.is_complete else "closed" if buffer.error is None else type(buffer.error).__name__
            )
        return f"<stream, {state}, {buffer.length} chunks, {self.response[:40]!r}>"

    @property
    def buffer(self) -> StreamBuffer[LLMResponse, tuple[R, LLMResponse]]:
        """The chunks so far, as data that does not refer to the running request."""
        return self._buffer

    @property
    def output_type(self) -> OutputType[R]:
        """The output type of the task."""
        return self._spec().output_type

    @property
    def response(self) -> str:
        """The text so far, of the last attempt."""
        last = self._buffer.last
        return "" if last is None else last.response

    @property
    def usage(self) -> Usage | None:
        """The tokens so far: estimated until the provider reports them; None before the answer begins.

        If the stream is closed early they stay ``estimated``: providers report them at the end only.
        """
        last = self._buffer.last
        return None if last is None else current_usage(last)

    @property
    def finish_reason(self) -> str | None:
        """The finish reason of the provider; None before the end."""
        last = self._buffer.last
        return None if last is None else last.finish_reason

    def deltas(self) -> View[LLMResponse, str]:
        """Return a view of the new text only, for ``for`` and ``async for``. Chunks without text are skipped.

        The joined items are the answer: text of abandoned attempts is skipped as well. After the first item, no other
        attempt follows.
        """
        # From the position of next(), as a loop over the stream. The other views need the text from its beginning.
        return TailView(self, lambda: _Deltas(self.commitment))

    def partials(self, *, early: bool = False) -> View[LLMResponse, Partial[R]]:
        """Return a view of the value so far, for ``for`` and ``async for``: one `Partial` for each chunk with text.

        Strings grow; other values appear when they are complete. A complete part is validated once, and is the same
        object in all later partials. With another attempt, the value starts again.

        Args:
            early: if True, incomplete numbers and literals appear as far as they have arrived.
        """
        from ._output.views.transducers import Partials  # at the first use, so that importing the package stays fast

        return View(self, lambda: Partials(self._spec(), self._finish, early=early))

    def patches(self, *, early: bool = False) -> View[LLMResponse, list[Operation]]:
        """Return a view of the changes, as JSON Patch operations: one list for each chunk that changes the value so far.

        Applied in order to null, they produce what `partials` shows, as JSON, and at the end the answer. They are `add`,
        `replace` and `remove` of RFC 6902, and `append`, which appends to a string.

        Args:
            early: if True, incomplete numbers and literals appear as far as they have arrived.
        """
        from ._output.views.transducers import Patches

        return View(self, lambda: Patches(self._spec(), self._finish, early=early))

    @overload
    def items(self: Stream[list[T]], *, on_error: OnError = "raise") -> Items[T]: ...
    @overload
    def items(self: Stream[set[T]], *, on_error: OnError = "raise") -> Items[T]: ...
    @overload
    def items(self: Stream[frozenset[T]], *, on_error: OnError = "raise") -> Items[T]: ...
    @overload
    def items(self: Stream[tuple[T, ...]], *, on_error: OnError = "raise") -> Items[T]: ...
    @overload
    def items(self: Stream[Iterable[T]], *, on_error: OnError = "raise") -> Items[T]: ...
    @overload
    def items(self, *, on_error: OnError = "raise") -> Items[Any]: ...
    def items(self, *, on_error: OnError = "raise") -> Items[Any]:
        """Return the elements of an answer that is a list, each validated as soon as its last character has arrived.

        After the first element, no other attempt follows.

        Args:
            on_error: what to do with an invalid element: ``"raise"`` an `InvalidElement`, or ``"collect"`` the error
                in ``Items.errors`` and continue.

        Raises:
            ConfigurationError: the return type is not a list, tuple or set, or ``on_error`` is not one of the two.
        """
        return Items(self, self._spec(), on_error)

    def events(self) -> View[LLMResponse, Event[R]]:
        """Return a view of all events of the answer, in order, for ``for`` and ``async for``.

        These are new text, fields that start, grow and are complete, tool calls, the usage, restarts, and last the
        answer: see `declarai_like._output.views.events`.
        """
        from ._output.views.transducers import Events

        return View(self, lambda: Events(self._spec(), self._finish, lambda: self._buffer.result[1]))

    def result(self) -> R:
        """Read to the end, and return the answer as the return type of the task. It is the same object each time.

        Raises:
            StreamClosed: the stream was closed before its end.
            OutputError: no attempt is valid for the return type.
            DeclaraiError: any other error that ended the stream.
        """
        buffer = self._buffer
        while self._pull(buffer.length):
            pass
        return self._finish()

    async def aresult(self) -> R:
        """Return the same as `result`, from async code."""
        buffer = self._buffer
        while await self._apull(buffer.length):
            pass
        return self._finish()

    def _finish(self) -> R:
        self._buffer.check_end(self._buffer.length)
        if not self._buffer.is_complete:
            error = StreamClosed("the stream was closed before its end, so it does not have a result")
            error.partial = self.response
            raise error
        return self._buffer.result[0]

    @classmethod
    def from_buffer(
        cls,
        spec: Callable[[], AnswerSpec[R]],
        buffer: StreamBuffer[LLMResponse, tuple[R, LLMResponse]],
        commitment: Commitment,
    ) -> Self:
        """Return a stream of the chunks of an earlier one, whose run was dropped."""
        buffer.end()
        return cls(_nothing(), spec=spec, buffer=buffer, commitment=commitment)


def _nothing() -> Flow[list[LLMResponse], Any]:
    raise AssertionError("the buffer is closed, so the flow is never run")
    yield


class Items(View[LLMResponse, T], Iterator[T], AsyncIterator[T]):
    """The elements of an answer, one by one, for ``for``, ``async for`` and ``next``.

    Like the stream that it reads, it can be read again. A loop starts at the current position of ``next()``, or at the
    beginning if ``next()`` was not used or has reached the end.

    Attributes:
        stream: the stream that it reads.
        errors: with ``on_error="collect"``, the invalid elements so far of the last reading.

    Raises:
        InvalidElement: when it is read: an element is invalid, and those before it were yielded.
        DeclaraiError: any other error of the stream.
    """

    def __init__(self, stream: Stream[Any], spec: AnswerSpec[Any], on_error: OnError = "raise") -> None:
        from ._output.views.transducers import elements_spec

        checks.one_of("on_error", on_error, ("raise", "collect"))
        elements_spec(spec)  # raises here, and not at the first element, if the type has no elements
        super().__init__(stream, self._new_transducer)
        self.stream = stream
        self.errors: list[InvalidElement] = []
        self._spec = spec
        self._collects = on_error == "collect"
        self._next: Iterator[T] | None = None
        self._anext: AsyncIterator[T] | None = None

    def __iter__(self) -> Iterator[T]:
        return super().__iter__() if self._next is None else self

    def __next__(self) -> T:
        if self._next is None:
            self._next = super().__iter__()
        try:
            return next(self._next)
        except StopIteration:
            self._next = None
            raise

    def __aiter__(self) -> AsyncIterator[T]:
        return super().__aiter__() if self._anext is None else self

    async def __anext__(self) -> T:
        if self._anext is None:
            self._anext = super().__aiter__()
        try:
            return await anext(self._anext)
        except StopAsyncIteration:
            self._anext = None
            raise

    def _new_transducer(self) -> Elements[T]:
        from ._output.views.transducers import Elements

        self.errors = []
        return Elements(self._spec, self.stream.commitment.commit, self.errors if self._collects else None)

    def __repr__(self) -> str:
        return f"<items of {self.stream!r}>"


class _Deltas:
    """Transducer of `Stream.deltas`."""

    def __init__(self, commitment: Commitment) -> None:
        self._commit = commitment.commit

    def feed(self, chunk: LLMResponse) -> tuple[str, ...]:
        return (chunk.delta,) if chunk.delta and self._commit(chunk.attempt) else ()

    def end(self) -> tuple[str, ...]:
        return ()

    def fail(self, error: Exception) -> tuple[str, ...]:
        raise error
