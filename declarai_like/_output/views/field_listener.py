"""Turns the steps of a walk through a typed answer into events with paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..incremental import ABSENT, ContainerBuilder
from ..incremental.plain import PlainArray
from ..types.builders import NOT_IN_SCHEMA, ArrayBuilder, DeferredText, ObjectBuilder
from ..types.root import RootBuilder
from ..types.values import InvalidPart, shown_value
from .events import ElementCompleted, FieldCompleted, FieldGrew, FieldStarted, Path

FieldEvent = FieldStarted | FieldGrew | FieldCompleted | ElementCompleted


class FieldListener:
    """Collects the events of one walk. What is inside an object that is not to be seen yet waits until it is."""

    def __init__(self) -> None:
        self.events: list[FieldEvent] = []
        self._held: list[FieldEvent] = []
        self._has_begun = False  # the answer itself
        self._has_ended = False

    def opened(self, path: Sequence[ContainerBuilder], node: ContainerBuilder | None) -> None:
        if isinstance(node, RootBuilder):
            return  # what it stands for is not known yet
        self._begin(path)
        place = _path(path)
        if place is not None:
            self._has_begun = True
            self._tell([*path, node] if node else path, FieldStarted(place), has_begun=node is None)

    def grew(self, path: Sequence[ContainerBuilder], text: str) -> None:
        place = _path(path)
        if place is not None:
            self._tell(path, FieldGrew(place, text), has_begun=True)

    def added(self, path: Sequence[ContainerBuilder], value: Any, *, was_open: bool) -> None:
        self._begin(path)
        place = _path(path)
        if place is not None and not isinstance(value, DeferredText):
            self._complete(path, place, value, was_open=was_open)
        parent = _seen_through(path[-1]) if path else None
        if isinstance(parent, ObjectBuilder) and parent.released:
            outer = _path(path[:-1])
            if outer is not None:
                for name, released in parent.released:
                    self._complete(path, (*outer, name), released, was_open=False)
            parent.released.clear()

    def _begin(self, path: Sequence[ContainerBuilder]) -> None:
        """Tell of an answer without its wrapper when its first key is in."""
        if not self._has_begun and path and isinstance(path[0], RootBuilder) and path[0].inner:
            self._has_begun = True
            self._tell(path[:1], FieldStarted(()), has_begun=False)

    def _complete(self, path: Sequence[ContainerBuilder], place: Path, value: Any, *, was_open: bool) -> None:
        if value is ABSENT or isinstance(value, InvalidPart):
            if shown_value(value) is ABSENT:
                while self._held and self._held[-1].path[: len(place)] == place:
                    self._held.pop()
            return
        if not path:
            if self._has_ended:  # with the wrapper ends what was told of already
                return
            was_open = self._has_begun
        if not was_open:
            self._tell(path, FieldStarted(place), has_begun=False)
        is_element = bool(path) and isinstance(_seen_through(path[-1]), ArrayBuilder | PlainArray)
        self._tell(path, (ElementCompleted if is_element else FieldCompleted)(place, value), has_begun=False)
        self._has_begun = True
        self._has_ended = self._has_ended or not place

    def _tell(self, path: Sequence[ContainerBuilder], event: FieldEvent, *, has_begun: bool) -> None:
        """Tell an event, unless it is inside something hidden. ``has_begun``: the value that is open can be seen."""
        self._held.append(event)
        last = len(path) - 1
        for depth, node in enumerate(path):
            node = _seen_through(node)  # noqa: PLW2901  (it is the same place)
            if isinstance(node, ObjectBuilder) and node.hides(has_begun=has_begun or depth < last):
                return
        self.events += self._held
        self._held.clear()


def _seen_through(node: ContainerBuilder) -> ContainerBuilder:
    """Give the node that a root stands for."""
    return node.inner or node if isinstance(node, RootBuilder) else node


def _path(nodes: Sequence[ContainerBuilder]) -> Path | None:
    """Give the path to what is in these nodes; None where it is no part of the type."""
    steps = [node.key for node in nodes]
    if any(step is NOT_IN_SCHEMA for step in steps):
        return None
    return tuple(step for step in steps if step is not None)
