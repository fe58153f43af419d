"""Events of an answer as a browser gets them: server-sent events with ids, and the models of their data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json, to_jsonable_python

EventName: TypeAlias = Literal["start", "delta", "partial", "item", "state", "usage", "done", "stopped", "error"]
LAST: frozenset[EventName] = frozenset(("done", "stopped", "error"))
"""Names of final events: each stream ends with exactly one of them."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream.

    Attributes:
        id: the number of the event, from 1, without gaps.
        name: the name of the event.
        data: a JSON object on one line, as UTF-8.
    """

    id: int
    name: EventName
    data: bytes  # encoded once, for all readers and for Redis

    @property
    def is_last(self) -> bool:
        """True if no event follows."""
        return self.name in LAST

    def read(self) -> dict[str, Any]:
        """Return the decoded data."""
        return cast("dict[str, Any]", json.loads(self.data))

    def encoded(self) -> bytes:
        """Return the event as a server-sent event."""
        # JSON escapes line breaks, so the data always fits in one `data:` line
        return b"id: %d\nevent: %b\ndata: %b\n\n" % (self.id, self.name.encode(), self.data)


def encode_data(data: Mapping[str, Any]) -> bytes:
    """Return the data of an event as JSON. Values that JSON cannot express are written as their ``str``."""
    try:
        return to_json(data, fallback=str, inf_nan_mode="null")
    except ValueError:  # lone surrogates cannot be encoded as UTF-8, but JSON can escape them
        jsonable = to_jsonable_python(data, fallback=str, inf_nan_mode="null")
        return json.dumps(jsonable, separators=(",", ":")).encode()


# The docstrings of these models are the descriptions in the OpenAPI document


class _Data(BaseModel):
    # Clients must accept further keys, so that a later version can add some
    model_config = ConfigDict(extra="allow")


class TokenUsage(BaseModel):
    """Token counts; ``estimated`` is true until the provider has reported them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    estimated: bool = False


class StartData(_Data):
    """First event of each stream: the id of the stream, to follow or stop it, and the id of the session."""

    stream: str
    session: str | None = None


class DeltaData(_Data):
    """New text; in an application, with the name of the action."""

    delta: str
    action: str | None = None


class PartialData(_Data):
    """The incomplete typed value: the value so far, or the JSON Patch operations since the last event."""

    value: Any = None
    patch: list[dict[str, Any]] | None = None


class ItemData(_Data):
    """A complete item; in an application, with the name of the action."""

    index: int
    value: Any
    action: str | None = None


class StateData(_Data):
    """A step of an application ended: the name of its action, and the state after it."""

    action: str
    state: dict[str, Any]


class UsageData(_Data):
    """The token counts so far."""

    usage: TokenUsage


class DoneData(_Data):
    """The answer is complete; ``result`` is its typed value."""

    response: str
    finish_reason: str | None
    usage: TokenUsage | None
    result: Any = None


class StoppedData(_Data):
    """The answer was stopped; ``response`` is its text so far."""

    response: str
    usage: TokenUsage | None


class ErrorData(_Data):
    """The answer failed; ``retryable`` is true if the same request may succeed a moment later."""

    type: str
    message: str
    retryable: bool
