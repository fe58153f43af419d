"""Connections through the ``openai`` package's clients, which bring auth, Azure, proxies and the pool.

Only the bytes of an answer are taken from them: decoding is ours. The package is imported when the
first connection is opened, because that takes about a second.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

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

_MIN_SECRET_LENGTH = 8  # characters; a header as short as "1" would be cut out of everything


@dataclass(frozen=True, repr=False)
class Account:
    """Where requests go, and with which key: the arguments of a client, which is made later."""

    azure: bool
    key: str | None
    key_setting: str
    key_variables: tuple[str, ...]
    needs_key: bool
    arguments: Mapping[str, Any]

    def api_key(self) -> str:
        """Give the key.

        Raises:
            ConfigurationError: it is needed and there is none.
        """
        if self.key is not None and not isinstance(self.key, str):  # pyright: ignore[reportUnnecessaryIsInstance]  (settings come from anywhere)
            raise ConfigurationError(f"{self.key_setting} is of the type {type(self.key).__name__}; it is a text")
        found = self.key or next((key for name in self.key_variables if (key := os.environ.get(name))), None)
        if found and not found.isascii():
            raise ConfigurationError(
                f"the API key ({self.key_setting}) has characters that are not ASCII; copy it anew"
            )
        if found:
            return found
        if self.needs_key:
            raise ConfigurationError(
                f"there is no API key: give {self.key_setting}, or set the environment variable {self.key_variables[-1]}"
            )
        return "none"  # the client wants one, a server of one's own does not

    def client(self) -> openai.OpenAI:
        """Make a client for blocking code."""
        import openai

        return self._client(openai.AzureOpenAI if self.azure else openai.OpenAI, None)

    def async_client(self, backend: str) -> openai.AsyncOpenAI:
        """Make a client for an event loop, of which anyio has this backend."""
        import openai

        return self._client(openai.AsyncAzureOpenAI if self.azure else openai.AsyncOpenAI, _fast_http_client(backend))

    def _client(self, kind: Callable[..., C], http_client: Any) -> C:
        """Make a client. Retries are ours to do: the client does none."""
        key = self.api_key()
        try:
            return kind(api_key=key, max_retries=0, http_client=http_client, **self.arguments)
        except Exception as error:  # the client reads settings of its own: certificates, proxies
            raise ConfigurationError(f"the client cannot be made with these settings: {error!r}") from error

    def without_secrets(self, text: str) -> str:
        """Cut the key and the headers' values out of a text: some servers say them back."""
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

    The clients are closed when the transport is let go, an async one also when its event loop ends.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self.clients: Clients[openai.OpenAI, openai.AsyncOpenAI] = Clients(
            account.client, account.async_client, lambda client: client.close()
        )

    def open(self, request: Request, timer: CallTimer) -> Open[Connection]:
        if request.endpoint != "chat/completions":
            raise ConfigurationError(f"this transport knows the way to 'chat/completions', not to {request.endpoint!r}")
        return _SendRequest(self, request, timer)

    def translate(self, error: Exception, timer: CallTimer) -> DeclaraiError:
        """Say what an error of the ``openai`` package or of its HTTP library means."""
        import httpx2
        import openai

        if isinstance(error, openai.APIStatusError):
            response = error.response
            said = self._account.without_secrets(response.text)
            return status_error(response.status_code, response.headers, said)
        host = host_of(error)
        if isinstance(error, openai.APIConnectionError) and isinstance(error.__cause__, Exception):
            error = error.__cause__
        if isinstance(error, httpx2.TimeoutException) and _ran_out_of_time(error):
            connecting = isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout)
            return timer.connect_expired() if connecting else timer.expired()
        said = str(error) or type(error).__name__
        return ConnectionFailed(f"the connection to {host} failed: {said}")


def _ran_out_of_time(error: BaseException) -> bool:
    """Whether a timeout is one: over aiohttp, a refused connection comes as a connect timeout as well."""
    causes: list[str] = []
    while (cause := error.__cause__) is not None:
        causes.append(type(cause).__name__)
        error = cause
    return not causes or any("Timeout" in name for name in causes)


def _fast_http_client(backend: str) -> Any:
    """Give the faster HTTP client where it is installed and can run; None means the default one."""
    if backend != "AsyncIOBackend":
        return None
    import openai

    try:
        return openai.DefaultAioHttpClient()
    except RuntimeError:  # the openai package's own way to say that aiohttp is missing
        return None


class _SendRequest(Open[Connection]):
    """Send the request, and give the connection when the head of the answer is there."""

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

        client: Any = await self._transport.clients.of_loop()
        limit = self._timer.start()
        arguments = self._arguments(limit, read=None)  # reads are limited by the scopes around them
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
        self._scope: Any = None  # of an async read that is under way
        self._aborted = False
        self._reads: LimitedReads | None = None

    def run(self) -> bytes:
        if self._blocking is None:
            # Where nothing is to be decoded, the stream below gives the same bytes with less work for each
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
            try:
                self._reads.network.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already

    def close(self) -> None:
        if self._reads is not None:
            self._reads.end()
        self._response.close()

    async def aclose(self) -> None:
        await self._response.aclose()


def _aborted() -> ConnectionFailed:
    return ConnectionFailed("the stream was closed while it was being read")
