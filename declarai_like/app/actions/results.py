"""What an action gives: its end, its items, and what is none of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from ...errors import ActionError
from ..state.state import State

_NO_ITEMS = (str, bytes, bytearray, int, float, complex, bool, type(None), list, set, frozenset, State)
EXAMPLE = "yield {'answer': text}, state.update(answer=text)"
"""How a function's stream ends."""


@dataclass(frozen=True, slots=True)
class Final:
    """The end of a streaming action: its result, and, of a function, the state after it.

    A class whose ``stream_run`` gives one need not wait for the item that comes after an item to hand it out.
    """

    result: Any
    state: State | None = None


def is_state(value: object) -> TypeGuard[State]:
    return isinstance(value, State)


def check_dict(name: str, result: Any) -> None:
    if not isinstance(result, Mapping):
        raise ActionError(f"the action {name!r} returned a non-dict result: {result!r:.200}; a result is a dict")


def check_item(name: str, item: Any) -> None:
    if isinstance(item, _NO_ITEMS):
        raise ActionError(
            f"the streaming action {name!r} yielded {item!r:.200}; an item is a dict, or an object such as a chunk of a "
            f"stream, and at last comes a result, with the next state where the action is a function: {EXAMPLE}"
        )
