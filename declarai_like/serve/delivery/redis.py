"""What several workers share of their streams, in a Redis server: the events, and who is at work where."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar, cast

from ..._storage.names import key_of
from ..._storage.redis import RedisServer
from ...errors import ConfigurationError
from ..errors import SharingFailed, log
from ..events import Event, EventName

T = TypeVar("T")

_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
_TIMEOUT = 10.0  # seconds that one waits for a connection, and for an answer that does not block


class RedisStreams:
    """Lets several workers serve the same streams: what one of them answers can be followed and stopped at another.

    The events of a stream are in a Redis stream of its own, for as long as the router keeps them. A session that is
    at work at one worker is busy at all. When a worker is gone, those who follow its answers elsewhere are told so.

    Each reader that follows at another worker than the one that answers takes a connection of its own. It needs
    ``pip install 'declarai-like[redis]'``.

    Args:
        url: where the server is: ``redis://user:password@host:6379/0``, ``rediss://`` or ``unix://``.
        prefix: what the keys begin with; no other keys of the server may begin so.
        beat: seconds between two signs of life of a worker; after three of them without one it is taken for gone.

    Raises:
        ConfigurationError: a setting is wrong, or the driver is not installed.
        SharingFailed: of its methods: the server cannot be reached, or fails.
    """

    def __init__(self, url: str, *, prefix: str = "declarai:streams:", beat: float = 2.0) -> None:
        self._secrets = RedisServer(url, needed_by="RedisStreams").secrets
        given: Any = beat
        if not isinstance(given, int | float) or isinstance(given, bool) or not 0 < given < math.inf:
            raise ConfigurationError(f"beat is {beat!r}; it is a number of seconds, above 0")
        if not isinstance(cast("Any", prefix), str):
            raise ConfigurationError(f"prefix is {prefix!r}; it is a text")
        self.beat = beat
        self._url = url
        self._prefix = prefix
        self._made: Any = None

    def __repr__(self) -> str:
        return f"RedisStreams(prefix={self._prefix!r})"

    async def claim(self, session: str, stream: str) -> str | None:
        """Begin to work in a session; where another stream does already, its id."""
        key = self._session(session)
        while not await self._do(self._redis.set(key, stream, nx=True, px=self._alive_for)):
            if busy := await self.active_stream(session):
                return busy
        return None

    async def active_stream(self, session: str) -> str | None:
        """Give the id of the stream that works in a session."""
        busy: bytes | None = await self._do(self._redis.get(self._session(session)))
        return busy.decode() if busy else None

    async def release(self, session: str, stream: str) -> None:
        """End the work in a session."""
        await self._do(self._redis.eval(_RELEASE, 1, self._session(session), stream))

    async def publish(self, stream: str, owner: str, events: Sequence[Event], *, most: int, keep: float) -> None:
        """Add events to a stream, of which as many as ``most`` are kept, ``keep`` seconds from now."""
        pipeline = self._redis.pipeline(transaction=False)
        key, milliseconds = self._key(stream, "events"), max(int(keep * 1000), self._alive_for)
        for event in events:
            fields = {"name": event.name, "data": event.data}
            pipeline.xadd(key, fields, id=f"{event.id}-0", maxlen=most, approximate=False)
        pipeline.pexpire(key, milliseconds)
        pipeline.set(self._key(stream, "owner"), owner, px=milliseconds)
        pipeline.set(self._key(stream, "alive"), b"", px=self._alive_for)
        await self._do(pipeline.execute())

    async def owner(self, stream: str) -> str | None:
        """Give whose a stream is; None where there is none of this id."""
        owner: bytes | None = await self._do(self._redis.get(self._key(stream, "owner")))
        return None if owner is None else owner.decode()

    async def bounds(self, stream: str) -> tuple[Event, Event] | None:
        """Give the first and the last event that are kept; None where there are none."""
        key = self._key(stream, "events")
        first = await self._do(self._redis.xrange(key, count=1))
        last = await self._do(self._redis.xrevrange(key, count=1))
        return (_event(*first[0]), _event(*last[0])) if first and last else None

    async def read(self, stream: str, after: int, seconds: float) -> Sequence[Event]:
        """Give the events after this id; none, if none comes in these seconds."""
        key = self._key(stream, "events")
        found = await self._do(
            self._redis.xread({key: f"{after}-0"}, count=1000, block=max(int(seconds * 1000), 1)),
            patience=seconds + _TIMEOUT,
        )
        return [_event(id, fields) for _, entries in found or () for id, fields in entries]

    async def is_alive(self, stream: str) -> bool:
        """Whether the worker that answers is there."""
        return bool(await self._do(self._redis.exists(self._key(stream, "alive"))))

    async def give_signs(self, alive: Mapping[str, str], read: Mapping[str, int], keep: float) -> Mapping[str, int]:
        """Tell the others what goes on here; give how far streams of this worker have been read at others.

        Args:
            alive: the streams that this worker answers, and the session of each, or an empty text.
            read: how far the streams of others have been read here.
            keep: seconds that a stream is kept.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for stream, session in alive.items():
            pipeline.set(self._key(stream, "alive"), b"", px=self._alive_for)
            for key in ("events", "owner"):
                pipeline.pexpire(self._key(stream, key), max(int(keep * 1000), self._alive_for))
            if session:
                pipeline.pexpire(self._session(session), self._alive_for)
        for stream, id in read.items():
            pipeline.set(self._key(stream, "read"), id, px=self._alive_for)
        await self._do(pipeline.execute())
        return await self._read_elsewhere(list(alive))

    async def _read_elsewhere(self, streams: Sequence[str]) -> Mapping[str, int]:
        if not streams:
            return {}
        places = await self._do(self._redis.mget([self._key(stream, "read") for stream in streams]))
        return {stream: int(place) for stream, place in zip(streams, places, strict=True) if place is not None}

    async def stop(self, stream: str) -> None:
        """Ask the worker that answers to stop."""
        await self._do(self._redis.publish(f"{self._prefix}stop", stream))

    async def stops(self, listening: Callable[[], None]) -> AsyncGenerator[str, None]:
        """Give the streams that are to be stopped; ``listening`` is called when it listens."""
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(f"{self._prefix}stop")
            listening()
            while True:
                message = await channel.get_message(timeout=60.0)
                if message is not None:
                    yield message["data"].decode()

    async def aclose(self) -> None:
        """Close all connections."""
        client, self._made = self._made, None
        if client is not None:
            await client.aclose()

    @property
    def _alive_for(self) -> int:
        """Milliseconds that a sign of life holds."""
        return max(int(self.beat * 3000), 1)

    @property
    def _redis(self) -> Any:
        if self._made is None:
            from redis.asyncio import Redis

            self._made = cast("Any", Redis).from_url(self._url, socket_connect_timeout=_TIMEOUT)  # typed in part only
        return self._made

    def _key(self, stream: str, what: str) -> str:
        return f"{self._prefix}{key_of(stream)}:{what}"

    def _session(self, session: str) -> str:
        return f"{self._prefix}session:{key_of(session)}"

    async def _do(self, command: Awaitable[T], patience: float = _TIMEOUT) -> T:
        """Wait for a command.

        Raises:
            SharingFailed: the server cannot be reached, or fails.
        """
        try:
            async with asyncio.timeout(patience):
                return await command
        except Exception as error:  # the driver has errors of its own, and some of Python's
            hidden = str(error) or type(error).__name__
            for secret in self._secrets:
                hidden = hidden.replace(secret, "***")
            log.error("%r failed: %s", self, hidden)
        raise SharingFailed("what workers share cannot be reached; try again in a moment")


def _event(id: bytes, fields: Mapping[bytes, bytes]) -> Event:
    return Event(_number(id), cast("EventName", fields[b"name"].decode()), fields[b"data"])


def _number(id: bytes) -> int:
    return int(id.partition(b"-")[0])


async def listen(shared: RedisStreams, stop: Callable[[str], None], listening: Callable[[], None]) -> None:
    """Hear for ever which streams are to be stopped."""
    while True:
        try:
            async with aclosing(shared.stops(listening)) as stops:
                async for stream in stops:
                    stop(stream)
        except Exception as error:  # the connection is lost: another one is made
            log.warning("%r does not hear what is to be stopped: %s", shared, type(error).__name__)
            await asyncio.sleep(shared.beat)
