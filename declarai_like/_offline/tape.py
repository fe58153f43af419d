"""Reading a tape: recorded answers by the requests that they answered.

A tape is JSON Lines, a request and its answer on each line: ``{"request": {...}, "content_type": "...",
"pieces": [[seconds, "text"], ...]}``. The request is its body. The seconds are those since the piece
before, or since the request was sent. A piece that is no text by itself is ``{"base64": "..."}``.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError, DeclaraiError
from .replies import Raw

_ANY_MODEL = "offline"  # what the offline model calls itself: it does not know which one was recorded


class TapeMiss(DeclaraiError, LookupError):
    """A request that is not on the tape; the message says which, and what the nearest one has otherwise."""


@dataclass(slots=True)
class _Line:
    number: int
    request: Mapping[str, Any]
    answer: Raw
    played: bool = False


class Tape:
    """Replies from a tape file. With ``timing``, they come at the recorded pace.

    A request is answered by the recorded one whose body is the same. The model's name counts too,
    but not for the offline model. The same request recorded several times is answered in that
    order, the last answer then again.

    Raises:
        FileNotFoundError: there is no tape.
        ConfigurationError: a line of it is not of a tape; the message names the line.
    """

    def __init__(self, path: str | Path, *, timing: bool = False) -> None:
        self._path = Path(path)
        self._timing = timing
        self._lines: dict[str, list[_Line]] = {}
        self._lock = threading.Lock()
        for number, text in enumerate(self._path.read_bytes().split(b"\n"), 1):
            if text.strip():
                line = self._read(number, text)
                self._lines.setdefault(_key(line.request), []).append(line)

    def choose(self, body: Mapping[str, Any]) -> Raw:
        """Give the answer to a request.

        Raises:
            TapeMiss: there is none.
        """
        model = body.get("model")
        lines = [line for line in self._lines.get(_key(body), ()) if model in (_ANY_MODEL, line.request.get("model"))]
        if not lines:
            raise self._miss(body)
        with self._lock:
            line = next((line for line in lines if not line.played), lines[-1])
            line.played = True
        return line.answer

    def unused(self) -> list[str]:
        """Name the lines that were not played."""
        lines = itertools.chain.from_iterable(self._lines.values())
        return [f"line {line.number}" for line in lines if not line.played]

    def _read(self, number: int, line: bytes) -> _Line:
        try:
            entry = json.loads(line.decode("utf-8"))
            pieces = tuple(self._pieces(entry["pieces"]))
            return _Line(number, dict(entry["request"]), Raw(pieces, str(entry["content_type"])))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{self._path}, line {number}: this is no line of a tape ({error!r})") from None

    def _pieces(self, recorded: list[tuple[float, str | dict[str, str]]]) -> Iterator[bytes | float]:
        for seconds, text in recorded:
            pause = float(seconds)
            if self._timing and pause:
                yield pause
            yield text.encode() if isinstance(text, str) else base64.b64decode(text["base64"], validate=True)

    def _miss(self, body: Mapping[str, Any]) -> TapeMiss:
        nearest = "the tape is empty"
        lines = list(itertools.chain.from_iterable(self._lines.values()))
        if lines:
            line = min(lines, key=lambda line: len(_differences(line.request, body)))
            nearest = f"line {line.number} is the nearest, and differs in {', '.join(_differences(line.request, body))}"
        return TapeMiss(
            f"the tape {self._path} has no answer to this request; record it first ({nearest}). "
            f"The request was: {json.dumps(body, ensure_ascii=False)}"
        )


def _key(body: Mapping[str, Any]) -> str:
    """Give a request's identity, but for the model's name."""
    return json.dumps({name: value for name, value in body.items() if name != "model"}, sort_keys=True)


def _differences(recorded: Mapping[str, Any], body: Mapping[str, Any]) -> list[str]:
    """Name the fields in which two requests differ."""
    names = {**recorded, **body}
    known = body.get("model") != _ANY_MODEL
    return [name for name in names if recorded.get(name, ...) != body.get(name, ...) and (known or name != "model")]
