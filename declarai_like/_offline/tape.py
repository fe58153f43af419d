"""Tapes: recorded responses, by the requests that they answered.

A tape is JSON Lines with a request and its response on each line: ``{"request": {...}, "content_type":
"...", "pieces": [[seconds, "text"], ...]}``. ``request`` is the body. ``seconds`` is the time since the
piece before, or since the request was sent. A piece that is not valid UTF-8 is ``{"base64": "..."}``.
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

_ANY_MODEL = "offline"
"""The name in requests of the offline model, which matches each recorded model."""


class TapeMiss(DeclaraiError, LookupError):
    """A request is not on the tape; the message shows it, and how the nearest recorded one differs."""


@dataclass(slots=True)
class _Line:
    number: int
    request: Mapping[str, Any]
    response: Raw
    played: bool = False


class Tape:
    """Replies from a tape file; with ``timing``, at the recorded pace.

    A request matches a recorded one with the same body. The offline model matches any recorded model.
    Several responses to the same request are played in the order of their recording; the last one is
    repeated.

    Raises:
        FileNotFoundError: the file does not exist.
        ConfigurationError: a line is not valid; the message names it.
    """

    def __init__(self, path: str | Path, *, timing: bool = False) -> None:
        self._path = Path(path)
        self._timing = timing
        self._lines: dict[str, list[_Line]] = {}
        self._lock = threading.Lock()
        # As bytes: an error must name a line that is not UTF-8, and str.splitlines() would also split at U+2028
        for number, text in enumerate(self._path.read_bytes().split(b"\n"), 1):
            if text.strip():
                line = self._read(number, text)
                self._lines.setdefault(_key(line.request), []).append(line)

    def select(self, body: Mapping[str, Any]) -> Raw:
        """Return the response to a request.

        Raises:
            TapeMiss: the request is not on the tape.
        """
        model = body.get("model")
        lines = [line for line in self._lines.get(_key(body), ()) if model in (_ANY_MODEL, line.request.get("model"))]
        if not lines:
            raise self._miss(body)
        with self._lock:  # two threads must not play the same line
            line = next((line for line in lines if not line.played), lines[-1])
            line.played = True
        return line.response

    def unused(self) -> list[str]:
        """Return the names of the lines that were not played."""
        lines = itertools.chain.from_iterable(self._lines.values())
        return [f"line {line.number}" for line in lines if not line.played]

    def _read(self, number: int, line: bytes) -> _Line:
        try:
            entry = json.loads(line.decode("utf-8"))
            pieces = tuple(self._pieces(entry["pieces"]))
            return _Line(number, dict(entry["request"]), Raw(pieces, str(entry["content_type"])))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{self._path}, line {number}: not a valid line of a tape ({error!r})") from None

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
            differences = ", ".join(_differences(line.request, body))
            nearest = f"the nearest is line {line.number}, which differs in {differences}"
        return TapeMiss(
            f"the tape {self._path} has no answer to this request; record it first ({nearest}). "
            f"The request was: {json.dumps(body, ensure_ascii=False)}"
        )


def _key(body: Mapping[str, Any]) -> str:
    """Return what identifies a request, without the model's name."""
    return json.dumps({name: value for name, value in body.items() if name != "model"}, sort_keys=True)


def _differences(recorded: Mapping[str, Any], body: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields in which two requests differ."""
    names = {**recorded, **body}
    known = body.get("model") != _ANY_MODEL
    return [name for name in names if recorded.get(name, ...) != body.get(name, ...) and (known or name != "model")]
