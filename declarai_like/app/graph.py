"""Which action comes after which: actions, and transitions between them under conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ApplicationError, GraphError
from .conditions.conditions import Condition, default

if TYPE_CHECKING:
    from .actions.actions import Action

FORM = '("from", "to"), (["from", ...], "to") or ("from", "to", condition)'
TUPLES: tuple[type[Any], ...] = (tuple, list)


@dataclass(frozen=True)
class Transition:
    """What is done next, where a condition holds."""

    from_: str
    to: str
    condition: Condition = default

    def __str__(self) -> str:
        return f"{self.from_!r} -> {self.to!r}"


class Graph:
    """Actions and their transitions; the first transition whose condition holds is taken.

    Attributes:
        actions: in the order in which they were given.
        transitions: the same.
    """

    def __init__(self, actions: Sequence[Action], transitions: Sequence[Transition]) -> None:
        self.actions = tuple(actions)
        self.transitions = tuple(transitions)
        self._actions = {action.name: action for action in self.actions}
        self._after: dict[str, list[Transition]] = {}
        for transition in self.transitions:
            self._after.setdefault(transition.from_, []).append(transition)

    def get_action(self, name: str) -> Action:
        """Give the action of this name.

        Raises:
            ApplicationError: there is none.
        """
        if name not in self._actions:
            raise ApplicationError(f"{name!r} not found in actions; there are {_listed(self._actions)}")
        return self._actions[name]

    def get_actions_by_tag(self, tag: str) -> list[Action]:
        """Give the actions that have this tag, at least one.

        Raises:
            ApplicationError: there is none.
        """
        tagged = [action for action in self.actions if tag in action.tags]
        if not tagged:
            tags = dict.fromkeys(tag for action in self.actions for tag in action.tags)
            raise ApplicationError(f"no action has the tag {tag!r}; the tags are {_listed(tags)}")
        return tagged

    def next_action(self, after: str | None, state: Mapping[str, Any], entrypoint: str) -> Action | None:
        """Give the action that comes after the one of this name; after None, the first. None is the end.

        Raises:
            ApplicationError: there is no action of this name.
            StateError: a condition has no answer for the state; a `MissingKey` where it has not its key.
            Exception: what a condition's own function raises.
        """
        if after is None:
            return self.get_action(entrypoint)
        self.get_action(after)  # a state that was saved may be of another graph
        for transition in self._after.get(after, ()):
            try:
                taken = transition.condition.holds(state)
            except Exception as error:
                error.add_note(f"This condition is of the transition {transition}.")
                raise
            if taken:
                return self._actions[transition.to]
        return None

    def problems(self, entrypoint: str | None = None) -> list[str]:
        """Say all that is wrong, with an entrypoint where one is given."""
        return [*self._wrong_actions(), *self._wrong_transitions(), *self._wrong_entrypoint(entrypoint)]

    def _wrong_actions(self) -> Iterator[str]:
        if not self.actions:
            yield "there are no actions; give at least one to with_actions()"
        for name, times in Counter(action.name for action in self.actions).items():
            if times > 1:
                yield f"{times} actions have the name {name!r}; with_actions(name=action) gives another"
            if not name or name.startswith("@"):
                yield f"an action cannot have the name {name!r}: it is empty, or begins as a tag does"

    def _wrong_transitions(self) -> Iterator[str]:
        always: dict[str, Transition] = {}
        for transition in self.transitions:
            for name in dict.fromkeys((transition.from_, transition.to)):
                if name not in self._actions:
                    yield f"transition {transition}: {name!r} not found in actions ({_listed(self._actions)})"
            before = always.get(transition.from_)
            if before is not None:
                yield (
                    f"transition {transition} ({transition.condition.name}) is redundant: {before} before it is a "
                    "default, which is always taken; move the default to the end"
                )
            elif transition.condition is default:
                always[transition.from_] = transition

    def _wrong_entrypoint(self, entrypoint: str | None) -> Iterator[str]:
        if entrypoint is not None and entrypoint not in [*self._actions]:  # a list: it may be anything
            yield f"entrypoint {entrypoint!r} not found in actions ({_listed(self._actions)})"


class GraphBuilder:
    """Collects actions and transitions; `build` makes the graph, or says all that is wrong."""

    def __init__(self) -> None:
        self._actions: list[Action] = []
        self._transitions: list[Transition] = []
        self._problems: list[str] = []

    def with_actions(self, *actions: Any, **named: Any) -> GraphBuilder:
        """Add actions, under the names of their functions or under these."""
        from .actions.decorators import create_action

        for name, thing in [*((None, thing) for thing in actions), *named.items()]:
            try:
                made = create_action(thing, name)
                made.name  # noqa: B018  (it raises where there is none)
            except ApplicationError as error:
                self._problems.append(str(error))
            else:
                self._actions.append(made)
        return self

    def with_transitions(self, *transitions: Any) -> GraphBuilder:
        """Add transitions: ``(from, to)``, or ``(from, to, condition)``; a list of names as ``from`` stands for each."""
        for given in transitions:
            try:
                self._transitions += _read(given)
            except ValueError as error:
                self._problems.append(f"{given!r} is no transition: {error}; write {FORM}")
        return self

    def with_graph(self, graph: Graph) -> GraphBuilder:
        """Add all of another graph."""
        if isinstance(graph, Graph):  # pyright: ignore[reportUnnecessaryIsInstance]  (of a user's own)
            self._actions += graph.actions
            self._transitions += graph.transitions
        else:
            self._problems.append(f"{graph!r:.200} is no graph; GraphBuilder() builds one")
        return self

    def build(self, entrypoint: str | None = None) -> Graph:
        """Make the graph.

        Raises:
            GraphError: actions and transitions do not fit together; it lists all that is wrong.
        """
        graph = Graph(self._actions, self._transitions)
        problems = [*self._problems, *graph.problems(entrypoint)]
        if problems:
            raise GraphError(*problems)
        return graph


def _read(given: Any) -> list[Transition]:
    """Read one transition as it is written, or one for each of its beginnings."""
    if not isinstance(given, TUPLES) or len(given) not in {2, 3}:
        raise ValueError("it is a tuple of two or three")
    parts: list[Any] = [*given, default]
    from_, to, condition = parts[:3]
    names = from_ if isinstance(from_, TUPLES) else [from_]
    if not names or not all(isinstance(name, str) for name in (*names, to)):
        raise ValueError("actions are named by text")
    if not isinstance(condition, Condition):
        raise ValueError(f"{condition!r} is no condition; when(), expr() and lmda() make them")  # noqa: TRY004  (as the two above)
    return [Transition(name, to, condition) for name in names]


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(map(repr, names)) or "none"
