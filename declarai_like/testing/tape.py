"""Real answers on a tape file: recorded once, played back without a network, chunk for chunk.

A tape is JSON Lines, one request and its answer a line: ``{"request": {...}, "content_type": "...",
"pieces": [[seconds, "text"], ...]}``. The request is its body; headers, and keys with them, are not kept.
"""

from __future__ import annotations

import base64
import codecs
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..errors import DeclaraiError
from ..flow import Open
from ..model import Model, offline
from ..standin import Raw, Script
from ..transport import Connection, Patience, Request, Transport

S = TypeVar("S", bound=bool)


class TapeMiss(DeclaraiError, LookupError):
    """A request that is not on the tape; the message says which."""


def record(model: Model[S], path: str | Path) -> Model[S]:
    """Give the same model, which writes each answer that it reads to the end to the tape at ``path``.

    Answers that were left early, or that broke, are not written.
    """
    return model.through(lambda transport: _RecordingTransport(transport, Path(path)))


def replay(path: str | Path, *, timing: bool = False) -> Model[Any]:
    """Give a model that answers from a tape, in the recorded pieces; with ``timing``, at the recorded pace.

    The same request recorded several times is answered in that order, the last answer then again. A
    request that is not on the tape is a `TapeMiss`.

    Raises:
        FileNotFoundError: there is no tape.
        ValueError: a line of it is not of a tape; the message names the line.
    """
    return offline(_Tape(Path(path), timing=timing))


class _Tape(Script):
    """A script that is read from a tape, by request."""

    def __init__(self, path: Path, *, timing: bool) -> None:
        super().__init__()
        self._path = path
        self._timing = timing
        self._lines: dict[str, list[Raw]] = {}
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line.strip():
                self._add(number, line)

    def _add(self, number: int, line: str) -> None:
        try:
            entry = json.loads(line)
            raw = Raw(tuple(self._pieces(entry["pieces"])), entry["content_type"])
            self._lines.setdefault(_key(entry["request"]), []).append(raw)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self._path}, line {number}: this is no line of a tape ({error!r})") from None

    def _pieces(self, recorded: list[Any]) -> Iterator[bytes | float]:
        for seconds, text in recorded:
            if self._timing and seconds:
                yield float(seconds)
            yield base64.b64decode(text["base64"]) if isinstance(text, dict) else text.encode("utf-8")

    def choose(self, body: Mapping[str, Any]) -> Raw:
        answers = self._lines.get(_key(body))
        if not answers:
            raise TapeMiss(
                f"the tape {self._path} has no answer to this request; record it first. The request was: {_key(body)}"
            )
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _key(body: Mapping[str, Any]) -> str:
    """Give a request's identity: its body without the model's name, which a replaying model does not know."""
    return json.dumps({name: value for name, value in body.items() if name != "model"}, sort_keys=True)


class _RecordingTransport:
    def __init__(self, inner: Transport, path: Path) -> None:
        self._inner = inner
        self._path = path

    def open(self, request: Request, patience: Patience) -> Open[Connection]:
        return _RecordingOpen(self._inner.open(request, patience), lambda connection: self._tap(connection, request))

    def _tap(self, connection: Connection, request: Request) -> Connection:
        return _RecordingConnection(connection, request, self._path)


class _RecordingOpen(Open[Connection]):
    def __init__(self, inner: Open[Connection], tap: Callable[[Connection], Connection]) -> None:
        self._inner = inner
        self._tap = tap

    def perform(self) -> Connection:
        return self._tap(self._inner.perform())

    async def aperform(self) -> Connection:
        return self._tap(await self._inner.aperform())


class _RecordingConnection(Connection):
    """Passes on what it reads, and writes it down when the end has come."""

    def __init__(self, inner: Connection, request: Request, path: Path) -> None:
        self.content_type = inner.content_type
        self._inner = inner
        self._request = request
        self._path = path
        self._pieces: list[tuple[float, bytes]] = []
        self._since = time.monotonic()
        self._written = False

    def perform(self) -> bytes:
        return self._note(self._inner.perform())

    async def aperform(self) -> bytes:
        return self._note(await self._inner.aperform())

    def _note(self, piece: bytes) -> bytes:
        now = time.monotonic()
        if piece:
            self._pieces.append((round(now - self._since, 4), piece))
            self._since = now
        elif not self._written:
            self._written = True
            self._write()
        return piece

    def _write(self) -> None:
        entry = {
            "request": self._request.body,
            "content_type": self.content_type,
            "pieces": list(_as_text(self._pieces)),
        }
        with self._path.open("a", encoding="utf-8") as tape:
            tape.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._inner.close()

    async def aclose(self) -> None:
        await self._inner.aclose()

    def abort(self) -> None:
        self._inner.abort()


def _as_text(pieces: list[tuple[float, bytes]]) -> Iterator[tuple[float, str | dict[str, str]]]:
    """Write bytes as text; a character that is cut between two pieces goes to the second."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        texts = [(seconds, decoder.decode(piece)) for seconds, piece in pieces]
        decoder.decode(b"", final=True)
        yield from texts
    except UnicodeDecodeError:
        for seconds, piece in pieces:
            yield seconds, {"base64": base64.b64encode(piece).decode()}
