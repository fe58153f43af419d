"""Streams that several workers share in a Redis server: their events, their owners and the busy sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar, cast

from ..._core import checks
from ..._storage.names import key_of
from ..._storage.redis import RedisServer
from ..errors import SharingFailed, log
from ..events import Event, EventName

T = TypeVar("T")

# Delete a session's claim only if this worker still has it: it may have expired, and be another worker's by now.
# Redis runs a script atomically; GET and DEL as two commands would race.
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
_TIMEOUT = 10.0  # seconds, for a connection and for a reply to a command that does not block


class RedisStreams:
    """Lets several workers serve the same streams: each can follow and stop the answers of the others.

    The events of each answer are in a Redis stream, for as long as the router keeps them. A session that is busy at
    one worker is busy at all of them. When a worker dies, readers of its answers get an error event.

    A reader at another worker than the one that runs the answer uses one connection. The extra ``redis`` is needed:
    ``pip install 'declarai-like[redis]'``.

    Args:
        url: the URL of the server: ``redis://user:password@host:6379/0``, ``rediss://`` or ``unix://``.
        prefix: prefix of the keys; no other keys of the server may start with it.
        beat: seconds between two heartbeats of a worker; after three missing ones it is considered dead.

    Raises:
        ConfigurationError: a setting is wrong, or the driver is not installed.
        SharingFailed: raised by its methods: the server is not reachable, or failed.
    """

    def __init__(self, url: str, *, prefix: str = "declarai:streams:", beat: float = 2.0) -> None:
        # Only to check the URL, and to find the password in it: the connections of RedisServer block
        self._secrets = RedisServer(url, needed_by="RedisStreams").secrets
        self.beat = checks.seconds("RedisStreams.beat", beat, above_zero=True)
        self._url = url
        self._prefix = checks.string("RedisStreams.prefix", prefix)
        self._client: Any = None

    def __repr__(self) -> str:
        return f"RedisStreams(prefix={self._prefix!r})"

    async def claim(self, session: str, stream: str) -> str | None:
        """Mark a session as busy with a stream; return the id of the other stream if it is busy already."""
        key = self._session_key(session)
        while not await self._do(self._redis.set(key, stream, nx=True, px=self._alive_ms)):
            # The other claim may end between the two commands: then try again
            if busy := await self.active_stream(session):
                return busy
        return None

    async def active_stream(self, session: str) -> str | None:
        """Return the id of the stream that runs in a session."""
        busy: bytes | None = await self._do(self._redis.get(self._session_key(session)))
        return busy.decode() if busy else None

    async def release(self, session: str, stream: str) -> None:
        """Mark a session as free, if it is busy with this stream."""
        await self._do(self._redis.eval(_RELEASE, 1, self._session_key(session), stream))

    async def publish(self, stream: str, owner: str, events: Sequence[Event], *, max_events: int, keep: float) -> None:
        """Add events to a stream. At most ``max_events`` of them are kept, for ``keep`` seconds from now."""
        # A pipeline only to save round trips: readers cope with any state between the commands
        pipeline = self._redis.pipeline(transaction=False)
        # At least until a missing heartbeat is noticed, so that a running stream never expires
        key, milliseconds = self._key(stream, "events"), max(int(keep * 1000), self._alive_ms)
        for event in events:
            fields = {"name": event.name, "data": event.data}
            # The entry's id is the event's id, so XREAD can start at a Last-Event-ID
            pipeline.xadd(key, fields, id=f"{event.id}-0", maxlen=max_events, approximate=False)
        pipeline.pexpire(key, milliseconds)
        pipeline.set(self._key(stream, "owner"), owner, px=milliseconds)
        pipeline.set(self._key(stream, "alive"), b"", px=self._alive_ms)
        await self._do(pipeline.execute())

    async def owner(self, stream: str) -> str | None:
        """Return the owner of a stream; None if the stream does not exist."""
        owner: bytes | None = await self._do(self._redis.get(self._key(stream, "owner")))
        return None if owner is None else owner.decode()

    async def bounds(self, stream: str) -> tuple[Event, Event] | None:
        """Return the first and the last event that are kept; None without events."""
        key = self._key(stream, "events")
        first = await self._do(self._redis.xrange(key, count=1))
        last = await self._do(self._redis.xrevrange(key, count=1))
        return (_event(*first[0]), _event(*last[0])) if first and last else None

    async def read(self, stream: str, after: int, seconds: float) -> Sequence[Event]:
        """Return the events after this id; an empty sequence if none comes within these seconds."""
        key = self._key(stream, "events")
        found = await self._do(
            # block=0 would wait without an end
            self._redis.xread({key: f"{after}-0"}, count=1000, block=max(int(seconds * 1000), 1)),
            within=seconds + _TIMEOUT,
        )
        return [_event(id, fields) for _, entries in found or () for id, fields in entries]

    async def is_alive(self, stream: str) -> bool:
        """Return True if the worker that runs a stream is alive."""
        return bool(await self._do(self._redis.exists(self._key(stream, "alive"))))

    async def send_heartbeat(
        self, running: Mapping[str, str], read_ids: Mapping[str, int], keep: float
    ) -> Mapping[str, int]:
        """Publish what runs and what is read here; return what other workers have read of this worker's streams.

        Args:
            running: the streams that this worker runs, each with the key of its session, or an empty str.
            read_ids: for each stream of another worker, the last event read here.
            keep: seconds that a stream is kept.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for stream, session in running.items():
            pipeline.set(self._key(stream, "alive"), b"", px=self._alive_ms)
            for key in ("events", "owner"):
                pipeline.pexpire(self._key(stream, key), max(int(keep * 1000), self._alive_ms))
            if session:
                pipeline.pexpire(self._session_key(session), self._alive_ms)
        for stream, id in read_ids.items():
            pipeline.set(self._key(stream, "read"), id, px=self._alive_ms)
        await self._do(pipeline.execute())
        return await self._read_by_peers(list(running))

    async def _read_by_peers(self, streams: Sequence[str]) -> Mapping[str, int]:
        if not streams:  # MGET without keys is an error
            return {}
        ids = await self._do(self._redis.mget([self._key(stream, "read") for stream in streams]))
        return {stream: int(id) for stream, id in zip(streams, ids, strict=True) if id is not None}

    async def stop(self, stream: str) -> None:
        """Publish a request to stop a stream; the worker that runs it does so."""
        await self._do(self._redis.publish(f"{self._prefix}stop", stream))

    async def stop_requests(self, on_subscribed: Callable[[], None]) -> AsyncGenerator[str, None]:
        """Yield the ids of streams that workers ask to stop; ``on_subscribed`` is called before the first one."""
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(f"{self._prefix}stop")
            on_subscribed()
            while True:
                message = await channel.get_message(timeout=60.0)
                if message is not None:
                    yield message["data"].decode()

    async def aclose(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @property
    def _alive_ms(self) -> int:
        """Milliseconds after which a worker without a heartbeat is considered dead."""
        return max(int(self.beat * 3000), 1)

    @property
    def _redis(self) -> Any:
        if self._client is None:  # not in __init__: an asyncio client belongs to one event loop
            from redis.asyncio import Redis

            self._client = cast("Any", Redis).from_url(self._url, socket_connect_timeout=_TIMEOUT)  # typed in part only
        return self._client

    def _key(self, stream: str, what: str) -> str:
        return f"{self._prefix}{key_of(stream)}:{what}"

    def _session_key(self, session: str) -> str:
        return f"{self._prefix}session:{key_of(session)}"

    async def _do(self, command: Awaitable[T], within: float = _TIMEOUT) -> T:
        """Await a command, and hide the driver's error.

        Raises:
            SharingFailed: the server is not reachable, or failed.
        """
        try:
            async with asyncio.timeout(within):
                return await command
        except Exception as error:  # the driver raises its own errors, and OSError, TimeoutError and others
            hidden = str(error) or type(error).__name__
            for secret in self._secrets:
                hidden = hidden.replace(secret, "***")
            log.error("%r failed: %s", self, hidden)
        # Outside of the except block, so that the error has no context with a secret in it
        raise SharingFailed("Redis is not reachable; try again in a moment")


def _event(id: bytes, fields: Mapping[bytes, bytes]) -> Event:
    return Event(_number(id), cast("EventName", fields[b"name"].decode()), fields[b"data"])


def _number(id: bytes) -> int:
    return int(id.partition(b"-")[0])


async def listen_for_stops(
    shared: RedisStreams, stop: Callable[[str], None], on_subscribed: Callable[[], None]
) -> None:
    """Call ``stop`` with each stream that another worker asks to stop; reconnect after errors, until cancelled."""
    while True:
        try:
            async with aclosing(shared.stop_requests(on_subscribed)) as requests:
                async for stream in requests:
                    stop(stream)
        except Exception as error:  # the connection is lost
            log.warning("%r cannot receive stop requests: %s", shared, type(error).__name__)
            await asyncio.sleep(shared.beat)
