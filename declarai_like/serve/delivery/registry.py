"""The answers of one router: those under way, those that are over and kept for a while, and those of other workers."""

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
from .redis import RedisStreams, listen
from .redis_publisher import RedisPublisher
from .stream_task import StreamTask


class StreamRegistry:
    """The answers of one router. With ``shared``, those of other workers can be followed and stopped here too."""

    def __init__(self, settings: RouterSettings, shared: RedisStreams | None) -> None:
        self.settings = settings
        self._shared = shared
        self._under_way: dict[str, StreamTask] = {}
        self._over: dict[str, StreamTask] = {}  # that which ended first comes first
        self._busy: dict[str, str] = {}  # by the names of places, the ids of streams
        self._releasing: dict[str, asyncio.Task[Any]] = {}  # by the same names, what tells others of an end
        self._read: dict[str, int] = {}  # how far other workers' streams are read here
        self._tasks: set[asyncio.Task[Any]] = set()
        self._has_started = False

    async def start(self, prepare: Callable[[], Awaitable[ServedAnswer]], place: StreamKey) -> StreamTask:
        """Begin an answer. It is prepared when it is sure that nothing else is at work in its session.

        Raises:
            SessionBusy: something is.
            TooManyStreams: as many answers are under way as may be.
        """
        if len(self._under_way) >= self.settings.limits.streams:
            raise TooManyStreams(
                f"{len(self._under_way)} answers are under way, which is the limit; try again in a moment"
            )
        id = secrets.token_urlsafe(16)
        await self._claim(place, id)
        try:
            answer = await prepare()
            publisher = None
            if self._shared is not None:
                await self._start(self._shared)
                publisher = RedisPublisher(id, place.owner, self._shared, self.settings.limits, self.settings.keep)
        except BaseException:
            self._release(place, id)
            raise
        stream = self._under_way[id] = StreamTask(id, answer, place, self.settings, self._ended, publisher)
        return stream

    async def find(self, id: str, owner: str) -> StreamTask | PeerStream:
        """Give a stream of this owner's.

        Raises:
            UnknownStream: there is none with this id.
        """
        stream = self._under_way.get(id) or self._over.get(id)
        if stream is not None and stream.place.owner == owner:
            return stream
        if stream is None and self._shared is not None and await self._shared.owner(id) == owner:
            await self._start(self._shared)
            if bounds := await self._shared.bounds(id):
                return PeerStream(id, self._shared, self.settings, *bounds, self._read)
        raise UnknownStream("there is no such stream, or it is over and no longer kept")

    async def active_stream(self, place: StreamKey) -> str | None:
        """Give the id of the answer that is under way in a session."""
        return self._busy.get(place.name) or (await self._shared.active_stream(place.name) if self._shared else None)

    def is_active(self, served: str, session: str) -> bool:
        """Whether an answer of this worker's is under way in a session, which is named as it is where it is kept."""
        return f"{served}/{session}" in self._busy

    async def close(self) -> None:
        """End all answers."""
        streams = [*self._under_way.values(), *self._over.values()]
        await asyncio.gather(*(stream.close() for stream in streams))
        self._over.clear()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._shared is not None:
            await self._shared.aclose()

    async def _claim(self, place: StreamKey, id: str) -> None:
        if not place.session:
            return
        while (stream := self._under_way.get(self._busy.get(place.name, ""))) is not None and stream.is_stopping:
            await stream.ended()
        if releasing := self._releasing.get(place.name):
            await asyncio.wait([releasing])
        busy = self._busy.setdefault(place.name, id)
        if busy == id and self._shared is not None:
            try:
                busy = await self._shared.claim(place.name, id) or id
            except BaseException:
                del self._busy[place.name]
                raise
            if busy != id:
                del self._busy[place.name]
        if busy != id:
            raise SessionBusy("this session is at work on another answer; follow it or stop it", stream=busy)

    def _release(self, place: StreamKey, id: str) -> None:
        if place.session:
            del self._busy[place.name]
            if self._shared is not None:
                self._releasing[place.name] = self._go(self._shared.release(place.name, id))
                self._releasing[place.name].add_done_callback(lambda _: self._releasing.pop(place.name, None))

    def _ended(self, stream: StreamTask) -> None:
        del self._under_way[stream.id]
        self._release(stream.place, stream.id)
        self._over[stream.id] = stream
        asyncio.get_running_loop().call_later(self.settings.keep, self._over.pop, stream.id, None)
        if len(self._over) > self.settings.limits.kept:
            del self._over[next(iter(self._over))]

    # What goes on beside the answers, where there are several workers

    async def _start(self, shared: RedisStreams) -> None:
        """Begin to give signs of life, and to hear what is to be stopped."""
        if self._has_started:
            return
        self._has_started = True
        listening = asyncio.Event()
        self._go(self._beat(shared))
        self._go(listen(shared, self._stop, listening.set))
        with contextlib.suppress(TimeoutError):  # it is tried again and again; answers need not wait for that
            async with asyncio.timeout(shared.beat):
                await listening.wait()

    def _stop(self, id: str) -> None:
        if stream := self._under_way.get(id):
            self._go(stream.stop())

    async def _beat(self, shared: RedisStreams) -> None:
        while True:
            await asyncio.sleep(shared.beat)
            alive = {stream.id: stream.place.name for stream in self._under_way.values()}
            try:
                read = await shared.give_signs(alive, self._read, self.settings.keep)
            except SharingFailed:  # it is logged there; the next one may succeed
                continue
            for id, place in read.items():
                if stream := self._under_way.get(id):
                    stream.read_elsewhere(place)

    def _go(self, work: Any) -> asyncio.Task[Any]:
        """Let something go on beside the answers."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("something beside the answers failed", exc_info=error)
