"""Messages in a Redis server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._storage.names import key_of
from .._storage.redis import RedisServer
from ..messages import Message
from .records import read_record, write_record
from .stored_memory import StoredMemory


class Redis(StoredMemory):
    """A memory in a Redis server: for each session a list, whose key is the prefix and the session.

    Several processes may use the server at once. Whether what was appended survives the server's end is
    the server's setting (``appendonly``). It needs ``pip install 'declarai-like[redis]'``.

    Args:
        url: where the server is: ``redis://user:password@host:6379/0``, ``rediss://`` or ``unix://``.
        session: whose conversation it is; any text.
        prefix: what the keys begin with; no other keys of the server may begin so.

    Raises:
        ConfigurationError: a setting is wrong, or the driver is not installed.
    """

    def __init__(self, url: str, session: str = "default", *, prefix: str = "declarai:memory:") -> None:
        super().__init__(_MessageLists(url, prefix), session, shown=f"prefix={prefix!r}, ")


class _MessageLists:
    def __init__(self, url: str, prefix: str) -> None:
        self._server = RedisServer(url, needed_by="the memory Redis")
        self.secrets = self._server.secrets
        self._prefix = prefix

    def load(self, session: str) -> list[Message]:
        records: Any = self._server.client().lrange(self._key(session), 0, -1)
        return [message for record in records for message in read_record(record)]

    def append(self, session: str, messages: Sequence[Message]) -> None:
        self._server.client().rpush(self._key(session), write_record(messages))

    def clear(self, session: str) -> None:
        self._server.client().delete(self._key(session))

    def close(self) -> None:
        self._server.close()

    def _key(self, session: str) -> str:
        return self._prefix + key_of(session)
