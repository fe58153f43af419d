"""Real answers on a tape file: recorded once, played back without a network, chunk for chunk.

`declarai_like._offline.tape` says what is on a tape, and reads it. Keys and headers are not kept.
"""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

from .._core.flow import Open
from .._llm.transport import CallTimer, Connection, Transport
from .._llm.transport.inprocess import InProcessTransport
from .._net.sse import ServerSentEvent, SSEDecoder
from .._offline import Script
from .._offline.tape import Tape
from ..errors import ConfigurationError, DeclaraiError
from ..models.factories import offline
from ..models.models import Model
from ..providers import Provider, Request

S = TypeVar("S", bound=bool)


def record(model: Model[S], path: str | Path) -> Model[S]:
    """Give the same model, which writes each answer that it reads to the end to the tape at ``path``.

    What is there already stays, and several threads and processes may write to one tape. Answers
    that were left early, or that broke, are not written; nor are errors.

    Raises:
        ConfigurationError: what is given is no model.
        OSError: at the end of an answer: the tape cannot be written.
    """
    _check(model, "record")
    return model.with_transport(lambda transport, provider: _RecordingTransport(transport, provider, Path(path)))


@overload
def replay(path: str | Path, *, model: Model[S], timing: bool = False) -> Model[S]: ...
@overload
def replay(path: str | Path, *, model: None = None, timing: bool = False) -> Model[Literal[False]]: ...
def replay(path: str | Path, *, model: Model[Any] | None = None, timing: bool = False) -> Model[Any]:
    """Give a model that answers from a tape, in the recorded pieces; with ``timing``, at the recorded pace.

    With ``model``, which should be the one that was recorded, its settings (``llm_params``,
    ``output``, ...) make the same requests again, and nothing is sent. Without it, the requests are
    those of `offline`, whose name matches each recorded model's.

    The same request recorded several times is answered in that order, the last answer then again. A
    request that is not on the tape is a `TapeMiss`.

    Raises:
        FileNotFoundError: there is no tape.
        ConfigurationError: a line of it is not of a tape, and the message names the line; or ``model`` is no model.
    """
    if model is not None:
        _check(model, "replay")
    script = Script(Tape(path, timing=timing))
    return offline(script) if model is None else model.with_transport(lambda _, __: InProcessTransport(script.answer))


def _check(model: Any, function: str) -> None:
    if not isinstance(model, Model):
        raise ConfigurationError(f"{function}() takes a model, as openai(...) gives it, and not {model!r}")


class _RecordingTransport:
    def __init__(self, inner: Transport, provider: Provider, path: Path) -> None:
        self._inner = inner
        self._provider = provider
        self._path = path

    def open(self, request: Request, timer: CallTimer) -> Open[Connection]:
        def tap(connection: Connection, since: float) -> Connection:
            return _RecordingConnection(connection, self._provider, request, self._path, since)

        return _RecordingOpen(self._inner.open(request, timer), tap)


class _RecordingOpen(Open[Connection]):
    def __init__(self, inner: Open[Connection], tap: Callable[[Connection, float], Connection]) -> None:
        self._inner = inner
        self._tap = tap

    def run(self) -> Connection:
        since = time.monotonic()
        return self._tap(self._inner.run(), since)

    async def arun(self) -> Connection:
        since = time.monotonic()
        return self._tap(await self._inner.arun(), since)

    def abort(self) -> None:
        self._inner.abort()


class _RecordingConnection(Connection):
    """Passes on what it reads, and writes it down when it is closed, if it was the whole answer."""

    def __init__(self, inner: Connection, provider: Provider, request: Request, path: Path, since: float) -> None:
        self.content_type = inner.content_type
        self._inner = inner
        self._provider = provider
        self._request = request
        self._path = path
        self._pieces: list[tuple[float, bytes]] = []
        self._since = since
        self._ended = False
        self._closed = False

    def run(self) -> bytes:
        return self._note(self._inner.run())

    async def arun(self) -> bytes:
        return self._note(await self._inner.arun())

    def close(self) -> None:
        self._inner.close()
        self._keep()

    async def aclose(self) -> None:
        await self._inner.aclose()
        self._keep()

    def abort(self) -> None:
        self._inner.abort()

    def _note(self, piece: bytes) -> bytes:
        if piece:
            now = time.monotonic()
            self._pieces.append((round(now - self._since, 4), piece))
            self._since = now
        else:
            self._ended = True
        return piece

    def _keep(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._is_whole():
            self._write()

    def _is_whole(self) -> bool:
        """Whether the provider said that the answer was whole: the end of its bytes alone does not say it."""
        provider, decoder = self._provider, SSEDecoder()
        pieces = [piece for _, piece in self._pieces]
        try:
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
            "pieces": [(seconds, _as_text(piece)) for seconds, piece in self._pieces],
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab", buffering=0) as tape:  # one write: the lines of several writers do not mix
            tape.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")


def _as_text(piece: bytes) -> str | dict[str, str]:
    """Write a piece as text; one that is cut within a character is no text by itself."""
    try:
        return piece.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(piece).decode()}
