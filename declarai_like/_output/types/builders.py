"""Builders of the open objects, arrays and dicts of a typed answer: their validated parts, and the view of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from ..incremental import ABSENT, ContainerBuilder, Entries, PartialDict, PartialList, ValueHandler
from .anything import ANY, is_encodable
from .partials import InvalidPart, StreamState, shown_value

if TYPE_CHECKING:
    from .protocols import TypedHandler
    from .specs import ArraySpec, DictSpec, FieldSpec, ObjectSpec

NOT_IN_SCHEMA: Final = object()
"""The key of a value that is not in the schema."""


class DeferredText:
    """Raw JSON of a value, kept until the member of the union is known that decides how to read it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class _DeferHandler:
    """Handler for such values."""

    grows = False

    def open(self, bracket: str) -> None:
        return None

    def string(self, text: str) -> Any:
        raise AssertionError("no string grows here")

    def parse(self, text: str) -> DeferredText:
        return DeferredText(text)


DEFER = _DeferHandler()


class ObjectBuilder:
    """Builder of an object of one class, or of one of several classes until the data tells which."""

    released: list[tuple[str, Any]]
    """Fields whose value was deferred, and is known now that the class is known. The listener empties the list."""

    def __init__(self, handler: TypedHandler, specs: tuple[ObjectSpec, ...]) -> None:
        self.key: Any = NOT_IN_SCHEMA  # the name of the field, which may differ from its key in JSON
        self.released = []
        self._handler = handler
        self._specs: Sequence[ObjectSpec] = specs  # of the classes that are still possible
        # Only a tag proves the class. Without tags, an object that is valid for the last class may be valid for another
        # one as well, so then the complete text decides.
        self._is_certain = len(specs) == 1 or all(spec.tagged for spec in specs)
        self._by_parts = True  # all parts are valid, so they can be assembled
        self._is_done = False  # the open field is marked `done`
        self._json_key = ""
        self._parts: dict[str, Any] = {}  # by JSON key
        self._shown: dict[str, Any] = {}  # by field name; replaced and never changed, as views share it
        self._deferred: dict[str, str] = {}  # JSON text by JSON key
        self._invalid: frozenset[Any] = frozenset()  # names of complete fields that are not valid

    def is_hidden(self, *, has_begun: bool) -> bool:
        """Return True if a `not_null` field is missing. ``has_begun``: the open field counts as present."""
        return _is_incomplete(self._specs, self._shown, self.key if has_begun else NOT_IN_SCHEMA)

    def handler_for(self, key: str | None) -> ValueHandler:
        self._json_key = name = cast("str", key)
        specs = self._specs
        if len(specs) == 1:
            return self._enter(specs[0].fields.get(name))
        return self._undecided_handler(name)

    def add(self, value: Any) -> None:
        if isinstance(value, DeferredText):
            self._narrow_by_value(self._json_key, value.text)
            return
        if value is ABSENT or isinstance(value, InvalidPart):
            self._by_parts = False
            self._invalid |= {self.key}
            value = shown_value(value)
        self._parts[self._json_key] = value
        if self.key is not NOT_IN_SCHEMA and value is not ABSENT:
            self._shown = {**self._shown, self.key: value}

    def view(self) -> Callable[[Any], Any]:
        shown, specs = self._shown, self._specs
        key: Any = NOT_IN_SCHEMA if self._is_done else self.key
        make = specs[0].make_partial if len(specs) == 1 else self._handler.show_undecided
        is_marked = specs[0].is_marked or len(specs) > 1
        complete = shown.keys() - self._invalid if is_marked else ()

        def view(last: Any) -> Any:
            fields = shown if last is ABSENT or key is NOT_IN_SCHEMA else {**shown, key: last}
            return _marked_view(specs, make, fields, complete) if is_marked else make(fields)

        return view

    def close(self, text: Callable[[], str]) -> Any:
        if self._is_certain and len(self._specs) == 1 and (value := self._assemble(self._specs[0])) is not ABSENT:
            return value
        parsed = self._handler.parse(text())
        if parsed is ABSENT:
            return InvalidPart(self.view()(ABSENT))
        self._specs = [spec for spec in self._specs if spec.cls is type(parsed)] or self._specs
        if any(spec.has_state for spec in self._specs):
            return self.view()(ABSENT)
        # Prefer the parts that were shown, so that they stay the same objects in later partials.
        value = self._assemble(self._specs[0]) if self._specs[0].cls is type(parsed) else ABSENT
        return parsed if value is ABSENT else value

    def _assemble(self, spec: ObjectSpec) -> Any:
        """Return the object built of its parts; `ABSENT` if the parts are not enough."""
        can_assemble = self._by_parts and not self._deferred and not spec.has_state
        return spec.assemble(self._parts) if can_assemble else ABSENT

    def _enter(self, field: FieldSpec | None) -> ValueHandler:
        if field is None:
            self.key = NOT_IN_SCHEMA
            if not is_encodable(self._json_key):  # then pydantic's parser refuses the object
                self._by_parts = False
            return ANY
        handler = field.handler
        self.key = field.name if field.is_shown else NOT_IN_SCHEMA
        self._is_done = handler.is_done
        return handler

    # While several classes are possible

    def _undecided_handler(self, key: str) -> ValueHandler:
        matching = tuple(spec for spec in self._specs if key in spec.fields)
        if matching and len(matching) < len(self._specs):
            self._narrow(matching)
        if not matching or len(matching) == 1:
            return self._enter(matching[0].fields[key] if matching else None)
        fields = [spec.fields[key] for spec in matching]
        if all(field.is_same_as(fields[0]) for field in fields):
            return self._enter(fields[0])
        self.key = NOT_IN_SCHEMA
        return DEFER

    def _narrow_by_value(self, key: str, text: str) -> None:
        """Keep the classes for which the value of this key is valid."""
        parsed = [(spec, spec.fields[key].handler.parse(text)) for spec in self._specs]
        valid = [(spec, value) for spec, value in parsed if value is not ABSENT]
        if not valid:
            self._by_parts = False
            return
        self._deferred[key] = text
        self._narrow(tuple(spec for spec, _ in valid))

    def _narrow(self, specs: Sequence[ObjectSpec]) -> None:
        """Keep these classes, and release the deferred values that all of them read alike."""
        self._specs = specs
        for key, text in list(self._deferred.items()):
            values = [spec.fields[key].handler.parse(text) for spec in specs if key in spec.fields]
            if values and all(type(value) is type(values[0]) and value == values[0] for value in values):
                del self._deferred[key]
                name = specs[0].fields[key].name
                self._parts[key] = values[0]
                self._shown = {**self._shown, name: values[0]}
                self.released.append((name, values[0]))


def _marked_view(
    specs: Sequence[ObjectSpec], make: Callable[[Any], Any], fields: dict[str, Any], complete: Collection[str]
) -> Any:
    """Return the view of an object whose class has marks; `ABSENT` if it is hidden."""
    if _is_incomplete(specs, fields):
        return ABSENT
    states: dict[str, Any] = {}
    for name in specs[0].state_fields if len(specs) == 1 else ():
        if name in fields:
            states[name] = StreamState[Any](fields[name], "complete" if name in complete else "incomplete")
        else:
            states[name] = StreamState[Any](None, "pending")
    return make({**fields, **states})


def _is_incomplete(specs: Sequence[ObjectSpec], fields: dict[str, Any], open_field: Any = NOT_IN_SCHEMA) -> bool:
    """Return True if a `not_null` field is missing, and is not the open one."""
    return any(fields.get(name) is None and name is not open_field for spec in specs for name in spec.not_null)


class ArrayBuilder:
    """Builder of an open list, tuple or set."""

    def __init__(self, handler: TypedHandler, spec: ArraySpec) -> None:
        self.key = -1
        self._handler = handler
        self._spec = spec
        self._items: list[Any] = []
        self._item: TypedHandler | None = None  # of the open element
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
        return lambda last: spec.in_roots(PartialList(items, item.as_open(last) if item else ABSENT, length))

    def close(self, text: Callable[[], str]) -> Any:
        return _closed(self, self._handler, self._spec, text, self._items, self._by_parts)


class DictBuilder:
    """Builder of an open dict."""

    def __init__(self, handler: TypedHandler, spec: DictSpec) -> None:
        self.key: Any = NOT_IN_SCHEMA  # as in JSON
        self._handler = handler
        self._spec = spec
        self._parts: dict[Any, Any] = {}
        self._entries = Entries()  # those that are shown
        self._dict_key: Any = ""  # validated, for instance a date
        self._by_parts = True

    def handler_for(self, key: str | None) -> ValueHandler:
        self.key = cast("str", key)
        self._dict_key = self._spec.key(self.key)
        if self._dict_key is not ABSENT:
            return self._spec.values
        self._by_parts, self.key = False, NOT_IN_SCHEMA
        return ANY

    def add(self, value: Any) -> None:
        if value is ABSENT or isinstance(value, InvalidPart):
            self._by_parts = False
        shown = self._spec.values.as_closed(value)
        if self.key is NOT_IN_SCHEMA or shown is ABSENT:
            return
        self._parts[self._dict_key] = value
        self._entries.put(self._dict_key, shown)

    def view(self) -> Callable[[Any], Any]:
        entries, key, length, spec = self._entries, self._dict_key, len(self._entries), self._spec
        if self.key is NOT_IN_SCHEMA:
            return lambda _: spec.in_roots(PartialDict(entries, key, ABSENT, length))
        return lambda last: spec.in_roots(PartialDict(entries, key, spec.values.as_open(last), length))

    def close(self, text: Callable[[], str]) -> Any:
        return _closed(self, self._handler, self._spec, text, self._parts, self._by_parts)


def _closed(
    builder: ContainerBuilder,
    handler: TypedHandler,
    spec: ArraySpec | DictSpec,
    text: Callable[[], str],
    parts: Any,
    by_parts: bool,
) -> Any:
    if by_parts and not handler.has_state:
        value = spec.assemble(parts)
        if value is not ABSENT:
            return value
    value = handler.parse(text())
    if value is not ABSENT and not handler.has_state:
        return value
    shown = builder.view()(ABSENT)
    return InvalidPart(shown) if value is ABSENT else shown
