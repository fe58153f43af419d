"""What is open of a typed answer: its validated parts so far, and what a reader sees of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from ..incremental import ABSENT, ContainerBuilder, Entries, PartialDict, PartialList, ValueHandler
from .anything import ANY, is_text
from .values import InvalidPart, StreamState, shown_value

if TYPE_CHECKING:
    from .protocols import TypedHandler
    from .specs import ArraySpec, DictSpec, Field, ObjectSpec

NOT_IN_SCHEMA: Final = object()
"""The step to a value that is no part of the type."""


class DeferredText:
    """The JSON text of a value that cannot be read before it is known which of several types it belongs to."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class _DeferHandler:
    """The place of such a value."""

    grows = False

    def open(self, first: str) -> None:
        return None

    def string(self, text: str) -> Any:
        raise AssertionError("it does not grow")

    def parse(self, text: str) -> DeferredText:
        return DeferredText(text)


DEFER = _DeferHandler()


class ObjectBuilder:
    """An open object of one class, or of one of several as long as the data does not say which."""

    released: list[tuple[str, Any]]
    """Fields that could be read only now, when it was known which class it is."""

    def __init__(self, place: TypedHandler, specs: tuple[ObjectSpec, ...]) -> None:
        self.key: Any = NOT_IN_SCHEMA
        self.released = []
        self._place = place
        self._specs: Sequence[ObjectSpec] = specs
        self._is_certain = len(specs) == 1 or all(spec.tagged for spec in specs)  # once one is left, it is that
        self._by_parts = True
        self._is_done = False  # the field that is open
        self._json_key = ""
        self._parts: dict[str, Any] = {}  # by key
        self._shown: dict[str, Any] = {}  # by name
        self._held: dict[str, str] = {}
        self._unfit: frozenset[Any] = frozenset()  # names of fields that were whole and did not fit

    def hides(self, *, has_begun: bool) -> bool:
        """Whether a field that must be there first is not. ``has_begun``: the one that is open can be seen."""
        return _lacks(self._specs, self._shown, self.key if has_begun else NOT_IN_SCHEMA)

    def handler_for(self, key: str | None) -> ValueHandler:
        self._json_key = name = cast("str", key)
        specs = self._specs
        if len(specs) == 1:
            return self._enter(specs[0].fields.get(name))
        return self._undecided_place(name)

    def add(self, value: Any) -> None:
        if isinstance(value, DeferredText):
            self._decide(self._json_key, value.text)
            return
        if value is ABSENT or isinstance(value, InvalidPart):
            self._by_parts = False
            self._unfit |= {self.key}
            value = shown_value(value)
        self._parts[self._json_key] = value
        if self.key is not NOT_IN_SCHEMA and value is not ABSENT:
            self._shown = {**self._shown, self.key: value}

    def view(self) -> Callable[[Any], Any]:
        shown, specs = self._shown, self._specs
        step: Any = NOT_IN_SCHEMA if self._is_done else self.key
        make = specs[0].partial if len(specs) == 1 else self._place.show_undecided
        is_marked = specs[0].is_marked or len(specs) > 1
        whole = shown.keys() - self._unfit if is_marked else ()

        def so_far(last: Any) -> Any:
            fields = shown if last is ABSENT or step is NOT_IN_SCHEMA else {**shown, step: last}
            return _marked(specs, make, fields, whole) if is_marked else make(fields)

        return so_far

    def close(self, text: Callable[[], str]) -> Any:
        if self._is_certain and len(self._specs) == 1 and (made := self._made(self._specs[0])) is not ABSENT:
            return made
        value = self._place.parse(text())
        if value is ABSENT:
            return InvalidPart(self.view()(ABSENT))
        self._specs = [spec for spec in self._specs if spec.of is type(value)] or self._specs
        if any(spec.has_state for spec in self._specs):
            return self.view()(ABSENT)
        made = self._made(self._specs[0]) if self._specs[0].of is type(value) else ABSENT
        return value if made is ABSENT else made

    def _made(self, spec: ObjectSpec) -> Any:
        """Make the object of the parts that were seen, so that they stay what they are."""
        is_enough = self._by_parts and not self._held and not spec.has_state
        return spec.assemble(self._parts) if is_enough else ABSENT

    def _enter(self, field: Field | None) -> ValueHandler:
        if field is None:
            self.key = NOT_IN_SCHEMA
            if not is_text(self._json_key):  # then the whole is none
                self._by_parts = False
            return ANY
        place = field.handler
        self.key = field.name if field.is_seen else NOT_IN_SCHEMA
        self._is_done = place.is_done
        return place

    # As long as it may be one of several classes

    def _undecided_place(self, key: str) -> ValueHandler:
        knowing = tuple(spec for spec in self._specs if key in spec.fields)
        if knowing and len(knowing) < len(self._specs):
            self._settle(knowing)
        if not knowing or len(knowing) == 1:
            return self._enter(knowing[0].fields[key] if knowing else None)
        fields = [spec.fields[key] for spec in knowing]
        if all(field.is_same_as(fields[0]) for field in fields):
            return self._enter(fields[0])
        self.key = NOT_IN_SCHEMA
        return DEFER

    def _decide(self, key: str, text: str) -> None:
        """Let a value say which classes it may be: those that it fits."""
        read = [(spec, spec.fields[key].handler.parse(text)) for spec in self._specs]
        fitting = [(spec, value) for spec, value in read if value is not ABSENT]
        if not fitting:
            self._by_parts = False
            return
        self._held[key] = text
        self._settle(tuple(spec for spec, _ in fitting))

    def _settle(self, specs: Sequence[ObjectSpec]) -> None:
        self._specs = specs
        for key, text in list(self._held.items()):
            values = [spec.fields[key].handler.parse(text) for spec in specs if key in spec.fields]
            if values and all(type(value) is type(values[0]) and value == values[0] for value in values):
                del self._held[key]
                name = specs[0].fields[key].name
                self._parts[key] = values[0]
                self._shown = {**self._shown, name: values[0]}
                self.released.append((name, values[0]))


def _marked(
    specs: Sequence[ObjectSpec], make: Callable[[Any], Any], fields: dict[str, Any], whole: Collection[str]
) -> Any:
    """Give what is seen of an object whose class has marks."""
    if _lacks(specs, fields):
        return ABSENT
    states: dict[str, Any] = {}
    for name in specs[0].states if len(specs) == 1 else ():
        if name in fields:
            states[name] = StreamState[Any](fields[name], "complete" if name in whole else "incomplete")
        else:
            states[name] = StreamState[Any](None, "pending")
    return make({**fields, **states})


def _lacks(specs: Sequence[ObjectSpec], fields: dict[str, Any], begun: Any = NOT_IN_SCHEMA) -> bool:
    """Whether a field is not there, nor has begun, that has to be there before the object is seen."""
    return any(fields.get(name) is None and name is not begun for spec in specs for name in spec.not_null)


class ArrayBuilder:
    """An open list, tuple or set."""

    def __init__(self, place: TypedHandler, spec: ArraySpec) -> None:
        self.key = -1
        self._place = place
        self._spec = spec
        self._items: list[Any] = []
        self._item: TypedHandler | None = None  # of the element that is open
        self._by_parts = True

    def handler_for(self, key: str | None) -> ValueHandler:
        self.key += 1
        self._item = self._spec.item(self.key)
        return self._item

    def add(self, value: Any) -> None:
        if value is ABSENT or isinstance(value, InvalidPart):
            self._by_parts = False
        shown = self._item.as_closed(value) if self._item else ABSENT
        if shown is not ABSENT:
            self._items.append(shown)

    def view(self) -> Callable[[Any], Any]:
        items, length, item, spec = self._items, len(self._items), self._item, self._spec
        return lambda last: spec.shown(PartialList(items, item.as_open(last) if item else ABSENT, length))

    def close(self, text: Callable[[], str]) -> Any:
        return _closed(self, self._place, self._spec, text, self._items, self._by_parts)


class DictBuilder:
    """An open dict."""

    def __init__(self, place: TypedHandler, spec: DictSpec) -> None:
        self.key: Any = NOT_IN_SCHEMA
        self._place = place
        self._spec = spec
        self._parts: dict[Any, Any] = {}
        self._entries = Entries()  # those that can be seen
        self._own_key: Any = ""
        self._by_parts = True

    def handler_for(self, key: str | None) -> ValueHandler:
        self.key = cast("str", key)
        self._own_key = self._spec.key(self.key)
        if self._own_key is not ABSENT:
            return self._spec.values
        self._by_parts, self.key = False, NOT_IN_SCHEMA
        return ANY

    def add(self, value: Any) -> None:
        if value is ABSENT or isinstance(value, InvalidPart):
            self._by_parts = False
        shown = self._spec.values.as_closed(value)
        if self.key is NOT_IN_SCHEMA or shown is ABSENT:
            return
        self._parts[self._own_key] = value
        self._entries.put(self._own_key, shown)

    def view(self) -> Callable[[Any], Any]:
        entries, key, length, spec = self._entries, self._own_key, len(self._entries), self._spec
        if self.key is NOT_IN_SCHEMA:
            return lambda _: spec.shown(PartialDict(entries, key, ABSENT, length))
        return lambda last: spec.shown(PartialDict(entries, key, spec.values.as_open(last), length))

    def close(self, text: Callable[[], str]) -> Any:
        return _closed(self, self._place, self._spec, text, self._parts, self._by_parts)


def _closed(
    node: ContainerBuilder,
    place: TypedHandler,
    spec: ArraySpec | DictSpec,
    text: Callable[[], str],
    parts: Any,
    by_parts: bool,
) -> Any:
    if by_parts and not place.has_state:
        value = spec.assemble(parts)
        if value is not ABSENT:
            return value
    value = place.parse(text())
    if value is not ABSENT and not place.has_state:
        return value
    shown = node.view()(ABSENT)
    return InvalidPart(shown) if value is ABSENT else shown
