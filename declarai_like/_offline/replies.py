"""Scripted replies: an answer, an error status, or raw bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from .._core.checks import type_name
from .._llm.transport.inprocess import PieceOrPause
from ..messages import Usage


def _no_headers() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        text: the complete text; with ``output="tool"``, the tool's arguments. By default the joined chunks.
        chunks: the pieces of a stream; by default the words.
        finish_reason: by default ``"stop"``, or ``"tool_calls"`` with tool calls.
        refusal: the text with which the model refuses to answer.
        reasoning: the reasoning of the model before its answer.
        tool_calls: names of tools and their arguments, in addition to the text.
        usage: by default the number of words.
        delay: seconds before each chunk after the first; by default the script's.
        first_delay: seconds before the answer begins.

    Raises:
        ValueError: the joined chunks are not the text.
    """

    text: str = ""
    chunks: Sequence[str] | None = None
    finish_reason: str | None = None
    refusal: str | None = None
    reasoning: str = ""
    tool_calls: Sequence[tuple[str, Mapping[str, Any]]] = ()
    usage: Usage | None = None
    delay: float | None = None
    first_delay: float = 0.0

    def __post_init__(self) -> None:
        if self.chunks is None:
            return
        joined = "".join(self.chunks)
        if self.text not in ("", joined):
            raise ValueError(f"Reply.chunks must join to its text {self.text!r}, got {joined!r}")
        object.__setattr__(self, "text", joined)  # the class is frozen


@dataclass(frozen=True, slots=True)
class Fault:
    """An error status instead of an answer, with a body in the form of OpenAI's errors."""

    status: int
    message: str = "a fault on demand"
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=_no_headers)

    def body(self) -> bytes:
        """Return the body of the response, in OpenAI's form."""
        error = {"message": self.message, "type": "fault", "param": None, "code": self.code}
        return json.dumps({"error": error}).encode()


@dataclass(frozen=True, slots=True)
class Raw:
    """Raw bytes: pieces, and pauses in seconds between them.

    ``cut`` closes the connection after the last piece, instead of ending the body; without pieces it is
    closed before the answer begins. In process the headers are ignored, and an error status raises the error
    that it means.

    Raises:
        TypeError: the pieces are not an iterable of bytes and numbers.
    """

    pieces: Iterable[bytes | float]
    content_type: str = "text/event-stream"
    cut: bool = False
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=_no_headers)

    def __post_init__(self) -> None:
        pieces: object = self.pieces
        wrong: list[object] = [pieces] if isinstance(pieces, bytes | str) else []
        if not wrong and isinstance(pieces, Sequence):  # an iterator would be consumed here
            items = cast("Sequence[object]", pieces)
            wrong = [item for item in items if not isinstance(item, bytes | float | int)]
        if wrong:
            expected = "an iterable of bytes, and of pauses in seconds"
            raise TypeError(f"Raw.pieces must be {expected}, got {type_name(wrong[0])}")

    def played(self) -> Iterator[PieceOrPause]:
        """Yield the pieces that are not empty, and the pauses as floats."""
        for piece in self.pieces:
            if not isinstance(piece, bytes):
                yield float(piece)
            elif piece:
                yield piece


ScriptedReply: TypeAlias = Reply | Fault | Raw
