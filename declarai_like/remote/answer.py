"""The way of a stream to its reader: the request, the head of the answer, and its bytes; one flow for both worlds."""

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
from .refusals import status_error
from .timer import StreamTimer

if TYPE_CHECKING:
    import httpx2

_MAX_ERROR_SIZE = 256 * 1024  # bytes that are read of the body of an error
_MAX_QUOTE_LENGTH = 200  # characters


@dataclass(frozen=True)
class StreamRequest:
    """What is asked of a server, and how its answer is to be.

    Attributes:
        media_type: that of the stream.
        errors: classes of errors that the producer may raise here.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    media_type: str
    errors: Callable[[], list[type[Exception]]]


def stream_of(clients: HTTPClients, request: StreamRequest, timer: StreamTimer) -> Flow[bytes, None]:
    """Give the bytes of the stream, as they come; the first ones, which are empty, when the head of the answer is there.

    A connection that breaks is the end of the bytes: the reader knows what is missing.
    """
    answer = yield from perform(_SendRequest(clients, request, timer))
    if answer.status != 200:
        raise status_error(request.url, answer.status, (yield from _beginning(answer)), request.errors())
    if answer.content_type != request.media_type:
        beginning = (yield from _beginning(answer)).decode("utf-8", "replace")
        raise NotAStream(
            f"the answer of {request.url} is {answer.content_type or 'of no content type'}, and not "
            f"{request.media_type}: {beginning[:_MAX_QUOTE_LENGTH]}"
        )
    yield b""
    while piece := (yield from perform(answer)):
        yield piece


def _beginning(answer: _ResponseStream) -> Flow[bytes, bytes]:
    body = b""
    while len(body) < _MAX_ERROR_SIZE and (piece := (yield from perform(answer))):
        body += piece
    return body


class _SendRequest(Open["_ResponseStream"]):
    """Send the request, and give the answer when its head is there."""

    def __init__(self, clients: HTTPClients, request: StreamRequest, timer: StreamTimer) -> None:
        self._clients = clients
        self._request = request
        self._timer = timer

    def run(self) -> _ResponseStream:
        client = self._clients.blocking()
        try:
            response = client.send(self._built(client, read_limit(self._timer.left())), stream=True)
        except Exception as error:
            raise _translated(error, self._timer) from error
        return _ResponseStream(response, self._timer)

    async def arun(self) -> _ResponseStream:
        import anyio

        client = await self._clients.for_event_loop()
        with anyio.move_on_after(self._timer.left()):
            try:
                response = await client.send(self._built(client, None), stream=True)
            except Exception as error:
                raise _translated(error, self._timer) from error
            return _ResponseStream(response, self._timer)
        raise self._timer.expired()

    def _built(self, client: httpx2.Client | httpx2.AsyncClient, read: float | None) -> httpx2.Request:
        import httpx2

        headers = {
            "content-type": "application/json",
            "accept": self._request.media_type,
            "accept-encoding": "identity",  # what is compressed comes late
            **self._request.headers,
        }
        limits = httpx2.Timeout(read, connect=self._timer.left_to_connect())
        return client.build_request(
            "POST", self._request.url, content=self._request.body, headers=headers, timeout=limits
        )


class _ResponseStream(Effect[bytes]):
    """An answer on its way. It is itself the ask for its next bytes, which are empty at the end."""

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
            self._reads = LimitedReads(self._response, self._timer.left)
        try:
            return next(self._blocking, b"")
        except Exception as error:
            return self._at_end(error)

    async def arun(self) -> bytes:
        import anyio

        if self._async is None:
            self._async = self._response.aiter_bytes()
        with anyio.move_on_after(self._timer.left()):
            try:
                return await anext(self._async, b"")
            except Exception as error:
                return self._at_end(error)
        raise self._timer.expired()

    def _at_end(self, error: Exception) -> bytes:
        if isinstance(translated := _translated(error, self._timer), ServerUnreachable):
            return b""
        raise translated from error

    def close(self) -> None:
        if self._reads is not None:
            self._reads.end()
        self._response.close()

    async def aclose(self) -> None:
        await self._response.aclose()
        # Not all of the HTTP library's generators close those inside of them: so let them run to their end, which is near
        if self._async is not None:
            with suppress(Exception):
                async for _ in self._async:
                    pass


def _translated(error: Exception, timer: StreamTimer) -> Exception:
    """Say what an error of the HTTP library means."""
    import httpx2

    if isinstance(error, TypedStreamError):
        return error
    if isinstance(error, httpx2.TimeoutException):
        return timer.expired(connecting=isinstance(error, httpx2.ConnectTimeout))
    return ServerUnreachable(f"the connection to {host_of(error)} failed: {str(error) or type(error).__name__}")
