"""The answer to a request, as an HTTP response that streams."""

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
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}
"""Of each stream: nobody on the way may keep it, nor hold it back."""


class Encoder(Protocol):
    """Writes the events of one stream in the form of some protocol.

    Attributes:
        media_type: what that is called.
        headers: what is said beside `HEADERS`.
        alive: what is sent as a sign of life.
    """

    media_type: str
    headers: Mapping[str, str]
    alive: bytes

    def feed(self, event: Event) -> bytes:
        """Give the bytes of an event."""
        ...


class NativeEncoder:
    """Writes events as they are. The first bytes say how soon a client may come back."""

    media_type = "text/event-stream"
    alive = b":\n\n"

    def __init__(self, stream: str) -> None:
        self.headers: Mapping[str, str] = {"X-Stream": stream}
        self._begin = b"retry: 1000\n"

    def feed(self, event: Event) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + event.encoded()


class EventStream(StreamingResponse):
    """A response with the events of an answer, as they come."""

    media_type = "text/event-stream"

    def __init__(
        self, stream: StreamTask | PeerStream, encoder: Encoder, *, after: int = 0, stops: bool = False
    ) -> None:
        self._events = _encoded(stream, encoder, after, stops=stops)
        super().__init__(self._events, headers={**HEADERS, **encoder.headers}, media_type=encoder.media_type)

    async def stream_response(self, send: Send) -> None:
        """Send it. When the client leaves, it is closed before anything else goes on."""
        async with aclosing(self._events):
            await super().stream_response(send)


async def _encoded(
    stream: StreamTask | PeerStream, encoder: Encoder, after: int, *, stops: bool
) -> AsyncGenerator[bytes, Any]:
    async with aclosing(stream.follow(after, stops=stops)) as following:
        try:
            async for events in following:
                yield b"".join(map(encoder.feed, events)) if events else encoder.alive
        except ServeError as error:  # the client learns why when it comes back
            log.info("a reader of the stream %s was left behind: %s", stream.id, error)
