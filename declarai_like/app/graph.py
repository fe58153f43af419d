"""Graphs of an application: actions, and the conditional transitions between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._core import checks
from ..errors import ApplicationError, GraphError
from .conditions.conditions import Condition, default

if TYPE_CHECKING:
    from .actions.actions import Action

FORM = '("from", "to"), (["from", ...], "to") or ("from", "to", condition)'
TUPLES: tuple[type[Any], ...] = (tuple, list)  # annotated, so that type checkers do not narrow to unknown items


@dataclass(frozen=True)
class Transition:
    """A change from one action to the next, taken if its condition holds."""

    from_: str
    to: str
    condition: Condition = default

    def __str__(self) -> str:
        return f"{self.from_!r} -> {self.to!r}"


class Graph:
    """Actions and their transitions; after an action the first transition whose condition holds is taken.

    Attributes:
        actions: the actions, in the order in which they were added.
        transitions: the transitions, in the order in which they were added.
    """

    def __init__(self, actions: Sequence[Action], transitions: Sequence[Transition]) -> None:
        self.actions = tuple(actions)
        self.transitions = tuple(transitions)
        self._actions = {action.name: action for action in self.actions}
        self._after: dict[str, list[Transition]] = {}
        for transition in self.transitions:
            self._after.setdefault(transition.from_, []).append(transition)

    def get_action(self, name: str) -> Action:
        """Return the action of this name.

        Raises:
            ApplicationError: the graph does not have it.
        """
        if name not in self._actions:
            raise ApplicationError(f"{name!r} not found in actions; the actions are {_listed(self._actions)}")
        return self._actions[name]

    def get_actions_by_tag(self, tag: str) -> list[Action]:
        """Return the actions that have this tag, at least one.

        Raises:
            ApplicationError: no action has it.
        """
        tagged = [action for action in self.actions if tag in action.tags]
        if not tagged:
            tags = dict.fromkeys(tag for action in self.actions for tag in action.tags)
            raise ApplicationError(f"no action has the tag {tag!r}; the tags are {_listed(tags)}")
        return tagged

    def next_action(self, after: str | None, state: Mapping[str, Any], entrypoint: str) -> Action | None:
        """Return the action that follows the one of this name, or None at the end.

        Args:
            after: the action that ran last; None returns the entrypoint.
            state: the state for the conditions.
            entrypoint: the action that runs first.

        Raises:
            ApplicationError: the graph does not have an action of this name.
            StateError: a condition cannot be evaluated for the state; `MissingKey` if a key of it is missing.
            Exception: the function of a condition raised it.
        """
        if after is None:
            return self.get_action(entrypoint)
        self.get_action(after)  # a saved state may come from another graph
        for transition in self._after.get(after, ()):
            try:
                taken = transition.condition.holds(state)
            except Exception as error:
                error.add_note(f"This is the condition of the transition {transition}.")
                raise
            if taken:
                return self._actions[transition.to]
        return None

    def problems(self, entrypoint: str | None = None) -> list[str]:
        """Return a message for each error in the graph; an entrypoint is checked if given."""
        return [*self._wrong_actions(), *self._wrong_transitions(), *self._wrong_entrypoint(entrypoint)]

    def _wrong_actions(self) -> Iterator[str]:
        if not self.actions:
            yield "the graph must have at least one action; use with_actions(...)"
        for name, times in Counter(action.name for action in self.actions).items():
            if times > 1:
                yield f"{times} actions have the name {name!r}; with_actions(name=action) sets another name"
            if not name or name.startswith("@"):
                yield f"the name of an action must not be empty or begin with '@', got {name!r}"

    def _wrong_transitions(self) -> Iterator[str]:
        defaults: dict[str, Transition] = {}
        for transition in self.transitions:
            for name in dict.fromkeys((transition.from_, transition.to)):
                if name not in self._actions:
                    yield f"transition {transition}: {name!r} not found in actions ({_listed(self._actions)})"
            before = defaults.get(transition.from_)
            if before is not None:
                yield (
                    f"transition {transition} ({transition.condition.name}) is redundant: {before} before it is a "
                    "default, which is always taken; move the default to the end"
                )
            elif transition.condition is default:
                defaults[transition.from_] = transition

    def _wrong_entrypoint(self, entrypoint: str | None) -> Iterator[str]:
        if entrypoint is not None and entrypoint not in [*self._actions]:  # a list: it may be unhashable
            yield f"entrypoint {entrypoint!r} not found in actions ({_listed(self._actions)})"


class GraphBuilder:
    """Collects actions and transitions. `build` returns the graph, or raises one error with all problems."""

    def __init__(self) -> None:
        self._actions: list[Action] = []
        self._transitions: list[Transition] = []
        self._problems: list[str] = []

    def with_actions(self, *actions: Any, **named: Any) -> GraphBuilder:
        """Add actions, under the names of their functions or under the given names."""
        from .actions.decorators import create_action

        for name, thing in [*((None, thing) for thing in actions), *named.items()]:
            try:
                action = create_action(thing, name)
                action.name  # noqa: B018  (raises if it does not have one)
            except ApplicationError as error:
                self._problems.append(str(error))
            else:
                self._actions.append(action)
        return self

    def with_transitions(self, *transitions: Any) -> GraphBuilder:
        """Add transitions: ``(from, to)`` or ``(from, to, condition)``; ``from`` may be a list of names."""
        for transition in transitions:
            try:
                self._transitions += _parse_transition(transition)
            except ValueError as error:
                self._problems.append(f"the transition {checks.shown(transition)} is not valid: {error}; write {FORM}")
        return self

    def with_graph(self, graph: Graph) -> GraphBuilder:
        """Add the actions and transitions of another graph."""
        try:
            checks.instance(
                "the graph of with_graph", graph, Graph, "a Graph", hint="GraphBuilder() builds one", error=GraphError
            )
        except GraphError as error:
            self._problems.append(str(error))
        else:
            self._actions += graph.actions
            self._transitions += graph.transitions
        return self

    def build(self, entrypoint: str | None = None) -> Graph:
        """Return the graph.

        Raises:
            GraphError: actions and transitions do not match; it lists all problems.
        """
        graph = Graph(self._actions, self._transitions)
        problems = [*self._problems, *graph.problems(entrypoint)]
        if problems:
            raise GraphError(*problems)
        return graph


def _parse_transition(transition: Any) -> list[Transition]:
    """Return the transitions that a tuple describes, one for each action in ``from``.

    Raises:
        ValueError: it is not valid; the message gives the reason.
    """
    if not isinstance(transition, TUPLES) or len(transition) not in {2, 3}:
        raise ValueError("it must be a tuple of two or three")
    parts: list[Any] = [*transition, default]
    from_, to, condition = parts[:3]
    names = from_ if isinstance(from_, TUPLES) else [from_]
    if not names or not all(isinstance(name, str) for name in (*names, to)):
        raise ValueError("the names of its actions must be str")
    if not isinstance(condition, Condition):
        hint = "made by when(), expr() or lmda()"
        raise ValueError(f"its condition must be a Condition, {hint}, got {checks.type_name(condition)}")  # noqa: TRY004  (as the two above)
    return [Transition(name, to, condition) for name in names]


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(map(repr, names)) or "none"
