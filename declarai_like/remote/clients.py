"""The HTTP clients of remote streams: one pool that is shared, and private ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from .._net.http_clients import Clients

if TYPE_CHECKING:
    import httpx2

HTTPClients: TypeAlias = "Clients[httpx2.Client, httpx2.AsyncClient]"


def http_clients() -> HTTPClients:
    """Return HTTP clients with a separate pool of connections, created on first use."""
    return Clients(_client, _async_client, lambda client: client.aclose())


def _client() -> httpx2.Client:
    import httpx2

    return httpx2.Client(limits=_limits())


def _async_client(_: str) -> httpx2.AsyncClient:
    import httpx2

    return httpx2.AsyncClient(limits=_limits())


def _limits() -> httpx2.Limits:
    import httpx2

    # Each open stream needs a connection, so their number is not limited. An idle one expires before servers close it
    # (uvicorn: after 5 s); a request over a connection that is being closed fails.
    return httpx2.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=4.0)


SHARED = http_clients()
"""The HTTP clients of each `Client` that is not used as a context manager."""
