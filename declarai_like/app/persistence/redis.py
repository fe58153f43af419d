"""Applications in a Redis server."""

from __future__ import annotations

from typing import Any

from ..._storage.names import key_of
from ..._storage.redis import RedisServer
from .persisted import Row
from .stored import StoredPersister

# A script is done as a whole, and nothing else in between. First the row, so that what is listed can always be read.
_SAVE = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], 'newest', ARGV[1])
local newest = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
redis.call('ZADD', KEYS[2], tonumber(newest[2] or 0) + 1, ARGV[3])
"""


class RedisPersister(StoredPersister):
    """A persister in a Redis server: a hash of steps for each application, and a sorted set of each partition's ids.

    Several processes may use the server at once. Whether what was saved survives the server's end is the
    server's setting (``appendonly``). It needs ``pip install 'declarai-like[redis]'``.

    Args:
        url: where the server is: ``redis://user:password@host:6379/0``, ``rediss://`` or ``unix://``.
        prefix: what the keys begin with; no other keys of the server may begin so.

    Raises:
        ConfigurationError: a setting is wrong, or the driver is not installed.
    """

    def __init__(self, url: str, *, prefix: str = "declarai:app:") -> None:
        super().__init__(_StepKeys(url, prefix), shown=f"prefix={prefix!r}")


class _StepKeys:
    def __init__(self, url: str, prefix: str) -> None:
        self._server = RedisServer(url, needed_by="RedisPersister")
        self.secrets = self._server.secrets
        self._prefix = prefix

    def save(self, partition_key: str, app_id: str, sequence_id: int, row: Row) -> None:
        keys = (self._steps(partition_key, app_id), self._apps(partition_key))
        self._server.client().eval(_SAVE, len(keys), *keys, sequence_id, "\n".join(row), _bytes(app_id))

    def load(self, partition_key: str, app_id: str | None, sequence_id: int | None) -> Row | None:
        client = self._server.client()
        if app_id is None:
            newest: list[bytes] = client.zrange(self._apps(partition_key), -1, -1)
            if not newest:
                return None
            app_id = _text(newest[0])
        steps = self._steps(partition_key, app_id)
        field: Any = client.hget(steps, "newest") if sequence_id is None else sequence_id
        row: bytes | None = None if field is None else client.hget(steps, field)
        return None if row is None else Row(*row.decode().split("\n"))

    def list_app_ids(self, partition_key: str) -> list[str]:
        ids: list[bytes] = self._server.client().zrange(self._apps(partition_key), 0, -1, desc=True)
        return [_text(each) for each in ids]

    def close(self) -> None:
        self._server.close()

    def _apps(self, partition_key: str) -> str:
        return f"{self._prefix}apps:{_part(partition_key)}"

    def _steps(self, partition_key: str, app_id: str) -> str:
        return f"{self._prefix}steps:{_part(partition_key)}:{_part(app_id)}"


def _part(id: str) -> str:
    """Give a part of a key in which no colon stands alone, so that different ids make different keys."""
    return key_of(id).replace(":", "\\:")


def _bytes(id: str) -> bytes:
    return id.encode("utf-8", "surrogatepass")


def _text(id: bytes) -> str:
    return id.decode("utf-8", "surrogatepass")
