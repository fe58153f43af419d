"""The items and results of actions, and checks of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

from ..._core import checks
from ...errors import ActionError
from ..state.state import State

# Mistakes such as `yield "text"` or `yield state`: these types have no use as an item of a stream.
_NOT_ITEMS: tuple[type[Any], ...] = (
    str,
    bytes,
    bytearray,
    int,
    float,
    complex,
    bool,
    type(None),
    list,
    set,
    frozenset,
    State,
)
EXAMPLE = "yield {'answer': text}, state.update(answer=text)"
"""An example of the end of a streaming function, for error messages."""


@dataclass(frozen=True, slots=True)
class Final:
    """The end of a streaming action: its result and, of a function, the next state.

    If the ``stream_run`` of a class yields one, its items are streamed at once. Without it, each item is held back
    until the next one, since the last item may be the result.
    """

    result: Any
    state: State | None = None


def is_state(value: object) -> TypeGuard[State]:
    """True if the value is a State; typed, as ``isinstance`` would leave its type argument unknown."""
    return isinstance(value, State)


def check_dict(name: str, result: object) -> None:
    """Raise an ActionError if the result of the action of this name is not a dict."""
    checks.mapping(f"the result of the action {name!r}", result, of="str to values", error=ActionError)


def check_item(name: str, item: object) -> None:
    """Raise an ActionError if the action of this name has yielded a value that cannot be an item."""
    if isinstance(item, _NOT_ITEMS):
        raise checks.wrong_type(
            f"an item of the streaming action {name!r}",
            "a dict, or an object such as a chunk of a stream",
            item,
            f"a function ends with its result and the next state: {EXAMPLE}",
            error=ActionError,
        )
