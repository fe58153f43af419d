"""Requests in the form of OpenAI's Chat Completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...messages import Message
from .user_text import MAX_PARTS, ContentPart, Short, text_of

_PASSED_ON = frozenset(
    (
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "reasoning_effort",
        "verbosity",
    )
)


class CompletionMessage(BaseModel):
    """One message of a request."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[ContentPart], Field(max_length=MAX_PARTS)] | None = None

    @property
    def parts(self) -> Sequence[ContentPart]:
        """Its content, in parts."""
        return [ContentPart(type="text", text=self.content)] if isinstance(self.content, str) else self.content or ()


class StreamOptions(BaseModel):
    """What a stream shall hold."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool | None = None


class CompletionRequest(BaseModel):
    """What a client sends for an answer. Keys that are not declared are passed over.

    Attributes:
        model: the name of what is asked.
        n: how many answers; there is one.
    """

    model_config = ConfigDict(extra="allow")

    model: Short
    messages: Annotated[list[CompletionMessage], Field(min_length=1, max_length=MAX_PARTS)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    reasoning_effort: Short | None = None
    verbosity: Short | None = None

    @property
    def history(self) -> list[Message]:
        """What the user and the assistant have said before that. Instructions and tools are passed over.

        Raises:
            NoText: there is something else than text in it.
        """
        spoken = (message for message in self.messages[:-1] if message.role in ("user", "assistant"))
        return [Message(message.role, text_of(message.parts)) for message in spoken if message.content]

    @property
    def llm_params(self) -> dict[str, Any]:
        """What is passed on to the model."""
        return self.model_dump(include=set(_PASSED_ON), exclude_none=True)

    @property
    def include_usage(self) -> bool:
        """Whether a stream shall end with the tokens."""
        return bool(self.stream_options and self.stream_options.include_usage)
