"""One function behind a URL, as an ASGI application.

Three tasks serve a stream. One runs the function. One sends the frames. One waits for the client to disconnect, and then
cancels the others. The buffer between the first two is bounded, so a slow client makes the function wait (back pressure).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import anyio
from anyio.abc import ObjectReceiveStream
from pydantic import ValidationError

from .._core import checks
from ..streaming import stream_writer
from ..streaming.encodings import ENCODINGS, EncodingName
from ..streaming.failures import encode_error
from .producer import AnyStream, AnyWriter, Frame, produce

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_ENCODINGS: dict[str, EncodingName] = {encoding.media_type: name for name, encoding in ENCODINGS.items()}


class RequestRejected(Exception):
    """Raised if a request cannot be served; it becomes a response with an HTTP status."""

    def __init__(self, status: int, type: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = json.dumps({"detail": {"type": type, "message": message, "details": details}}).encode()


class _ClientDisconnected(Exception):
    """Raised if the client disconnects before its request is complete."""


class ASGIEndpoint:
    """The ASGI application of one function.

    Args:
        function: the remote stream.
        buffer: the number of items that the function may be ahead of the connection, at least 1.
        max_body: the maximal size of a request body, in bytes.

    Raises:
        ConfigurationError: one of these is not an integer >= 1.
    """

    def __init__(self, function: AnyStream, *, buffer: int, max_body: int) -> None:
        self.function = function
        self._buffer = checks.integer("buffer", buffer, minimum=1, unit="items")
        self._max_body = checks.integer("max_body", max_body, minimum=1, unit="bytes")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of ASGI."""
        try:
            args, kwargs = self._arguments(await self._body(scope, receive))
        except _ClientDisconnected:
            return
        except RequestRejected as rejected:
            await reject(send, rejected)
            return
        writer = stream_writer(self.function.types, encoding=_accepted_encoding(scope))
        # The producer holds one more item while it waits for space in the buffer
        buffer, frames = anyio.create_memory_object_stream[Frame](self._buffer - 1)
        async with frames, anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_on_disconnect, receive, tasks.cancel_scope)
            tasks.start_soon(produce, self.function, args, kwargs, writer, buffer)
            try:
                await _send_frames(frames, writer, send)
            except OSError:  # by the ASGI specification, send() raises it after the client has disconnected
                pass
            tasks.cancel_scope.cancel()  # the task that waits for the client to disconnect

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        too_large = RequestRejected(
            413, "BodyTooLarge", f"{self.function.name}: the request body must be at most {self._max_body} bytes"
        )
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._max_body:  # rejected before the body is received
            raise too_large
        body = bytearray()
        while True:  # the header may be missing or wrong, so the limit is checked again
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _ClientDisconnected
            body += message.get("body", b"")
            if len(body) > self._max_body:
                raise too_large
            if not message.get("more_body", False):
                return bytes(body)

    def _arguments(self, body: bytes) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if not body.lstrip().startswith(b"{"):
            raise RequestRejected(
                422, "InvalidArguments", f"{self.function.name}: the request body must be a JSON object"
            )
        try:
            return self.function.arguments.load(body)
        except ValidationError as error:
            message, errors = self.function.arguments.error_payload(error)
            raise RequestRejected(422, "InvalidArguments", message, errors=errors) from None


async def reject(send: Send, rejected: RequestRejected) -> None:
    """Send the response for a request that cannot be served."""
    await send(_head(rejected.status, "application/json"))
    await send(_body(rejected.body, more=False))


async def _send_frames(frames: ObjectReceiveStream[Frame], writer: AnyWriter, send: Send) -> None:
    has_begun = False  # the head waits for the first frame, so that an error before it can be an HTTP status
    async for frame in frames:
        if isinstance(frame, Exception) and not has_begun:
            await send(_head(500, "application/json"))
            await send(_body(b'{"detail":%b}' % encode_error(frame, None), more=False))
            return
        if not has_begun:
            await send(_head(200, writer.media_type))
            has_begun = True
        await send(_body(writer.error(frame) if isinstance(frame, Exception) else frame, more=True))
    await send(_body(b"", more=False))


async def _cancel_on_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":  # some servers send an empty "http.request" first
        pass
    scope.cancel()


def _accepted_encoding(scope: Scope) -> EncodingName:
    """Return the first encoding in the request's Accept header; ``"frames"`` if it does not name one."""
    accepted = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
    for entry in accepted.split(","):
        media_type = entry.partition(";")[0].strip().lower()
        if media_type in _ENCODINGS:
            return _ENCODINGS[media_type]
    return "frames"


def _head(status: int, media_type: str) -> MutableMapping[str, Any]:
    if media_type == "text/event-stream":
        media_type += "; charset=utf-8"
    headers = [
        (b"content-type", media_type.encode()),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),  # nginx would collect items before it passes them on
    ]
    return {"type": "http.response.start", "status": status, "headers": headers}


def _body(piece: bytes, *, more: bool) -> MutableMapping[str, Any]:
    return {"type": "http.response.body", "body": piece, "more_body": more}
