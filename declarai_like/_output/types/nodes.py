"""What is open of a typed answer: its validated parts so far, and what a reader sees of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from ..incremental import ABSENT, Entries, Node, PartialDict, PartialList, Place
from .anything import ANYTHING, is_text
from .values import Misfit, StreamState, visible

if TYPE_CHECKING:
    from .plans import ArrayPlan, DictPlan, Field, ObjectPlan
    from .protocols import TypedPlace

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
        self._is_certain = len(plans) == 1 or all(plan.tagged for plan in plans)  # once one is left, it is that
        self._by_parts = True
        self._is_done = False  # the field that is open
        self._key = ""
        self._parts: dict[str, Any] = {}  # by key
        self._shown: dict[str, Any] = {}  # by name
        self._held: dict[str, str] = {}
        self._unfit: frozenset[Any] = frozenset()  # names of fields that were whole and did not fit

    def hides(self, *, has_begun: bool) -> bool:
        """Whether a field that must be there first is not. ``has_begun``: the one that is open can be seen."""
        return _lacks(self._plans, self._shown, self.step if has_begun else UNSEEN)

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
            self._unfit |= {self.step}
            value = visible(value)
        self._parts[self._key] = value
        if self.step is not UNSEEN and value is not ABSENT:
            self._shown = {**self._shown, self.step: value}

    def view(self) -> Callable[[Any], Any]:
        shown, plans = self._shown, self._plans
        step: Any = UNSEEN if self._is_done else self.step
        make = plans[0].partial if len(plans) == 1 else self._place.show_undecided
        is_marked = plans[0].is_marked or len(plans) > 1
        whole = shown.keys() - self._unfit if is_marked else ()

        def so_far(last: Any) -> Any:
            fields = shown if last is ABSENT or step is UNSEEN else {**shown, step: last}
            return _marked(plans, make, fields, whole) if is_marked else make(fields)

        return so_far

    def close(self, text: Callable[[], str]) -> Any:
        if self._is_certain and len(self._plans) == 1 and (made := self._made(self._plans[0])) is not ABSENT:
            return made
        value = self._place.whole(text())
        if value is ABSENT:
            return Misfit(self.view()(ABSENT))
        self._plans = [plan for plan in self._plans if plan.of is type(value)] or self._plans
        if any(plan.has_state for plan in self._plans):
            return self.view()(ABSENT)
        made = self._made(self._plans[0]) if self._plans[0].of is type(value) else ABSENT
        return value if made is ABSENT else made

    def _made(self, plan: ObjectPlan) -> Any:
        """Make the object of the parts that were seen, so that they stay what they are."""
        is_enough = self._by_parts and not self._held and not plan.has_state
        return plan.put_together(self._parts) if is_enough else ABSENT

    def _enter(self, field: Field | None) -> Place:
        if field is None:
            self.step = UNSEEN
            if not is_text(self._key):  # then the whole is none
                self._by_parts = False
            return ANYTHING
        place = field.place
        self.step = field.name if field.is_seen else UNSEEN
        self._is_done = place.is_done
        return place

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


def _marked(
    plans: Sequence[ObjectPlan], make: Callable[[Any], Any], fields: dict[str, Any], whole: Collection[str]
) -> Any:
    """Give what is seen of an object whose class has marks."""
    if _lacks(plans, fields):
        return ABSENT
    states: dict[str, Any] = {}
    for name in plans[0].states if len(plans) == 1 else ():
        if name in fields:
            states[name] = StreamState[Any](fields[name], "complete" if name in whole else "incomplete")
        else:
            states[name] = StreamState[Any](None, "pending")
    return make({**fields, **states})


def _lacks(plans: Sequence[ObjectPlan], fields: dict[str, Any], begun: Any = UNSEEN) -> bool:
    """Whether a field is not there, nor has begun, that has to be there before the object is seen."""
    return any(fields.get(name) is None and name is not begun for plan in plans for name in plan.not_null)


class ArrayNode:
    """An open list, tuple or set."""

    def __init__(self, place: TypedPlace, plan: ArrayPlan) -> None:
        self.step = -1
        self._place = place
        self._plan = plan
        self._items: list[Any] = []
        self._item: TypedPlace | None = None  # of the element that is open
        self._by_parts = True

    def place(self, key: str | None) -> Place:
        self.step += 1
        self._item = self._plan.item(self.step)
        return self._item

    def put(self, value: Any) -> None:
        if value is ABSENT or isinstance(value, Misfit):
            self._by_parts = False
        shown = self._item.as_closed(value) if self._item else ABSENT
        if shown is not ABSENT:
            self._items.append(shown)

    def view(self) -> Callable[[Any], Any]:
        items, length, item, plan = self._items, len(self._items), self._item, self._plan
        return lambda last: plan.shown(PartialList(items, item.as_open(last) if item else ABSENT, length))

    def close(self, text: Callable[[], str]) -> Any:
        return _closed(self, self._place, self._plan, text, self._items, self._by_parts)


class DictNode:
    """An open dict."""

    def __init__(self, place: TypedPlace, plan: DictPlan) -> None:
        self.step: Any = UNSEEN
        self._place = place
        self._plan = plan
        self._parts: dict[Any, Any] = {}
        self._entries = Entries()  # those that can be seen
        self._key: Any = ""
        self._by_parts = True

    def place(self, key: str | None) -> Place:
        self.step = cast("str", key)
        self._key = self._plan.key(self.step)
        if self._key is not ABSENT:
            return self._plan.values
        self._by_parts, self.step = False, UNSEEN
        return ANYTHING

    def put(self, value: Any) -> None:
        if value is ABSENT or isinstance(value, Misfit):
            self._by_parts = False
        shown = self._plan.values.as_closed(value)
        if self.step is UNSEEN or shown is ABSENT:
            return
        self._parts[self._key] = value
        self._entries.put(self._key, shown)

    def view(self) -> Callable[[Any], Any]:
        entries, key, length, plan = self._entries, self._key, len(self._entries), self._plan
        if self.step is UNSEEN:
            return lambda _: plan.shown(PartialDict(entries, key, ABSENT, length))
        return lambda last: plan.shown(PartialDict(entries, key, plan.values.as_open(last), length))

    def close(self, text: Callable[[], str]) -> Any:
        return _closed(self, self._place, self._plan, text, self._parts, self._by_parts)


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
