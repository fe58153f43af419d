"""One answer as it is served: what happens in it, and how it is stopped."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Literal, Protocol, TypeAlias

from ..messages import LLMResponse
from ..stream import Stream, as_json
from .events import EventName

EventData: TypeAlias = tuple[EventName, Mapping[str, Any]]
"""The name of an event, and its data."""

Partials = Literal["snapshot", "patch"]
"""In which form a typed value travels that is not whole: all that there is of it each time, or what has changed."""


class ServedAnswer(Protocol):
    """One answer that has not begun."""

    @property
    def response(self) -> str:
        """All its text so far."""
        ...

    def events(self) -> AsyncGenerator[EventData, None]:
        """Run it, and give what happens. The last is ``done``; without one, it was stopped."""
        ...

    def stop(self) -> None:
        """Prepare for being stopped: what there is shall be kept. The streams that it reads are closed after this."""
        ...


class StreamAnswer:
    """An answer that is a `Stream`; ``begin`` makes it, when the answer is run."""

    def __init__(self, begin: Callable[[], Stream[Any]], partials: Partials) -> None:
        self._begin = begin
        self._partials = partials
        self._stream: Stream[Any] | None = None

    @property
    def response(self) -> str:
        return self._stream.response if self._stream else ""

    def stop(self) -> None:
        """There is nothing to prepare."""

    async def events(self) -> AsyncGenerator[EventData, None]:
        stream = self._stream = self._begin()
        async with stream:
            async with aclosing(self._growing(stream)) as growing:
                async for happening in growing:
                    yield happening
            if stream.buffer.whole:
                yield "done", _whole(stream)

    async def _growing(self, stream: Stream[Any]) -> AsyncGenerator[EventData, None]:
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


def _whole(stream: Stream[Any]) -> Mapping[str, Any]:
    whole = {"response": stream.response, "finish_reason": stream.finish_reason}
    return whole if stream.output_type.is_text else {**whole, "result": stream.buffer.result[0]}


class EventBuilder:
    """Tells what something streams: texts, and chunks of answers, are new text; everything else is an item."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._items = 0

    @property
    def response(self) -> str:
        """All the text so far."""
        return "".join(self._said)

    def add(self, value: Any, **about: Any) -> EventData | None:
        """Give what happens with a value; nothing, with an empty text."""
        text = value.delta if isinstance(value, LLMResponse) else value
        if isinstance(text, str):
            if not text:
                return None
            self._said.append(text)
            return "delta", {"delta": text, **about}
        index, self._items = self._items, self._items + 1
        return "item", {"index": index, "value": value, **about}
