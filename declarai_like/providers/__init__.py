"""The interface of providers: two pure functions, one that writes a request and one that reads a response."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from .._net.sse import ServerSentEvent
from ..messages import Delta, Message

__all__ = ["AnswerFormat", "Provider", "Question", "Request", "ServerSentEvent"]


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """The output format that a provider must enforce: a JSON Schema whose top level is an object.

    Attributes:
        name: the name of the format or tool.
        description: the description of the tool.
        schema: the JSON Schema.
        by: ``"schema"`` for the format of the reply, ``"tool"`` for the arguments of a forced tool call.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    by: Literal["schema", "tool"]


@dataclass(frozen=True, slots=True)
class Question:
    """One request, independent of the provider.

    Attributes:
        model: the provider's name of the model.
        messages: the conversation, the last message is the one to answer.
        params: further parameters, passed to the provider unchanged.
        stream: True for a streamed answer.
        format: the output format that the provider must enforce.
    """

    model: str
    messages: Sequence[Message]
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    stream: bool = False
    format: AnswerFormat | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request in the format of a provider.

    Attributes:
        endpoint: the path below the base URL.
        body: the body, as JSON values.
        schema: the complete JSON Schema of the answer, including parts that the provider's format does not support. It is
            not sent. The offline model reads it, since its answers have to be valid at the first attempt.
    """

    endpoint: str
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    schema: Mapping[str, Any] | None = None

    @property
    def stream(self) -> bool:
        """True if the request is for a streamed answer."""
        return bool(self.body.get("stream"))


class Provider(Protocol):
    """The protocol of one provider's API. Both functions are pure: no I/O, no state.

    To add a provider, implement these two and choose the transport that opens its connections.
    """

    def request(self, question: Question) -> Request:
        """Write the request."""
        ...

    def deltas(self, event: ServerSentEvent) -> Iterable[Delta]:
        """Read one event of a stream; a response that is not streamed is passed as one event.

        Raises:
            StreamFailed: the event is an error.
            ProtocolError: the event does not follow the protocol.
        """
        ...
