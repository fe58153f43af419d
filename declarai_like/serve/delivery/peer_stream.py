"""Streams that another worker runs, read over Redis."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from ..errors import EventsGone, WorkerLost, error_payload
from ..events import Event, encode_data
from ..settings import RouterSettings
from .redis import RedisStreams


class PeerStream:
    """A stream of another worker; its attributes are as they were when it was looked up.

    Attributes:
        id: the id of the stream.
        last_id: the id of its last event.
        is_over: True if no event follows that.
    """

    def __init__(
        self,
        id: str,
        shared: RedisStreams,
        settings: RouterSettings,
        first: Event,
        last: Event,
        read_ids: dict[str, int],
    ) -> None:
        """``read_ids`` maps streams to the last event read in this worker; this object updates its own entry."""
        self.id = id
        self.last_id = last.id
        self.is_over = last.is_last
        self._first_id = first.id
        self._shared = shared
        self._settings = settings
        self._read_ids = read_ids

    def check_reader(self, after: int) -> None:
        """Raise if a reader cannot follow the stream after this id.

        Raises:
            EventsGone: the next events are no longer kept.
        """
        if after + 1 < self._first_id:
            raise EventsGone(f"events after id {after} are no longer kept; the first one kept has id {self._first_id}")

    async def follow(self, after: int, *, stop_on_disconnect: bool = False) -> AsyncGenerator[Sequence[Event], None]:
        """Yield the events after this id, up to the last one. An empty sequence asks for a heartbeat.

        ``stop_on_disconnect`` is ignored: only the connection that asked for an answer stops it, and that is at the
        worker that runs it.

        Raises:
            EventsGone: the next events are no longer kept.
        """
        try:
            while True:
                # The reader that is furthest ahead counts, as in EventBuffer
                self._read_ids[self.id] = max(after, self._read_ids.get(self.id, 0))
                events = await self._next(after)
                yield events
                if events:
                    after = events[-1].id
                    if events[-1].is_last:
                        return
        finally:
            self._read_ids.pop(self.id, None)  # another reader in this worker adds its entry again

    async def _next(self, after: int) -> Sequence[Event]:
        # Not longer than a beat, so that the death of the other worker is noticed soon
        events = await self._shared.read(self.id, after, min(self._settings.heartbeat, self._shared.beat))
        # Redis trims the oldest entries; XREAD then starts at the first one left, without an error
        if events and events[0].id != after + 1:
            raise EventsGone(f"events after id {after} are no longer kept")
        if events or await self._shared.is_alive(self.id):
            return events
        # The dead worker cannot write a last event, so each reader gets one that is made here
        error = WorkerLost("the worker that ran this answer died")
        return [Event(after + 1, "error", encode_data(error_payload(error, expose=self._settings.expose_errors)))]

    async def stop(self) -> None:
        """Publish a request to stop the stream."""
        await self._shared.stop(self.id)
