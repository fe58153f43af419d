"""What a stand-in model says: replies, faults and raw bytes, chosen by a script."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from ..errors import ConnectionFailed
from ..messages import Usage
from ..transport import Request
from ..transport.http_errors import status_error
from . import wire
from .compose import compose

log = logging.getLogger("declarai_like")

Piece = bytes | float


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        text: all of it; in a task that asks by tool, the tool's arguments. Where it is not given, the
            chunks put together.
        chunks: how a stream cuts it; by default at the ends of words.
        delay: seconds before each chunk after the first; by default the script's.
        first_delay: seconds before the answer begins.
        usage: by default counted in words.
    """

    text: str = ""
    chunks: Sequence[str] | None = None
    finish_reason: str = "stop"
    refusal: str | None = None
    reasoning: str = ""
    usage: Usage | None = None
    delay: float | None = None
    first_delay: float = 0.0

    def __post_init__(self) -> None:
        if not self.text and self.chunks:
            object.__setattr__(self, "text", "".join(self.chunks))


@dataclass(frozen=True, slots=True)
class Fault:
    """An error status in place of an answer."""

    status: int
    message: str = "a fault on demand"
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        return wire.dumps({"error": {"message": self.message, "type": "fault", "code": self.code}})


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes, as they are: pieces, and pauses in seconds between them.

    ``cut`` breaks the connection after the last piece, in place of ending the body.
    """

    pieces: Sequence[Piece]
    content_type: str = "text/event-stream"
    cut: bool = False


Said: TypeAlias = Reply | Fault | Raw
Replies: TypeAlias = "Sequence[Any] | Mapping[str, Any] | Callable[[list[dict[str, Any]]], Any] | Script | None"


class Script:
    """Chooses what to say to each request, and remembers what it was asked.

    ``replies`` is a list, played in order; a dict, whose keys are looked for in the last message; or a
    function of the messages. A reply is a text, a `Reply`, a `Fault`, a `Raw`, an exception, which is
    raised, or any other value, which is written as JSON. Where there is none, an answer is made up
    from the form that was asked for; with ``strict=True`` that is an `AssertionError`.

    Attributes:
        calls: the body of each request so far.
    """

    def __init__(self, replies: Replies = None, *, delay: float = 0.0, strict: bool = False) -> None:
        self.calls: list[Mapping[str, Any]] = []
        self._replies = replies
        self._delay = float(delay)
        self._strict = strict
        self._played = 0
        self._told = False

    def reply(self, body: Mapping[str, Any]) -> Said:
        """Choose what to say to a request.

        Raises:
            AssertionError: there is nothing, and the script is strict.
        """
        self.calls.append(body)
        said: Any = self.choose(body)
        if said is None:
            if self._strict:
                raise AssertionError(f"the script has no reply to request {len(self.calls)}: {_last(body)!r}")
            self._tell()
            said = compose(body)
        if isinstance(said, BaseException):
            raise said
        if isinstance(said, Fault | Raw):
            return said
        reply = said if isinstance(said, Reply) else Reply(said if isinstance(said, str) else wire.dumps(said).decode())
        return reply if reply.delay is not None else replace(reply, delay=self._delay)

    def answer(self, request: Request) -> Iterator[Piece]:
        """Say it in this process, as a server would over the network."""
        said = self.reply(request.body)
        if isinstance(said, Fault):
            raise status_error(said.status, said.headers, said.body().decode())
        if isinstance(said, Raw):
            return _raw(said)
        return wire.answer(said, request.body)

    def assert_complete(self) -> None:
        """Check that each reply of a list was played."""
        if isinstance(self._replies, Sequence) and self._played < len(self._replies):
            raise AssertionError(
                f"{len(self._replies) - self._played} of {len(self._replies)} replies were not asked for"
            )

    def choose(self, body: Mapping[str, Any]) -> Any:
        """Find the reply to a request; None where there is none."""
        replies = self._replies
        if callable(replies):
            return replies([dict(message) for message in body["messages"]])
        if isinstance(replies, Mapping):
            asked = _last(body)
            return next((said for key, said in replies.items() if key in asked), None)
        if isinstance(replies, Sequence) and self._played < len(replies):
            self._played += 1
            return replies[self._played - 1]
        return None

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            log.warning("the offline model is a stand-in, not a language model: it makes up answers from their form")


def _last(body: Mapping[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


def _raw(said: Raw) -> Iterator[Piece]:
    yield from said.pieces
    if said.cut:
        raise ConnectionFailed("the connection was cut on demand")
