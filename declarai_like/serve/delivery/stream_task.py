"""A running answer: it runs once, continues for a while without a reader, and can be stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from ..._calls.watch import Watch
from ...errors import StreamClosed
from ...messages import Usage
from ..answers import ServedAnswer
from ..errors import Abandoned, TooManyReaders, error_payload, log
from ..events import Event, EventName, encode_data
from ..settings import RouterSettings, StreamKey
from .buffer import EventBuffer
from .redis_publisher import RedisPublisher

_STOP_TIMEOUT = 2.0  # seconds that a stopped answer has to end by itself
_FIRST_READER_TIMEOUT = 10.0  # seconds for the first reader: with grace=0, a slow middleware must not end the answer
_USAGE_INTERVAL = 1.0  # seconds between two usage events


class StreamTask:
    """One answer, run in an asyncio task that no connection can cancel.

    Attributes:
        id: the id of the stream, which cannot be guessed.
        key: the owner, endpoint and session of the answer.
    """

    def __init__(
        self,
        id: str,
        answer: ServedAnswer,
        key: StreamKey,
        settings: RouterSettings,
        on_end: Callable[[StreamTask], None],
        publisher: RedisPublisher | None,
    ) -> None:
        """``on_end`` is called when the last event was added."""
        self.id = id
        self.key = key
        # Set to None after the run: the stream is kept for a while, and what an answer refers to may be large
        self._answer: ServedAnswer | None = answer
        self._settings = settings
        self._on_end = on_end
        self._publisher = publisher
        self._buffer = EventBuffer(settings.limits)
        self._watch = Watch()  # counts the tokens of all calls of the answer, and can stop them
        self._readers = 0
        self._was_abandoned = False
        self._stopping: asyncio.Task[None] | None = None
        self._clock = asyncio.get_running_loop().time
        self._last_event_at = self._clock()
        self._abandon_timer = self._abandon_in(max(settings.grace, _FIRST_READER_TIMEOUT))
        self._heartbeat_timer = self._heartbeat_in(settings.heartbeat)
        self._task = asyncio.create_task(self._run(answer))

    @property
    def is_over(self) -> bool:
        """True if the last event was added."""
        return self._buffer.is_over

    @property
    def is_stopping(self) -> bool:
        """True if it was stopped, or is about to be."""
        return self._watch.is_stopped or self._stopping is not None

    async def wait(self) -> None:
        """Wait until the answer has run."""
        await asyncio.wait([self._task])

    @property
    def last_id(self) -> int:
        """The id of the last event so far."""
        return self._buffer.last_id

    def check_reader(self, after: int) -> None:
        """Raise if one more reader cannot follow the stream after this id.

        Raises:
            EventsGone: the next events are no longer kept.
            TooManyReaders: the maximum number of connections reads it.
        """
        self._buffer.check(after)
        if self._readers >= self._settings.limits.readers:
            raise TooManyReaders(f"the limit of {self._settings.limits.readers} readers of one answer is reached")

    def on_peer_read(self, id: int) -> None:
        """Record that a reader at another worker has the events up to this id."""
        self._buffer.mark_read(id)
        if not self._readers and not self.is_over:
            self._abandon_timer.cancel()
            self._abandon_timer = self._abandon_in(self._settings.grace)

    async def follow(self, after: int, *, stop_on_disconnect: bool = False) -> AsyncGenerator[Sequence[Event], None]:
        """Yield the events after this id, up to the last one. An empty sequence asks for a heartbeat.

        Args:
            after: the id of the last event that the reader has; 0 for none.
            stop_on_disconnect: stop the answer if this reader disconnects and is the last one; otherwise the answer
                continues for the grace period.

        Raises:
            EventsGone: the next events are no longer kept.
        """
        self._readers += 1
        self._abandon_timer.cancel()
        try:
            while True:
                events = await self._buffer.after(after)
                yield events
                if events:
                    after = events[-1].id
                if after == self._buffer.last_id and self._buffer.is_over:
                    return
        finally:
            self._readers -= 1
            if not self._readers and not self.is_over:
                self._abandon_timer = self._abandon_in(self._settings.grace)
                if stop_on_disconnect:
                    # In a task: this generator may be closed by a cancellation, which an await here would not survive
                    self._stopping = asyncio.create_task(self.stop())

    async def stop(self) -> None:
        """End the answer, and keep its text so far."""
        if self.is_over or self._watch.is_stopped:
            return
        if self._answer is not None:
            self._answer.stop()
        # An answer that waits for a reader could not end otherwise; little follows
        self._buffer.disable_backpressure()
        await self._watch.astop()
        # If streams were closed, their readers end by themselves, with the text so far; else only a cancellation helps
        if self._watch.stopped_any:
            await asyncio.wait([self._task], timeout=_STOP_TIMEOUT)
        self._task.cancel()
        await asyncio.wait([self._task], timeout=_STOP_TIMEOUT)

    async def close(self) -> None:
        """Cancel the answer, and wait for its task."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if self._publisher is not None:
            await self._publisher.close()

    def _abandon_in(self, seconds: float) -> asyncio.TimerHandle:
        """Cancel the answer after these seconds, unless the timer is cancelled."""
        return asyncio.get_running_loop().call_later(seconds, self._abandon)

    def _abandon(self) -> None:
        self._was_abandoned = True
        self._task.cancel()

    def _heartbeat_in(self, seconds: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, self._on_heartbeat_timer)

    def _on_heartbeat_timer(self) -> None:
        """Wake the readers without an event, if there was none for long enough; each then sends a heartbeat."""
        # Events do not reset the timer, as that would cost something for each; it looks at the last one's time instead
        remaining = self._last_event_at + self._settings.heartbeat - self._clock()
        if remaining <= 0:
            self._buffer.wake_readers()
        self._heartbeat_timer = self._heartbeat_in(remaining if remaining > 0 else self._settings.heartbeat)

    async def _run(self, answer: ServedAnswer) -> None:
        try:
            with self._watch:
                await self._put_all(answer)
            if not self.is_over:
                self._put_last("stopped")
        except (Exception, asyncio.CancelledError) as error:  # whatever it is, readers must get a last event
            self._fail(error)
        finally:
            self._answer = None

    async def _put_all(self, answer: ServedAnswer) -> None:
        usage_sent_at = self._clock()
        session = {"session": self.key.session} if self.key.session else {}
        await self._put("start", {"stream": self.id, **session})
        async with aclosing(answer.events()) as events:
            async for name, data in events:
                if name == "done":
                    self._put_last("stopped" if self._watch.stopped_any else "done", data)
                    continue  # no `return`: code after the last yield of the answer must run as well
                await self._put(name, data)
                if self._last_event_at - usage_sent_at >= _USAGE_INTERVAL and (usage := self._usage()):
                    usage_sent_at = self._last_event_at
                    await self._put("usage", {"usage": usage})

    async def _put(self, name: EventName, data: Any) -> None:
        if not self._buffer.has_space:
            await self._buffer.wait_for_space()
        if self._publisher is not None:
            await self._publisher.wait_for_space()
        self._add(name, data)

    def _put_last(self, name: EventName, data: Any = None) -> None:
        """Add the last event, without waiting for space."""
        if name == "stopped":
            data = {"response": self._answer.response if self._answer else ""}
        self._add(name, data if name == "error" else {**data, "usage": self._usage()})
        self._abandon_timer.cancel()
        self._heartbeat_timer.cancel()
        self._on_end(self)

    def _add(self, name: EventName, data: Any) -> None:
        event = Event(self._buffer.last_id + 1, name, encode_data(data))
        self._buffer.add(event)
        self._last_event_at = self._clock()
        if self._publisher is not None:
            self._publisher.put(event)

    def _usage(self) -> dict[str, Any] | None:
        usage: Usage | None = self._watch.usage
        return None if usage is None else asdict(usage)

    def _fail(self, error: BaseException) -> None:
        if self.is_over:
            if isinstance(error, Exception):
                log.error("an answer of %s failed after its end", self.key.endpoint, exc_info=error)
            return
        if self._watch.is_stopped and isinstance(error, StreamClosed | asyncio.CancelledError):
            self._put_last("stopped")
            return
        if isinstance(error, asyncio.CancelledError):
            error = Abandoned("no client was reading the answer" if self._was_abandoned else "the server is stopping")
        else:
            log.error("an answer of %s failed", self.key.endpoint, exc_info=error)
        self._put_last("error", error_payload(error, expose=self._settings.expose_errors))
