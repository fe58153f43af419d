"""What is under way in a context: the calls that are made there, the tokens that they take, and a way to stop them."""

from __future__ import annotations

import weakref
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from .._llm.usage import sum_of, usage_of_all_attempts
from ..errors import StreamInUse
from ..messages import LLMResponse, Usage
from ..stream import Stream

if TYPE_CHECKING:
    from typing import Self

    from .._core.replay import StreamBuffer


class Watch:
    """Sees the calls of tasks and chats that are made inside of its ``with`` block, also deep in other functions.

    ```python
    with declarai.Watch() as watch:
        report = write(topic)  # whatever this calls
    print(watch.usage)
    ```

    `stop` ends the streams that are being read, as ``close`` does: their readers come to an end without an error,
    and have what has come. So what reads them can end well, with what there is. A call that does not stream is not
    stopped.

    Blocks may be in each other; each sees what is made inside of it.

    Attributes:
        is_stopped: what is begun from now on ends at once.
        has_cut: a stream was ended by it, before its own end.
    """

    def __init__(self) -> None:
        self.is_stopped = False
        self.stopped_any = False
        self._streams: list[tuple[weakref.ref[Stream[Any]], StreamBuffer[LLMResponse, Any]]] = []
        self._answers: list[LLMResponse] = []
        self._outer: Watch | None = None
        self._token: Token[Watch | None] | None = None

    @property
    def usage(self) -> Usage | None:
        """The tokens of all calls so far; None where there are none. Estimated, where one of them is."""
        usages = [usage_of_all_attempts(answer) for answer in self._last_chunks()]
        return sum_of(usages) if usages else None

    def stop(self) -> None:
        """End all streams that are read blocking, in whichever thread.

        Raises:
            StreamInUse: one is read with ``async for``; the others are ended all the same. Use `astop`.
        """
        in_use: StreamInUse | None = None
        for stream in self._stopped():
            try:
                stream.close()
            except StreamInUse as error:
                in_use = error
        if in_use is not None:
            raise in_use

    async def astop(self) -> None:
        """End all streams, from async code."""
        for stream in self._stopped():
            await stream.aclose()

    def register(self, stream: Stream[Any]) -> None:
        """Take note of a stream that was made."""
        self._streams.append((weakref.ref(stream), stream.buffer))
        if self.is_stopped:
            self.stopped_any = True
            stream.close()
        if self._outer is not None:
            self._outer.register(stream)

    def add(self, answer: LLMResponse) -> None:
        """Take note of an answer that came whole."""
        self._answers.append(answer)
        if self._outer is not None:
            self._outer.add(answer)

    def __enter__(self) -> Self:
        self._outer = _watch.get()
        self._token = _watch.set(self)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._token is not None:
            _watch.reset(self._token)
            self._token = None

    def _stopped(self) -> list[Stream[Any]]:
        self.is_stopped = True
        alive = [stream() for stream, _ in self._streams]
        cut = [stream for stream in alive if stream is not None and not stream.buffer.closed]
        self.stopped_any = self.stopped_any or bool(cut)
        return cut

    def _last_chunks(self) -> list[LLMResponse]:
        return [*self._answers, *(last for _, buffer in self._streams if (last := buffer.last) is not None)]


def current_watch() -> Watch | None:
    """Give the watch that the running code is inside of."""
    return _watch.get()


_watch: ContextVar[Watch | None] = ContextVar("declarai_like._calls.watch", default=None)
