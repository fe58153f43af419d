"""The actions at which a call of an application stops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ..._core.checks import shown
from ...errors import ApplicationError

if TYPE_CHECKING:
    from ..graph import Graph

HaltNames: TypeAlias = str | Iterable[str] | None
"""Names of actions, or ``"@tag:..."`` for all with a tag; a str is one name."""


@dataclass(frozen=True, slots=True)
class Halts:
    """The actions at which a call stops.

    Attributes:
        before: the names of the actions before which it stops.
        after: the names of the actions after which it stops.
    """

    before: frozenset[str]
    after: frozenset[str]

    @classmethod
    def of(cls, graph: Graph, before: HaltNames, after: HaltNames) -> Halts:
        """Return the halts of these names and tags.

        Raises:
            ApplicationError: the graph does not have an action of a name; the message lists all unknown names.
        """
        unknown: list[Any] = []
        names = [frozenset(_resolve(graph, each, unknown)) for each in (before, after)]
        if unknown:
            known = ", ".join(repr(action.name) for action in graph.actions)
            raise ApplicationError(
                f"cannot halt at the unknown action {', '.join(map(shown, unknown))}; the actions are {known}"
            )
        return cls(*names)


def _resolve(graph: Graph, names: HaltNames, unknown: list[Any]) -> Iterator[str]:
    """Yield the names of actions, with tags resolved, and add unknown names to ``unknown``."""
    if names is None:
        return
    # A user may pass anything, for instance the function itself.
    given: list[Any] = [names] if isinstance(names, str) or not isinstance(names, Iterable) else [*names]  # pyright: ignore[reportUnnecessaryIsInstance]
    for name in given:
        if isinstance(name, str) and name.startswith("@tag:"):
            yield from (action.name for action in graph.get_actions_by_tag(name.removeprefix("@tag:")))
        elif any(action.name == name for action in graph.actions):
            yield name
        else:
            unknown.append(name)
