"""Answers that are under way: each is run once, goes on while its reader is away for a while, and can be stopped."""

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
from ..events import Event, EventName, written
from ..settings import RouterSettings, StreamKey
from .buffer import Buffer
from .redis_publisher import RedisPublisher

_STOPPING = 2.0  # seconds in which an answer that was stopped comes to its end by itself
_FIRST_READER = 10.0  # seconds in which the first reader comes, whatever is between it and the answer
_USAGE_EVERY = 1.0  # seconds


class StreamTask:
    """One answer, run in a task of its own.

    Attributes:
        id: its name, which cannot be guessed.
        place: whose it is.
    """

    def __init__(
        self,
        id: str,
        answer: ServedAnswer,
        place: StreamKey,
        settings: RouterSettings,
        ended: Callable[[StreamTask], None],
        publisher: RedisPublisher | None,
    ) -> None:
        """``ended`` is called when its last event is there."""
        self.id = id
        self.place = place
        self._answer: ServedAnswer | None = answer  # none any more when it has run: what it works with may be large
        self._settings = settings
        self._ended = ended
        self._publisher = publisher
        self._buffer = Buffer(settings.limits)
        self._watch = Watch()
        self._readers = 0
        self._was_abandoned = False
        self._stopping: asyncio.Task[None] | None = None
        self._clock = asyncio.get_running_loop().time
        self._added_at = self._clock()
        self._abandoning = self._leave_alone(max(settings.grace, _FIRST_READER))
        self._beating = self._beat_in(settings.heartbeat)
        self._task = asyncio.create_task(self._run(answer))

    @property
    def is_over(self) -> bool:
        """Whether its last event is there."""
        return self._buffer.is_over

    @property
    def is_stopping(self) -> bool:
        """Whether it has been stopped, or will be at once."""
        return self._watch.is_stopped or self._stopping is not None

    async def ended(self) -> None:
        """Wait until it has run."""
        await asyncio.wait([self._task])

    @property
    def last_id(self) -> int:
        """The id of its last event so far."""
        return self._buffer.last_id

    def check_reader(self, after: int) -> None:
        """Look whether one more reader can follow it from here.

        Raises:
            EventsGone: the next events are no longer kept.
            TooManyReaders: others follow it already.
        """
        self._buffer.check(after)
        if self._readers >= self._settings.limits.readers:
            raise TooManyReaders(f"{self._readers} connections follow this answer, which is the limit")

    def read_elsewhere(self, id: int) -> None:
        """Take note that a reader at another worker has come so far."""
        self._buffer.take(id)
        if not self._readers and not self.is_over:
            self._abandoning.cancel()
            self._abandoning = self._leave_alone(self._settings.grace)

    async def follow(self, after: int, *, stops: bool = False) -> AsyncGenerator[Sequence[Event], None]:
        """Give the events after this id, as they come, up to the last one. No events are a sign of life.

        Args:
            after: the id of the last event that the reader has; 0 for none.
            stops: whether the answer is stopped when this reader leaves it alone; else it goes on for a while.

        Raises:
            EventsGone: the next ones are no longer kept.
        """
        self._readers += 1
        self._abandoning.cancel()
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
                self._abandoning = self._leave_alone(self._settings.grace)
                if stops:
                    self._stopping = asyncio.create_task(self.stop())

    async def stop(self) -> None:
        """End the answer, and keep what there is of it."""
        if self.is_over or self._watch.is_stopped:
            return
        if self._answer is not None:
            self._answer.stop()
        self._buffer.lift()
        await self._watch.astop()
        if self._watch.stopped_any:
            await asyncio.wait([self._task], timeout=_STOPPING)
        self._task.cancel()
        await asyncio.wait([self._task], timeout=_STOPPING)

    async def close(self) -> None:
        """End the answer, and wait until its task has."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if self._publisher is not None:
            await self._publisher.close()

    def _leave_alone(self, grace: float) -> asyncio.TimerHandle:
        """Let the answer go on for a while; then nobody waits for it any more."""
        return asyncio.get_running_loop().call_later(grace, self._abandon)

    def _abandon(self) -> None:
        self._was_abandoned = True
        self._task.cancel()

    def _beat_in(self, seconds: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, self._beat)

    def _beat(self) -> None:
        """Let those who wait give a sign of life, where nothing has come for long enough."""
        rest = self._added_at + self._settings.heartbeat - self._clock()
        if rest <= 0:
            self._buffer.wake()
        self._beating = self._beat_in(rest if rest > 0 else self._settings.heartbeat)

    async def _run(self, answer: ServedAnswer) -> None:
        try:
            with self._watch:
                await self._put_all(answer)
            if not self.is_over:
                self._put_last("stopped")
        except (Exception, asyncio.CancelledError) as error:  # whatever it is, those who follow must hear of it
            self._fail(error)
        finally:
            self._answer = None

    async def _put_all(self, answer: ServedAnswer) -> None:
        told_at = self._clock()
        session = {"session": self.place.session} if self.place.session else {}
        await self._put("start", {"stream": self.id, **session})
        async with aclosing(answer.events()) as happenings:
            async for name, data in happenings:
                if name == "done":
                    self._put_last("stopped" if self._watch.stopped_any else "done", data)
                    continue  # it may have something to do after that
                await self._put(name, data)
                if self._added_at - told_at >= _USAGE_EVERY and (usage := self._usage()):
                    told_at = self._added_at
                    await self._put("usage", {"usage": usage})

    async def _put(self, name: EventName, data: Any) -> None:
        if not self._buffer.has_room:
            await self._buffer.room()
        if self._publisher is not None:
            await self._publisher.room()
        self._add(name, data)

    def _put_last(self, name: EventName, data: Any = None) -> None:
        """Add the last event, which does not wait for room."""
        if name == "stopped":
            data = {"response": self._answer.response if self._answer else ""}
        self._add(name, data if name == "error" else {**data, "usage": self._usage()})
        self._abandoning.cancel()
        self._beating.cancel()
        self._ended(self)

    def _add(self, name: EventName, data: Any) -> None:
        event = Event(self._buffer.last_id + 1, name, written(data))
        self._buffer.add(event)
        self._added_at = self._clock()
        if self._publisher is not None:
            self._publisher.put(event)

    def _usage(self) -> dict[str, Any] | None:
        usage: Usage | None = self._watch.usage
        return None if usage is None else asdict(usage)

    def _fail(self, error: BaseException) -> None:
        if self.is_over:
            if isinstance(error, Exception):
                log.error("an answer of %s failed after its end", self.place.served, exc_info=error)
            return
        if self._watch.is_stopped and isinstance(error, StreamClosed | asyncio.CancelledError):
            self._put_last("stopped")
            return
        if isinstance(error, asyncio.CancelledError):
            error = Abandoned("nobody followed the answer" if self._was_abandoned else "the server was stopped")
        else:
            log.error("an answer of %s failed", self.place.served, exc_info=error)
        self._put_last("error", error_payload(error, expose=self._settings.expose_errors))
