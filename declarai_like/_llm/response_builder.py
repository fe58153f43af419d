"""The answer of a model, built from deltas: text and metadata add up, and each piece becomes chunks. It does no I/O."""

from __future__ import annotations

from .._net.timers import CallTimer
from ..errors import ConnectionFailed, ContentFiltered, DeclaraiError, Refused, StreamInterrupted
from ..messages import Delta, LLMResponse, ResponseText, Usage
from ..providers import Question

_USAGE_TIMEOUT = 10.0
"""The seconds to wait for the usage and the end marker after the finish reason."""


class ResponseBuilder:
    """Builds an answer: takes deltas, returns chunks.

    Attributes:
        has_new_content: True if content arrived since the last `set_limit`.
        is_done: True if the provider sent its end marker.
        finish_reason: why the answer ended; None before its end.
        deferred: the last chunk. It is kept until the usage arrives, which providers send in a later event, so that the
            last chunk of a stream has it.
    """

    def __init__(self, question: Question, response_text: ResponseText) -> None:
        self.has_new_content = False
        self.is_done = False
        self.finish_reason: str | None = None
        self.deferred: LLMResponse | None = None
        self._is_ending = False
        response_text.messages = question.messages
        self._response_text = response_text
        self._by_tool = question.format is not None and question.format.by == "tool"
        self._last: LLMResponse | None = None
        self._model = question.model
        self._role = "assistant"
        self._usage: Usage | None = None
        self._refusal = ""

    def add(self, deltas: list[Delta]) -> list[LLMResponse]:
        """Take deltas and return the chunks that a reader gets now."""
        response_text = self._response_text
        chunks: list[LLMResponse] = []
        for delta in deltas:
            text = delta.text
            if text and delta.only_text:  # nearly every delta
                response_text.pieces.append(text)
                response_text.length += len(text)
                self.has_new_content = True
                chunks.append(LLMResponse(response_text, text, delta.raw, self._model, self._role))
            else:
                chunks += self._add_other(delta)
        if chunks:
            self._last = chunks[-1]
        return chunks

    def _add_other(self, delta: Delta) -> tuple[LLMResponse, ...]:
        text, calls = delta.text, delta.tool_calls
        if calls and self._by_tool:  # the forced call carries the answer; the user did not define this tool
            text = "".join(call.arguments for call in calls if call.index == 0) or text
            calls = ()
        if text:
            self._response_text.pieces.append(text)
            self._response_text.length += len(text)
        self._model = delta.model or self._model
        self._role = delta.role or self._role
        self.finish_reason = delta.finish_reason or self.finish_reason
        self.has_new_content = self.has_new_content or bool(text or calls or delta.reasoning or delta.refusal)
        self.is_done = self.is_done or delta.end
        self._refusal += delta.refusal
        if delta.usage is not None:
            self._usage = self._response_text.usage = delta.usage
            if self.finish_reason and (last := self.deferred or self._last):
                last.usage = delta.usage  # it came in an event after the last chunk
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
            self.deferred = chunk
            return ()
        return (chunk,)

    def set_limit(self, timer: CallTimer) -> None:
        """Set the limit by what the last piece was: content, the end of the content, or neither (a comment)."""
        if self.finish_reason is not None:
            if not self._is_ending:  # once: what follows must not prolong the wait for the usage
                timer.allow(_USAGE_TIMEOUT)
                self._is_ending = True
        elif self.has_new_content:
            self.has_new_content = False
            if timer.waited:  # often a piece was there without waiting
                timer.on_content()

    def interrupted(self, error: DeclaraiError) -> DeclaraiError:
        """Return the error for an answer that stopped in the middle, with the text so far."""
        if isinstance(error, ConnectionFailed):
            error = StreamInterrupted(f"the connection broke in the middle of the answer: {error}")
        return self._with_text(error)

    def result(self) -> LLMResponse:
        """Return the last chunk of a complete answer.

        Raises:
            StreamInterrupted: the answer is not complete.
            Refused, ContentFiltered: the answer is complete, but it is not an answer to the question.
        """
        # The end of a body is not the end of an answer: a proxy or a server that fails may end it regularly
        if self.finish_reason is None and not self.is_done:
            raise self._with_text(
                StreamInterrupted("the connection ended before the provider marked the answer as complete")
            )
        if self._refusal:
            raise self._with_text(Refused(f"the model refused to answer: {self._refusal}", refusal=self._refusal))
        if self.finish_reason == "content_filter":
            raise self._with_text(ContentFiltered("the provider's content filter stopped the answer"))
        return self.deferred or self._last or LLMResponse(self._response_text, "", model=self._model, usage=self._usage)

    def _with_text(self, error: DeclaraiError) -> DeclaraiError:
        error.partial = self._response_text.text
        return error
