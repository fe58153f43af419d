"""Running the calls of a task or chat: a call returns a value, an awaitable or a stream, and leaves a response."""

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
"""Returns a flow that answers a call. With a commitment, the flow yields the chunks of the answer; without, nothing."""


class CallRunner(Generic[R]):
    """Runs the calls of one task, or of one chat.

    The last response (``llm_response``, ``llm_stream_response``) belongs to the context of its call:
    another thread, or another asyncio task, has its own.

    Attributes:
        streaming: True if a call returns a stream.
        by_element: True if a call returns the elements of the answer, one by one.
    """

    def __init__(self, output_type: OutputType[R], *, streaming: bool, replay: bool) -> None:
        self.streaming = streaming
        self.by_element = output_type.by_element and not streaming
        self._output_type = output_type
        self._replay = replay
        self._spec: AnswerSpec[R] | None = None

    def call(self, start: FlowFactory[R], *, is_async: bool) -> Any:
        """Return the value, an awaitable of it, or a `Stream` or `Items` that sends nothing until it is read."""
        if self.streaming or self.by_element:  # in sync and async code alike: a stream can be read in both
            return self._for_caller(self.stream(start))
        return self._acall(start) if is_async else self._call(start)

    def stream(self, start: FlowFactory[R]) -> Stream[R]:
        """Return a stream, also where `call` returns a value."""
        buffer: StreamBuffer[LLMResponse, tuple[R, LLMResponse]] = StreamBuffer(keep=self._replay)
        commitment = Commitment(buffer)
        stream = Stream(start(commitment), spec=self._answer_spec, buffer=buffer, commitment=commitment)
        self._last = _LastStream(buffer, commitment, weakref.ref(stream))
        if (watch := current_watch()) is not None:
            watch.register(stream)
        return stream

    @property
    def llm_response(self) -> LLMResponse | None:
        """The last response in this context; of a stream its last chunk, once it has ended; else None."""
        last = self._last
        if isinstance(last, _LastStream):
            return last.buffer.last if last.buffer.closed else None
        return last

    @property
    def llm_stream_response(self) -> Stream[R] | Items[Any] | None:
        """The last stream in this context, to read again; None if the last call was not a stream."""
        last = self._last
        if not isinstance(last, _LastStream):
            return None
        stream = last.stream() or Stream[R].from_buffer(self._answer_spec, last.buffer, last.commitment)
        return self._for_caller(stream)

    def _call(self, start: FlowFactory[R]) -> R:
        value, response = run(start(None))
        self._record(response)
        return value

    async def _acall(self, start: FlowFactory[R]) -> R:
        value, response = await arun(start(None))
        self._record(response)
        return value

    def _record(self, response: LLMResponse) -> None:
        self._last = response
        if (watch := current_watch()) is not None:
            watch.add(response)

    def _for_caller(self, stream: Stream[R]) -> Stream[R] | Items[Any]:
        return Items[Any](stream, self._answer_spec()) if self.by_element else stream

    def _answer_spec(self) -> AnswerSpec[R]:
        """Return the parser of incomplete answers, which is made when a stream first needs it."""
        if self._spec is None:
            from .._output.types.root import AnswerSpec

            self._spec = AnswerSpec(self._output_type)
        return self._spec

    @property
    def _last(self) -> _Last | None:
        known = _last.get(None)
        return known.get(self) if known else None

    @_last.setter
    def _last(self, last: _Last) -> None:
        # One variable for all runners: a ContextVar is never freed, and tasks may be made inside functions. The
        # mapping is copied, not changed, because the contexts of other threads and tasks refer to it as well.
        known = _last.get(None)
        changed = known.copy() if known else weakref.WeakKeyDictionary[CallRunner[Any], _Last]()
        changed[self] = last
        _last.set(changed)


@dataclass(frozen=True, slots=True)
class _LastStream:
    """The record of a streaming call.

    The stream itself is held weakly, so that its connection is closed when its reader lets it go. The
    chunks that were read stay in the buffer.
    """

    buffer: StreamBuffer[LLMResponse, Any]
    commitment: Commitment
    stream: weakref.ref[Stream[Any]]


_Last: TypeAlias = LLMResponse | _LastStream
"""The record of the last call in a context: a response, or a stream."""

_last: ContextVar[weakref.WeakKeyDictionary[CallRunner[Any], _Last]] = ContextVar("declarai_like.last")
