"""Redis: both stores, the keys, and the connections of a process to a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from .._core import checks
from .._core.per_process import PerProcess
from ..errors import ConfigurationError
from .names import has_open_password, key_of
from .stores import Snapshot

if TYPE_CHECKING:
    import redis

MAX_CONNECTIONS = 20
SOCKET_TIMEOUT = 30.0  # seconds to wait for a connection, and for a response

# Redis runs a script atomically. The snapshot is written first, so that the snapshot of a listed id always exists, also
# if the script fails in between. The score of an id in the sorted set counts up, so that the newest is the last.
_SAVE = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], 'newest', ARGV[1])
local newest = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
redis.call('ZADD', KEYS[2], tonumber(newest[2] or 0) + 1, ARGV[3])
"""


class RedisServer:
    """A Redis server.

    Args:
        url: its address: ``redis://user:password@host:6379/0``, ``rediss://`` or ``unix://``.
        needed_by: the class that needs the driver, for the error if it is not installed.

    Raises:
        ConfigurationError: the URL is wrong, or the driver is not installed.
    """

    def __init__(self, url: str, *, needed_by: str) -> None:
        try:
            from redis import BlockingConnectionPool
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError as error:
            raise ConfigurationError(
                f"{needed_by} needs its driver: pip install 'declarai-like[redis]' ({error})"
            ) from error

        checks.string("url", url)

        def connect() -> redis.Redis:
            from redis import Redis as Client

            pool = cast("Any", BlockingConnectionPool).from_url(  # typed in part only
                url,
                max_connections=MAX_CONNECTIONS,
                timeout=SOCKET_TIMEOUT,
                socket_timeout=SOCKET_TIMEOUT,
                socket_connect_timeout=SOCKET_TIMEOUT,
                # If a response is lost, the command may have been executed; a retry would execute it twice.
                retry=Retry(NoBackoff(), 0),
            )
            return Client.from_pool(pool)

        client = None
        try:
            client = None if has_open_password(url) else connect()  # reads the URL, and opens no connection yet
        except (ValueError, TypeError):  # not chained, as its text has parts of the URL
            pass
        if client is None:
            raise ConfigurationError(
                "url is not understood (it is not shown, as it may have a password); write it like "
                "redis://user:password@host:6379/0; a password's @ and / are %40 and %2F"
            )
        password: str = cast("Any", client).get_connection_kwargs().get("password")
        self.secrets: Sequence[str] = [password] if password else []
        self._client = PerProcess(connect, lambda client: client.close())

    def client(self) -> Any:
        """Return the client, which is thread-safe. It is `Any`, as redis types commands as both blocking and async."""
        return self._client.get()

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._client.close()


class _RedisStore:
    def __init__(self, url: str, prefix: str, *, needed_by: str) -> None:
        self._server = RedisServer(url, needed_by=needed_by)
        self.secrets = self._server.secrets
        self._prefix = prefix

    def close(self) -> None:
        self._server.close()


class RedisLog(_RedisStore):
    """An `AppendLog`: a list for each session, at the key ``<prefix><session>``."""

    def append(self, session: str, record: bytes) -> None:
        self._server.client().rpush(self._prefix + key_of(session), record)

    def load(self, session: str) -> list[bytes]:
        records: list[bytes] = self._server.client().lrange(self._prefix + key_of(session), 0, -1)
        return records

    def clear(self, session: str) -> None:
        self._server.client().delete(self._prefix + key_of(session))


class RedisSnapshots(_RedisStore):
    """A `SnapshotStore`: a hash of snapshots for each application, and a sorted set of each partition's app ids.

    The fields of a hash are the sequence ids, and ``newest``, the sequence id of the newest snapshot.
    """

    def save(self, partition_key: str, app_id: str, sequence_id: int, snapshot: Snapshot) -> None:
        keys = (self._steps(partition_key, app_id), self._apps(partition_key))
        self._server.client().eval(_SAVE, len(keys), *keys, sequence_id, "\n".join(snapshot), _encode(app_id))

    def load(self, partition_key: str, app_id: str | None, sequence_id: int | None) -> Snapshot | None:
        client = self._server.client()
        if app_id is None:
            newest: list[bytes] = client.zrange(self._apps(partition_key), -1, -1)
            if not newest:
                return None
            app_id = _decode(newest[0])
        steps = self._steps(partition_key, app_id)
        field: Any = client.hget(steps, "newest") if sequence_id is None else sequence_id
        snapshot: bytes | None = None if field is None else client.hget(steps, field)
        if snapshot is None:
            return None
        step, state = snapshot.decode().split("\n")
        return step, state

    def list_app_ids(self, partition_key: str) -> list[str]:
        ids: list[bytes] = self._server.client().zrange(self._apps(partition_key), 0, -1, desc=True)
        return [_decode(each) for each in ids]

    def _apps(self, partition_key: str) -> str:
        return f"{self._prefix}apps:{_escaped(partition_key)}"

    def _steps(self, partition_key: str, app_id: str) -> str:
        return f"{self._prefix}steps:{_escaped(partition_key)}:{_escaped(app_id)}"


def _escaped(id: str) -> str:
    """Return a part of a key in which colons are escaped, so that different ids make different keys."""
    return key_of(id).replace(":", "\\:")


def _encode(id: str) -> bytes:
    return id.encode("utf-8", "surrogatepass")


def _decode(id: bytes) -> str:
    return id.decode("utf-8", "surrogatepass")
