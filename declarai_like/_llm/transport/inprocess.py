"""A transport without a network: the bytes of a response come from an iterator in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Never

from ..._core.flow import Flow, Open, Sleep, arun, run
from ...errors import ConnectionFailed
from ...providers import Request
from . import CallTimer, Connection

PieceOrPause = bytes | float
"""Bytes of a body, or a pause in seconds before the next ones."""

ResponseFunction = Callable[[Request], Iterator[PieceOrPause]]
"""Returns the pieces of the response to a request. It may raise any error that a transport may raise.

The iterator may have an attribute ``content_type``. Without it, the type is the one that the request implies."""


class InProcessTransport:
    """Opens connections to a function."""

    def __init__(self, answer: ResponseFunction) -> None:
        self._answer = answer

    def open(self, request: Request, timer: CallTimer) -> Open[Connection]:
        """Return the effect that calls the function; its result is the connection."""
        return _OpenInProcess(self._answer, request, timer)


class _OpenInProcess(Open[Connection]):
    """Call the function; the result is the connection."""

    def __init__(self, answer: ResponseFunction, request: Request, timer: CallTimer) -> None:
        self._answer = answer
        self._request = request
        self._timer = timer

    def run(self) -> Connection:
        return _InProcessConnection(self._answer(self._request), self._timer, stream=self._request.stream)

    async def arun(self) -> Connection:
        return self.run()


class _InProcessConnection(Connection):
    def __init__(self, pieces: Iterator[PieceOrPause], timer: CallTimer, *, stream: bool) -> None:
        default = "text/event-stream" if stream else "application/json"
        self.content_type = getattr(pieces, "content_type", default)
        self._pieces = pieces
        self._timer = timer
        self._pause: Sleep | None = None
        self._closed = False

    def run(self) -> bytes:
        return run(self._read())

    async def arun(self) -> bytes:
        import anyio.lowlevel

        await anyio.lowlevel.checkpoint()  # as a network read would: an endless answer must not block the event loop
        return await arun(self._read())

    def _read(self) -> Flow[Never, bytes]:
        while not isinstance(piece := next(self._pieces, b""), bytes):
            left = self._timer.start()
            self._pause = Sleep(piece if left is None else min(piece, left))
            yield self._pause
            self._timer.stop()
            if self._closed:
                raise ConnectionFailed("the stream was closed while it was being read")
            if left is not None and piece >= left:
                raise self._timer.expired()
        return piece

    def close(self) -> None:
        self._closed = True

    async def aclose(self) -> None:
        self.close()

    def abort(self) -> None:
        self.close()
        if self._pause is not None:
            self._pause.abort()
