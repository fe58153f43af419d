"""Answering a call of a task or a chat: with the value, an awaitable of it or a stream; and what the last one left."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from .._core.flow import Flow, arun, run
from .._core.replay import StreamBuffer
from .._output.output_type import OutputType
from ..messages import LLMResponse
from ..stream import Commitment, Items, Stream
from .watch import current_watch

if TYPE_CHECKING:
    from .._output.types.root import AnswerSpec

R = TypeVar("R")

FlowFactory: TypeAlias = Callable[[Commitment | None], Flow[list[LLMResponse], tuple[R, LLMResponse]]]
"""Begins a flow that answers a call. With a commitment it emits the answer as it grows, else nothing."""


class Calls(Generic[R]):
    """The calls of one task, or of one chat.

    What a call leaves (``llm_response``, ``llm_stream_response``) belongs to its context: another
    thread, or another asyncio task, sees its own.

    Attributes:
        streaming: whether a call gives a stream.
        by_element: whether a call gives the answer's elements, one by one.
    """

    def __init__(self, output_type: OutputType[R], *, streaming: bool, replay: bool) -> None:
        self.streaming = streaming
        self.by_element = output_type.by_element and not streaming
        self._output_type = output_type
        self._replay = replay
        self._reading: AnswerSpec[R] | None = None

    def answer(self, answering: FlowFactory[R], *, is_async: bool) -> Any:
        """Give what the caller gets: a `Stream` or `Items`, from which nothing is asked yet, the value, or an awaitable."""
        if self.streaming or self.by_element:
            return self._handed_out(self.stream(answering))
        return self._later(answering) if is_async else self._now(answering)

    @property
    def llm_response(self) -> LLMResponse | None:
        """The last answer in this context: whole, or the last chunk of a stream that has ended; else None."""
        last = self._last
        if isinstance(last, _Streamed):
            return last.buffer.last if last.buffer.closed else None
        return last

    @property
    def llm_stream_response(self) -> Stream[R] | Items[Any] | None:
        """The last stream of this context, to read again; None when there was none."""
        last = self._last
        if not isinstance(last, _Streamed):
            return None
        stream = last.stream() or Stream[R].from_buffer(self._read_as, last.buffer, last.commitment)
        return self._handed_out(stream)

    def _now(self, answering: FlowFactory[R]) -> R:
        value, answer = run(answering(None))
        self._leave(answer)
        return value

    async def _later(self, answering: FlowFactory[R]) -> R:
        value, answer = await arun(answering(None))
        self._leave(answer)
        return value

    def _leave(self, answer: LLMResponse) -> None:
        self._last = answer
        if (watch := current_watch()) is not None:
            watch.add(answer)

    def stream(self, answering: FlowFactory[R]) -> Stream[R]:
        """Give a stream, whatever the caller of a call gets."""
        buffer: StreamBuffer[LLMResponse, tuple[R, LLMResponse]] = StreamBuffer(keep=self._replay)
        commitment = Commitment(buffer)
        stream = Stream(answering(commitment), spec=self._read_as, buffer=buffer, commitment=commitment)
        self._last = _Streamed(buffer, commitment, weakref.ref(stream))
        if (watch := current_watch()) is not None:
            watch.register(stream)
        return stream

    def _handed_out(self, stream: Stream[R]) -> Stream[R] | Items[Any]:
        return Items[Any](stream, self._read_as()) if self.by_element else stream

    def _read_as(self) -> AnswerSpec[R]:
        """Give how an answer is read while it comes."""
        if self._reading is None:
            from .._output.types.root import AnswerSpec

            self._reading = AnswerSpec(self._output_type)
        return self._reading

    @property
    def _last(self) -> _Last | None:
        known = _last.get(None)
        return known.get(self) if known else None

    @_last.setter
    def _last(self, last: _Last) -> None:
        # One variable for all of them, replaced as a whole: a ContextVar of its own for each would never be
        # freed, and tasks may be made inside functions.
        known = _last.get(None)
        changed = known.copy() if known else weakref.WeakKeyDictionary[Calls[Any], _Last]()
        changed[self] = last
        _last.set(changed)


@dataclass(frozen=True, slots=True)
class _Streamed:
    """What a call that streams leaves.

    The stream itself is held weakly: when its reader lets it go, its connection is closed. What it
    has read stays in its record.
    """

    buffer: StreamBuffer[LLMResponse, Any]
    commitment: Commitment
    stream: weakref.ref[Stream[Any]]


_Last: TypeAlias = LLMResponse | _Streamed
"""What the last call of a context left: an answer, or a stream."""

_last: ContextVar[weakref.WeakKeyDictionary[Calls[Any], _Last]] = ContextVar("declarai_like.last")
