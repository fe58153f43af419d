"""Streams that another worker answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from ..errors import EventsGone, WorkerLost, error_payload
from ..events import Event, written
from ..settings import RouterSettings
from .redis import RedisStreams


class PeerStream:
    """An answer of another worker, as it stands when it is looked for.

    Attributes:
        id: its name.
        last_id: the id of its last event so far.
        is_over: whether nothing follows that.
    """

    def __init__(
        self, id: str, shared: RedisStreams, settings: RouterSettings, first: Event, last: Event, read: dict[str, int]
    ) -> None:
        """``read`` takes note of how far streams are read here."""
        self.id = id
        self.last_id = last.id
        self.is_over = last.is_last
        self._first_id = first.id
        self._shared = shared
        self._settings = settings
        self._read = read

    def check_reader(self, after: int) -> None:
        """Look whether a reader can follow it from here.

        Raises:
            EventsGone: the next events are no longer kept.
        """
        if after + 1 < self._first_id:
            raise EventsGone(
                f"the events after {after} are no longer kept; the first that is has the id {self._first_id}"
            )

    async def follow(self, after: int, *, stops: bool = False) -> AsyncGenerator[Sequence[Event], None]:
        """Give the events after this id, as they come, up to the last one. No events are a sign of life.

        ``stops`` is passed over: a reader elsewhere is not the one that has asked.

        Raises:
            EventsGone: the next ones are no longer kept.
        """
        try:
            while True:
                self._read[self.id] = max(after, self._read.get(self.id, 0))
                events = await self._next(after)
                yield events
                if events:
                    after = events[-1].id
                    if events[-1].is_last:
                        return
        finally:
            self._read.pop(self.id, None)  # another reader takes note again

    async def _next(self, after: int) -> Sequence[Event]:
        events = await self._shared.read(self.id, after, min(self._settings.heartbeat, self._shared.beat))
        if events and events[0].id != after + 1:
            raise EventsGone(f"the events after {after} are no longer kept")
        if events or await self._shared.is_alive(self.id):
            return events
        error = WorkerLost("the worker that answered is gone")
        return [Event(after + 1, "error", written(error_payload(error, expose=self._settings.expose_errors)))]

    async def stop(self) -> None:
        """Ask for its end."""
        await self._shared.stop(self.id)
