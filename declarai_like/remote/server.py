"""The producer's end: one function behind one address, as an ASGI application.

Three tasks serve a stream: one runs the function, one sends what it gives, and one waits for the client to leave, which
ends the others. Between the first two is a buffer, and it is small: who reads slowly makes the function wait.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import anyio
from anyio.abc import ObjectReceiveStream
from pydantic import ValidationError

from ..errors import ConfigurationError
from ..streaming import stream_writer
from ..streaming.encodings import ENCODINGS, EncodingName
from ..streaming.failures import written
from .producing import AnyStream, AnyWriter, Frame, produce

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_FORMS: dict[str, EncodingName] = {form.media_type: name for name, form in ENCODINGS.items()}


class RequestRejected(Exception):
    """A request cannot be served; the client is told so with an HTTP status."""

    def __init__(self, status: int, type: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = json.dumps({"detail": {"type": type, "message": message, "details": details}}).encode()


class _ClientDisconnected(Exception):
    """The client has gone."""


class Endpoint:
    """Serves one function.

    Args:
        buffer: how many items the function may be ahead of the connection, at least 1.
        max_body: how large a request may be, in bytes.

    Raises:
        ConfigurationError: one of these is no whole number from 1.
    """

    def __init__(self, function: AnyStream, *, buffer: int, max_body: int) -> None:
        for name, value, unit in (("buffer", buffer, "items"), ("max_body", max_body, "bytes")):
            given: Any = value
            if not isinstance(given, int) or isinstance(given, bool) or given < 1:
                raise ConfigurationError(f"{name} is {given!r}; it is a whole number of {unit}, from 1")
        self.function = function
        self._buffer = buffer
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            args, kwargs = self._arguments(await self._body(scope, receive))
        except _ClientDisconnected:
            return
        except RequestRejected as refused:
            await reject(send, refused)
            return
        writer = stream_writer(self.function.types, encoding=_asked_for(scope))
        # One item more is in the hands of the producer while it waits for the buffer
        into, out = anyio.create_memory_object_stream[Frame](self._buffer - 1)
        async with out, anyio.create_task_group() as tasks:
            tasks.start_soon(_end_with_the_client, receive, tasks.cancel_scope)
            tasks.start_soon(produce, self.function, args, kwargs, writer, into)
            try:
                await _send_frames(out, writer, send)
            except OSError:
                pass  # how some servers say that the client has gone
            tasks.cancel_scope.cancel()

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        too_large = RequestRejected(
            413, "BodyTooLarge", f"{self.function.name}: a request may have {self._max_body} bytes"
        )
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._max_body:
            raise too_large
        body = bytearray()
        while True:
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
            raise RequestRejected(422, "InvalidArguments", f"{self.function.name}: the body has to be a JSON object")
        try:
            return self.function.arguments.read(body)
        except ValidationError as error:
            message, errors = self.function.arguments.told(error)
            raise RequestRejected(422, "InvalidArguments", message, errors=errors) from None


async def reject(send: Send, refused: RequestRejected) -> None:
    """Tell the client why it is not served."""
    await send(_head(refused.status, "application/json"))
    await send(_body(refused.body, more=False))


async def _send_frames(out: ObjectReceiveStream[Frame], writer: AnyWriter, send: Send) -> None:
    has_begun = False
    async for frame in out:
        if isinstance(frame, Exception) and not has_begun:
            await send(_head(500, "application/json"))
            await send(_body(b'{"detail":%b}' % written(frame, None), more=False))
            return
        if not has_begun:
            await send(_head(200, writer.media_type))
            has_begun = True
        await send(_body(writer.error(frame) if isinstance(frame, Exception) else frame, more=True))
    await send(_body(b"", more=False))


async def _end_with_the_client(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _asked_for(scope: Scope) -> EncodingName:
    """Give the first form that the request accepts; frames, where it names none."""
    accepted = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
    for entry in accepted.split(","):
        media_type = entry.partition(";")[0].strip().lower()
        if media_type in _FORMS:
            return _FORMS[media_type]
    return "frames"


def _head(status: int, media_type: str) -> MutableMapping[str, Any]:
    kept_from = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    kind = f"{media_type}; charset=utf-8" if media_type == "text/event-stream" else media_type
    headers = [(b"content-type", kind.encode()), *kept_from]
    return {"type": "http.response.start", "status": status, "headers": headers}


def _body(piece: bytes, *, more: bool) -> MutableMapping[str, Any]:
    return {"type": "http.response.body", "body": piece, "more_body": more}
