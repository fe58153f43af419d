"""What a stand-in model can say: an answer, an error status, or bytes as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from .._llm.transport.inprocess import Piece
from ..messages import Usage


def _no_headers() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        text: all of it; in a task that asks by tool, the tool's arguments. Where it is not given, the
            chunks put together.
        chunks: how a stream cuts it; by default at the ends of words.
        finish_reason: by default ``"stop"``, or ``"tool_calls"`` where there are some.
        refusal: the words of a model that refuses.
        reasoning: what the model thought before it answered.
        tool_calls: names of tools, and the arguments to call them with, beside the text.
        usage: by default counted in words.
        delay: seconds before each chunk after the first; by default the script's.
        first_delay: seconds before the answer begins.

    Raises:
        ValueError: the chunks put together are not the text.
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
        whole = "".join(self.chunks)
        if self.text not in ("", whole):
            raise ValueError(f"the chunks of this reply make {whole!r}, but its text is {self.text!r}")
        object.__setattr__(self, "text", whole)


@dataclass(frozen=True, slots=True)
class Fault:
    """An error status in place of an answer, in the form of OpenAI's errors."""

    status: int
    message: str = "a fault on demand"
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=_no_headers)

    def body(self) -> bytes:
        """Write the error as OpenAI does."""
        error = {"message": self.message, "type": "fault", "param": None, "code": self.code}
        return json.dumps({"error": error}).encode()


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes, as they are: pieces, and pauses in seconds between them.

    ``cut`` breaks the connection after the last piece, in place of ending the body; without pieces it
    breaks before the answer begins. In process there are no headers, and of an answer with an error
    status only its named error is seen.

    Raises:
        TypeError: the pieces are something else.
    """

    pieces: Iterable[bytes | float]
    content_type: str = "text/event-stream"
    cut: bool = False
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=_no_headers)

    def __post_init__(self) -> None:
        given = cast("Iterable[object]", self.pieces)
        fits = not isinstance(given, bytes | str)
        if isinstance(given, Sequence):  # an iterator is not used up here
            fits = fits and all(isinstance(piece, bytes | float | int) for piece in given)
        if not fits:
            raise TypeError(f"Raw takes a list of bytes, and of pauses in seconds; it was given {given!r}")

    def played(self) -> Iterator[Piece]:
        """Give the pieces, without those that are empty, and the pauses as floats."""
        for piece in self.pieces:
            if not isinstance(piece, bytes):
                yield float(piece)
            elif piece:
                yield piece


ScriptedReply: TypeAlias = Reply | Fault | Raw
