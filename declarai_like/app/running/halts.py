"""Where a call of an application stops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ...errors import ApplicationError

if TYPE_CHECKING:
    from ..graph import Graph

HaltNames: TypeAlias = str | Iterable[str] | None
"""Names of actions, or ``"@tag:..."`` for all with a tag; a str is one of them."""


@dataclass(frozen=True, slots=True)
class Halts:
    """Where a call stops.

    Raises:
        ApplicationError: there is no such action; the message lists all that are unknown.
    """

    before: frozenset[str]
    after: frozenset[str]

    @classmethod
    def of(cls, graph: Graph, before: HaltNames, after: HaltNames) -> Halts:
        unknown: list[Any] = []
        names = [frozenset(_named(graph, each, unknown)) for each in (before, after)]
        if unknown:
            known = ", ".join(repr(action.name) for action in graph.actions)
            raise ApplicationError(
                f"there is no action {', '.join(map(repr, unknown))} to halt at; the actions are {known}"
            )
        return cls(*names)


def _named(graph: Graph, names: HaltNames, unknown: list[Any]) -> Iterator[str]:
    if names is None:
        return
    # A user may give anything, for instance the function itself
    given: list[Any] = [names] if isinstance(names, str) or not isinstance(names, Iterable) else [*names]  # pyright: ignore[reportUnnecessaryIsInstance]
    for name in given:
        if isinstance(name, str) and name.startswith("@tag:"):
            yield from (action.name for action in graph.get_actions_by_tag(name.removeprefix("@tag:")))
        elif any(action.name == name for action in graph.actions):
            yield name
        else:
            unknown.append(name)
