"""A script: what a stand-in model says to each request, and what it was asked."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from .._llm.transport.inprocess import Piece
from ..errors import ConfigurationError, ConnectionFailed
from ..providers import Request
from ..providers.http_errors import status_error
from . import wire
from .choices import ReplySource, choice
from .compose import compose
from .replies import Fault, Raw, Reply

log = logging.getLogger("declarai_like")


class Script:
    """Chooses what to say to each request, and remembers what it was asked.

    ``replies`` is a list, played in order; a dict, whose keys are looked for in the last message, the
    first key that is in it counts; a function of the messages; or a tape (a path that ends in
    ``.jsonl``, written by `declarai_like.testing.record`).

    A reply is a text, a `Reply`, a `Fault`, a `Raw`, an exception, which is raised, or any other
    value, which is written as JSON. Where there is none, or where it is None, an answer is made up
    from the form that was asked for; with ``strict=True`` that is an `AssertionError`.

    ``delay`` is in seconds, between two chunks of a stream.

    Attributes:
        calls: the body of each request so far.

    Raises:
        ConfigurationError: the replies are of no such kind, the delay is no time, or the tape has a broken line.
        FileNotFoundError: there is no such tape.
    """

    def __init__(self, replies: ReplySource = None, *, delay: float = 0.0, strict: bool = False) -> None:
        self.calls: list[Mapping[str, Any]] = []
        self._choice = choice(replies)
        if not (isinstance(delay, int | float) and 0 <= delay < math.inf):  # pyright: ignore[reportUnnecessaryIsInstance]  (users' code calls this)
            raise ConfigurationError(f"delay is {delay!r}; it is a number of seconds, from 0")
        self._delay = float(delay)
        self._strict = strict
        self._told = False

    def say(self, body: Mapping[str, Any], form: Mapping[str, Any] | None = None) -> Raw:
        """Give the answer to a request, as a server would send it; ``form`` is its JSON Schema in full.

        Raises:
            AssertionError: there is no reply, and the script is strict.
            TapeMiss: the request is not on the tape.
            Exception: the reply is an exception.
        """
        self.calls.append(body)
        said = self._choice.choose(body)
        if isinstance(said, BaseException):
            raise said
        if said is None:
            said = self._made_up(body, form)
        if not isinstance(said, Reply | Fault | Raw):
            said = Reply(said if isinstance(said, str) else wire.dumps(said))
        if isinstance(said, Reply) and said.delay is None:
            said = replace(said, delay=self._delay)
        return wire.raw(said, body)

    def answer(self, request: Request) -> Iterator[Piece]:
        """Say it in this process, and fail as the network would.

        Raises:
            ProviderError: the reply has an error status.
            Exception: what `say` raises.
        """
        raw = self.say(request.body, request.form)
        if raw.status >= 400:
            body = b"".join(piece for piece in raw.played() if isinstance(piece, bytes))
            headers = {name.lower(): value for name, value in raw.headers.items()}
            raise status_error(raw.status, headers, body.decode("utf-8", "replace"))
        return _InProcess(raw)

    def assert_complete(self) -> None:
        """Check that each reply was asked for: of a list, a dict or a tape.

        Raises:
            AssertionError: some were not; the message names them.
        """
        if unused := self._choice.unused():
            raise AssertionError(f"not asked for: {', '.join(unused)}")

    def _made_up(self, body: Mapping[str, Any], form: Mapping[str, Any] | None) -> str:
        if self._strict:
            raise AssertionError(f"the script has no reply to request {len(self.calls)}: {wire.last_words(body)!r}")
        if not self._told:
            self._told = True
            log.warning("the offline model is a stand-in, not a language model: it makes up answers from their form")
        return compose(body, form)


Replies: TypeAlias = ReplySource | Script


class _InProcess(Iterator[Piece]):
    """The pieces of an answer, which fail where it is cut."""

    def __init__(self, raw: Raw) -> None:
        self.content_type = raw.content_type.partition(";")[0].strip().lower()
        self._pieces = raw.played()
        self._cut = raw.cut

    def __next__(self) -> Piece:
        for piece in self._pieces:
            return piece
        if self._cut:
            raise ConnectionFailed("the connection was cut on demand")
        raise StopIteration
