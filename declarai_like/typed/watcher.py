"""Turns the steps of a walk through a typed answer into events with paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..partial import ABSENT, Node
from ..partial.plain import PlainArray
from .events import ElementCompleted, FieldCompleted, FieldGrew, FieldStarted, Path
from .nodes import UNSEEN, ArrayNode, Held, ObjectNode, RootNode
from .values import Misfit

FieldEvent = FieldStarted | FieldGrew | FieldCompleted | ElementCompleted


class FieldWatcher:
    """Collects the events of one walk. What is inside an object that is not to be seen yet waits until it is."""

    def __init__(self) -> None:
        self.events: list[FieldEvent] = []
        self._held: list[FieldEvent] = []

    def opened(self, path: Sequence[Node], node: Node | None) -> None:
        place = _path(path)
        if place is not None:
            self._tell([*path, node] if node else path, FieldStarted(place))

    def grew(self, path: Sequence[Node], text: str) -> None:
        place = _path(path)
        if place is not None:
            self._tell(path, FieldGrew(place, text))

    def put(self, path: Sequence[Node], value: Any, *, was_open: bool) -> None:
        place = _path(path)
        if place is not None and not isinstance(value, Held):
            self._complete(path, place, value, was_open=was_open)
        parent = _seen_through(path[-1]) if path else None
        if isinstance(parent, ObjectNode) and parent.released:
            outer = _path(path[:-1])
            if outer is not None:
                for name, released in parent.released:
                    self._complete(path, (*outer, name), released, was_open=False)
            parent.released.clear()

    def _complete(self, path: Sequence[Node], place: Path, value: Any, *, was_open: bool) -> None:
        if value is ABSENT or isinstance(value, Misfit):
            shown = value.shown if isinstance(value, Misfit) else ABSENT
            if shown is ABSENT:
                self._held = [event for event in self._held if event.path[: len(place)] != place]
            return
        if not was_open:
            self._tell(path, FieldStarted(place))
        is_element = bool(path) and isinstance(_seen_through(path[-1]), ArrayNode | PlainArray)
        self._tell(path, (ElementCompleted if is_element else FieldCompleted)(place, value))

    def _tell(self, path: Sequence[Node], event: FieldEvent) -> None:
        self._held.append(event)
        if not any(getattr(_seen_through(node), "hidden", False) for node in path):
            self.events += self._held
            self._held.clear()


def _seen_through(node: Node) -> Node:
    """Give the node that a root stands for."""
    return node.inner or node if isinstance(node, RootNode) else node


def _path(nodes: Sequence[Node]) -> Path | None:
    """Give the path to what is in these nodes; None where it is no part of the type."""
    steps = [node.step for node in nodes]
    if any(step is UNSEEN for step in steps):
        return None
    return tuple(step for step in steps if step is not None)
