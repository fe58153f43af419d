"""Asking: one request to a model, from the question to the end of its answer, as a flow."""

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
    ContentFiltered,
    DeclaraiError,
    ProtocolError,
    ProviderError,
    Refused,
    StreamFailed,
    StreamInterrupted,
    Timeout,
    UnexpectedContent,
)
from ..messages import Delta, LLMResponse, ResponseText, Usage
from ..providers import Provider, Question, Request
from .transport import CallTimer, Connection, Transport

if TYPE_CHECKING:
    from tenacity import BaseRetrying, RetryCallState

log = logging.getLogger("declarai_like")

_MAX_BODY_SIZE = 64 * 1024 * 1024  # bytes of an answer that comes whole
_MAX_RETRY_AFTER = 60.0  # seconds; a provider that asks for more is not waited for
_WAIT_FOR_USAGE = 10.0  # seconds that a provider gets, after the answer's last word, to say the rest
_WAIT_FOR_END = 0.5  # seconds for the end of the body after that, so that the connection can be used again


class LLM:
    """One model: its provider, the way to it, and its settings.

    Attributes:
        name: what the provider calls the model.
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
        """Ask, and give the whole answer; where the question says ``stream``, emit the answer so far as it grows.

        What comes in one piece is emitted as one list. A request that fails before anything of its
        answer has come is sent again where that may help; later it is not, so here no text is ever
        emitted twice.

        Args:
            question: what is asked.
            transcript: where the text goes. It says which attempt at an answer this is.
            patience: the clock of the call, where this is not its only attempt.

        Raises:
            DeclaraiError: there is no whole answer; see `declarai_like.errors`.
        """
        request = self._provider.request(question)
        timer = timer or self.timer()
        answer = _ResponseBuilder(question, response_text or ResponseText())
        incoming = yield from self._begin(request, timer)
        connection, deltas, streaming = incoming.connection, incoming.first, question.stream
        timer.on_content()
        try:
            try:
                while True:
                    chunks = answer.add(deltas)
                    if chunks and streaming:
                        yield chunks
                    if answer.ended or incoming.failure is not None:
                        break
                    if answer.finish_reason is not None:
                        timer.allow(_WAIT_FOR_USAGE)
                    elif answer.fresh and timer.waited:  # mostly a piece was there without waiting
                        timer.on_content()
                        answer.fresh = False
                    piece = yield connection
                    if not piece:
                        break
                    deltas = incoming.read(piece)
            except (ConnectionFailed, Timeout) as error:
                if answer.finish_reason is None:
                    raise answer.broken(error) from error
            whole = yield from _finish(answer, incoming, timer, streaming=streaming)
        except Exception:
            yield Close(connection)  # the call may go on with another attempt
            raise
        yield Close(connection)
        return whole

    def timer(self) -> CallTimer:
        """Give the clock for a call, which all its attempts share."""
        return CallTimer(self._timeouts)

    def with_transport(self, wrap: Callable[[Transport, Provider], Transport]) -> LLM:
        """Give the same model with another way to its provider, made of the one that it has."""
        transport = wrap(self._transport, self._provider)
        return LLM(self.name, self._provider, transport, timeouts=self._timeouts, max_retries=self._max_retries)

    def _begin(self, request: Request, timer: CallTimer) -> Flow[Any, _Incoming]:
        """Send the request, again where that may help, until an answer begins."""
        retry = Retry(self._policy)
        while True:
            retry.begin()
            try:
                return (yield from self._send(request, timer))
            except Exception as error:
                if not _may_help(error, timer) or retry.is_exhausted(error):
                    raise
            yield retry.pause()

    def _send(self, request: Request, timer: CallTimer) -> Flow[Any, _Incoming]:
        """Send the request, and read until the answer begins."""
        timer.begin_attempt()
        connection = yield from perform(self._transport.open(request, timer))
        try:
            incoming = _Incoming(self._provider, connection, streamed=request.stream)
            if incoming.comes_whole:
                yield from incoming.read_whole()
            else:
                yield from incoming.read_first()
        except Exception:
            yield Close(connection)
            raise
        return incoming

    @functools.cached_property
    def _policy(self) -> BaseRetrying:
        """How often a request is sent again whose answer had not begun, and after which pause."""
        from tenacity import Retrying, stop_after_attempt, wait_random_exponential

        growing = wait_random_exponential(multiplier=0.5, max=8.0)

        def wait(state: RetryCallState) -> float:
            asked = _retry_after(state.outcome.exception() if state.outcome else None)
            return growing(state) if asked is None else asked

        def say(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            log.info("%s: attempt %d failed: %s", self.name, state.attempt_number, error)

        return Retrying(stop=stop_after_attempt(self._max_retries + 1), wait=wait, before_sleep=say)


class _Incoming:
    """An answer on its way in: which form it comes in, and how its bytes become deltas."""

    def __init__(self, provider: Provider, connection: Connection, *, streamed: bool) -> None:
        kind = connection.content_type
        if kind in ("text/html", "application/xhtml+xml"):
            raise UnexpectedContent(
                f"the server sent a page ({kind}) instead of an answer; check base_url, which mostly ends in /v1"
            )
        self.connection = connection
        # A server that does not stream sends a whole answer all the same
        self.comes_whole = not streamed or kind == "application/json"
        self.first: list[Delta] = []
        self.failure: DeclaraiError | None = None
        """What is wrong with the last piece, after its good deltas."""
        self._read_event = provider.deltas
        self._feed = SSEDecoder().feed

    def read(self, piece: bytes) -> list[Delta]:
        """Give the deltas that a piece completes. Where a mistake follows them, it becomes ``failure``."""
        deltas: list[Delta] = []
        try:
            for event in self._feed(piece):
                deltas += self._read_event(event)
        except DeclaraiError as error:
            self.failure = error
        return deltas

    def read_first(self) -> Flow[Any, None]:
        """Read on until something of the answer has come."""
        while piece := (yield self.connection):
            deltas = self.read(piece)
            self.first += deltas
            if any(_begins(delta) for delta in deltas):
                return
            if self.failure is not None:
                raise self.failure
        raise StreamInterrupted("the connection ended before anything of the answer had come")

    def read_whole(self) -> Flow[Any, None]:
        """Read an answer that comes as one JSON text."""
        pieces: list[bytes] = []
        size = 0
        while piece := (yield self.connection):
            pieces.append(piece)
            size += len(piece)
            if size > _MAX_BODY_SIZE:
                raise ProtocolError(f"the provider's answer is larger than the limit of {_MAX_BODY_SIZE} bytes")
        try:
            self.first = list(self._read_event(ServerSentEvent(b"".join(pieces))))
        except StreamFailed as error:
            raise ProviderError(str(error), code=error.code) from None


class _ResponseBuilder:
    """An answer as it grows: takes deltas, gives chunks."""

    def __init__(self, question: Question, response_text: ResponseText) -> None:
        self.fresh = False  # content has come since somebody set this back
        self.ended = False  # the provider said that nothing more comes
        self.finish_reason: str | None = None
        self.held: LLMResponse | None = None
        """The last chunk, kept back until the usage is there, which providers send after it."""
        response_text.asked = question.messages
        self._response_text = response_text
        self._by_tool = question.format is not None and question.format.by == "tool"
        self._last: LLMResponse | None = None
        self._model = question.model
        self._role = "assistant"
        self._usage: Usage | None = None
        self._refusal = ""

    @property
    def text(self) -> str:
        return self._response_text.text

    def add(self, deltas: list[Delta]) -> list[LLMResponse]:
        """Take deltas; give the chunks that a reader should see now."""
        response_text = self._response_text
        chunks: list[LLMResponse] = []
        for delta in deltas:
            text = delta.text
            if text and delta.only_text:
                response_text.pieces.append(text)
                response_text.length += len(text)
                self.fresh = True
                chunks.append(LLMResponse(response_text, text, delta.raw, self._model, self._role))
            else:
                chunks += self._add_more(delta)
        if chunks:
            self._last = chunks[-1]
        return chunks

    def _add_more(self, delta: Delta) -> tuple[LLMResponse, ...]:
        text, calls = delta.text, delta.tool_calls
        if calls and self._by_tool:  # the call that was forced carries the answer, and is none of the user's
            text = "".join(call.arguments for call in calls if call.index == 0) or text
            calls = ()
        if text:
            self._response_text.pieces.append(text)
            self._response_text.length += len(text)
        self._model = delta.model or self._model
        self._role = delta.role or self._role
        self.finish_reason = delta.finish_reason or self.finish_reason
        self.fresh = self.fresh or bool(text or calls or delta.reasoning or delta.refusal)
        self.ended = self.ended or delta.end
        self._refusal += delta.refusal
        if delta.usage is not None:
            self._usage = self._response_text.usage = delta.usage
            if self.finish_reason and (last := self.held or self._last):
                last.usage = delta.usage  # it came after the last chunk, and belongs to it
        if not delta.shown:
            return ()
        chunk = LLMResponse(
            self._response_text,
            text,
            delta.raw,
            self._model,
            self._role,
            delta.finish_reason,
            delta.usage,
            delta.reasoning,
            tool_calls=calls,
        )
        if delta.finish_reason and not text:
            self.held = chunk
            return ()
        return (chunk,)

    def broken(self, error: DeclaraiError) -> DeclaraiError:
        """Give the error for an answer that stopped in the middle."""
        if isinstance(error, ConnectionFailed):
            error = StreamInterrupted(f"the connection broke in the middle of the answer: {error}")
        error.partial = self.text
        return error

    def whole(self) -> LLMResponse:
        """Give the last chunk of an answer that has come to its end.

        Raises:
            StreamInterrupted: it has not.
            Refused, ContentFiltered: there is an answer, but not the one that was asked for.
        """
        if self.finish_reason is None and not self.ended:
            raise self._with_text(
                StreamInterrupted("the connection ended, but the provider had not said that the answer was whole")
            )
        if self._refusal:
            raise self._with_text(Refused(f"the model refused to answer: {self._refusal}", refusal=self._refusal))
        if self.finish_reason == "content_filter":
            raise self._with_text(ContentFiltered("the provider's content filter stopped the answer"))
        return self.held or self._last or LLMResponse(self._response_text, "", model=self._model, usage=self._usage)

    def _with_text(self, error: DeclaraiError) -> DeclaraiError:
        error.partial = self.text
        return error


def _finish(
    answer: _ResponseBuilder, incoming: _Incoming, timer: CallTimer, *, streaming: bool
) -> Flow[list[LLMResponse], LLMResponse]:
    """See what the reading came to: give the last chunk, or raise what is wrong."""
    if incoming.failure is not None:
        raise answer.broken(incoming.failure)
    if answer.held is not None and streaming:
        yield [answer.held]
    if answer.ended:
        yield from _read_to_the_end(incoming.connection, timer)
    return answer.whole()


def _read_to_the_end(connection: Connection, timer: CallTimer) -> Flow[Any, None]:
    """Let a body that has said all come to its end: only then can its connection be used again."""
    timer.allow(_WAIT_FOR_END)
    try:
        for _ in range(3):
            if not (yield connection):
                return
    except DeclaraiError:
        pass  # then the connection is closed instead


def _begins(delta: Delta) -> bool:
    """Whether something of the answer has come: a role alone is nothing yet."""
    if any(call.arguments for call in delta.tool_calls):
        return True
    return bool(delta.text or delta.reasoning or delta.refusal or delta.finish_reason or delta.end)


def _may_help(error: Exception, timer: CallTimer) -> bool:
    """Whether the same request may well succeed after the pause that the provider asks for."""
    asked = _retry_after(error) or 0.0
    return getattr(error, "transient", False) and asked <= _MAX_RETRY_AFTER and timer.has_time_for(asked)


def _retry_after(error: BaseException | None) -> float | None:
    return error.retry_after if isinstance(error, ProviderError) else None
