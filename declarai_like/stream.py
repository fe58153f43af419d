"""The answer so far, again and again: the generator that a streaming task gives."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, overload

from ._core.flow import Flow
from ._core.replay import Replay, StreamBuffer, TailView, View
from ._llm.usage import current_usage
from ._output.incremental import Missing, PartialJSON
from ._output.types.marks import done, not_null, with_state
from ._output.types.values import Partial, StreamState, as_json
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
from .errors import ConfigurationError, InvalidElement, StreamClosed
from .messages import LLMResponse, Usage

if TYPE_CHECKING:
    from typing import Self

    from ._output.output_type import OutputType
    from ._output.types.root import AnswerSpec
    from ._output.views.looks import Elements

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
    """Settles which attempt at an answer counts, between the readers of a stream and its flow.

    What a reader has handed out piece by piece cannot be taken back. So it commits itself to an attempt
    before it hands out the first piece; from then on no other attempt follows, and a failure is raised
    at once. Of an attempt that was given up before, nothing may be handed out any more.
    """

    def __init__(self, buffer: StreamBuffer[LLMResponse, Any]) -> None:
        self._buffer = buffer
        self._stream: weakref.ref[Replay[LLMResponse, Any]] | None = None
        self._kept: dict[int, bool] = {}  # by attempt; whoever is first decides, and `setdefault` is one step

    def commit(self, attempt: int) -> bool:
        """Commit to an attempt. False where it has been given up."""
        return self._kept.setdefault(attempt, True)

    def attach(self, stream: Replay[LLMResponse, Any]) -> None:
        """Be told the stream that is read. It is held weakly: it is its reader's."""
        self._stream = weakref.ref(stream)

    @property
    def last(self) -> LLMResponse | None:
        """What a reader has seen last."""
        return self._buffer.last

    def has_reader(self) -> bool:
        """Whether a reader waits for what comes next."""
        stream = self._stream() if self._stream else None
        return stream is not None and stream.has_reader

    def try_abandon(self, attempt: int) -> bool:
        """Let another attempt follow. False where a reader is committed to this one, or the stream was left."""
        return not self._buffer.closed and not self._kept.setdefault(attempt, False)


class Stream(Replay[LLMResponse, tuple[R, LLMResponse]], Generic[R]):
    """A generator of accumulating `LLMResponse` chunks, with the typed value at its end.

    Nothing is sent until the first chunk is asked for. Each ``for`` or ``async for`` is a reader of its
    own: it gets every chunk once, first those that are there already, from one request. A loop starts
    where ``next()`` stands, or at the beginning when ``next()`` was not used or has seen all.

    ``close()``, ``aclose()``, ``with`` and ``async with`` leave it early and release the connection at
    once; so does letting go of it.

    An answer that does not fit the return type is followed by another attempt, as the task's ``retries``
    say, and so is one that breaks off, where ``restart_on`` says so: ``chunk.attempt`` is counted up, and
    the text starts anew.

    An error comes after the chunks that were there before it, and again to each later reader.

    Attributes:
        commitment: what a reader makes that cannot take back what it hands out; then no other attempt follows.

    Raises:
        DeclaraiError: to who reads it, in whatever way: there is no answer, or none that fits.
        StreamInUse: it is being read in the other world, blocking or async; or it keeps no chunks, and was read.
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
        state = "running" if buffer.length else "not begun"
        if buffer.closed:
            state = "whole" if buffer.is_complete else "closed" if buffer.error is None else type(buffer.error).__name__
        return f"<stream, {state}, {buffer.length} chunks, {self.response[:40]!r}>"

    @property
    def buffer(self) -> StreamBuffer[LLMResponse, tuple[R, LLMResponse]]:
        """The chunks so far, apart from the running request."""
        return self._buffer

    @property
    def output_type(self) -> OutputType[R]:
        """What the return type asks of the answer."""
        return self._spec().output_type

    @property
    def response(self) -> str:
        """All the text so far, of the last attempt."""
        last = self._buffer.last
        return "" if last is None else last.response

    @property
    def usage(self) -> Usage | None:
        """The tokens so far: estimated, until the provider has told them; None before the answer begins.

        Of an answer that was left early they stay ``estimated``: no provider tells them then.
        """
        last = self._buffer.last
        return None if last is None else current_usage(last)

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended; None before its end."""
        last = self._buffer.last
        return None if last is None else last.finish_reason

    def deltas(self) -> View[LLMResponse, str]:
        """Give the new text only, for ``for`` and ``async for``; chunks without text are passed over.

        Joined they are the answer: the text of attempts that were given up is passed over as well, and once
        there is a text to give, no other attempt follows.
        """
        return TailView(self, lambda: _Deltas(self.commitment))

    def partials(self, *, early: bool = False) -> View[LLMResponse, Partial[R]]:
        """Give the value so far, for ``for`` and ``async for``: one `Partial` for each chunk with text.

        Texts grow; everything else appears when it is complete. A part that is whole is validated once, and
        is the same object from then on. Another attempt at the answer begins anew.

        Args:
            early: whether numbers and literals appear as far as they go.
        """
        from ._output.views.looks import Partials

        return View(self, lambda: Partials(self._spec(), self._finish, early=early))

    def patches(self, *, early: bool = False) -> View[LLMResponse, list[Operation]]:
        """Give what changes in the value so far, as JSON Patch operations: a list for each chunk that changes it.

        Applied one after the other to null, they make what `partials` shows, as JSON, and at the end the answer.
        They are `add`, `replace` and `remove` as in RFC 6902, and `append`, by which a text grows.

        Args:
            early: whether numbers and literals appear as far as they go.
        """
        from ._output.views.looks import Patches

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
        """Give the elements of the list that is the answer, each validated, when its last character is in.

        Once an element has been handed out, no other attempt at the answer follows.

        Args:
            on_error: what becomes of an element that does not fit: ``"raise"`` an `InvalidElement`, or
                ``"collect"`` it in ``Items.errors`` and go on.

        Raises:
            ConfigurationError: the answer is no list, tuple or set, or ``on_error`` is something else.
        """
        return Items(self, self._spec(), on_error)

    def events(self) -> View[LLMResponse, Event[R]]:
        """Give all that happens in the answer, in order, for ``for`` and ``async for``.

        That is new text, fields that begin, grow and are complete, tool calls, the usage, a restart, and at
        last the answer: see `declarai_like._output.views.events`.
        """
        from ._output.views.looks import Events

        return View(self, lambda: Events(self._spec(), self._finish, lambda: self._buffer.result[1]))

    def result(self) -> R:
        """Read to the end, and give the answer as the task's return type: the last attempt's text, read once.

        Raises:
            StreamClosed: the stream was left before its end.
            OutputError: no attempt fitted the return type.
            DeclaraiError: whatever ended the stream.
        """
        buffer = self._buffer
        while self._pull(buffer.length):
            pass
        return self._finish()

    async def aresult(self) -> R:
        """Give what `result` gives, from async code."""
        buffer = self._buffer
        while await self._apull(buffer.length):
            pass
        return self._finish()

    def _finish(self) -> R:
        self._buffer.check_end(self._buffer.length)
        if not self._buffer.is_complete:
            error = StreamClosed("the stream was closed before its end, so there is no result")
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
        """Give a stream of what was recorded, when the one that recorded it is gone."""
        buffer.end()
        return cls(_nothing(), spec=spec, buffer=buffer, commitment=commitment)


def _nothing() -> Flow[list[LLMResponse], Any]:
    raise AssertionError("a stream that is over runs no flow")
    yield


class Items(View[LLMResponse, T], Iterator[T], AsyncIterator[T]):
    """The elements of an answer, one by one, for ``for``, ``async for`` and ``next``.

    As the stream that it reads, it can be read again, and a loop starts where ``next()`` stands, or at the
    beginning when ``next()`` was not used or has seen all.

    Attributes:
        stream: the stream that it reads.
        errors: with ``on_error="collect"``, the elements that do not fit, as far as the last reading has come.

    Raises:
        InvalidElement: to who reads it: an element does not fit, and those before it have been given.
        DeclaraiError: what the stream raises otherwise.
    """

    def __init__(self, stream: Stream[Any], spec: AnswerSpec[Any], on_error: OnError = "raise") -> None:
        from ._output.views.readers import ElementReader

        if on_error not in ("raise", "collect"):
            raise ConfigurationError(f"on_error is {on_error!r}; it is 'raise' or 'collect'")
        ElementReader[T](spec)  # says so at once where there are no elements
        super().__init__(stream, self._begin)
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

    def _begin(self) -> Elements[T]:
        from ._output.views.looks import Elements

        self.errors = []
        return Elements(self._spec, self.stream.commitment.commit, self.errors if self._collects else None)

    def __repr__(self) -> str:
        return f"<items of {self.stream!r}>"


class _Deltas:
    """A look at the new text."""

    def __init__(self, commitment: Commitment) -> None:
        self._commit = commitment.commit

    def feed(self, chunk: LLMResponse) -> tuple[str, ...]:
        return (chunk.delta,) if chunk.delta and self._commit(chunk.attempt) else ()

    def end(self) -> tuple[str, ...]:
        return ()

    def fail(self, error: Exception) -> tuple[str, ...]:
        raise error
