"""One conversation and how it goes on: what is remembered of it, what is sent of it, and one answer after another."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from .._calls.output_call import OutputCall
from .._core.fair_lock import FairLock
from .._core.flow import Flow, perform
from .._output.output_type import OutputMismatch
from ..errors import ConfigurationError, DeclaraiError, MemoryFailed
from ..memory import Memory, MemoryCall
from ..messages import LLMResponse, Message
from ..stream import Commitment
from ..window import Summary, Window
from .checking import check_text

R = TypeVar("R")

_ROLES = ("system", "user", "assistant")
_SUMMARY = re.compile(r"summary:(\d+)")  # the id of a summary: how many messages it covers, from the first one
_SUMMARY_OF = "This is a summary of the conversation before:\n"


class Conversation(Generic[R]):
    """The flows of one chat: they load, ask and remember.

    Only one answer is under way at a time; the others wait for their turn. What is said and what is
    answered are remembered together, when the answer has ended.

    Attributes:
        memory: where it is remembered.
        window: how much of it is sent; None for all.
        keep_partial: whether an answer that fails or is left is remembered as far as it came.
    """

    def __init__(
        self,
        memory: Memory,
        window: Window | None,
        *,
        greet: Callable[[], str],
        output_call: Callable[[], OutputCall[R]],
        summariser: Callable[[], OutputCall[str]],
        keep_partial: bool,
    ) -> None:
        self.memory = memory
        self.window = window
        self._greet = greet
        self._output_call = output_call
        self._summariser = summariser
        self.keep_partial = keep_partial
        self._lock = FairLock()

    def exchange(
        self, text: str, system: str, params: Mapping[str, Any], commitment: Commitment | None
    ) -> Flow[list[LLMResponse], tuple[R, LLMResponse]]:
        """Send a text, and give the answer; with a commitment, emit it as it grows.

        Raises:
            MemoryFailed: the conversation could not be loaded, or the answer not be remembered; then it is on
                the error.
            DeclaraiError: there is no answer.
        """
        lease = yield from perform(self._lock.acquire(commitment.has_reader if commitment else _always))
        history = yield from self._load()
        said = _message("user", text)
        sent = yield from self._sent(system, history, said)
        new = [*history.new, said]
        if commitment is not None:
            lease.on_release = lambda: self._left(new, commitment)
        try:
            value, response = yield from self._output_call().answer(sent, params, commitment)
        except DeclaraiError as error:
            lease.disarm()
            if self.keep_partial and error.partial:
                try:
                    yield from perform(self._remember([*new, _answer(commitment, error.partial, "failed")]))
                except MemoryFailed as failed:
                    error.add_note(f"What had come of it could not be remembered: {failed}")
            raise
        lease.disarm()
        try:
            yield from perform(self._remember([*new, _answered(response)]))
        except MemoryFailed as error:
            error.partial, error.response, error.result = response.response, response, value
            raise
        return value, response

    def messages(self) -> Flow[Any, list[Message]]:
        """Give all that was said, the greeting first."""
        history = yield from self._load()
        return history.messages

    def compile(self, text: str | None, system: str) -> Flow[Any, list[Message]]:
        """Give what would be sent, as far as that can be said without asking for a new summary."""
        history = yield from self._load()
        now = [] if text is None else [Message("user", text)]
        return self._chosen([*history.before(system), *history.fresh, *now])

    def add(self, role: str, content: str) -> Flow[Any, None]:
        """Remember a message that was not sent."""
        if role not in _ROLES:
            raise ConfigurationError(f"role is {role!r}; it is one of {', '.join(map(repr, _ROLES))}")
        check_text("content", content)
        history = yield from self._load()
        yield from perform(self._remember([*history.new, _message(role, content)]))

    def take_back(self, text: str) -> Flow[Any, None]:
        """Forget what the user has said last, if it was this, and what came of it. What failed was not remembered.

        Raises:
            MemoryFailed: that could not be done. What was remembered is, if the memory takes it back.
        """
        remembered = yield from perform(MemoryCall(self.memory.load))
        said = [place for place, message in enumerate(remembered) if message.role == "user"]
        if not said or remembered[said[-1]].content != text:
            return
        yield from perform(MemoryCall(self.memory.clear))
        try:
            yield from perform(self._remember(list(remembered[: said[-1]])))
        except MemoryFailed as error:
            try:
                yield from perform(self._remember(list(remembered)))
            except MemoryFailed as again:
                error.add_note(f"The conversation is lost: it could not be put back: {again}")
            raise

    def clear(self) -> Flow[Any, None]:
        """Forget all that was said."""
        yield from perform(MemoryCall(self.memory.clear))

    def _load(self) -> Flow[Any, _History]:
        remembered = yield from perform(MemoryCall(self.memory.load))
        history = _History.of(remembered)
        if not remembered and (greeting := self._greet()):
            history.new = history.messages = [_message("assistant", greeting)]
        return history

    def _sent(self, system: str, history: _History, said: Message) -> Flow[Any, list[Message]]:
        if isinstance(self.window, Summary):
            before = history.before(system)
            outgrown = self.window.outgrown(before, history.fresh, said)
            if outgrown:
                summary = yield from self._summarise(self.window, history, outgrown)
                history.cover(outgrown, summary)
        return self._chosen([*history.before(system), *history.fresh, said])

    def _chosen(self, messages: list[Message]) -> list[Message]:
        return messages if self.window is None else list(self.window.select(messages))

    def _summarise(self, window: Summary, history: _History, outgrown: int) -> Flow[Any, Message]:
        """Let the model put the first messages that no summary covers into one, with the last summary."""
        told = [history.summary] if history.summary else []
        told += [message for message in history.fresh[:outgrown] if message.role != "system"]
        asked = [Message("system", window.instruction), Message("user", "\n\n".join(map(_told, told)))]
        text, response = yield from self._summariser().answer(asked, {})
        return _message(
            "system",
            _SUMMARY_OF + text,
            id=f"summary:{history.covered + outgrown}",
            model=response.model,
            usage=response.usage,
        )

    def _left(self, new: list[Message], commitment: Commitment) -> MemoryCall[None] | None:
        """Say what is to be remembered of an answer whose reader has left before the stream's own end."""
        last = commitment.last
        if last is None:
            return None
        if last.finish_reason is not None and self._fits(last):  # all of it was there
            return self._remember([*new, _answered(last)])
        if self.keep_partial and last.response:
            return self._remember([*new, _answer(commitment, last.response, "closed")])
        return None

    def _fits(self, response: LLMResponse) -> bool:
        try:
            self._output_call().read(response)
        except (OutputMismatch, DeclaraiError):
            return False
        return True

    def _remember(self, messages: list[Message]) -> MemoryCall[None]:
        return _Shielded(self.memory.append, messages)


@dataclass
class _History:
    """What is remembered of a conversation, in its parts.

    Attributes:
        messages: all that was said; summaries are left out.
        new: what is not remembered yet.
        summary: the last summary.
        covered: how many of the messages that covers.
    """

    messages: list[Message]
    new: list[Message] = field(default_factory=list[Message])
    summary: Message | None = None
    covered: int = 0

    @classmethod
    def of(cls, remembered: Sequence[Message]) -> _History:
        history = cls([])
        for message in remembered:
            if message.role == "system" and (summary := _SUMMARY.fullmatch(message.id)):
                history.summary, history.covered = message, int(summary[1])
            else:
                history.messages.append(message)
        return history

    @property
    def fresh(self) -> list[Message]:
        """The messages that no summary covers."""
        return self.messages[self.covered :]

    def before(self, system: str) -> list[Message]:
        """Give what is sent before the fresh messages."""
        own = [Message("system", system)] if system else []
        told = [message for message in self.messages[: self.covered] if message.role == "system"]
        return [*own, *told, *([self.summary] if self.summary else [])]

    def cover(self, count: int, summary: Message) -> None:
        """Cover some more messages with a new summary."""
        self.covered += count
        self.summary = summary
        self.new = [*self.new, summary]


class _Shielded(MemoryCall[None]):
    """A call that is not cancelled: what has been answered is remembered."""

    async def arun(self) -> None:
        import anyio

        with anyio.CancelScope(shield=True):
            await super().arun()


def _message(role: str, content: str, *, id: str = "", **about: Any) -> Message:
    import uuid

    return Message(role, content, id=id or uuid.uuid4().hex, created=datetime.now(UTC), **about)


def _answered(response: LLMResponse, *, text: str | None = None, finish_reason: str | None = None) -> Message:
    return _message(
        "assistant",
        response.response if text is None else text,
        model=response.model,
        usage=response.usage,
        finish_reason=finish_reason or response.finish_reason,
    )


def _answer(commitment: Commitment | None, text: str, finish_reason: str) -> Message:
    """Make the message of an answer that is not whole."""
    last = commitment.last if commitment else None
    if last is None:
        return _message("assistant", text, finish_reason=finish_reason)
    return _answered(last, text=text, finish_reason=finish_reason)


def _told(message: Message) -> str:
    """Write a message for the model that makes a summary."""
    calls = [f"(calls {call.name} with {call.arguments})" for call in message.tool_calls]
    return f"{message.role}: " + " ".join(filter(None, [message.content, *calls]))


def _always() -> bool:
    """Somebody waits for an answer that does not stream, as long as it is under way."""
    return True
