"""Tracking of the calls in a context: their token usage, and stopping their streams."""

from __future__ import annotations

import weakref
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from .._llm.usage import sum_usages, usage_of_attempts
from ..errors import StreamInUse
from ..messages import LLMResponse, Usage
from ..stream import Stream

if TYPE_CHECKING:
    from typing import Self

    from .._core.replay import StreamBuffer


class Watch:
    """Tracks all calls of tasks and chats made in its ``with`` block, including nested ones.

    ```python
    with declarai.Watch() as watch:
        report = write(topic)  # may call other tasks and chats
    print(watch.usage)
    ```

    `stop` closes the streams that are being read: their readers end without an error, and keep the chunks
    that they have. So the code that reads them can finish with a partial answer. A call that does not
    stream is not stopped.

    Blocks can be nested: each tracks the calls made in it.

    Attributes:
        is_stopped: True after a stop; a stream that is made from then on ends at once.
        stopped_any: True if a stop closed a stream before its end.
    """

    def __init__(self) -> None:
        self.is_stopped = False
        self.stopped_any = False
        # Streams are held weakly, so that a stream which its reader lets go closes its connection
        self._streams: list[tuple[weakref.ref[Stream[Any]], StreamBuffer[LLMResponse, Any]]] = []
        self._responses: list[LLMResponse] = []
        self._outer: Watch | None = None
        self._token: Token[Watch | None] | None = None

    @property
    def usage(self) -> Usage | None:
        """The tokens of all calls so far; None without a call. Estimated if those of one call are."""
        usages = [usage_of_attempts(response) for response in self._last_chunks()]
        return sum_usages(usages) if usages else None

    def stop(self) -> None:
        """Close all streams of blocking code, in any thread.

        Raises:
            StreamInUse: one is being read with ``async for``; the others are closed anyway. Use `astop`.
        """
        in_use: StreamInUse | None = None  # raised at the end, so that it does not keep other streams open
        for stream in self._streams_to_stop():
            try:
                stream.close()
            except StreamInUse as error:
                in_use = error
        if in_use is not None:
            raise in_use

    async def astop(self) -> None:
        """Close all streams, from async code."""
        for stream in self._streams_to_stop():
            await stream.aclose()

    def register(self, stream: Stream[Any]) -> None:
        """Track a stream that was made."""
        self._streams.append((weakref.ref(stream), stream.buffer))
        if self.is_stopped:  # closed before it is read, so nothing is sent
            self.stopped_any = True
            stream.close()
        if self._outer is not None:
            self._outer.register(stream)

    def add(self, response: LLMResponse) -> None:
        """Track the response of a call that did not stream."""
        self._responses.append(response)
        if self._outer is not None:
            self._outer.add(response)

    def __enter__(self) -> Self:
        self._outer = _watch.get()
        self._token = _watch.set(self)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._token is not None:
            _watch.reset(self._token)
            self._token = None

    def _streams_to_stop(self) -> list[Stream[Any]]:
        self.is_stopped = True
        alive = [stream() for stream, _ in self._streams]
        unfinished = [stream for stream in alive if stream is not None and not stream.buffer.closed]
        self.stopped_any = self.stopped_any or bool(unfinished)
        return unfinished

    def _last_chunks(self) -> list[LLMResponse]:
        return [*self._responses, *(last for _, buffer in self._streams if (last := buffer.last) is not None)]


def current_watch() -> Watch | None:
    """Return the innermost watch of the current context, or None."""
    return _watch.get()


_watch: ContextVar[Watch | None] = ContextVar("declarai_like._calls.watch", default=None)
