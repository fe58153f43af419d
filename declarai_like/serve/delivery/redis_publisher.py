"""How the events of one stream are shown to other workers."""

from __future__ import annotations

import asyncio

from ..errors import SharingFailed, log
from ..events import Event
from ..limits import Limits
from .redis import RedisStreams


class RedisPublisher:
    """Shows the events of one stream to other workers, in batches.

    Where that fails, the stream goes on, and can be followed at this worker only.
    """

    def __init__(self, stream: str, owner: str, shared: RedisStreams, limits: Limits, keep: float) -> None:
        """``keep`` is in seconds."""
        self._stream = stream
        self._owner = owner
        self._shared = shared
        self._limits = limits
        self._keep = keep
        self._pending: list[Event] = []
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def room(self) -> None:
        """Wait until there is room for an event."""
        while len(self._pending) * 2 >= self._limits.events and not self._task.done():
            self._room.clear()
            await self._room.wait()

    def put(self, event: Event) -> None:
        """Take an event, to be shown soon."""
        if not self._task.done():
            self._pending.append(event)
            self._more.set()

    async def close(self) -> None:
        """Wait until all is shown."""
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        is_over = False
        while not is_over:
            await self._more.wait()
            self._more.clear()
            events, self._pending = self._pending, []
            self._room.set()
            is_over = events[-1].is_last
            try:
                await self._shared.publish(self._stream, self._owner, events, most=self._limits.events, keep=self._keep)
            except SharingFailed:
                log.error("the stream %s can be followed at this worker only", self._stream)
                is_over = True
        self._room.set()
