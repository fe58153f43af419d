"""Connections to Redis servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .._core.per_process import PerProcess
from ..errors import ConfigurationError
from .names import check_text, has_open_password

if TYPE_CHECKING:
    import redis

MAX_CONNECTIONS = 20
SOCKET_TIMEOUT = 30.0  # seconds that one waits for a connection, and for an answer


class RedisServer:
    """A Redis server.

    Args:
        url: where it is: ``redis://user:password@host:6379/0``, ``rediss://`` or ``unix://``.
        needed_by: what the connections are for; said where there is no driver.

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

        check_text("url", url)

        def client() -> redis.Redis:
            from redis import Redis as Client

            pool = cast("Any", BlockingConnectionPool).from_url(  # typed in part only
                url,
                max_connections=MAX_CONNECTIONS,
                timeout=SOCKET_TIMEOUT,
                socket_timeout=SOCKET_TIMEOUT,
                socket_connect_timeout=SOCKET_TIMEOUT,
                # Where an answer is lost, what was sent may have been done: sent again, it would be done twice.
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
        self._client = PerProcess(client, lambda client: client.close())

    def client(self) -> Any:
        """Give the client, which many threads may use at once. (Its commands are typed as both blocking and async.)"""
        return self._client.get()

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._client.close()
