"""The data types of a conversation: messages, responses and their chunks, tool calls and token usage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any, cast

import jiter


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """One message of a conversation.

    Attributes:
        role: ``"system"``, ``"user"``, ``"assistant"`` or ``"tool"``.
        content: the text.
        tool_calls: the tool calls of an assistant message.
        tool_call_id: the ID of the tool call that a tool message is the result of.
        id: the ID of the message.
        created: the time of the message, in UTC.
        model: the model that wrote the message.
        usage: the tokens of the message.
        finish_reason: why the message ended.
    """

    role: str
    content: str
    _: KW_ONLY
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    id: str = ""
    created: datetime | None = None
    model: str = ""
    usage: Usage | None = None
    finish_reason: str | None = None

    def __repr__(self) -> str:
        """Show the text, tool calls, and a finish reason that is not a normal end."""
        shown = f"role={self.role!r}, content={self.content!r}"
        for name in ("tool_calls", "tool_call_id", "finish_reason"):
            if (value := getattr(self, name)) and value not in ("stop", "tool_calls"):
                shown += f", {name}={value!r}"
        return f"Message({shown})"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One complete call of a tool.

    Attributes:
        id: the provider's ID of the call.
        name: the name of the tool.
        arguments: the arguments, as the JSON text that the model wrote.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, repr=False)
class Usage:
    """Numbers of tokens, as counted by the provider.

    Attributes:
        prompt_tokens: the tokens of the prompt.
        completion_tokens: the tokens of the answer.
        total_tokens: the sum, as the provider counts it.
        estimated: True if the numbers are estimated from the texts: providers send the usage at the end of an answer.
    """

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    estimated: bool = False

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{name}={getattr(self, name)}" for name in ("prompt_tokens", "completion_tokens", "total_tokens")
        )
        return f"Usage({counts}{', estimated=True' if self.estimated else ''})"


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """The new part of one of an answer's tool calls. The parts of a call have the same ``index``.

    Attributes:
        index: the index of the call, from 0.
        id: the provider's ID of the call; empty except in its first part.
        name: the name of the tool; empty except in its first part.
        arguments: the new text of the arguments, which are JSON.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Delta:
    """The content of one event of a provider's stream, or of a response that is not streamed. Providers create these.

    Attributes:
        raw: the JSON text of the event.
        text: the new text of the answer.
        only_text: True if there is nothing but new text, as in nearly all events.
        shown: False if there is nothing for a reader of chunks, as in an event with usage only.
        finish_reason: why the answer ended; None before its end.
        usage: the tokens, if the event has them.
        model: the model's name, if the event has it.
        role: the role, if the event has it.
        tool_calls: the new parts of tool calls; of a response that is not streamed, each call in one part.
        reasoning: the new text of the model's reasoning.
        refusal: the new text of the model's refusal.
        end: True if the provider sends nothing more.
    """

    # Not a dataclass: one is created for every event, and nearly all have two of these attributes, so the defaults are
    # on the class

    only_text: bool = True
    shown: bool = True
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
    role: str | None = None
    tool_calls: tuple[ToolCallDelta, ...] = ()
    reasoning: str = ""
    refusal: str = ""
    end: bool = False

    def __init__(self, raw: bytes, text: str = "", **more: Any) -> None:
        self.raw = raw
        self.text = text
        if more:
            self.__dict__.update(more, only_text=False)


class LLMResponse:
    """An answer, or a chunk of it: ``response`` is the text so far, ``delta`` the new text.

    Attributes:
        delta: the new text; all of the text for an answer that is not streamed.
        model: the model's name, as the provider sends it.
        role: ``"assistant"``.
        finish_reason: why the answer ended (``"stop"``, ``"length"``, ...); None before its last chunk.
        usage: the tokens, on the last chunk if the provider sends them; else None.
        reasoning: the new text of the model's reasoning, if the provider sends it.
        tool_calls: the new parts of calls of the tools in ``llm_params``.
    """

    # A chunk keeps its end index in the text that it shares with the other chunks of its attempt. So the memory of a
    # stream is linear in its length, and ``response`` only costs something when it is read.

    __slots__ = ("_end", "_raw", "_text", "delta", "finish_reason", "model", "reasoning", "role", "tool_calls", "usage")

    def __init__(
        self,
        response: str | ResponseText,
        delta: str | None = None,
        raw_response: dict[str, Any] | bytes = b"{}",
        model: str = "",
        role: str = "assistant",
        finish_reason: str | None = None,
        usage: Usage | None = None,
        reasoning: str = "",
        *,
        tool_calls: tuple[ToolCallDelta, ...] = (),
    ) -> None:
        if isinstance(response, str):
            delta = response if delta is None else delta
            response = ResponseText(response)
        self._text = response
        self._end = response.length
        self._raw: Any = raw_response
        self.delta = delta or ""
        self.model = model
        self.role = role
        self.finish_reason = finish_reason
        self.usage = usage
        self.reasoning = reasoning
        self.tool_calls = tool_calls

    @property
    def response(self) -> str:
        """The text up to and including this chunk."""
        return self._text.upto(self._end)

    @property
    def response_text(self) -> ResponseText:
        """The text that the chunks of one attempt share, with the messages that it answers."""
        return self._text

    @property
    def attempt(self) -> int:
        """The number of the attempt at the answer, from 1. Each attempt starts with an empty text."""
        return self._text.attempt

    @property
    def restart_reason(self) -> str:
        """The reason for this attempt: the error of the one before it; empty for the first."""
        return self._text.restart_reason

    @property
    def raw_response(self) -> dict[str, Any]:
        """The provider's own chunk or response as a dict. It is parsed on first access."""
        raw = self._raw
        if isinstance(raw, bytes):
            self._raw = raw = read_json(raw)
        return cast("dict[str, Any]", raw)

    @property
    def prompt_tokens(self) -> int | None:
        """The tokens of the prompt; None if the usage is not known."""
        return self.usage.prompt_tokens if self.usage else None

    @property
    def completion_tokens(self) -> int | None:
        """The tokens of the answer; None if the usage is not known."""
        return self.usage.completion_tokens if self.usage else None

    @property
    def total_tokens(self) -> int | None:
        """The tokens of both; None if the usage is not known."""
        return self.usage.total_tokens if self.usage else None

    def __repr__(self) -> str:
        shown = f"response={self.response!r}, delta={self.delta!r}"
        for name in ("model", "finish_reason", "usage"):
            if (value := getattr(self, name)) is not None:
                shown += f", {name}={value!r}"
        if self.attempt > 1:
            shown += f", attempt={self.attempt}"
        return f"LLMResponse({shown})"


class ResponseText:
    """The growing text of one attempt at an answer, shared by its chunks.

    Attributes:
        attempt: the number of the attempt, from 1.
        restart_reason: the error of the attempt before it; empty for the first.
        messages: the messages that it answers.
        usage: the tokens, once the provider has sent them.
        previous: the attempt before this one.
        length: the number of characters.
        pieces: the pieces of the text, appended by the writer.
    """

    __slots__ = ("_joined", "attempt", "length", "messages", "pieces", "previous", "restart_reason", "usage")

    def __init__(
        self, text: str = "", *, attempt: int = 1, restart_reason: str = "", previous: ResponseText | None = None
    ) -> None:
        self.attempt = attempt
        self.previous = previous
        self.usage: Usage | None = None
        self.restart_reason = restart_reason
        self.messages: Sequence[Message] = ()
        self.length = len(text)
        self.pieces: list[str] = []
        # The number of joined pieces, and their text. One tuple, replaced as a whole: readers in several threads may
        # join at the same time, and each sees a number and the text that belongs to it.
        self._joined = (0, text)

    @property
    def text(self) -> str:
        """The text so far."""
        return self.upto(self.length)

    def upto(self, end: int) -> str:
        """Return the first ``end`` characters. Only pieces that were not joined before are joined."""
        count, text = self._joined
        if len(text) < end:
            new = self.pieces[count:]
            text += "".join(new)
            self._joined = (count + len(new), text)
        return text if len(text) == end else text[:end]


def read_json(raw: bytes) -> Any:
    """Parse a complete JSON text.

    Raises:
        ValueError: it is not JSON; a `UnicodeDecodeError` if it is not UTF-8.
    """
    try:
        return jiter.from_json(raw)
    except ValueError:
        import json

        # The standard library accepts texts that jiter rejects: lone surrogates, huge integers
        return json.loads(raw.decode("utf-8"))
