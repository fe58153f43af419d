"""Connections that are kept for the next stream: one HTTP client for blocking code, one for each event loop."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2


class Pool:
    """Makes HTTP clients when they are needed. An async one is closed when its event loop ends, at the latest."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Leave all connections to others: in a process that was forked they are those of the parent."""
        self._lock = threading.Lock()
        self._blocking: httpx2.Client | None = None
        self._async: weakref.WeakKeyDictionary[Any, tuple[httpx2.AsyncClient, AsyncIterator[None]]]
        self._async = weakref.WeakKeyDictionary()

    def client(self) -> httpx2.Client:
        """Give the client for blocking code."""
        import httpx2

        with self._lock:
            if self._blocking is None:
                self._blocking = httpx2.Client(limits=_limits())
            return self._blocking

    async def async_client(self) -> httpx2.AsyncClient:
        """Give the client of the running event loop."""
        import httpx2
        from anyio.lowlevel import current_token

        loop = current_token().native_token
        known = self._async.get(loop)
        if known is None:
            client = httpx2.AsyncClient(limits=_limits())
            keeper = _close_with_the_loop(client)
            known = self._async[loop] = client, keeper
            await anext(keeper)
        return known[0]

    def close(self) -> None:
        """Close the connections of blocking code."""
        if self._blocking is not None:
            self._blocking.close()
            self._blocking = None

    async def aclose(self) -> None:
        """Close the connections of the running event loop, and of blocking code."""
        from anyio.lowlevel import current_token

        self.close()
        known = self._async.pop(current_token().native_token, None)
        if known is not None:
            await anext(known[1], None)


def _limits() -> httpx2.Limits:
    """As many connections as there are streams; an unused one goes before the server's own limit, often 5 s, passes."""
    import httpx2

    return httpx2.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=4.0)


async def _close_with_the_loop(client: httpx2.AsyncClient) -> AsyncIterator[None]:
    """Hold a client open; event loops close the async generators that are still there when they end."""
    import anyio

    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await client.aclose()


SHARED = Pool()
"""The connections of all who have no pool of their own."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=SHARED.forget)
