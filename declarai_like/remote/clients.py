"""The HTTP clients of remote streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from .._net.http_clients import Clients

if TYPE_CHECKING:
    import httpx2

HTTPClients: TypeAlias = "Clients[httpx2.Client, httpx2.AsyncClient]"


def http_clients() -> HTTPClients:
    """Give clients that have connections of their own, as soon as they are needed."""
    return Clients(_client, _async_client, lambda client: client.aclose())


def _client() -> httpx2.Client:
    import httpx2

    return httpx2.Client(limits=_limits())


def _async_client(_: str) -> httpx2.AsyncClient:
    import httpx2

    return httpx2.AsyncClient(limits=_limits())


def _limits() -> httpx2.Limits:
    """As many connections as there are streams; an unused one goes before the server's own limit, often 5 s, passes."""
    import httpx2

    return httpx2.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=4.0)


SHARED = http_clients()
"""The clients of all who have none of their own."""
