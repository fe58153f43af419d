"""The values that travel: what is said to a model, what it answers, and the answer so far."""

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
        role: who speaks: ``"system"``, ``"user"``, ``"assistant"`` or ``"tool"``.
        content: what is said.
        tool_calls: the tools that an assistant's message calls.
        tool_call_id: of a tool's message, the call that it is the result of.
        id: the message's own name.
        created: when it was said, in UTC.
        model: the model that said it.
        usage: the tokens that it took.
        finish_reason: why it ended.
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
        """Show what was said, and an end that is none."""
        shown = f"role={self.role!r}, content={self.content!r}"
        for name in ("tool_calls", "tool_call_id", "finish_reason"):
            if (value := getattr(self, name)) and value not in ("stop", "tool_calls"):
                shown += f", {name}={value!r}"
        return f"Message({shown})"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool, whole.

    Attributes:
        id: the provider's name for the call.
        name: the tool that is called.
        arguments: its arguments, as the JSON text that the model wrote.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, repr=False)
class Usage:
    """Tokens, as the provider counted them.

    Attributes:
        estimated: they were not counted by the provider, which tells them at the end of an answer: they are
            estimated from the texts.
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
    """What is new in one of an answer's tool calls. The parts of a call have the same ``index``.

    Attributes:
        index: which of the calls, from 0.
        id: the provider's name for the call; with its first part, else empty.
        name: the tool that is called; with its first part, else empty.
        arguments: new text of its arguments, which are JSON.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Delta:
    """What one event of a provider's stream, or its whole answer, adds. Providers make these.

    A plain class with defaults on the class: one is made for every event, and has two of these parts.

    Attributes:
        raw: the JSON text it came in.
        text: new text of the answer.
        only_text: there is nothing but new text, as in nearly all of them.
        shown: false where there is nothing that a reader of chunks could use, as in an event with
            usage only.
        tool_calls: what is new in the tool calls; of a whole answer, each call in one part.
        end: the provider says that nothing more will come.
    """

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
    """An answer, or the answer so far: ``response`` is all of its text, ``delta`` what is new in it.

    A chunk of a stream keeps only its place in the text that it shares with the other chunks, so a
    stream of n chunks takes memory for n, and ``response`` costs something only where it is read.

    Attributes:
        delta: the new text; for an answer that came whole, all of it.
        model: the model's name, as the provider gives it.
        role: who speaks, ``"assistant"``.
        finish_reason: why the answer ended (``"stop"``, ``"length"``, ...); None before its last chunk.
        usage: the tokens; on the last chunk where the provider tells them, else None.
        reasoning: new text of the model's reasoning, where the provider shows it.
        tool_calls: what is new in calls of the tools that were given in ``llm_params``.
    """

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
        """All the text up to and including this chunk."""
        return self._text.upto(self._end)

    @property
    def response_text(self) -> ResponseText:
        """The text that the chunks of one attempt share, with what was asked."""
        return self._text

    @property
    def attempt(self) -> int:
        """Which attempt at the answer this belongs to, from 1. A later one starts its text anew."""
        return self._text.attempt

    @property
    def restart_reason(self) -> str:
        """Why this attempt was begun: what was wrong with the one before it; empty for the first."""
        return self._text.restart_reason

    @property
    def raw_response(self) -> dict[str, Any]:
        """The provider's own chunk, or its whole response, as a dict (parsed when it is first read)."""
        raw = self._raw
        if isinstance(raw, bytes):
            self._raw = raw = read_json(raw)
        return cast("dict[str, Any]", raw)

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of the question, where the usage is known."""
        return self.usage.prompt_tokens if self.usage else None

    @property
    def completion_tokens(self) -> int | None:
        """Tokens of the answer, where the usage is known."""
        return self.usage.completion_tokens if self.usage else None

    @property
    def total_tokens(self) -> int | None:
        """Tokens of both, where the usage is known."""
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
    """A growing text, kept once. Joined only where somebody looks, and then only what is new.

    The text of an answer knows which attempt at it this is, and why it was begun.

    Attributes:
        asked: the messages that it answers.
        usage: the tokens, once the provider has told them.
        before: the attempt before this one.
    """

    __slots__ = ("_joined", "asked", "attempt", "before", "length", "pieces", "restart_reason", "usage")

    def __init__(
        self, text: str = "", *, attempt: int = 1, restart_reason: str = "", before: ResponseText | None = None
    ) -> None:
        self.attempt = attempt
        self.before = before
        self.usage: Usage | None = None
        self.restart_reason = restart_reason
        self.asked: Sequence[Message] = ()
        self.length = len(text)
        self.pieces: list[str] = []
        self._joined = (0, text)  # how many pieces are in the text; replaced as one, so threads may share it

    @property
    def text(self) -> str:
        """All of it."""
        return self.upto(self.length)

    def upto(self, end: int) -> str:
        """Give the first ``end`` characters."""
        count, text = self._joined
        if len(text) < end:
            new = self.pieces[count:]
            text += "".join(new)
            self._joined = (count + len(new), text)
        return text if len(text) == end else text[:end]


def read_json(raw: bytes) -> Any:
    """Read a whole JSON text.

    Raises:
        ValueError: it is not JSON; or not UTF-8, and then it is a `UnicodeDecodeError`.
    """
    try:
        return jiter.from_json(raw)
    except ValueError:
        import json

        # The slower parser knows texts that the fast one refuses: lone surrogates, huge integers.
        return json.loads(raw.decode("utf-8"))
