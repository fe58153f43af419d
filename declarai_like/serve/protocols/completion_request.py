"""Requests of OpenAI's Chat Completions.

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...messages import Message
from .user_text import MAX_PARTS, ContentPart, Short, text_of

_LLM_PARAMS = frozenset(
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
        """The content as parts."""
        return [ContentPart(type="text", text=self.content)] if isinstance(self.content, str) else self.content or ()


class StreamOptions(BaseModel):
    """Options of a stream."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool | None = None


class CompletionRequest(BaseModel):
    """Request for a chat completion. Undeclared keys are ignored, as clients send many.

    Attributes:
        model: the name of an endpoint.
        n: number of answers; only 1 is supported.
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
        """Messages of the user and the assistant before the last one.

        System messages are ignored: the endpoint's declaration has the instructions. So are those of tools.

        Raises:
            NoText: a message has something besides text.
        """
        earlier = (message for message in self.messages[:-1] if message.role in ("user", "assistant"))
        return [Message(message.role, text_of(message.parts)) for message in earlier if message.content]

    @property
    def llm_params(self) -> dict[str, Any]:
        """Parameters for the model."""
        return self.model_dump(include=set(_LLM_PARAMS), exclude_none=True)

    @property
    def include_usage(self) -> bool:
        """True if a stream must end with the token counts."""
        return bool(self.stream_options and self.stream_options.include_usage)
