"""What all who speak HTTP share: clients that are kept, headers, and reads whose time limit changes."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from .._core.per_process import PerProcess
from ..errors import ConfigurationError

if TYPE_CHECKING:
    import httpx2


class _Closable(Protocol):
    def close(self) -> object: ...


B = TypeVar("B", bound=_Closable)
A = TypeVar("A")


class Clients(Generic[B, A]):
    """One client for blocking code, and one for each event loop, made when they are first needed.

    They are closed when nobody refers to this any more; an async one when its event loop ends, at the latest. A process
    that was forked has others than its parent.
    """

    def __init__(
        self, make: Callable[[], B], make_async: Callable[[str], A], aclose: Callable[[A], Awaitable[object]]
    ) -> None:
        """``make_async`` is given the name of anyio's backend that the event loop is of."""
        self._make_async = make_async
        self._aclose = aclose
        self._blocking = PerProcess(make, lambda client: client.close())
        self._of_loops: PerProcess[MutableMapping[Any, tuple[A, AsyncIterator[None]]]]
        self._of_loops = PerProcess(weakref.WeakKeyDictionary, lambda _: None)

    def blocking(self) -> B:
        """Give the client for blocking code."""
        return self._blocking.get()

    async def of_loop(self) -> A:
        """Give the client of the running event loop."""
        from anyio.lowlevel import current_token

        token, of_loops = current_token(), self._of_loops.get()
        known = of_loops.get(token.native_token)
        if known is None:
            client = self._make_async(token.backend_class.__name__)
            keeper = _close_with_the_loop(client, self._aclose)
            known = of_loops[token.native_token] = client, keeper
            await anext(keeper)
        return known[0]

    def close(self) -> None:
        """Close the client for blocking code."""
        self._blocking.close()

    async def aclose(self) -> None:
        """Close the client of the running event loop, and the one for blocking code."""
        from anyio.lowlevel import current_token

        self.close()
        known = self._of_loops.get().pop(current_token().native_token, None)
        if known is not None:
            await anext(known[1], None)


async def _close_with_the_loop(client: A, aclose: Callable[[A], Awaitable[object]]) -> AsyncIterator[None]:
    """Hold a client open; event loops close the async generators that are still there when they end."""
    import anyio

    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await aclose(client)


_NO_LIMIT = 1e9  # seconds


def read_limit(seconds: float | None) -> float:
    """Give the limit that a request's reads begin with; `LimitedReads` knows them by it, for it is an object of its own."""
    return (_NO_LIMIT if seconds is None else seconds) + 0.0


def checked_headers(headers: Mapping[str, Any] | None) -> dict[str, str]:
    """Give the headers in a setting.

    Raises:
        ConfigurationError: they are none; the message does not show their values, which may be secret.
    """
    if headers is not None and not isinstance(headers, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  (settings come from anywhere)
        raise ConfigurationError(f"headers is of the type {type(headers).__name__}; it is a dict of names and texts")
    for name, value in (headers or {}).items():
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():  # a line break would end it
            raise ConfigurationError(f"the header {name!r} has a value that is no line of ASCII text; write it as one")
    return dict(headers or {})


class LimitedReads:
    """Lets each read of one answer from the socket take the time that there is for it then.

    The HTTP library has one read limit for a whole body; ours change with what has come. Reads for other requests are
    left as they are: the connection may serve one before this answer is closed. The request has to be sent with a
    `read_limit`.

    Attributes:
        network: the connection that the answer comes over, until `end`.
    """

    network: Any = None

    def __init__(
        self, response: httpx2.Response, start: Callable[[], float | None], stop: Callable[[], object] = lambda: None
    ) -> None:
        """``start`` gives how many seconds a read that begins now may take; ``stop`` is called when it is over."""
        network: Any = response.extensions["network_stream"]
        ours = response.request.extensions["timeout"]["read"]
        kind: Any = type(network)  # pyright: ignore[reportUnknownVariableType]  (a class of the HTTP library's own)
        read_of: Callable[..., bytes] = kind.read

        def read(max_bytes: int, timeout: float | None = None) -> bytes:
            if timeout is not ours:
                return read_of(network, max_bytes, timeout=timeout)
            try:
                return read_of(network, max_bytes, timeout=start())
            finally:
                stop()

        network.read = self._read = read
        self.network = network

    def end(self) -> None:
        """Let the connection go."""
        if self.network is not None and self.network.__dict__.get("read") is self._read:
            del self.network.read
        self.network = None


def host_of(error: Any) -> str:
    """Say which server an error of the HTTP library is about; no more of the address, as secrets may be in it."""
    try:
        request: httpx2.Request = error.request
    except (AttributeError, RuntimeError):  # some have none
        return "the server"
    return request.url.netloc.decode("ascii")
