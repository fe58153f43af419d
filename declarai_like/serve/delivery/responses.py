"""Streaming HTTP responses, and the encoder of the router's own events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

from starlette.responses import StreamingResponse
from starlette.types import Send

from ..errors import ServeError, log
from ..events import Event
from .peer_stream import PeerStream
from .stream_task import StreamTask

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx buffers responses otherwise
    "X-Content-Type-Options": "nosniff",
}
"""Headers of each stream: no proxy or browser may store it, hold it back, or guess its type."""


class Encoder(Protocol):
    """Encodes the events of one stream in a protocol.

    Attributes:
        media_type: the media type of the response.
        headers: headers in addition to `HEADERS`.
        heartbeat: the bytes of a heartbeat.
    """

    media_type: str
    headers: Mapping[str, str]
    heartbeat: bytes

    def feed(self, event: Event) -> bytes:
        """Return the bytes of an event."""
        ...


class NativeEncoder:
    """Encodes events as server-sent events. The first bytes set the client's reconnection time."""

    media_type = "text/event-stream"
    heartbeat = b":\n\n"  # a comment

    def __init__(self, stream: str) -> None:
        self.headers: Mapping[str, str] = {"X-Stream": stream}
        self._prefix = b"retry: 1000\n"  # milliseconds

    def feed(self, event: Event) -> bytes:
        prefix, self._prefix = self._prefix, b""
        return prefix + event.encoded()


class EventStream(StreamingResponse):
    """A response that streams the events of an answer."""

    media_type = "text/event-stream"

    def __init__(
        self, stream: StreamTask | PeerStream, encoder: Encoder, *, after: int = 0, stop_on_disconnect: bool = False
    ) -> None:
        self._events = _encoded(stream, encoder, after, stop_on_disconnect=stop_on_disconnect)
        super().__init__(self._events, headers={**HEADERS, **encoder.headers}, media_type=encoder.media_type)

    async def stream_response(self, send: Send) -> None:
        """Send the response."""
        # Starlette leaves the generator open when a client disconnects; closing it here is what ends the reader at once
        async with aclosing(self._events):
            await super().stream_response(send)


async def _encoded(
    stream: StreamTask | PeerStream, encoder: Encoder, after: int, *, stop_on_disconnect: bool
) -> AsyncGenerator[bytes, Any]:
    async with aclosing(stream.follow(after, stop_on_disconnect=stop_on_disconnect)) as batches:
        try:
            async for events in batches:
                yield b"".join(map(encoder.feed, events)) if events else encoder.heartbeat
        except ServeError as error:
            # The status line is sent already, so the response just ends; the client learns why when it reconnects
            log.info("a reader of the stream %s was dropped: %s", stream.id, error)
