"""Tapes of real responses: recorded once, then played back without a network, chunk by chunk.

`declarai_like._offline.tape` describes the format, and reads it. Keys and headers are not recorded.
"""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

from .._core import checks
from .._core.flow import Open
from .._llm.transport import CallTimer, Connection, Transport
from .._llm.transport.inprocess import InProcessTransport
from .._net.sse import ServerSentEvent, SSEDecoder
from .._offline import Script
from .._offline.tape import Tape
from ..errors import DeclaraiError
from ..models.factories import offline
from ..models.models import Model
from ..providers import Provider, Request

S = TypeVar("S", bound=bool)


def record(model: Model[S], path: str | Path) -> Model[S]:
    """Return the same model, which appends each complete response to the tape at ``path``.

    Several threads and processes may write to one tape. Incomplete responses, whose stream was closed early
    or failed, are not recorded; nor are errors.

    Raises:
        ConfigurationError: ``model`` is not a `Model`.
        OSError: at the end of a response: the tape cannot be written.
    """
    _check_model("record", model)
    return model.with_transport(lambda transport, provider: _RecordingTransport(transport, provider, Path(path)))


@overload
def replay(path: str | Path, *, model: Model[S], timing: bool = False) -> Model[S]: ...
@overload
def replay(path: str | Path, *, model: None = None, timing: bool = False) -> Model[Literal[False]]: ...
def replay(path: str | Path, *, model: Model[Any] | None = None, timing: bool = False) -> Model[Any]:
    """Return a model that replies from a tape, in the recorded pieces; with ``timing``, at the recorded pace.

    Pass as ``model`` the model that was recorded: its settings (``llm_params``, ``output``, ...) make the
    same requests, of which none is sent. By default the requests are those of `offline`, whose name matches
    each recorded model.

    Several responses to the same request are played in the order of their recording; the last one is
    repeated. A request that is not on the tape raises `TapeMiss`.

    Raises:
        FileNotFoundError: the tape does not exist.
        ConfigurationError: a line of the tape is not valid, and the message names it; or ``model`` is not a `Model`.
    """
    if model is not None:
        _check_model("replay", model)
    script = Script(Tape(path, timing=timing))
    return offline(script) if model is None else model.with_transport(lambda _, __: InProcessTransport(script.answer))


def _check_model(function: str, model: object) -> None:
    checks.instance(f"model of {function}()", model, Model, "a Model", hint="for instance openai(...)")


class _RecordingTransport:
    def __init__(self, transport: Transport, provider: Provider, path: Path) -> None:
        self._transport = transport
        self._provider = provider
        self._path = path

    def open(self, request: Request, timer: CallTimer) -> Open[Connection]:
        def wrap(connection: Connection, since: float) -> Connection:
            return _RecordingConnection(connection, self._provider, request, self._path, since)

        return _RecordingOpen(self._transport.open(request, timer), wrap)


class _RecordingOpen(Open[Connection]):
    def __init__(self, opening: Open[Connection], wrap: Callable[[Connection, float], Connection]) -> None:
        self._opening = opening
        self._wrap = wrap

    def run(self) -> Connection:
        since = time.monotonic()
        return self._wrap(self._opening.run(), since)

    async def arun(self) -> Connection:
        since = time.monotonic()
        return self._wrap(await self._opening.arun(), since)

    def abort(self) -> None:
        self._opening.abort()


class _RecordingConnection(Connection):
    """Passes data through, and writes the response to the tape when it is closed, if it was complete."""

    def __init__(self, connection: Connection, provider: Provider, request: Request, path: Path, since: float) -> None:
        self.content_type = connection.content_type
        self._connection = connection
        self._provider = provider
        self._request = request
        self._path = path
        self._pieces: list[tuple[float, bytes]] = []
        self._since = since
        self._ended = False
        self._closed = False

    def run(self) -> bytes:
        return self._add(self._connection.run())

    async def arun(self) -> bytes:
        return self._add(await self._connection.arun())

    def close(self) -> None:
        self._connection.close()
        self._save()

    async def aclose(self) -> None:
        await self._connection.aclose()
        self._save()

    def abort(self) -> None:
        self._connection.abort()

    def _add(self, piece: bytes) -> bytes:
        if piece:
            now = time.monotonic()
            self._pieces.append((round(now - self._since, 4), piece))
            self._since = now
        else:  # an empty piece is the end of the body
            self._ended = True
        return piece

    def _save(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._is_complete():
            self._write()

    def _is_complete(self) -> bool:
        """Return True if the provider marked the end of the response: a broken connection may look like an end too."""
        provider, decoder = self._provider, SSEDecoder()
        pieces = [piece for _, piece in self._pieces]
        try:
            # A server may send one JSON object in place of a stream; it is complete if it can be parsed
            if not self._request.stream or self.content_type == "application/json":
                return bool(list(provider.deltas(ServerSentEvent(b"".join(pieces)))))
            events = itertools.chain.from_iterable(map(decoder.feed, pieces))
            deltas = [delta for event in events for delta in provider.deltas(event)]
        except DeclaraiError:
            return False
        return any(delta.end or (self._ended and delta.finish_reason) for delta in deltas)

    def _write(self) -> None:
        entry = {
            "request": self._request.body,
            "content_type": self.content_type,
            "pieces": [(seconds, _piece_to_json(piece)) for seconds, piece in self._pieces],
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: one write for each line, so that lines of several writers do not mix
        with self._path.open("ab", buffering=0) as tape:
            tape.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")


def _piece_to_json(piece: bytes) -> str | dict[str, str]:
    """Return a piece as JSON; one that is split within a character is not valid UTF-8 by itself."""
    try:
        return piece.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(piece).decode()}
