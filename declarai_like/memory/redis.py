"""Messages in a Redis server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from ..errors import ConfigurationError
from ..messages import Message
from .per_process import PerProcess
from .records import read_record, write_record
from .sessions import Session, has_open_password, key_of

if TYPE_CHECKING:
    import redis

MOST_CONNECTIONS = 20
PATIENCE = 30.0  # seconds that one waits for a connection, and for an answer


class Redis(Session):
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
        super().__init__(_Server(url, prefix), session, shown=f"prefix={prefix!r}, ")


class _Server:
    def __init__(self, url: str, prefix: str) -> None:
        try:
            from redis import BlockingConnectionPool
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError as error:
            raise ConfigurationError(
                f"the memory Redis needs its driver: pip install 'declarai-like[redis]' ({error})"
            ) from error

        def client() -> redis.Redis:
            from redis import Redis as Client

            pool = cast("Any", BlockingConnectionPool).from_url(  # typed in part only
                url,
                max_connections=MOST_CONNECTIONS,
                timeout=PATIENCE,
                socket_timeout=PATIENCE,
                socket_connect_timeout=PATIENCE,
                # Where an answer is lost, the messages may be there: sent again, they would be there twice.
                retry=Retry(NoBackoff(), 0),
            )
            return Client.from_pool(pool)

        made = None
        try:
            made = None if has_open_password(url) else client()  # this opens no connection
        except (ValueError, TypeError):  # its text has parts of the URL
            pass
        if made is None:
            raise ConfigurationError(
                "url is not understood (it is not shown here, as there may be a password in it); "
                "it is like redis://user:password@host:6379/0; write a password's @ and / as %40 and %2F"
            )
        password: str = cast("Any", made).get_connection_kwargs().get("password")
        self.secrets = [password] if password else []
        self._prefix = prefix
        self._client = PerProcess(client, lambda client: client.close())

    def load(self, session: str) -> list[Message]:
        records: Any = self._client.get().lrange(self._key(session), 0, -1)
        return [message for record in records for message in read_record(record)]

    def append(self, session: str, messages: Sequence[Message]) -> None:
        self._client.get().rpush(self._key(session), write_record(messages))

    def clear(self, session: str) -> None:
        self._client.get().delete(self._key(session))

    def close(self) -> None:
        self._client.close()

    def _key(self, session: str) -> str:
        return self._prefix + key_of(session)
