"""Shared parts of the HTTP transports: kept clients, checks of headers, and a time limit for each read."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from .._core import checks
from .._core.per_process import PerProcess
from ..errors import ConfigurationError

if TYPE_CHECKING:
    import httpx2


class _Closable(Protocol):
    def close(self) -> object: ...


B = TypeVar("B", bound=_Closable)
A = TypeVar("A")


class Clients(Generic[B, A]):
    """One client for blocking code and one for each event loop, created on first use.

    An async client is bound to the event loop that it was first used in, so it cannot be shared between loops. The
    clients are closed when this object is garbage-collected; an async client at the latest when its event loop ends. A
    forked process creates its own.
    """

    def __init__(
        self, make: Callable[[], B], make_async: Callable[[str], A], aclose: Callable[[A], Awaitable[object]]
    ) -> None:
        """Keep the functions that create and close clients.

        ``make_async`` receives the name of anyio's backend class for the event loop, for instance ``AsyncIOBackend``.
        """
        self._make_async = make_async
        self._aclose = aclose
        self._blocking = PerProcess(make, lambda client: client.close())
        self._per_loop: PerProcess[MutableMapping[Any, tuple[A, AsyncIterator[None]]]]
        self._per_loop = PerProcess(weakref.WeakKeyDictionary, lambda _: None)

    def blocking(self) -> B:
        """Return the client for blocking code."""
        return self._blocking.get()

    async def for_event_loop(self) -> A:
        """Return the client of the running event loop."""
        from anyio.lowlevel import current_token

        token, per_loop = current_token(), self._per_loop.get()
        known = per_loop.get(token.native_token)
        if known is None:
            client = self._make_async(token.backend_class.__name__)
            closer = _close_at_end_of_loop(client, self._aclose)
            known = per_loop[token.native_token] = client, closer
            await anext(closer)
        return known[0]

    def close(self) -> None:
        """Close the client for blocking code."""
        self._blocking.close()

    async def aclose(self) -> None:
        """Close the client of the running event loop, and the one for blocking code."""
        from anyio.lowlevel import current_token

        self.close()
        known = self._per_loop.get().pop(current_token().native_token, None)
        if known is not None:
            await anext(known[1], None)


async def _close_at_end_of_loop(client: A, aclose: Callable[[A], Awaitable[object]]) -> AsyncIterator[None]:
    """Close a client when this generator is closed.

    asyncio and trio close the async generators that were started in a loop when it ends (``sys.set_asyncgen_hooks``).
    So a suspended generator serves as a callback for the end of its loop, without support by anyio.
    """
    import anyio

    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):  # at the end of a loop everything is cancelled
            await aclose(client)


_NO_LIMIT = 1e9  # seconds


def read_limit(seconds: float | None) -> float:
    """Return the read timeout to send a request with, as a new float object.

    `LimitedReads` recognises the reads of its response by the identity of this object.
    """
    return (_NO_LIMIT if seconds is None else seconds) + 0.0  # the sum is a new object, also for a float


def checked_headers(headers: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the headers of a setting, checked.

    Raises:
        ConfigurationError: they cannot be sent. The message does not show values, which may be secret.
    """
    if headers is None:
        return {}
    checked = dict(checks.mapping("headers", headers, of="str to str"))
    for name, value in checked.items():
        text = checks.string(f"header {name!r}", value)
        if not text.isascii() or not text.isprintable():  # a line break would begin another header
            raise ConfigurationError(f"the value of header {name!r} must be printable ASCII on one line")
    return checked


class LimitedReads:
    """A separate timeout for each socket read of one sync response: the time that is left at that moment.

    The HTTP library has one read timeout for all reads of a response; ours depends on what has arrived so far. So the
    method ``read`` of the connection's network stream is replaced until `end`. The request must have been sent with a
    timeout from `read_limit`.

    Attributes:
        network: the network stream of the response, until `end`.
    """

    network: Any = None

    def __init__(
        self, response: httpx2.Response, start: Callable[[], float | None], stop: Callable[[], object] = lambda: None
    ) -> None:
        """Replace the method. ``start`` returns the timeout of a read that starts now; ``stop`` is called after it."""
        network: Any = response.extensions["network_stream"]
        ours = response.request.extensions["timeout"]["read"]
        # From the class: the instance may still have the replacement of an earlier response on the same connection
        kind: Any = type(network)  # pyright: ignore[reportUnknownVariableType]  (a private class of the HTTP library)
        read_of: Callable[..., bytes] = kind.read

        def read(max_bytes: int, timeout: float | None = None) -> bytes:
            # The connection goes back to the pool when the body has been read, which is before the response is closed.
            # Another request may use it by then; its reads have another timeout object and stay unchanged.
            if timeout is not ours:
                return read_of(network, max_bytes, timeout=timeout)
            try:
                return read_of(network, max_bytes, timeout=start())
            finally:
                stop()

        network.read = self._read = read
        self.network = network

    def end(self) -> None:
        """Restore the method, unless a later response has replaced it again."""
        if self.network is not None and self.network.__dict__.get("read") is self._read:
            del self.network.read
        self.network = None


def host_of(error: Any) -> str:
    """Return the host and port that an error of the HTTP library is about; not the URL, which may contain secrets."""
    try:
        request: httpx2.Request = error.request
    except (AttributeError, RuntimeError):  # not all errors belong to a request
        return "the server"
    return request.url.netloc.decode("ascii")
