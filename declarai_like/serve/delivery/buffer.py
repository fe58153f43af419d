"""The last events of one stream, for readers at different places."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..errors import EventsGone
from ..events import Event
from ..limits import Limits


class Buffer:
    """Keeps the last events of one stream. Who adds to it waits for its readers; who reads it waits for more.

    The reader that is ahead sets the pace: events are added until half of what may be kept has not been read by
    anybody. So a reader that comes back finds at least the other half. One that is so slow that it needs what is no
    longer kept is told `EventsGone`.

    Attributes:
        last_id: the id of the last event; 0 before the first.
        is_over: whether that is the last one of the stream.
    """

    def __init__(self, limits: Limits) -> None:
        self.last_id = 0
        self.is_over = False
        self._is_lifted = False
        self._most = limits.events
        self._most_bytes = limits.event_bytes
        self._events: list[Event] = []
        self._ends: list[int] = []  # for each of them, the bytes up to its end, from the beginning of the stream
        self._gone = 0  # how many events at the front are no longer kept
        self._gone_bytes = 0
        self._read = 0  # the last event that a reader has taken
        self._read_bytes = 0
        self._readers: list[asyncio.Future[None]] = []
        self._writer: asyncio.Future[None] | None = None

    @property
    def has_room(self) -> bool:
        """Whether an event may be added now."""
        if self._is_lifted:
            return True
        unread_bytes = self._ends[-1] - self._read_bytes if self._ends else 0
        return (self.last_id - self._read) * 2 < self._most and unread_bytes * 2 < self._most_bytes

    async def room(self) -> None:
        """Wait until there is room for an event."""
        while not self.has_room:
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer

    def lift(self) -> None:
        """Wait for readers no longer: what is still to come is not much."""
        self._is_lifted = True
        self._let_write()

    def add(self, event: Event) -> None:
        """Add the next event; the last one of a stream ends it."""
        ends = self._ends
        ends.append((ends[-1] if ends else self._gone_bytes) + len(event.data))
        self._events.append(event)
        self.last_id = event.id
        self.is_over = event.is_last
        if len(ends) > self._most or ends[-1] - self._gone_bytes > self._most_bytes:
            self._drop()
        if self._readers:
            self.wake()

    def wake(self) -> None:
        """Let those who wait look whether there is more."""
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)

    async def after(self, id: int) -> Sequence[Event]:
        """Give the events after this id, those up to it having been read; wait for one. None, where woken without.

        Raises:
            EventsGone: the next ones are no longer kept.
        """
        if id > self._read:
            self.take(id)
        if id >= self.last_id and not self.is_over:
            grown = asyncio.get_running_loop().create_future()
            self._readers.append(grown)
            await grown
        self.check(id)
        return self._events[id - self._gone :]

    def check(self, id: int) -> None:
        """Look whether the events after this id are there.

        Raises:
            EventsGone: the next one is no longer kept.
        """
        if id < self._gone:
            raise EventsGone(f"the events after {id} are no longer kept; the first that is has the id {self._gone + 1}")

    def take(self, id: int) -> None:
        """Take note that a reader has come so far."""
        if self._read < id <= self.last_id and id > self._gone:
            self._read = id
            self._read_bytes = self._ends[id - self._gone - 1]
            self._let_write()

    def _let_write(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def _drop(self) -> None:
        """Drop the first quarter, so that dropping is rare; but nothing that nobody has read, nor the last event."""
        count = min(max(len(self._events) // 4, 1), self._read - self._gone, len(self._events) - 1)
        if count > 0:
            self._gone_bytes = self._ends[count - 1]
            del self._events[:count], self._ends[:count]
            self._gone += count
