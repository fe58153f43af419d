"""Publishes the events of one stream to Redis, for other workers."""

from __future__ import annotations

import asyncio

from ..errors import SharingFailed, log
from ..events import Event
from ..limits import Limits
from .redis import RedisStreams


class RedisPublisher:
    """Publishes the events of one stream in batches, in a background task.

    If Redis fails, the stream continues, and can be read at this worker only.
    """

    def __init__(self, stream: str, owner: str, shared: RedisStreams, limits: Limits, keep: float) -> None:
        """``keep`` is in seconds."""
        self._stream = stream
        self._owner = owner
        self._shared = shared
        self._limits = limits
        self._keep = keep
        self._pending: list[Event] = []
        self._has_events = asyncio.Event()
        self._has_space = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def wait_for_space(self) -> None:
        """Wait until an event can be added."""
        while len(self._pending) * 2 >= self._limits.events and not self._task.done():
            self._has_space.clear()
            await self._has_space.wait()

    def put(self, event: Event) -> None:
        """Add an event to the next batch."""
        if not self._task.done():  # it is done if Redis failed: then nothing reads the list
            self._pending.append(event)
            self._has_events.set()

    async def close(self) -> None:
        """Wait until all events are published."""
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        is_over = False
        while not is_over:
            await self._has_events.wait()
            self._has_events.clear()
            # All that came during the last command goes in one: the slower Redis is, the larger are the batches
            events, self._pending = self._pending, []
            self._has_space.set()
            is_over = events[-1].is_last
            try:
                await self._shared.publish(
                    self._stream, self._owner, events, max_events=self._limits.events, keep=self._keep
                )
            except SharingFailed:
                log.error("the stream %s can be read at this worker only", self._stream)
                is_over = True
        self._has_space.set()
