"""The streams of one router: those that run, those that are kept after their end, and those of other workers."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from ..answers import ServedAnswer
from ..errors import SessionBusy, SharingFailed, TooManyStreams, UnknownStream, log
from ..settings import RouterSettings, StreamKey
from .peer_stream import PeerStream
from .redis import RedisStreams, listen_for_stops
from .redis_publisher import RedisPublisher
from .stream_task import StreamTask


class StreamRegistry:
    """The streams of one router. With ``shared``, those of other workers can be followed and stopped as well."""

    def __init__(self, settings: RouterSettings, shared: RedisStreams | None) -> None:
        self.settings = settings
        self._shared = shared
        self._running: dict[str, StreamTask] = {}
        self._finished: dict[str, StreamTask] = {}  # in the order in which they ended
        self._busy: dict[str, str] = {}  # lock key of a session -> id of its stream
        self._releasing: dict[str, asyncio.Task[Any]] = {}  # lock key -> task that releases the claim in Redis
        self._read_ids: dict[str, int] = {}  # stream of another worker -> last event read here
        self._tasks: set[asyncio.Task[Any]] = set()  # asyncio itself holds tasks by weak references only
        self._has_started = False

    async def start(self, prepare: Callable[[], Awaitable[ServedAnswer]], key: StreamKey) -> StreamTask:
        """Start an answer. ``prepare`` is called when the session is claimed, and returns the answer.

        Raises:
            SessionBusy: another answer runs in the session.
            TooManyStreams: the maximum number of answers is running.
        """
        if len(self._running) >= self.settings.limits.streams:
            raise TooManyStreams(
                f"the limit of {self.settings.limits.streams} running answers is reached; try again in a moment"
            )
        id = secrets.token_urlsafe(16)
        await self._claim(key, id)
        try:
            answer = await prepare()
            publisher = None
            if self._shared is not None:
                await self._start_background(self._shared)
                publisher = RedisPublisher(id, key.owner, self._shared, self.settings.limits, self.settings.keep)
        except BaseException:  # also a cancellation: the session must not stay busy
            self._release(key, id)
            raise
        stream = self._running[id] = StreamTask(id, answer, key, self.settings, self._on_end, publisher)
        return stream

    async def find(self, id: str, owner: str) -> StreamTask | PeerStream:
        """Return a stream of this owner.

        Raises:
            UnknownStream: it does not exist, or belongs to another owner.
        """
        stream = self._running.get(id) or self._finished.get(id)
        if stream is not None and stream.key.owner == owner:
            return stream
        if stream is None and self._shared is not None and await self._shared.owner(id) == owner:
            await self._start_background(self._shared)
            if bounds := await self._shared.bounds(id):
                return PeerStream(id, self._shared, self.settings, *bounds, self._read_ids)
        # The same error for another owner's stream, so that a client cannot find out which ids exist
        raise UnknownStream("the stream does not exist, or is no longer kept")

    async def active_stream(self, key: StreamKey) -> str | None:
        """Return the id of the stream that runs in a session."""
        return self._busy.get(key.lock_key) or (
            await self._shared.active_stream(key.lock_key) if self._shared else None
        )

    def is_active(self, endpoint: str, session_key: str) -> bool:
        """Return True if this worker runs an answer in a session."""
        return f"{endpoint}/{session_key}" in self._busy

    async def close(self) -> None:
        """End all streams."""
        streams = [*self._running.values(), *self._finished.values()]
        await asyncio.gather(*(stream.close() for stream in streams))
        self._finished.clear()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._shared is not None:
            await self._shared.aclose()

    async def _claim(self, key: StreamKey, id: str) -> None:
        if not key.session:
            return
        # A stopped answer may take some time to end: the next message waits for it, and is not refused
        while (stream := self._running.get(self._busy.get(key.lock_key, ""))) is not None and stream.is_stopping:
            await stream.wait()
        # The claim of the last answer may still be in Redis, although its last event was sent
        if releasing := self._releasing.get(key.lock_key):
            await asyncio.wait([releasing])
        # In this worker first, where nothing can come between test and set
        busy = self._busy.setdefault(key.lock_key, id)
        if busy == id and self._shared is not None:
            try:
                busy = await self._shared.claim(key.lock_key, id) or id
            except BaseException:
                del self._busy[key.lock_key]
                raise
            if busy != id:
                del self._busy[key.lock_key]
        if busy != id:
            raise SessionBusy(
                f"the session is busy with another answer (stream {busy}); follow it or stop it", stream=busy
            )

    def _release(self, key: StreamKey, id: str) -> None:
        if key.session:
            del self._busy[key.lock_key]
            if self._shared is not None:
                self._releasing[key.lock_key] = self._spawn(self._shared.release(key.lock_key, id))
                self._releasing[key.lock_key].add_done_callback(lambda _: self._releasing.pop(key.lock_key, None))

    def _on_end(self, stream: StreamTask) -> None:
        del self._running[stream.id]
        self._release(stream.key, stream.id)
        self._finished[stream.id] = stream
        # With a default for pop(), as the limit below may have dropped it by then
        asyncio.get_running_loop().call_later(self.settings.keep, self._finished.pop, stream.id, None)
        if len(self._finished) > self.settings.limits.kept:
            del self._finished[next(iter(self._finished))]

    # Background tasks, with several workers

    async def _start_background(self, shared: RedisStreams) -> None:
        """Start heartbeats, and listening to stop requests."""
        if self._has_started:
            return
        self._has_started = True
        subscribed = asyncio.Event()
        self._spawn(self._send_heartbeats(shared))
        self._spawn(listen_for_stops(shared, self._stop, subscribed.set))
        # A stop request before the subscription would be lost. Without Redis it is retried in the background, and
        # answers start all the same.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(shared.beat):
                await subscribed.wait()

    def _stop(self, id: str) -> None:
        if stream := self._running.get(id):  # each worker gets the requests for all workers
            self._spawn(stream.stop())

    async def _send_heartbeats(self, shared: RedisStreams) -> None:
        while True:
            await asyncio.sleep(shared.beat)
            running = {stream.id: stream.key.lock_key for stream in self._running.values()}
            try:
                read_by_peers = await shared.send_heartbeat(running, self._read_ids, self.settings.keep)
            except SharingFailed:  # already logged; the next one may succeed
                continue
            for id, read_id in read_by_peers.items():
                if stream := self._running.get(id):
                    stream.on_peer_read(read_id)

    def _spawn(self, coroutine: Any) -> asyncio.Task[Any]:
        """Run a coroutine in a background task."""
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a background task of a router failed", exc_info=error)
