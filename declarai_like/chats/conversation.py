"""The flows of a conversation: they load messages, send them to a model, and remember the answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .._core.checks import one_of
from .._core.fair_lock import FairLock
from .._core.flow import Flow, perform
from .._output.output_type import OutputMismatch
from ..errors import DeclaraiError, MemoryFailed
from ..memory import InMemory, Memory, MemoryCall
from ..messages import LLMResponse, Message
from ..stream import Commitment
from ..window import Summary, Window
from .definition import ChatDefinition, check_text

_ROLES = ("system", "user", "assistant")
_SUMMARY_ID = re.compile(r"summary:(\d+)")  # the number of messages that a summary covers, from the first one
_SUMMARY_HEADING = "This is a summary of the conversation before:\n"


class Conversation:
    """The flows of one chat instance.

    One answer is open at a time; the next ones wait for the lock. A message and its answer are remembered together,
    when the answer has ended.

    Attributes:
        memory: the memory of the messages.
        window: selects the messages that are sent; None for all.
        keep_partial: True if an answer that fails or is closed early is remembered as far as it was received.
    """

    def __init__(self, definition: ChatDefinition, greet: Callable[[], str]) -> None:
        """``greet`` returns the greeting, which is the first message of an empty conversation."""
        self.memory: Memory = InMemory()
        self.window: Window | None = definition.declaration.window
        self.keep_partial = definition.declaration.keep_partial
        self._definition = definition
        self._greet = greet
        self._lock = FairLock()

    def exchange(
        self, text: str, system: str, params: Mapping[str, Any], commitment: Commitment | None
    ) -> Flow[list[LLMResponse], tuple[Any, LLMResponse]]:
        """Send a message and return the answer; with a commitment, yield the chunks of the answer.

        Raises:
            MemoryFailed: the conversation could not be loaded, or the answer could not be remembered. In the second
                case the error has the answer.
            DeclaraiError: the call failed.
        """
        lease = yield from perform(self._lock.acquire(commitment.has_reader if commitment else _always))
        history = yield from self._load()
        message = _message("user", text)
        messages = yield from self._messages_to_send(system, history, message)
        new = [*history.new, message]
        if commitment is not None:
            # A generator that is being closed cannot yield effects, so the driver remembers the partial answer when it
            # releases the lock.
            lease.on_release = lambda: self._remember_unfinished(new, commitment)
        try:
            value, response = yield from self._definition.output_call().answer(messages, params, commitment)
        except DeclaraiError as error:
            lease.disarm()
            if self.keep_partial and error.partial:
                try:
                    partial = _partial_answer(commitment, error.partial, "failed")
                    yield from perform(self._remember([*new, partial]))
                except MemoryFailed as failed:
                    error.add_note(f"The partial answer could not be remembered: {failed}")
            raise
        # From here on the answer is complete: on_release would remember it a second time.
        lease.disarm()
        try:
            yield from perform(self._remember([*new, _answer(response)]))
        except MemoryFailed as error:
            error.partial, error.response, error.result = response.response, response, value
            raise
        return value, response

    def messages(self) -> Flow[Any, list[Message]]:
        """Return all messages, the greeting first. The system prompt and summaries are not part of them."""
        history = yield from self._load()
        return history.messages

    def compile(self, text: str | None, system: str) -> Flow[Any, list[Message]]:
        """Return the messages that would be sent, without making a new summary."""
        history = yield from self._load()
        message = [] if text is None else [Message("user", text)]
        return self._select([*history.before(system), *history.fresh, *message])

    def add(self, role: str, content: str) -> Flow[Any, None]:
        """Remember a message that is not sent.

        Raises:
            ConfigurationError: the role or the content is not valid.
        """
        one_of("role", role, _ROLES)
        check_text("content", content)
        history = yield from self._load()
        yield from perform(self._remember([*history.new, _message(role, content)]))

    def remove_last_exchange(self, text: str) -> Flow[Any, None]:
        """Forget the user's last message and all after it, if it has this text. If its answer failed, neither was
        remembered, and the last message is another one.

        Raises:
            MemoryFailed: it could not be forgotten. The conversation is as before, if the memory can still append.
        """
        stored = yield from perform(MemoryCall(self.memory.load))
        indexes = [index for index, message in enumerate(stored) if message.role == "user"]
        if not indexes or stored[indexes[-1]].content != text:
            return
        # A memory cannot remove single messages, so all are removed, and the first ones appended again.
        yield from perform(MemoryCall(self.memory.clear))
        try:
            yield from perform(self._remember(list(stored[: indexes[-1]])))
        except MemoryFailed as error:
            try:
                yield from perform(self._remember(list(stored)))
            except MemoryFailed as second:
                error.add_note(f"The conversation is lost: its messages could not be appended again: {second}")
            raise

    def clear(self) -> Flow[Any, None]:
        """Forget all messages."""
        yield from perform(MemoryCall(self.memory.clear))

    def _load(self) -> Flow[Any, _History]:
        stored = yield from perform(MemoryCall(self.memory.load))
        history = _History.of(stored)
        if not stored and (greeting := self._greet()):
            history.new = history.messages = [_message("assistant", greeting)]
        return history

    def _messages_to_send(self, system: str, history: _History, message: Message) -> Flow[Any, list[Message]]:
        if isinstance(self.window, Summary):
            before = history.before(system)
            outgrown = self.window.outgrown(before, history.fresh, message)
            if outgrown:
                summary = yield from self._summarise(self.window, history, outgrown)
                history.cover(outgrown, summary)
        return self._select([*history.before(system), *history.fresh, message])

    def _select(self, messages: list[Message]) -> list[Message]:
        return messages if self.window is None else list(self.window.select(messages))

    def _summarise(self, window: Summary, history: _History, outgrown: int) -> Flow[Any, Message]:
        """Return a summary of the last summary and of the first messages that it does not cover."""
        covered = [history.summary] if history.summary else []
        # System messages are still sent as they are, so they need no summary.
        covered += [message for message in history.fresh[:outgrown] if message.role != "system"]
        texts = "\n\n".join(map(_summary_input, covered))
        messages = [Message("system", window.instruction), Message("user", texts)]
        text, response = yield from self._definition.summariser.answer(messages, {})
        return _message(
            "system",
            _SUMMARY_HEADING + text,
            id=f"summary:{history.covered + outgrown}",
            model=response.model,
            usage=response.usage,
        )

    def _remember_unfinished(self, new: list[Message], commitment: Commitment) -> MemoryCall[None] | None:
        """Return the effect that remembers an answer whose stream was closed before its end; None for nothing."""
        last = commitment.last
        if last is None:
            return None
        if last.finish_reason is not None and self._is_valid(last):  # the last chunk was read, only the end was not
            return self._remember([*new, _answer(last)])
        if self.keep_partial and last.response:
            return self._remember([*new, _partial_answer(commitment, last.response, "closed")])
        return None

    def _is_valid(self, response: LLMResponse) -> bool:
        try:
            self._definition.output_call().read(response)
        except (OutputMismatch, DeclaraiError):
            return False
        return True

    def _remember(self, messages: list[Message]) -> MemoryCall[None]:
        return _Shielded(self.memory.append, messages)


@dataclass
class _History:
    """The stored messages of a conversation, without its summaries, and the last summary.

    Attributes:
        messages: all messages except for summaries.
        new: the messages that are not stored yet.
        summary: the last summary.
        covered: the number of messages that it covers, from the first one.
    """

    messages: list[Message]
    new: list[Message] = field(default_factory=list[Message])
    summary: Message | None = None
    covered: int = 0

    @classmethod
    def of(cls, stored: Sequence[Message]) -> _History:
        history = cls([])
        for message in stored:
            if message.role == "system" and (summary := _SUMMARY_ID.fullmatch(message.id)):
                history.summary, history.covered = message, int(summary[1])
            else:
                history.messages.append(message)
        return history

    @property
    def fresh(self) -> list[Message]:
        """The messages that no summary covers."""
        return self.messages[self.covered :]

    def before(self, system: str) -> list[Message]:
        """Return the messages that are sent before the fresh ones."""
        prompt = [Message("system", system)] if system else []
        covered = [message for message in self.messages[: self.covered] if message.role == "system"]
        return [*prompt, *covered, *([self.summary] if self.summary else [])]

    def cover(self, count: int, summary: Message) -> None:
        """Cover some more messages with a new summary."""
        self.covered += count
        self.summary = summary
        self.new = [*self.new, summary]


class _Shielded(MemoryCall[None]):
    """A call that is not cancelled, so that an answer is remembered also if its reader is cancelled."""

    async def arun(self) -> None:
        import anyio

        with anyio.CancelScope(shield=True):
            await super().arun()


def _message(role: str, content: str, *, id: str = "", **fields: Any) -> Message:
    import uuid

    return Message(role, content, id=id or uuid.uuid4().hex, created=datetime.now(UTC), **fields)


def _answer(response: LLMResponse, *, text: str | None = None, finish_reason: str | None = None) -> Message:
    return _message(
        "assistant",
        response.response if text is None else text,
        model=response.model,
        usage=response.usage,
        finish_reason=finish_reason or response.finish_reason,
    )


def _partial_answer(commitment: Commitment | None, text: str, finish_reason: str) -> Message:
    last = commitment.last if commitment else None
    if last is None:
        return _message("assistant", text, finish_reason=finish_reason)
    return _answer(last, text=text, finish_reason=finish_reason)


def _summary_input(message: Message) -> str:
    """Return a message as text, for the model that makes a summary."""
    calls = [f"(calls {call.name} with {call.arguments})" for call in message.tool_calls]
    return f"{message.role}: " + " ".join(filter(None, [message.content, *calls]))


def _always() -> bool:
    """The activity of an answer that is not a stream: its caller waits until it ends."""
    return True
