"""Events of an answer that is being written, as `Stream.events` yields them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from ...messages import ToolCallDelta, Usage

R = TypeVar("R", covariant=True)

Path: TypeAlias = tuple[str | int, ...]
"""Path of a value in the answer: field names, dict keys and indices, from the top; ``()`` is the answer itself."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """New text of the answer; for a typed answer that is its JSON."""

    delta: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """New text of the model's reasoning, if the provider shows it."""

    delta: str


@dataclass(frozen=True, slots=True)
class FieldStarted:
    """A value has begun."""

    path: Path


@dataclass(frozen=True, slots=True)
class FieldGrew:
    """A string in the answer has grown by ``delta``."""

    path: Path
    delta: str


@dataclass(frozen=True, slots=True)
class FieldCompleted:
    """A value is complete and valid."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class ElementCompleted:
    """An element of a list, tuple or set is complete and valid; the last part of its path is its index."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """A piece of a tool call that the model makes."""

    call: ToolCallDelta


@dataclass(frozen=True, slots=True)
class UsageReported:
    """The provider has reported the tokens."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Restarted:
    """All events before this one are withdrawn: the answer starts again.

    Attributes:
        reason: a sentence that says why.
        attempt: the number of the attempt at an answer, from 1. It is unchanged if only a piece of JSON turned out
            not to be the answer.
    """

    reason: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Finished(Generic[R]):
    """The answer is complete; always the last event."""

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
"""Any event that `Stream.events` yields."""
