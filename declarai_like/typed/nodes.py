"""What is open of a typed answer: its validated parts so far, and what a reader sees of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from ..partial import ABSENT, Node, PartialDict, PartialList, Place
from ..partial.plain import PLAIN
from .values import Misfit, StreamState, visible

if TYPE_CHECKING:
    from .places import ArrayPlan, DictPlan, Field, ObjectPlan, TypedPlace

UNSEEN: Final = object()
"""The step to a value that is no part of the type."""


class Held:
    """The JSON text of a value that cannot be read before it is known which of several types it belongs to."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class _Hold:
    """The place of such a value."""

    grows = False

    def open(self, first: str) -> None:
        return None

    def string(self, text: str) -> Any:
        raise AssertionError("it does not grow")

    def whole(self, text: str) -> Held:
        return Held(text)


_HOLD = _Hold()


class ObjectNode:
    """An open object of one class, or of one of several as long as the data does not say which."""

    released: list[tuple[str, Any]]
    """Fields that could be read only now, when it was known which class it is."""

    def __init__(self, place: TypedPlace, plans: tuple[ObjectPlan, ...]) -> None:
        self.step: Any = UNSEEN
        self.released = []
        self._place = place
        self._plans: Sequence[ObjectPlan] = plans
        self._by_parts = len(plans) == 1 or all(plan.tagged for plan in plans)
        self._key = ""
        self._parts: dict[str, Any] = {}  # by key
        self._shown: dict[str, Any] = {}  # by name
        self._held: dict[str, str] = {}

    @property
    def hidden(self) -> bool:
        """Whether a field that must be there first is not there yet."""
        return len(self._plans) == 1 and _lacks(self._plans[0], self._shown)

    def place(self, key: str | None) -> Place:
        self._key = name = cast("str", key)
        plans = self._plans
        if len(plans) == 1:
            return self._enter(plans[0].fields.get(name))
        return self._undecided_place(name)

    def put(self, value: Any) -> None:
        if isinstance(value, Held):
            self._decide(self._key, value.text)
            return
        if value is ABSENT or isinstance(value, Misfit):
            self._by_parts = False
            value = visible(value)
        self._parts[self._key] = value
        if self.step is not UNSEEN and value is not ABSENT:
            self._shown = {**self._shown, self.step: value}

    def view(self) -> Callable[[Any], Any]:
        shown, step, plan = self._shown, self.step, self._plans[0]
        is_marked = len(self._plans) == 1 and (plan.not_null or plan.states)
        make = self._place.undecided if len(self._plans) > 1 else plan.partial

        def so_far(last: Any) -> Any:
            fields = shown if last is ABSENT or step is UNSEEN else {**shown, step: last}
            return _marked(plan, fields, shown) if is_marked else make(fields)

        return so_far

    def close(self, text: Callable[[], str]) -> Any:
        if self._by_parts and len(self._plans) == 1 and not self._place.has_state:
            value = self._plans[0].put_together(self._parts)
            if value is not ABSENT:
                return value
        value = self._place.whole(text())
        if value is not ABSENT and not self._place.has_state:
            return value
        shown = self.view()(ABSENT)
        return Misfit(shown) if value is ABSENT else shown

    def _enter(self, field: Field | None) -> Place:
        self.step = UNSEEN if field is None else field.name
        return PLAIN if field is None else field.place

    # As long as it may be one of several classes

    def _undecided_place(self, key: str) -> Place:
        knowing = tuple(plan for plan in self._plans if key in plan.fields)
        if knowing and len(knowing) < len(self._plans):
            self._settle(knowing)
        if not knowing or len(knowing) == 1:
            return self._enter(knowing[0].fields[key] if knowing else None)
        fields = [plan.fields[key] for plan in knowing]
        if all(field.is_same_as(fields[0]) for field in fields):
            return self._enter(fields[0])
        self.step = UNSEEN
        return _HOLD

    def _decide(self, key: str, text: str) -> None:
        """Let a value say which classes it may be: those that it fits."""
        read = [(plan, plan.fields[key].place.whole(text)) for plan in self._plans]
        fitting = [(plan, value) for plan, value in read if value is not ABSENT]
        if not fitting:
            self._by_parts = False
            return
        self._held[key] = text
        self._settle(tuple(plan for plan, _ in fitting))

    def _settle(self, plans: Sequence[ObjectPlan]) -> None:
        self._plans = plans
        for key, text in list(self._held.items()):
            values = [plan.fields[key].place.whole(text) for plan in plans if key in plan.fields]
            if values and all(type(value) is type(values[0]) and value == values[0] for value in values):
                del self._held[key]
                name = plans[0].fields[key].name
                self._parts[key] = values[0]
                self._shown = {**self._shown, name: values[0]}
                self.released.append((name, values[0]))


def _marked(plan: ObjectPlan, fields: dict[str, Any], whole: dict[str, Any]) -> Any:
    """Give what is seen of an object whose class has marks."""
    if _lacks(plan, fields):
        return ABSENT
    states: dict[str, Any] = {}
    for name in plan.states:
        if name in fields:
            states[name] = StreamState[Any](fields[name], "complete" if name in whole else "incomplete")
        else:
            states[name] = StreamState[Any](None, "pending")
    return plan.partial({**fields, **states})


def _lacks(plan: ObjectPlan, fields: dict[str, Any]) -> bool:
    """Whether a field is not there that has to be there before the object is seen."""
    return any(fields.get(name) is None for name in plan.not_null)


class ArrayNode:
    """An open list, tuple or set."""

    def __init__(self, place: TypedPlace, plan: ArrayPlan) -> None:
        self.step = -1
        self._place = place
        self._plan = plan
        self._items: list[Any] = []
        self._by_parts = True
        self._has_states = False  # of the element that is open

    def place(self, key: str | None) -> Place:
        self.step += 1
        place = self._plan.item(self.step)
        self._has_states = place.is_state
        return place

    def put(self, value: Any) -> None:
        if value is ABSENT or isinstance(value, Misfit):
            self._by_parts = False
            value = visible(value)
        if value is not ABSENT:
            self._items.append(StreamState(value, "complete") if self._has_states else value)

    def view(self) -> Callable[[Any], PartialList]:
        items, length, has_states = self._items, len(self._items), self._has_states
        return lambda last: PartialList(items, _incomplete(last) if has_states else last, length)

    def close(self, text: Callable[[], str]) -> Any:
        return _closed(self, self._place, self._plan, text, self._items, self._by_parts)


class DictNode:
    """An open dict."""

    def __init__(self, place: TypedPlace, plan: DictPlan) -> None:
        self.step: Any = UNSEEN
        self._place = place
        self._plan = plan
        self._parts: dict[str, Any] = {}  # by the keys in the JSON
        self._entries: dict[Any, tuple[int, Any]] = {}  # by the keys as the type has them
        self._key: Any = ""
        self._json_key = ""
        self._by_parts = True

    def place(self, key: str | None) -> Place:
        self._json_key = self.step = cast("str", key)
        self._key = self._plan.key(self._json_key)
        if self._key is not ABSENT:
            return self._plan.values
        self._by_parts, self.step = False, UNSEEN
        return PLAIN

    def put(self, value: Any) -> None:
        if value is ABSENT or isinstance(value, Misfit):
            self._by_parts = False
            value = visible(value)
        self._parts[self._json_key] = value
        if self.step is not UNSEEN and value is not ABSENT:
            known = self._entries.get(self._key)
            shown = StreamState[Any](value, "complete") if self._plan.values.is_state else value
            self._entries[self._key] = (len(self._entries) if known is None else known[0], shown)

    def view(self) -> Callable[[Any], PartialDict]:
        entries, key, length = self._entries, self._key, len(self._entries)
        is_seen, has_states = self.step is not UNSEEN, self._plan.values.is_state
        return lambda last: PartialDict(
            entries, key, ABSENT if not is_seen else _incomplete(last) if has_states else last, length
        )

    def close(self, text: Callable[[], str]) -> Any:
        return _closed(self, self._place, self._plan, text, self._parts, self._by_parts)


def _incomplete(value: Any) -> Any:
    return ABSENT if value is ABSENT else StreamState[Any](value, "incomplete")


def _closed(
    node: Node, place: TypedPlace, plan: ArrayPlan | DictPlan, text: Callable[[], str], parts: Any, by_parts: bool
) -> Any:
    if by_parts and not place.has_state:
        value = plan.put_together(parts)
        if value is not ABSENT:
            return value
    value = place.whole(text())
    if value is not ABSENT and not place.has_state:
        return value
    shown = node.view()(ABSENT)
    return Misfit(shown) if value is ABSENT else shown


class RootNode:
    """The object at the top of an answer whose type is none: the answer itself is its ``value``.

    A model may leave the wrapper out. Where the answer can be an object itself, the first key tells.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._inner: Node | None = None  # where there is no wrapper
        self._value: Any = ABSENT
        self._is_value = False  # what is open now

    @property
    def step(self) -> Any:
        return None if self._inner is None and self._is_value else UNSEEN if self._inner is None else self._inner.step

    @property
    def begun(self) -> bool:
        """Whether anything of the answer has come."""
        return self._inner is not None or self._is_value or self._value is not ABSENT

    @property
    def inner(self) -> Node | None:
        """The node that this one stands for, where the wrapper was left out."""
        return self._inner

    def place(self, key: str | None) -> Place:
        if self._inner is not None:
            return self._inner.place(key)
        self._is_value = key == "value"
        if self._is_value:
            return self._place
        if self._value is ABSENT and (inner := self._place.open("{")) is not None:
            self._inner = inner
            return inner.place(key)
        return PLAIN

    def put(self, value: Any) -> None:
        if self._inner is not None:
            self._inner.put(value)
        elif self._is_value:
            self._value = value

    def view(self) -> Callable[[Any], Any]:
        if self._inner is not None:
            return self._inner.view()
        value, is_value = visible(self._value), self._is_value
        return lambda last: last if is_value and last is not ABSENT else value

    def close(self, text: Callable[[], str]) -> Any:
        if self._inner is not None:
            return self._inner.close(text)
        if self._value is not ABSENT and not isinstance(self._value, Misfit):
            return self._value
        value = self._place.whole(text())
        return Misfit(visible(self._value)) if value is ABSENT else value
