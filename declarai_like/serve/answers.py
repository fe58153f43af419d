"""Answers that yield events: the protocol of all of them, and the answer that reads a `Stream`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Literal, Protocol, TypeAlias

from ..messages import LLMResponse
from ..stream import Stream, as_json
from .events import EventName

AnswerEvent: TypeAlias = tuple[EventName, Mapping[str, Any]]
"""An event before it has an id: its name and its data."""

PartialFormat = Literal["snapshot", "patch"]
"""Form of an incomplete typed value: the value so far each time, or what has changed."""


class ServedAnswer(Protocol):
    """The answer to one request. It runs when its events are iterated."""

    @property
    def response(self) -> str:
        """All text so far."""
        ...

    def events(self) -> AsyncGenerator[AnswerEvent, None]:
        """Run the answer, and yield its events. The last one is ``done``; without it, the answer was stopped."""
        ...

    def stop(self) -> None:
        """Prepare to keep what there is so far. It is called before the streams that the answer reads are closed."""
        ...


class StreamAnswer:
    """An answer that reads a `Stream`. ``start`` is called when the answer runs, and returns the stream."""

    def __init__(self, start: Callable[[], Stream[Any]], partials: PartialFormat) -> None:
        self._start = start
        self._partials = partials
        self._stream: Stream[Any] | None = None

    @property
    def response(self) -> str:
        """The text so far."""
        return self._stream.response if self._stream else ""

    def stop(self) -> None:
        """Do nothing: the stream keeps its text."""

    async def events(self) -> AsyncGenerator[AnswerEvent, None]:
        """Yield the events of the stream, from its start to its end."""
        stream = self._stream = self._start()
        async with stream:
            # aclosing: an async generator that is left early is otherwise closed at some later time, by the event loop
            async with aclosing(self._progress(stream)) as progress:
                async for event in progress:
                    yield event
            # A stream that Watch.stop() has closed ends without an error, and is not complete
            if stream.buffer.is_complete:
                yield "done", _done_data(stream)

    async def _progress(self, stream: Stream[Any]) -> AsyncGenerator[AnswerEvent, None]:
        if stream.output_type.is_text:
            async for delta in stream.deltas():
                yield "delta", {"delta": delta}
        elif stream.output_type.by_element:
            index = 0
            async for item in stream.items():
                yield "item", {"index": index, "value": item}
                index += 1
        elif self._partials == "patch":
            async for operations in stream.patches():
                yield "partial", {"patch": operations}
        else:
            async for partial in stream.partials():
                yield "partial", {"value": as_json(partial)}


def _done_data(stream: Stream[Any]) -> Mapping[str, Any]:
    data = {"response": stream.response, "finish_reason": stream.finish_reason}
    return data if stream.output_type.is_text else {**data, "result": stream.buffer.result[0]}


class EventBuilder:
    """Builds events from values: a str or a chunk of an answer is new text, everything else is an item."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._items = 0

    @property
    def response(self) -> str:
        """All text so far."""
        return "".join(self._texts)

    def add(self, value: Any, **about: Any) -> AnswerEvent | None:
        """Return the event of a value, with ``about`` in its data; None for an empty text."""
        text = value.delta if isinstance(value, LLMResponse) else value
        if isinstance(text, str):
            if not text:
                return None
            self._texts.append(text)
            return "delta", {"delta": text, **about}
        index, self._items = self._items, self._items + 1
        return "item", {"index": index, "value": value, **about}
