"""One request to a model, from the question to the end of its answer, as a flow.

The path of the data: `LLM.answer` sends the request of the provider (`_send`), and reads the response body
(`_ResponseBody`), whose bytes become deltas. `ResponseBuilder` adds them up and returns chunks, which the flow yields.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._core.flow import Close, Flow, perform
from .._core.retry import Retry
from .._net.sse import ServerSentEvent, SSEDecoder
from .._net.timeouts import Timeouts
from ..errors import (
    ConnectionFailed,
    DeclaraiError,
    ProtocolError,
    ProviderError,
    StreamFailed,
    StreamInterrupted,
    Timeout,
    UnexpectedContent,
)
from ..messages import Delta, LLMResponse, ResponseText
from ..providers import Provider, Question, Request
from .response_builder import ResponseBuilder
from .transport import CallTimer, Connection, Transport

if TYPE_CHECKING:
    from tenacity import BaseRetrying, RetryCallState

log = logging.getLogger("declarai_like")

_MAX_BODY_SIZE = 64 * 1024 * 1024
"""The limit in bytes for an answer that is not streamed."""

_MAX_RETRY_AFTER = 60.0
"""The longest pause in seconds that a provider may request; with a longer one its error is raised at once."""


_END_TIMEOUT = 0.5
"""The seconds to wait for the end of the body after the end marker, so that the connection can be reused."""


class LLM:
    """One model: its provider, the transport to it, and its settings.

    Attributes:
        name: the provider's name of the model.
    """

    def __init__(
        self, name: str, provider: Provider, transport: Transport, *, timeouts: Timeouts, max_retries: int
    ) -> None:
        self.name = name
        self._provider = provider
        self._transport = transport
        self._timeouts = timeouts
        self._max_retries = max_retries

    def answer(
        self, question: Question, response_text: ResponseText | None = None, timer: CallTimer | None = None
    ) -> Flow[list[LLMResponse], LLMResponse]:
        """Send a question and return the complete answer. If the question says ``stream``, yield its chunks.

        The chunks of one piece of the body are yielded as one list. A request that fails before the answer begins is
        sent again if that may help. After that it is not, so no text is yielded twice.

        Args:
            question: the question.
            response_text: receives the text; it knows which attempt at an answer this is.
            timer: the timer of the call, if this is one of several attempts.

        Raises:
            DeclaraiError: there is not a complete answer; see `declarai_like.errors`.
        """
        request = self._provider.request(question)
        timer = timer or self.timer()
        builder = ResponseBuilder(question, response_text or ResponseText())
        body = yield from self._send_with_retries(request, timer)
        connection, deltas, streaming = body.connection, body.first_deltas, question.stream
        timer.on_content()
        try:
            try:
                while True:
                    chunks = builder.add(deltas)
                    if chunks and streaming:
                        yield chunks
                    if builder.is_done or body.failure is not None:
                        break
                    builder.set_limit(timer)
                    piece = yield connection
                    if not piece:
                        break
                    deltas = body.read(piece)
            except (ConnectionFailed, Timeout) as error:
                # After the finish reason the answer is complete: only the usage or the end marker is missing, which
                # not all servers send
                if builder.finish_reason is None:
                    raise builder.interrupted(error) from error
            response = yield from _finish(builder, body, timer, streaming=streaming)
        except Exception:
            # The driver would close it too, but only at the end of the flow, which may continue with another attempt
            yield Close(connection)
            raise
        yield Close(connection)
        return response

    def timer(self) -> CallTimer:
        """Return the timer for a call, which all its attempts share."""
        return CallTimer(self._timeouts)

    def with_transport(self, wrap: Callable[[Transport, Provider], Transport]) -> LLM:
        """Return the same model with the transport that ``wrap`` makes of the current one."""
        transport = wrap(self._transport, self._provider)
        return LLM(self.name, self._provider, transport, timeouts=self._timeouts, max_retries=self._max_retries)

    def _send_with_retries(self, request: Request, timer: CallTimer) -> Flow[Any, _ResponseBody]:
        """Send the request until an answer begins, as often as the policy allows."""
        retry = Retry(self._policy)
        while True:
            retry.start_attempt()
            try:
                return (yield from self._send(request, timer))
            except Exception as error:
                if not _may_succeed_later(error, timer) or retry.is_exhausted(error):
                    raise
            yield retry.pause()

    def _send(self, request: Request, timer: CallTimer) -> Flow[Any, _ResponseBody]:
        """Send the request and read until the answer begins."""
        timer.begin_attempt()
        connection = yield from perform(self._transport.open(request, timer))
        try:
            body = _ResponseBody(self._provider, connection, streamed=request.stream)
            if body.is_single_document:
                yield from body.read_document()
            else:
                yield from body.read_first()
        except Exception:
            yield Close(connection)
            raise
        return body

    @functools.cached_property
    def _policy(self) -> BaseRetrying:
        """The retries of a request whose answer has not begun: their number and the pauses before them."""
        from tenacity import Retrying, stop_after_attempt, wait_random_exponential

        # With jitter, so that many clients of a server that failed do not come back at the same moment
        backoff = wait_random_exponential(multiplier=0.5, max=8.0)

        def wait(state: RetryCallState) -> float:
            retry_after = _retry_after(state.outcome.exception() if state.outcome else None)
            return backoff(state) if retry_after is None else retry_after

        def log_failure(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            log.info("%s: attempt %d failed: %s", self.name, state.attempt_number, error)

        return Retrying(stop=stop_after_attempt(self._max_retries + 1), wait=wait, before_sleep=log_failure)


class _ResponseBody:
    """The body of a response that is being read: determines its form, and decodes its bytes into deltas.

    Attributes:
        connection: the connection, which is the effect that reads the next piece.
        is_single_document: True if the body is one JSON document instead of a stream of events.
        first_deltas: the deltas up to the first content.
        failure: the error in the last piece; it comes after the deltas of that piece.
    """

    def __init__(self, provider: Provider, connection: Connection, *, streamed: bool) -> None:
        media_type = connection.content_type
        if media_type in ("text/html", "application/xhtml+xml"):
            raise UnexpectedContent(
                f"the server sent a page ({media_type}) instead of an answer; check base_url, which usually ends in /v1"
            )
        self.connection = connection
        # A server that does not support streaming ignores "stream" and sends one document
        self.is_single_document = not streamed or media_type == "application/json"
        self.first_deltas: list[Delta] = []
        self.failure: DeclaraiError | None = None
        self._read_event = provider.deltas
        self._feed = SSEDecoder().feed

    def read(self, piece: bytes) -> list[Delta]:
        """Return the deltas that a piece completes. An error after them is kept in ``failure``."""
        deltas: list[Delta] = []
        try:
            for event in self._feed(piece):
                deltas += self._read_event(event)
        except DeclaraiError as error:  # not raised here: the reader gets what came before it first
            self.failure = error
        return deltas

    def read_first(self) -> Flow[Any, None]:
        """Read up to the first content; an error before it can still be retried."""
        while piece := (yield self.connection):
            deltas = self.read(piece)
            self.first_deltas += deltas
            if any(_has_content(delta) for delta in deltas):
                return
            if self.failure is not None:
                raise self.failure
        raise StreamInterrupted("the connection ended before the answer began")

    def read_document(self) -> Flow[Any, None]:
        """Read a body that is one JSON document."""
        pieces: list[bytes] = []
        size = 0
        while piece := (yield self.connection):
            pieces.append(piece)
            size += len(piece)
            if size > _MAX_BODY_SIZE:
                raise ProtocolError(f"the provider's answer is larger than the limit of {_MAX_BODY_SIZE} bytes")
        try:
            self.first_deltas = list(self._read_event(ServerSentEvent(b"".join(pieces))))
        except StreamFailed as error:  # some gateways send an error with status 200; it is not a stream that failed
            raise ProviderError(str(error), code=error.code) from None


def _finish(
    builder: ResponseBuilder, body: _ResponseBody, timer: CallTimer, *, streaming: bool
) -> Flow[list[LLMResponse], LLMResponse]:
    """Yield the deferred chunk and return the complete answer, or raise its error."""
    if body.failure is not None:
        raise builder.interrupted(body.failure)
    if builder.deferred is not None and streaming:
        yield [builder.deferred]
    if builder.is_done:
        yield from _drain(body.connection, timer)
    return builder.result()


def _drain(connection: Connection, timer: CallTimer) -> Flow[Any, None]:
    """Read to the end of a body whose end marker was sent: only then can the connection be reused."""
    timer.allow(_END_TIMEOUT)
    try:
        for _ in range(3):  # usually only the end of the chunked encoding is left
            if not (yield connection):
                return
    except DeclaraiError:
        pass  # the answer is complete; the connection is closed instead of reused


def _has_content(delta: Delta) -> bool:
    """True if the answer begins with this delta; a role, or a tool call without arguments, is not content."""
    if any(call.arguments for call in delta.tool_calls):
        return True
    return bool(delta.text or delta.reasoning or delta.refusal or delta.finish_reason or delta.end)


def _may_succeed_later(error: Exception, timer: CallTimer) -> bool:
    """True if the same request may succeed after the pause that the provider requests, within the limits."""
    pause = _retry_after(error) or 0.0
    return getattr(error, "transient", False) and pause <= _MAX_RETRY_AFTER and timer.has_time_for(pause)


def _retry_after(error: BaseException | None) -> float | None:
    return error.retry_after if isinstance(error, ProviderError) else None
