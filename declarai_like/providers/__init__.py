"""What a provider is: two pure functions, one that writes a request and one that reads an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from .._net.sse import ServerSentEvent
from ..messages import Delta, Message

__all__ = ["AnswerFormat", "Provider", "Question", "Request", "ServerSentEvent"]


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """The form that a provider is asked to enforce: a JSON Schema whose top level is an object."""

    name: str
    description: str
    schema: Mapping[str, Any]
    by: Literal["schema", "tool"]
    """``"schema"``: as the form of the reply. ``"tool"``: as the arguments of a tool that must be called."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request in our own words: what is said, with which parameters, and what shall come back."""

    model: str
    messages: Sequence[Message]
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    stream: bool = False
    format: AnswerFormat | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What goes to a provider: which of its endpoints, and the body of the request, as JSON values.

    ``form`` is the JSON Schema of the answer in full, also what a provider's own form cannot say. It is
    not sent: the stand-in looks at it, which has to fit it without being told of its mistakes.
    """

    endpoint: str
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    form: Mapping[str, Any] | None = None

    @property
    def stream(self) -> bool:
        """Whether the answer is asked for as a stream."""
        return bool(self.body.get("stream"))


class Provider(Protocol):
    """How one provider's API is spoken. Both functions are pure: no I/O, no state.

    To add a provider, write these two, and choose the transport that opens its connections.
    """

    def request(self, question: Question) -> Request:
        """Write the request."""
        ...

    def deltas(self, event: ServerSentEvent) -> Iterable[Delta]:
        """Read one event of a stream, or a whole answer, which comes as one event.

        Raises:
            StreamFailed: the event is an error.
            ProtocolError: it is not what the protocol says.
        """
        ...
