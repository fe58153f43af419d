"""What happens in an answer, as it goes to a browser: server-sent events with ids, and their data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json, to_jsonable_python

EventName: TypeAlias = Literal["start", "delta", "partial", "item", "state", "usage", "done", "stopped", "error"]
LAST: frozenset[EventName] = frozenset(("done", "stopped", "error"))
"""The events of which exactly one is the last of a stream."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream.

    Attributes:
        id: its number, from 1, without gaps.
        name: what happened.
        data: what is to be said of it: one line of JSON, an object.
    """

    id: int
    name: EventName
    data: bytes

    @property
    def is_last(self) -> bool:
        """Whether nothing follows it."""
        return self.name in LAST

    def read(self) -> dict[str, Any]:
        """Give its data."""
        return cast("dict[str, Any]", json.loads(self.data))

    def encoded(self) -> bytes:
        """Give it as a server-sent event."""
        return b"id: %d\nevent: %b\ndata: %b\n\n" % (self.id, self.name.encode(), self.data)


def written(data: Mapping[str, Any]) -> bytes:
    """Write the data of an event. What is no JSON, in an application's state for instance, is written as its ``str``."""
    try:
        return to_json(data, fallback=str, inf_nan_mode="null")
    except ValueError:  # half of a surrogate pair: no UTF-8, but JSON has an escape for it
        plain = to_jsonable_python(data, fallback=str, inf_nan_mode="null")
        return json.dumps(plain, separators=(",", ":")).encode()


class _Data(BaseModel):
    model_config = ConfigDict(extra="allow")


class TokenUsage(BaseModel):
    """Tokens; ``estimated`` where the provider has not told them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    estimated: bool = False


class StartData(_Data):
    """Always the first: the answer's id, by which it can be followed and stopped, and the session's."""

    stream: str
    session: str | None = None


class DeltaData(_Data):
    """New text; of an application, by which action."""

    delta: str
    action: str | None = None


class PartialData(_Data):
    """The value so far: as a whole, or what has changed in it as JSON Patch operations."""

    value: Any = None
    patch: list[dict[str, Any]] | None = None


class ItemData(_Data):
    """A value that is whole; of an application, by which action."""

    index: int
    value: Any
    action: str | None = None


class StateData(_Data):
    """A step of an application has ended: the state after it."""

    action: str
    state: dict[str, Any]


class UsageData(_Data):
    """The tokens so far."""

    usage: TokenUsage


class DoneData(_Data):
    """The answer is whole; ``result`` is its typed value."""

    response: str
    finish_reason: str | None
    usage: TokenUsage | None
    result: Any = None


class StoppedData(_Data):
    """The answer was stopped: this is what there is of it."""

    response: str
    usage: TokenUsage | None


class ErrorData(_Data):
    """There is no whole answer. ``retryable`` says whether the same may succeed a moment later."""

    type: str
    message: str
    retryable: bool
