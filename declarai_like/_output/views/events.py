"""What happens in an answer that is being written, as a stream of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from ...messages import ToolCallDelta, Usage

R = TypeVar("R", covariant=True)

Path: TypeAlias = tuple[str | int, ...]
"""Where in the answer a value is: field names, dict keys and indices, from the top; ``()`` is the answer itself."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """New text of the answer; for a typed answer that is its JSON."""

    delta: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """New text of the model's reasoning, where the provider shows it."""

    delta: str


@dataclass(frozen=True, slots=True)
class FieldStarted:
    """A value has begun."""

    path: Path


@dataclass(frozen=True, slots=True)
class FieldGrew:
    """A text in the answer has grown by ``delta``."""

    path: Path
    delta: str


@dataclass(frozen=True, slots=True)
class FieldCompleted:
    """A value is whole, and valid."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class ElementCompleted:
    """An element of a list, tuple or set is whole, and valid; the last step of its path is its index."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """A piece of a tool call that the model makes."""

    call: ToolCallDelta


@dataclass(frozen=True, slots=True)
class UsageReported:
    """The provider has told the tokens."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Restarted:
    """What came so far is taken back: the answer begins anew.

    Attributes:
        reason: why, in words.
        attempt: which attempt at an answer this is, from 1. It is the same as before where only a
            piece of JSON turned out not to be the answer.
    """

    reason: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Finished(Generic[R]):
    """The answer is whole; always the last event."""

    value: R
    finish_reason: str | None
    usage: Usage | None


Event: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | FieldStarted
    | FieldGrew
    | FieldCompleted
    | ElementCompleted
    | ToolCalled
    | UsageReported
    | Restarted
    | Finished[R]
)
"""Anything that `Stream.events` gives."""
