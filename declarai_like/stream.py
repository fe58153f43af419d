"""The answer so far, again and again: the generator that a streaming task gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from .errors import StreamClosed
from .flow import Flow
from .messages import LLMResponse, Usage
from .replay import Record, Replay, View

if TYPE_CHECKING:
    from typing import Self

R = TypeVar("R")


class Stream(Replay[LLMResponse, LLMResponse], Generic[R]):
    """A generator of accumulating `LLMResponse` chunks, with the typed value at its end.

    Nothing is sent until the first chunk is asked for. Each ``for`` or ``async for`` is a reader of its
    own: it gets every chunk once, first those that are there already, from one request. A loop starts
    where ``next()`` stands, or at the beginning when ``next()`` was not used or has seen all.

    ``close()``, ``aclose()``, ``with`` and ``async with`` leave it early and release the connection at
    once; so does letting go of it.

    An error comes after the chunks that were there before it, and again to each later reader.
    """

    def __init__(
        self,
        flow: Flow[list[LLMResponse], LLMResponse],
        read: Callable[[LLMResponse], R],
        *,
        record: Record[LLMResponse] | None = None,
    ) -> None:
        super().__init__(flow, record=record)
        self._read_value = read
        self._value: R
        self._has_value = False

    def __repr__(self) -> str:
        record = self._record
        state = "running" if record.length else "not begun"
        if record.over:
            state = "whole" if record.whole else "closed" if record.error is None else type(record.error).__name__
        return f"<stream, {state}, {record.length} chunks, {self.response[:40]!r}>"

    @property
    def record(self) -> Record[LLMResponse]:
        """The chunks so far, apart from the running request."""
        return self._record

    @property
    def response(self) -> str:
        """All the text so far."""
        last = self._record.last
        return "" if last is None else last.response

    @property
    def usage(self) -> Usage | None:
        """The tokens, once the provider has told them."""
        last = self._record.last
        return None if last is None else last.usage

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended; None before its end."""
        last = self._record.last
        return None if last is None else last.finish_reason

    def deltas(self) -> View[LLMResponse, str]:
        """Give the new text only, for ``for`` and ``async for``; chunks without text are passed over."""
        return View(self, lambda chunk: (chunk.delta,) if chunk.delta else ())

    def result(self) -> R:
        """Read to the end, and give the answer as the task's return type.

        Raises:
            StreamClosed: the stream was left before its end.
            OutputError: the answer does not fit the return type.
            DeclaraiError: whatever ended the stream.
        """
        record = self._record
        while self._pull(record.length):
            pass
        return self._finish()

    async def aresult(self) -> R:
        """Give what `result` gives, from async code."""
        record = self._record
        while await self._apull(record.length):
            pass
        return self._finish()

    def _finish(self) -> R:
        self._record.finish(self._record.length)
        if not self._record.whole or self._record.last is None:
            error = StreamClosed("the stream was closed before its end, so there is no result")
            error.partial = self.response
            raise error
        if not self._has_value:
            self._value = self._read_value(self._record.last)
            self._has_value = True
        return self._value

    @classmethod
    def over(cls, record: Record[LLMResponse], read: Callable[[LLMResponse], R]) -> Self:
        """Give a stream of what was recorded, when the one that recorded it is gone."""
        record.end()
        return cls(_nothing(), read, record=record)


def _nothing() -> Flow[list[LLMResponse], LLMResponse]:
    raise AssertionError("a stream that is over runs no flow")
    yield
