"""The scripted model: it replies to each request as configured, and records the requests."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from .._core import checks
from .._llm.transport.inprocess import PieceOrPause
from ..errors import ConnectionFailed
from ..providers import Request
from ..providers.http_errors import status_error
from . import wire
from .answers import sample_answer
from .replies import Fault, Raw, Reply
from .selection import ReplySource, reply_selector

log = logging.getLogger("declarai_like")


class Script:
    """A model that replies from a script, and records the requests.

    ``replies`` is a list, played in order; a dict, of which the first key that occurs in the last message
    counts; a function of the messages; or a tape (a path that ends in ``.jsonl``, written by
    `declarai_like.testing.record`).

    A reply is a str, a `Reply`, a `Fault`, a `Raw`, an exception, which is raised, or any other value, which
    is written as JSON. Without a reply, or for None, an answer is sampled from the schema of the
    request; with ``strict=True`` that is an `AssertionError`.

    ``delay`` is the number of seconds between two chunks of a stream.

    Attributes:
        calls: the body of each request so far.

    Raises:
        ConfigurationError: the replies are of an unknown kind, the delay is not a number of seconds >= 0, or
            the tape has a broken line.
        FileNotFoundError: the tape does not exist.
    """

    def __init__(self, replies: ReplySource = None, *, delay: float = 0.0, strict: bool = False) -> None:
        self.calls: list[Mapping[str, Any]] = []
        self._selector = reply_selector(replies)
        self._delay = float(checks.seconds("delay", delay))
        self._strict = strict
        self._has_warned = False

    def say(self, body: Mapping[str, Any], form: Mapping[str, Any] | None = None) -> Raw:
        """Return the response to a request, as a server sends it.

        Args:
            body: the body of the request.
            form: the JSON Schema of the answer, which has constraints that a provider's schema may not have.

        Raises:
            AssertionError: the script is strict, and has no reply.
            TapeMiss: the request is not on the tape.
            Exception: the reply is an exception.
        """
        self.calls.append(body)
        reply = self._selector.select(body)
        if isinstance(reply, BaseException):
            raise reply
        if reply is None:
            reply = self._sampled_answer(body, form)
        if not isinstance(reply, Reply | Fault | Raw):
            reply = Reply(reply if isinstance(reply, str) else wire.dumps(reply))
        if isinstance(reply, Reply) and reply.delay is None:
            reply = replace(reply, delay=self._delay)
        return wire.encode(reply, body)

    def answer(self, request: Request) -> Iterator[PieceOrPause]:
        """Return the response in process, as pieces; a fault raises the error that it causes over HTTP.

        Raises:
            ProviderError: the reply has an error status.
            Exception: any error of `say`.
        """
        raw = self.say(request.body, request.schema)
        if raw.status >= 400:
            body = b"".join(piece for piece in raw.played() if isinstance(piece, bytes))
            headers = {name.lower(): value for name, value in raw.headers.items()}
            raise status_error(raw.status, headers, body.decode("utf-8", "replace"))
        return _InProcess(raw)

    def assert_complete(self) -> None:
        """Check that each reply of a list, a dict or a tape was used.

        Raises:
            AssertionError: some were not; the message names them.
        """
        if unused := self._selector.unused():
            raise AssertionError(f"replies that were not used: {', '.join(unused)}")

    def _sampled_answer(self, body: Mapping[str, Any], form: Mapping[str, Any] | None) -> str:
        if self._strict:
            raise AssertionError(f"the script has no reply to request {len(self.calls)}: {wire.last_text(body)!r}")
        if not self._has_warned:  # once for each script: tests would drown in warnings
            self._has_warned = True
            log.warning("the offline model is not a language model: it samples answers from the schema of the request")
        return sample_answer(body, form)


Replies: TypeAlias = ReplySource | Script


class _InProcess(Iterator[PieceOrPause]):
    """The pieces of a response in process; a cut raises the error of a broken connection."""

    def __init__(self, raw: Raw) -> None:
        self.content_type = raw.content_type.partition(";")[0].strip().lower()  # without parameters, as over HTTP
        self._pieces = raw.played()
        self._cut = raw.cut

    def __next__(self) -> PieceOrPause:
        for piece in self._pieces:
            return piece
        if self._cut:
            raise ConnectionFailed("the connection was cut on demand")
        raise StopIteration
