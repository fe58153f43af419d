"""A transport over the clients of the ``openai`` package, which provide auth, Azure, proxies and the connection pool.

The clients return bytes only; this library decodes them. The package is imported when the first connection is opened,
because the import takes about a second.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..._core import checks
from ..._core.flow import Open
from ..._net.http_clients import Clients, LimitedReads, host_of, read_limit
from ...errors import ConfigurationError, ConnectionFailed, DeclaraiError
from ...providers import Request
from ...providers.http_errors import status_error
from . import CallTimer, Connection

if TYPE_CHECKING:
    import httpx2
    import openai

C = TypeVar("C")

_MIN_SECRET_LENGTH = 8
"""The length in characters from which on a value is removed from messages; a header "1" would remove every 1."""


@dataclass(frozen=True, repr=False)
class Account:
    """The endpoint and the key of requests: the arguments of a client, which is created later.

    Attributes:
        azure: True for Azure's clients.
        key: the key in the settings.
        key_setting: the name of that setting, for messages.
        key_variables: the environment variables that may have the key, the first one first.
        needs_key: True if a missing key is an error.
        arguments: the other arguments of the client.
    """

    azure: bool
    key: str | None
    key_setting: str
    key_variables: tuple[str, ...]
    needs_key: bool
    arguments: Mapping[str, Any]

    def api_key(self) -> str:
        """Return the key.

        Raises:
            ConfigurationError: it is needed and missing, or cannot be sent.
        """
        if self.key is not None:
            checks.string(self.key_setting, self.key)
        key = self.key or next((value for name in self.key_variables if (value := os.environ.get(name))), None)
        if key and not key.isascii():
            raise ConfigurationError(f"the API key ({self.key_setting}) must be ASCII; copy it again")
        if key:
            return key
        if self.needs_key:
            raise ConfigurationError(
                f"the API key is missing; set {self.key_setting} or the environment variable {self.key_variables[-1]}"
            )
        return "none"  # the client requires one, a local server does not

    def client(self) -> openai.OpenAI:
        """Create a client for blocking code."""
        import openai

        return self._client(openai.AzureOpenAI if self.azure else openai.OpenAI, None)

    def async_client(self, backend: str) -> openai.AsyncOpenAI:
        """Create a client for an event loop, given the name of anyio's backend class."""
        import openai

        return self._client(openai.AsyncAzureOpenAI if self.azure else openai.AsyncOpenAI, _fast_http_client(backend))

    def _client(self, kind: Callable[..., C], http_client: Any) -> C:
        """Create a client that does not retry: `LLM` does, within the limits of the call."""
        key = self.api_key()
        try:
            return kind(api_key=key, max_retries=0, http_client=http_client, **self.arguments)
        except Exception as error:  # it also reads its own environment variables: certificates, proxies
            raise ConfigurationError(f"the client cannot be created with these settings: {error!r}") from error

    def without_secrets(self, text: str) -> str:
        """Replace the key and the values of headers in a message by ``***``: some servers echo them."""
        secrets = (
            self.key or "",
            *map(os.environ.get, self.key_variables),
            *self.arguments["default_headers"].values(),
        )
        for secret in secrets:
            if secret and len(secret) >= _MIN_SECRET_LENGTH:
                text = text.replace(secret, "***")
        return text


class OpenAITransport:
    """Opens connections with a blocking client, or with one async client for each event loop.

    The clients are closed when the transport is garbage-collected; an async client at the latest when its event loop
    ends.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self.clients: Clients[openai.OpenAI, openai.AsyncOpenAI] = Clients(
            account.client, account.async_client, lambda client: client.close()
        )

    def open(self, request: Request, timer: CallTimer) -> Open[Connection]:
        if request.endpoint != "chat/completions":
            raise ConfigurationError(
                f"the endpoint of this transport must be 'chat/completions', got {request.endpoint!r}"
            )
        return _SendRequest(self, request, timer)

    def translate(self, error: Exception, timer: CallTimer) -> DeclaraiError:
        """Return this library's error for one of the ``openai`` package or of its HTTP library."""
        import httpx2
        import openai

        if isinstance(error, openai.APIStatusError):
            response = error.response
            body = self._account.without_secrets(response.text)
            return status_error(response.status_code, response.headers, body)
        host = host_of(error)
        if isinstance(error, openai.APIConnectionError) and isinstance(error.__cause__, Exception):
            error = error.__cause__
        if isinstance(error, httpx2.TimeoutException) and _ran_out_of_time(error):
            connecting = isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout)
            return timer.connect_expired() if connecting else timer.expired()
        reason = str(error) or type(error).__name__
        return ConnectionFailed(f"the connection to {host} failed: {reason}")


def _ran_out_of_time(error: BaseException) -> bool:
    """True if a timeout error is a timeout: over aiohttp, a refused connection is a ``ConnectTimeout`` as well."""
    causes: list[str] = []
    while (cause := error.__cause__) is not None:
        causes.append(type(cause).__name__)
        error = cause
    return not causes or any("Timeout" in name for name in causes)


def _fast_http_client(backend: str) -> Any:
    """Return aiohttp's client if it is installed and the loop is asyncio's; None means the default client."""
    if backend != "AsyncIOBackend":
        return None
    import openai

    try:
        return openai.DefaultAioHttpClient()
    except RuntimeError:  # the package raises it if aiohttp is not installed
        return None


class _SendRequest(Open[Connection]):
    """Send the request; the result is the connection, once the head of the response has arrived."""

    def __init__(self, transport: OpenAITransport, request: Request, timer: CallTimer) -> None:
        self._transport = transport
        self._request = request
        self._timer = timer
        self._scope: Any = None
        self._aborted = False

    def run(self) -> Connection:
        client: Any = self._transport.clients.blocking()
        limit = self._timer.start()
        arguments = self._arguments(limit, read=read_limit(limit))
        manager: Any = client.chat.completions.with_streaming_response.create(**arguments)
        try:
            response = manager.__enter__()
        except Exception as error:
            raise self._transport.translate(error, self._timer) from error
        self._timer.stop()
        return _OpenAIConnection(self._transport, response.http_response, self._timer)

    async def arun(self) -> Connection:
        import anyio

        client: Any = await self._transport.clients.for_event_loop()
        limit = self._timer.start()
        arguments = self._arguments(limit, read=None)  # async reads are limited by cancel scopes
        manager: Any = client.chat.completions.with_streaming_response.create(**arguments)
        with anyio.move_on_after(limit) as self._scope:
            try:
                response = await manager.__aenter__()
            except Exception as error:
                raise self._transport.translate(error, self._timer) from error
            self._timer.stop()
            return _OpenAIConnection(self._transport, response.http_response, self._timer)
        raise _aborted() if self._aborted else self._timer.expired()

    def abort(self) -> None:
        self._aborted = True
        if self._scope is not None:
            self._scope.cancel()

    def _arguments(self, limit: float | None, *, read: float | None) -> dict[str, Any]:
        import httpx2

        connect = self._timer.timeouts.connect
        if limit is not None:
            connect = limit if connect is None else min(connect, limit)
        # These three are required arguments of `create`, and it fills them into the body; the rest is sent unchanged
        body = dict(self._request.body)
        return {
            "messages": body.pop("messages"),
            "model": body.pop("model"),
            "stream": body.pop("stream"),
            "extra_body": body,
            "timeout": httpx2.Timeout(read, connect=connect, pool=connect),
        }


class _OpenAIConnection(Connection):
    def __init__(self, transport: OpenAITransport, response: httpx2.Response, timer: CallTimer) -> None:
        self.content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._transport = transport
        self._response = response
        self._timer = timer
        self._encoded = "content-encoding" in response.headers
        self._stream: Any = response.stream
        self._blocking: Iterator[bytes] | None = None
        self._async: AsyncIterator[bytes] | None = None
        self._scope: Any = None  # of the current async read
        self._aborted = False
        self._reads: LimitedReads | None = None

    def run(self) -> bytes:
        if self._blocking is None:
            # Without a content encoding, the underlying stream yields the same bytes with less work per piece
            self._blocking = self._response.iter_bytes() if self._encoded else iter(self._stream)
            self._reads = LimitedReads(self._response, self._timer.start, self._timer.stop)
        try:
            return next(self._blocking, b"")
        except DeclaraiError:
            raise
        except Exception as error:
            raise self._transport.translate(error, self._timer) from error

    async def arun(self) -> bytes:
        import anyio

        if self._async is None:
            self._async = self._response.aiter_bytes() if self._encoded else aiter(self._stream)
        limit = self._timer.start()
        try:
            with anyio.move_on_after(limit) as self._scope:
                return await anext(self._async, b"")
        except Exception as error:
            raise self._transport.translate(error, self._timer) from error
        finally:
            self._timer.stop()
        raise _aborted() if self._aborted else self._timer.expired()

    def abort(self) -> None:
        import socket

        self._aborted = True
        if self._scope is not None:
            self._scope.cancel()
        elif self._reads is not None and self._reads.network is not None:
            # Closing a socket does not wake a thread that reads from it, shutting it down does
            try:
                self._reads.network.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # already closed

    def close(self) -> None:
        if self._reads is not None:
            self._reads.end()
        self._response.close()

    async def aclose(self) -> None:
        await self._response.aclose()


def _aborted() -> ConnectionFailed:
    return ConnectionFailed("the stream was closed while it was being read")
