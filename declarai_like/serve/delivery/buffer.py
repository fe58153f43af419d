"""A bounded buffer with the last events of one stream, for any number of readers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..errors import EventsGone
from ..events import Event
from ..limits import Limits


class EventBuffer:
    """Keeps the last events of one stream. The writer waits for readers (backpressure), and readers wait for events.

    The reader that is furthest ahead sets the pace: the writer waits when unread events fill half of the limit. So
    the other half is left for readers that reconnect. A slower reader is not waited for: it gets `EventsGone` when
    the events that it needs have been dropped.

    Attributes:
        last_id: the id of the last event; 0 before the first.
        is_over: True if the last event of the stream was added.
    """

    def __init__(self, limits: Limits) -> None:
        self.last_id = 0
        self.is_over = False
        self._is_unlimited = False
        self._max_events = limits.events
        self._max_bytes = limits.event_bytes
        self._events: list[Event] = []
        # For each event, the size of all data up to its end: the size of any range is one subtraction
        self._end_offsets: list[int] = []
        self._dropped = 0  # number of events dropped at the front
        self._dropped_bytes = 0
        self._read_id = 0  # the last event that any reader has confirmed
        self._read_bytes = 0
        # Futures, not an asyncio.Condition: that needs a lock, and so an await for each event
        self._readers: list[asyncio.Future[None]] = []
        self._writer: asyncio.Future[None] | None = None

    @property
    def has_space(self) -> bool:
        """True if an event can be added without waiting."""
        if self._is_unlimited:
            return True
        unread_bytes = self._end_offsets[-1] - self._read_bytes if self._end_offsets else 0
        return (self.last_id - self._read_id) * 2 < self._max_events and unread_bytes * 2 < self._max_bytes

    async def wait_for_space(self) -> None:
        """Wait until an event can be added."""
        while not self.has_space:
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer

    def disable_backpressure(self) -> None:
        """Let the writer continue without readers; used when the stream is about to end."""
        self._is_unlimited = True
        self._wake_writer()

    def add(self, event: Event) -> None:
        """Add the next event."""
        ends = self._end_offsets
        ends.append((ends[-1] if ends else self._dropped_bytes) + len(event.data))
        self._events.append(event)
        self.last_id = event.id
        self.is_over = event.is_last
        if len(ends) > self._max_events or ends[-1] - self._dropped_bytes > self._max_bytes:
            self._drop_oldest()
        if self._readers:
            self.wake_readers()

    def wake_readers(self) -> None:
        """Wake all waiting readers."""
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():  # it is done if the reader's task was cancelled
                reader.set_result(None)

    async def after(self, id: int) -> Sequence[Event]:
        """Wait for events after this id, and return them; the sequence is empty if `wake_readers` ended the wait.

        The call also confirms that the reader has the events up to this id.

        Raises:
            EventsGone: the next events are no longer kept.
        """
        if id > self._read_id:
            self.mark_read(id)
        if id >= self.last_id and not self.is_over:
            waiter = asyncio.get_running_loop().create_future()
            self._readers.append(waiter)
            await waiter
        self.check(id)
        return self._events[id - self._dropped :]

    def check(self, id: int) -> None:
        """Raise if the events after this id are no longer kept.

        Raises:
            EventsGone: the next event was dropped.
        """
        if id < self._dropped:
            raise EventsGone(f"events after id {id} are no longer kept; the first one kept has id {self._dropped + 1}")

    def mark_read(self, id: int) -> None:
        """Record that a reader has the events up to this id."""
        if self._read_id < id <= self.last_id and id > self._dropped:
            self._read_id = id
            self._read_bytes = self._end_offsets[id - self._dropped - 1]
            self._wake_writer()

    def _wake_writer(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def _drop_oldest(self) -> None:
        # A quarter at once: deleting at the front of a list moves all the rest. Unread events and the last one stay,
        # even if they exceed the limit: one event may be larger than `event_bytes`.
        count = min(max(len(self._events) // 4, 1), self._read_id - self._dropped, len(self._events) - 1)
        if count > 0:
            self._dropped_bytes = self._end_offsets[count - 1]
            del self._events[:count], self._end_offsets[:count]
            self._dropped += count
