"""The parse listener of `Stream.events`: it makes events with paths of what the parser reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..incremental import ABSENT, ContainerBuilder
from ..incremental.plain import PlainArrayBuilder
from ..types.builders import NOT_IN_SCHEMA, ArrayBuilder, DeferredText, ObjectBuilder
from ..types.partials import InvalidPart, shown_value
from ..types.root import RootBuilder
from .events import ElementCompleted, FieldCompleted, FieldGrew, FieldStarted, Path

FieldEvent = FieldStarted | FieldGrew | FieldCompleted | ElementCompleted


class FieldListener:
    """Collects the events of one parser. Events inside a hidden object wait until the object is shown."""

    def __init__(self) -> None:
        self.events: list[FieldEvent] = []
        self._waiting: list[FieldEvent] = []
        self._has_begun = False  # the answer itself
        self._has_ended = False

    def opened(self, builders: Sequence[ContainerBuilder], builder: ContainerBuilder | None) -> None:
        if isinstance(builder, RootBuilder):
            return  # its first key decides whether it is a wrapper or the answer
        self._begin_unwrapped(builders)
        path = _path(builders)
        if path is not None:
            self._has_begun = True
            self._emit([*builders, builder] if builder else builders, FieldStarted(path), is_shown=builder is None)

    def grew(self, builders: Sequence[ContainerBuilder], text: str) -> None:
        path = _path(builders)
        if path is not None:
            self._emit(builders, FieldGrew(path, text), is_shown=True)

    def added(self, builders: Sequence[ContainerBuilder], value: Any, *, was_open: bool) -> None:
        self._begin_unwrapped(builders)
        path = _path(builders)
        if path is not None and not isinstance(value, DeferredText):
            self._complete(builders, path, value, was_open=was_open)
        parent = _resolve_root(builders[-1]) if builders else None
        if isinstance(parent, ObjectBuilder) and parent.released:
            parent_path = _path(builders[:-1])
            if parent_path is not None:
                for name, released in parent.released:
                    self._complete(builders, (*parent_path, name), released, was_open=False)
            parent.released.clear()

    def _begin_unwrapped(self, builders: Sequence[ContainerBuilder]) -> None:
        """Report the start of an answer that came without its wrapper. This is known at its first key."""
        if not self._has_begun and builders and isinstance(builders[0], RootBuilder) and builders[0].delegate:
            self._has_begun = True
            self._emit(builders[:1], FieldStarted(()), is_shown=False)

    def _complete(self, builders: Sequence[ContainerBuilder], path: Path, value: Any, *, was_open: bool) -> None:
        if value is ABSENT or isinstance(value, InvalidPart):
            if shown_value(value) is ABSENT:  # nothing of it was shown, so the waiting events of its parts are dropped
                while self._waiting and self._waiting[-1].path[: len(path)] == path:
                    self._waiting.pop()
            return
        if not builders:
            if self._has_ended:  # this is the end of the wrapper; the answer in it was reported
                return
            was_open = self._has_begun
        if not was_open:
            self._emit(builders, FieldStarted(path), is_shown=False)
        is_element = bool(builders) and isinstance(_resolve_root(builders[-1]), ArrayBuilder | PlainArrayBuilder)
        self._emit(builders, (ElementCompleted if is_element else FieldCompleted)(path, value), is_shown=False)
        self._has_begun = True
        self._has_ended = self._has_ended or not path

    def _emit(self, builders: Sequence[ContainerBuilder], event: FieldEvent, *, is_shown: bool) -> None:
        """Add an event, unless an object around it is hidden. ``is_shown``: the open value itself can be shown."""
        self._waiting.append(event)
        last = len(builders) - 1
        for depth, builder in enumerate(builders):
            resolved = _resolve_root(builder)
            if isinstance(resolved, ObjectBuilder) and resolved.is_hidden(has_begun=is_shown or depth < last):
                return
        self.events += self._waiting
        self._waiting.clear()


def _resolve_root(builder: ContainerBuilder) -> ContainerBuilder:
    """Return the builder that a root delegates to; any other builder unchanged."""
    return builder.delegate or builder if isinstance(builder, RootBuilder) else builder


def _path(builders: Sequence[ContainerBuilder]) -> Path | None:
    """Return the path of the value in these builders; None if it is not in the schema."""
    keys = [builder.key for builder in builders]
    if any(key is NOT_IN_SCHEMA for key in keys):
        return None
    return tuple(key for key in keys if key is not None)  # a root has the key None, and no part in the path
