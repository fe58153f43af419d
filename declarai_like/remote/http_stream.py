"""The HTTP exchange of a remote stream: the request, the head of the response, and its bytes, as one flow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._core.flow import Effect, Flow, Open, perform
from .._net.http_clients import LimitedReads, host_of, read_limit
from ..streaming import TypedStreamError
from .clients import HTTPClients
from .errors import NotAStream, ServerUnreachable
from .http_errors import status_error
from .timer import StreamTimer

if TYPE_CHECKING:
    import httpx2

_MAX_ERROR_SIZE = 256 * 1024  # the bytes of an error body that are read
_MAX_QUOTE_LENGTH = 200  # characters


@dataclass(frozen=True)
class StreamRequest:
    """A request for a stream, and what its response must be.

    Attributes:
        media_type: the media type that the response must have.
        errors: returns the classes of errors that the producer may raise here.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    media_type: str
    errors: Callable[[], list[type[Exception]]]


def stream_bytes(clients: HTTPClients, request: StreamRequest, timer: StreamTimer) -> Flow[bytes, None]:
    """Send the request and yield the bytes of the stream as they arrive.

    The first item is empty. It is yielded after the head of the response was accepted, so that the caller can wait for
    the head alone.

    A connection that breaks ends the bytes and is not an error here: the reader raises `StreamTruncated` with the
    position, unless the stream is complete.
    """
    response = yield from perform(_SendStreamRequest(clients, request, timer))
    if response.status != 200:
        raise status_error(request.url, response.status, (yield from _error_body(response)), request.errors())
    if response.content_type != request.media_type:
        body = (yield from _error_body(response)).decode("utf-8", "replace")
        raise NotAStream(
            f"the response of {request.url} must be {request.media_type}, got "
            f"{response.content_type or 'no content type'}: {body[:_MAX_QUOTE_LENGTH]}"
        )
    yield b""
    while piece := (yield from perform(response)):
        yield piece


def _error_body(response: _ResponseStream) -> Flow[bytes, bytes]:
    body = b""
    while len(body) < _MAX_ERROR_SIZE and (piece := (yield from perform(response))):
        body += piece
    return body


class _SendStreamRequest(Open["_ResponseStream"]):
    """Send the request and wait for the head of the response."""

    def __init__(self, clients: HTTPClients, request: StreamRequest, timer: StreamTimer) -> None:
        self._clients = clients
        self._request = request
        self._timer = timer

    def run(self) -> _ResponseStream:
        client = self._clients.blocking()
        try:
            response = client.send(self._build(client, read_limit(self._timer.remaining())), stream=True)
        except Exception as error:
            raise _translate(error, self._timer) from error
        return _ResponseStream(response, self._timer)

    async def arun(self) -> _ResponseStream:
        import anyio

        client = await self._clients.for_event_loop()
        # A cancel scope limits the whole wait; the read timeout of the HTTP library would start again with each read
        with anyio.move_on_after(self._timer.remaining()):
            try:
                response = await client.send(self._build(client, None), stream=True)
            except Exception as error:
                raise _translate(error, self._timer) from error
            return _ResponseStream(response, self._timer)
        raise self._timer.expired()

    def _build(self, client: httpx2.Client | httpx2.AsyncClient, read: float | None) -> httpx2.Request:
        import httpx2

        headers = {
            "content-type": "application/json",
            "accept": self._request.media_type,
            "accept-encoding": "identity",  # a compressing proxy buffers, so that items arrive late
            **self._request.headers,
        }
        limits = httpx2.Timeout(read, connect=self._timer.remaining_to_connect())
        return client.build_request(
            "POST", self._request.url, content=self._request.body, headers=headers, timeout=limits
        )


class _ResponseStream(Effect[bytes]):
    """An open response. It is itself the effect that reads its next bytes, which are empty at the end.

    One object for all reads, so that a stream does not need an effect for each piece.
    """

    def __init__(self, response: httpx2.Response, timer: StreamTimer) -> None:
        self.status = response.status_code
        self.content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        timer.begun = True
        self._response = response
        self._timer = timer
        self._blocking: Iterator[bytes] | None = None
        self._async: AsyncIterator[bytes] | None = None
        self._reads: LimitedReads | None = None

    def run(self) -> bytes:
        if self._blocking is None:
            self._blocking = self._response.iter_bytes()
            self._reads = LimitedReads(self._response, self._timer.remaining)
        try:
            return next(self._blocking, b"")
        except Exception as error:
            return self._end_of_bytes(error)

    async def arun(self) -> bytes:
        import anyio

        if self._async is None:
            self._async = self._response.aiter_bytes()
        with anyio.move_on_after(self._timer.remaining()):
            try:
                return await anext(self._async, b"")
            except Exception as error:
                return self._end_of_bytes(error)
        raise self._timer.expired()

    def _end_of_bytes(self, error: Exception) -> bytes:
        """Return ``b""`` for a broken connection, and raise any other error."""
        if isinstance(translated := _translate(error, self._timer), ServerUnreachable):
            return b""
        raise translated from error

    def close(self) -> None:
        if self._reads is not None:
            self._reads.end()
        self._response.close()

    async def aclose(self) -> None:
        await self._response.aclose()
        # aiter_bytes() is an async generator around others, not all of which close the inner one when they are closed.
        # Running it to its end closes them all; after aclose() of the response, the end is near.
        if self._async is not None:
            with suppress(Exception):
                async for _ in self._async:
                    pass


def _translate(error: Exception, timer: StreamTimer) -> Exception:
    """Return the error of this library for one of the HTTP library."""
    import httpx2

    if isinstance(error, TypedStreamError):
        return error
    if isinstance(error, httpx2.TimeoutException):
        return timer.expired(connecting=isinstance(error, httpx2.ConnectTimeout))
    return ServerUnreachable(f"the connection to {host_of(error)} failed: {str(error) or type(error).__name__}")
