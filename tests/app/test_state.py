"""States: immutable values by name, as JSON and back, and as pydantic models."""

from __future__ import annotations

import copy
import enum
import json
import math
import pickle
import subprocess
import sys
import threading
import time as clock
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    SkipValidation,
    ValidationError,
    field_validator,
    model_validator,
)

from declarai_like.app import ApplicationBuilder, Result
from declarai_like.app.state.frozen import FrozenDict, FrozenList
from declarai_like.app.state.serde import DEFAULT, Serde, register_class, register_field_serde
from declarai_like.app.state.shared_list import SharedList
from declarai_like.app.state.state import State
from declarai_like.app.state.typed import PydanticTypingSystem, fields_model, instance_of, state_of
from declarai_like.errors import ActionError, ApplicationError, MissingKey, StateError

# The numbered cases


def test_case_01_a_value_is_read_by_its_name() -> None:
    state = State({"foo": "bar"})
    assert state["foo"] == "bar"
    assert (state.get("foo"), state.get("no"), state.get("no", 1)) == ("bar", None, 1)
    with pytest.raises(KeyError) as caught:
        state["prompt"]
    assert isinstance(caught.value, MissingKey)
    assert isinstance(caught.value, ApplicationError)
    assert str(caught.value) == (
        "the state does not have the key 'prompt'; it has 'foo'. An action that needs 'prompt' must declare it "
        "(reads=['prompt']), and an action before it, or the first state of the application, must set it"
    )
    with pytest.raises(MissingKey, match="it is empty"):
        State()["foo"]


def test_case_02_append_adds_to_lists_and_begins_those_that_are_absent() -> None:
    state = State({"a": [1], "b": []})
    assert state.append(a=2) == {"a": [1, 2], "b": []}
    assert state.append(a=2, b=[3]) == {"a": [1, 2], "b": [[3]]}
    assert state.append(c="x") == {"a": [1], "b": [], "c": ["x"]}
    assert state.extend(a=[2, 3], c=iter("xy")) == {"a": [1, 2, 3], "b": [], "c": ["x", "y"]}
    assert state == {"a": [1], "b": []}


@pytest.mark.parametrize("value", ["text", 1, None, (1, 2), {"a": 1}, {1}, deque([1])])
def test_case_03_only_a_list_can_be_appended_to_and_extended(value: object) -> None:
    state = State({"foo": value, "log": []})
    with pytest.raises(
        ValueError, match=rf"^cannot append to 'foo': its value is not a list \(.*, {type(state['foo']).__name__}\)$"
    ):
        state.append(log=1, foo=1)
    with pytest.raises(StateError, match=r"^cannot extend 'foo': its value is not a list \(.*\)$"):
        state.extend(log=[1], foo=[1])
    assert state == {"foo": value, "log": []}


@pytest.mark.parametrize("value", ["text", b"bytes", 1, None, {"a": 1}])
def test_a_list_is_extended_by_several_values(value: Any) -> None:
    name = "None" if value is None else type(value).__name__
    with pytest.raises(
        StateError, match=rf"^extend\(log=...\) must be an iterable of values, such as a list, got {name}$"
    ):
        State({"log": []}).extend(log=value)


def test_case_04_increment_adds_integers() -> None:
    state = State({"n": 1, "s": "x", "b": True, "f": 1.5})
    assert state.increment(n=2, m=5) == {**state, "n": 3, "m": 5}
    assert state.increment(n=-1)["n"] == 0
    for name in "sbf":
        with pytest.raises(ValueError, match=rf"^cannot increment '{name}': its value is not an integer \(.*\)$"):
            state.increment(**{name: 1})
    for by in ("x", 1.5, True, None):
        with pytest.raises(StateError, match=r"^cannot increment 'n': the argument is not an integer \(.*\)$"):
            state.increment(n=by)  # type: ignore[arg-type]


def test_case_05_wipe_takes_what_to_delete_or_what_to_keep() -> None:
    state = State({"a": 1, "b": 2, "ab": 3})
    assert state.wipe(delete=["a", "no"]) == {"b": 2, "ab": 3}
    assert state.wipe(keep=["a", "no"]) == {"a": 1}
    assert state.wipe(delete="ab") == {"a": 1, "b": 2}
    assert state.wipe(keep="ab") == {"ab": 3}
    assert state.wipe(delete=[]) == state
    assert state.wipe(keep=[]) == {}
    assert state.wipe() == {}
    with pytest.raises(ValueError, match="not both"):
        state.wipe(delete=["a"], keep=["b"])


class Anything:
    """A typing system of a user."""

    def construct_data(self, state: Any, /) -> int:
        return len(state)


def test_case_06_merge_and_subset() -> None:
    typing_system = Anything()
    state = State({"a": 1, "b": 2}, typing_system)
    assert state.merge(State({"b": 3, "c": 4})) == {"a": 1, "b": 3, "c": 4}
    assert state.merge({"b": [3]}) == {"a": 1, "b": [3]}
    assert state.subset("b", "no") == {"b": 2}
    assert state.subset(["b", "a"]) == state.subset("b", "a") == state
    assert list(state.subset(("b", "a"))) == ["b", "a"]
    assert state.subset() == {}
    with pytest.raises(MissingKey, match="does not have the key 'no'; it has 'a', 'b'"):
        state.subset("a", "no", ignore_missing=False)
    changed = [
        state.subset("a"), state.update(a=2), state.merge({"a": 2}), state.append(c=1), state.extend(c=[1]),
        state.increment(a=1), state.wipe(), State(state),
    ]  # fmt: skip
    assert all(one.typing_system is typing_system for one in changed)
    assert state.data == 2
    assert State(state, other := Anything()).typing_system is other
    assert state.merge(State({}, Anything())).typing_system is typing_system


@pytest.fixture(autouse=True)
def own_registry() -> Any:
    """Start each test without registered classes and fields."""
    fields, classes = DEFAULT._fields, DEFAULT._classes
    DEFAULT._fields, DEFAULT._classes = {}, {}
    yield
    DEFAULT._fields, DEFAULT._classes = fields, classes


def write_upper(value: str, **kwargs: Any) -> dict[str, Any]:
    return {"upper": value.upper(), "at": date(2026, 1, 2), "by": kwargs.get("by")}


def read_upper(data: dict[str, Any], **kwargs: Any) -> Any:
    assert data["at"] == date(2026, 1, 2)
    return f"{data['upper']} {data['by']} {kwargs.get('by')}"


@pytest.mark.parametrize("register", [register_field_serde, State.register_field_serde])
def test_case_07_a_field_can_have_functions_that_write_and_read_it(register: Callable[..., None]) -> None:
    register("name", write_upper, read_upper)
    data = json.loads(json.dumps(State({"name": "x", "other": "y"}).serialize(by="me")))
    assert State.deserialize(data, by="you") == {"name": "X me you", "other": "y"}
    assert State.deserialize(data, Serde()) == {"name": "X me None", "other": "y"}


def test_case_07_the_functions_of_a_field_take_any_keyword() -> None:
    serde = Serde()
    with pytest.raises(
        ValueError, match=r"^the serializer of the field 'f' must take \*\*kwargs, for instance def serializer"
    ):
        serde.register_field_serde("f", lambda value: {"value": value}, read_upper)
    with pytest.raises(StateError, match=r"^the deserializer of the field 'f' must take \*\*kwargs"):
        serde.register_field_serde("f", write_upper, dict.get)
    with pytest.raises(StateError, match="the serializer"):
        serde.register_field_serde("f", 1, read_upper)  # type: ignore[arg-type]


def test_case_07_the_serializer_of_a_field_must_return_a_dict() -> None:
    serde = Serde()
    serde.register_field_serde("f", lambda *_, **__: "text", read_upper)  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match=r"^the field 'f' cannot be saved: its serializer must return a dict, got str"):
        State({"f": 1}).serialize(serde)


def test_an_error_of_the_functions_of_a_field_names_the_field() -> None:
    serde = Serde()
    serde.register_field_serde("f", lambda value, **_: {"v": 1 / value}, lambda data, **_: data["gone"])
    with pytest.raises(StateError, match=r"^the field 'f' cannot be saved \(ZeroDivisionError: .*\)$") as caught:
        State({"f": 0}).serialize(serde)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(StateError, match=r"^the field 'f' cannot be read \(KeyError: 'gone'\)$"):
        State.deserialize(State({"f": 1}).serialize(serde), serde)


def test_a_field_that_was_saved_by_functions_is_not_read_without_them() -> None:
    serde = Serde()
    serde.register_field_serde("f", lambda value, **_: {"v": value}, lambda data, **_: data["v"])
    data = State({"f": 1}).serialize(serde)
    assert State.deserialize({"f": 5}, serde) == {"f": 5}  # it was saved before functions were registered
    with pytest.raises(
        StateError, match=r"that are not registered here; call register_field_serde\('f', \.\.\.\) before reading it"
    ):
        State.deserialize(data)


def test_case_08_nothing_changes_a_state() -> None:
    inner: list[Any] = [1, {"x": [2]}]
    values = {"list": inner, "tuple": ([1],), "set": {1}, "bytes": bytearray(b"a")}
    state = State(values)
    later = state.update(more=1).append(list=[5])
    expected = copy.deepcopy(values)
    values["new"] = 1
    inner.append(2)
    inner[1]["x"].append(3)
    values["tuple"][0].append(2)
    values["set"].add(2)
    values["bytes"].append(1)
    assert state == expected
    with pytest.raises(TypeError):
        later["list"][1]["x"].append(3)
    with pytest.raises(TypeError):
        later["list"][2].append(3)
    with pytest.raises(TypeError):
        later["tuple"][0].append(3)
    state.get_all()["list"] = None
    assert state == expected
    assert later == {**expected, "more": 1, "list": [*expected["list"], [5]]}


def test_case_08_the_attributes_of_a_state_cannot_be_set() -> None:
    state = State({"a": 1})
    with pytest.raises(AttributeError, match=r"^a state is immutable; state\.update\(a=\.\.\.\) returns a new one"):
        state.a = 2  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"state\.wipe\(delete=\['_values'\]\)"):
        del state._values
    with pytest.raises(AttributeError):
        state._values = {}
    with pytest.raises(TypeError):
        state["a"] = 2  # type: ignore[index]
    assert state == {"a": 1}


def test_case_09_append_does_not_copy_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    stores: list[int] = []
    made = SharedList.__init__

    def count(self: SharedList, store: list[Any], lock: Any = None) -> None:
        stores.append(id(store))
        made(self, store, lock)

    state = State({"history": list(range(10_000))})
    monkeypatch.setattr(SharedList, "__init__", count)
    for number in range(1000):
        state = state.append(history=number).extend(history=[number]).update(other=number)
    assert len(set(stores)) == 1  # one store from the first to the last
    assert state["history"] == [*range(10_000), *(number for number in range(1000) for _ in "ab")]


# States


def test_two_states_that_append_to_the_list_of_one_state_have_their_own_lists() -> None:
    state = State().append(said="one")
    left, right = state.append(said="left"), state.append(said="right")
    assert (state["said"], left["said"], right["said"]) == (["one"], ["one", "left"], ["one", "right"])


def test_a_state_is_a_mapping() -> None:
    state = State({"a": 1, "b": [2]})
    assert len(state) == 2
    assert list(state) == list(state.keys()) == ["a", "b"]
    assert list(state.values()) == [1, [2]]
    assert dict(state.items()) == {**state} == state.get_all() == {"a": 1, "b": [2]}
    assert "a" in state
    assert "c" not in state
    assert state == State({"b": [2], "a": 1})
    assert state == state.append(b=3).wipe(keep=["a"]).append(b=2)
    assert state != {"a": 1}
    assert state != 1
    assert state == state
    with pytest.raises(TypeError, match="unhashable"):
        hash(state)


def test_names_can_be_any_words() -> None:
    values = {"self": 1, "values": 2, "a b": 3}
    assert State().update(**values) == values
    assert State().increment(**values) == values
    assert State().append(**values) == {name: [value] for name, value in values.items()}
    assert State().extend(self=[1]) == {"self": [1]}


@pytest.mark.parametrize(("values", "message"), [
    ({1: 2}, "^a key of a state must be a str, got int$"),
    ([1], "^the values of a state must be a mapping of str to values, got list$"),
])  # fmt: skip
def test_a_state_is_made_of_values_by_name(values: Any, message: str) -> None:
    with pytest.raises(StateError, match=message):
        State(values)


def test_a_value_that_contains_itself_cannot_be_in_a_state() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(StateError, match="'a' cannot be in a state: it contains itself"):
        State({"a": endless})


def test_a_state_shows_its_values_and_cuts_long_ones() -> None:
    assert repr(State({"a": "x", "b": [{"c": 1}]}).append(b=2)) == "State({'a': 'x', 'b': [{'c': 1}, 2]})"
    assert len(repr(State({"history": list(range(10_000)), "text": "x" * 10_000}))) < 200


def test_states_can_be_copied_and_pickled() -> None:
    state = State({"a": [1, {"b": (2, [3])}]}, PydanticTypingSystem(Film)).append(a=4)
    for again in (pickle.loads(pickle.dumps(state)), copy.copy(state), copy.deepcopy(state)):
        assert again == state
        with pytest.raises(TypeError):
            again["a"].append(1)
    assert pickle.loads(pickle.dumps(state)).typing_system.model is Film


# Frozen values


LIST_CHANGES: list[Callable[[Any], Any]] = [
    lambda value: value.append(1), lambda value: value.extend([1]), lambda value: value.insert(0, 1),
    lambda value: value.pop(), lambda value: value.remove(1), lambda value: value.clear(), lambda value: value.sort(),
    lambda value: value.reverse(), lambda value: value.__setitem__(0, 1), lambda value: value.__delitem__(0),
    lambda value: value.__setitem__(slice(None), []), lambda value: value.__iadd__([1]), lambda value: value.__imul__(2),
]  # fmt: skip
DICT_CHANGES: list[Callable[[Any], Any]] = [
    lambda value: value.update(a=1), lambda value: value.pop("a"), lambda value: value.popitem(),
    lambda value: value.clear(), lambda value: value.setdefault("b", 1), lambda value: value.__setitem__("a", 2),
    lambda value: value.__delitem__("a"), lambda value: value.__ior__({"b": 1}),
]  # fmt: skip


@pytest.mark.parametrize("change", LIST_CHANGES)
def test_a_list_of_a_state_cannot_be_changed(change: Callable[[Any], Any]) -> None:
    value = State({"a": [1]})["a"]
    with pytest.raises(TypeError, match=r"^a state's list is immutable \(.*\); use .*"):
        change(value)
    value.__init__([5])
    assert value == [1]


def test_the_error_names_the_alternative() -> None:
    with pytest.raises(TypeError, match=r"\(append\); use state\.append\(key=value\)"):
        State({"a": []})["a"].append(1)
    with pytest.raises(TypeError, match=r"\(clear\); use a copy, dict\(value\), and put it into a new state"):
        State({"a": {}})["a"].clear()


@pytest.mark.parametrize("change", DICT_CHANGES)
def test_a_dict_of_a_state_cannot_be_changed(change: Callable[[Any], Any]) -> None:
    value = State({"a": {"a": 1}})["a"]
    with pytest.raises(TypeError, match=r"^a state's dict is immutable \(.*\); use .*"):
        change(value)
    value.__init__({"b": 5})
    assert value == {"a": 1}


def test_every_method_of_lists_and_dicts_that_changes_them_is_refused() -> None:
    for kind, frozen in ((list, FrozenList), (dict, FrozenDict)):
        plain = kind((("a", 1),)) if kind is dict else [1]
        for name in dir(kind):
            for args in ((), (0,), ("a",), (0, 1), ("a", 1), ([1],), ({"b": 1},)):
                before = copy.copy(plain)
                try:
                    getattr(before, name)(*args)
                except Exception:
                    continue
                if before != plain and name != "__init__":
                    with pytest.raises(TypeError, match="is immutable"):
                        getattr(frozen(plain), name)(*args)


def test_copies_of_frozen_values_are_plain() -> None:
    value = State({"a": [[1], {"b": [2]}]})["a"]
    assert (type(value), type(value[0]), type(value[1])) == (FrozenList, FrozenList, FrozenDict)
    plain = [value.copy(), value + [], value[:], list(value), copy.copy(value), value * 1, [*value]]
    assert all(type(one) is list and one == value for one in plain)
    plain_dicts = [value[1].copy(), value[1] | {}, dict(value[1]), copy.copy(value[1]), {**value[1]}]
    assert all(type(one) is dict and one == value[1] for one in plain_dicts)
    deep = copy.deepcopy(value)
    deep[0].append(5)
    deep[1]["b"].append(6)
    assert deep == [[1, 5], {"b": [2, 6]}]
    assert value == [[1], {"b": [2]}]


def test_frozen_values_are_lists_and_dicts_for_everybody_else() -> None:
    value = State({"a": [1, {"b": [2]}]})["a"]
    assert isinstance(value, list)
    assert json.dumps(value) == '[1, {"b": [2]}]'
    assert repr(value) == "[1, {'b': [2]}]"
    again = pickle.loads(pickle.dumps(value))
    assert (type(again), type(again[1]), again) == (FrozenList, FrozenDict, value)
    match value:
        case [1, {"b": [two]}]:
            assert two == 2
        case _:
            raise AssertionError


class Point(NamedTuple):
    x: Any
    y: Any = 0


class Marked(list[int]):
    pass


def test_the_frozen_form_of_each_kind_of_value() -> None:
    something = object()
    state = State({
        "object": something, "list": Marked([1]), "dict": OrderedDict(a=[1]), "set": {1}, "tuple": ([1], 2),
        "point": Point([1]), "same": (1, (2, "x")), "frozen": FrozenList([[1]]),
    })  # fmt: skip
    assert state["object"] is something
    assert type(state["list"]) is FrozenList
    assert type(state["dict"]) is FrozenDict
    assert type(state["dict"]["a"]) is FrozenList
    assert type(state["set"]) is frozenset
    assert type(state["tuple"]) is tuple
    assert type(state["tuple"][0]) is FrozenList
    assert type(state["point"]) is Point
    assert type(state["point"].x) is FrozenList
    assert type(state["frozen"][0]) is FrozenList
    same = (1, Point(2))
    assert State({"a": same})["a"] is same
    assert state.update(b=state["list"])["b"] is state["list"]  # frozen once


# Changes of one state do not affect others

KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


class States(RuleBasedStateMachine):
    """States compared with plain dicts: a change of one state leaves all others as they were."""

    @initialize(values=st.dictionaries(KEYS, VALUES | st.lists(VALUES, max_size=4)))
    def begin(self, values: dict[str, Any]) -> None:
        self.given = values
        self.all = [(State(values), copy.deepcopy(values))]

    def add(self, state: State, values: dict[str, Any]) -> None:
        assert state == values
        self.all.append((state, values))

    def pick(self, data: st.DataObject) -> tuple[State, dict[str, Any]]:
        state, values = data.draw(st.sampled_from(self.all))
        return state, copy.deepcopy(values)

    @rule(data=st.data(), key=KEYS, value=VALUES)
    def update(self, data: st.DataObject, key: str, value: Any) -> None:
        state, values = self.pick(data)
        self.add(state.update(**{key: value}), {**values, key: copy.deepcopy(value)})

    @rule(data=st.data(), key=KEYS, value=VALUES)
    def append(self, data: st.DataObject, key: str, value: Any) -> None:
        state, values = self.pick(data)
        if isinstance(values.get(key, []), list):
            self.add(state.append(**{key: value}), {**values, key: [*values.get(key, []), copy.deepcopy(value)]})
        else:
            with pytest.raises(StateError, match="cannot append to"):
                state.append(**{key: value})

    @rule(data=st.data(), changes=st.dictionaries(KEYS, st.lists(VALUES, max_size=3), max_size=3))
    def extend(self, data: st.DataObject, changes: dict[str, list[Any]]) -> None:
        state, values = self.pick(data)
        if all(isinstance(values.get(key, []), list) for key in changes):
            longer = {key: values.get(key, []) + copy.deepcopy(more) for key, more in changes.items()}
            self.add(state.extend(**changes), {**values, **longer})
        else:
            with pytest.raises(StateError, match="cannot extend"):
                state.extend(**changes)

    @rule(data=st.data(), key=KEYS, by=st.integers())
    def increment(self, data: st.DataObject, key: str, by: int) -> None:
        state, values = self.pick(data)
        before = values.get(key, 0)
        if type(before) is int:
            self.add(state.increment(**{key: by}), {**values, key: before + by})
        else:
            with pytest.raises(StateError, match="is not an integer"):
                state.increment(**{key: by})

    @rule(data=st.data(), keys=st.sets(KEYS))
    def leave_out(self, data: st.DataObject, keys: set[str]) -> None:
        state, values = self.pick(data)
        self.add(state.wipe(delete=keys), {key: value for key, value in values.items() if key not in keys})
        kept = {key: value for key, value in values.items() if key in keys}
        self.add(state.wipe(keep=keys), kept)
        self.add(state.subset(*keys), kept)

    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        (one, values), (other, more) = self.pick(data), self.pick(data)
        self.add(one.merge(other), {**values, **more})

    @rule(data=st.data())
    def save_and_load(self, data: st.DataObject) -> None:
        state, values = self.pick(data)
        self.add(State.deserialize(json.loads(json.dumps(state.serialize()))), values)

    @rule()
    def change_what_the_first_was_made_of(self) -> None:
        for value in self.given.values():
            if isinstance(value, list):
                value.append("later")
        self.given["later"] = 1

    @invariant()
    def every_state_is_what_it_was(self) -> None:
        for state, values in getattr(self, "all", ()):
            assert state == values


TestStates = States.TestCase


def test_threads_can_append_to_one_state_at_once() -> None:
    base = State({"log": ["first"]}).append(log="second")
    start = threading.Barrier(8)
    ends: dict[int, list[State]] = {}

    def work(name: int) -> None:
        start.wait()
        for turn in range(50):
            state = base
            for number in range(5):
                state = state.append(log=(name, turn, number))
            ends.setdefault(name, []).append(state)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert base == {"log": ["first", "second"]}
    assert len(ends) == 8
    for name, states in ends.items():
        for turn, state in enumerate(states):
            assert state["log"] == ["first", "second", *((name, turn, number) for number in range(5))]


class Slow(list[Any]):
    """A store that lets other threads run between a check of its length and the next operation."""

    def __len__(self) -> int:
        length = super().__len__()
        clock.sleep(0.01)
        return length


def test_only_one_of_two_threads_goes_on_in_the_same_store() -> None:
    base = SharedList(Slow(["first"]))
    ends: dict[str, SharedList] = {}
    threads = [
        threading.Thread(target=lambda name=name: ends.update({name: base.appended([name])}))  # type: ignore[misc]
        for name in ("a", "b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: end.view() for name, end in ends.items()} == {"a": ["first", "a"], "b": ["first", "b"]}


# As JSON


class Mood(enum.Enum):
    GOOD = "good"
    BAD = object()  # its value is not JSON, but its name is


class Rights(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Level(enum.IntEnum):
    LOW = 1


@dataclass
class Note:
    text: str
    when: date | None = None
    marks: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Price:
    amount: Decimal
    tax: Decimal = field(init=False)
    rate: InitVar[int] = 10

    def __post_init__(self, rate: int) -> None:
        object.__setattr__(self, "amount", self.amount * 2)
        object.__setattr__(self, "tax", self.amount / rate)


class Film(BaseModel):
    model_config = ConfigDict(strict=True)

    title: str
    seen: datetime | None = Field(None, alias="seenAt")
    parts: list[Film] = []
    rating: float = 1.0
    link: HttpUrl | None = None


REGISTERED = (Mood, Rights, Level, Note, Price, Film, Point)
SERDE = Serde(types=REGISTERED)
BERLIN = ZoneInfo("Europe/Berlin")


def through_json(state: State, serde: Serde = SERDE) -> State:
    text = json.dumps(state.serialize(serde), allow_nan=False)
    return State.deserialize(json.loads(text), serde)


@pytest.mark.parametrize("value", [
    datetime(2026, 1, 2, 3, 4, 5, 6), datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 10, 25, 2, 30, fold=1),
    datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN), datetime(2026, 1, 2, tzinfo=timezone(timedelta(minutes=-90))),
    date(2026, 1, 2), time(1, 2, 3), time(1, 2, tzinfo=UTC), time(1, 2, tzinfo=BERLIN), timedelta(-1, 5, 7),
    Decimal("1.10"), Decimal("NaN"), uuid.uuid4(), b"\x00\xff", frozenset({1, "a", (1, 2)}), (), ((1,), [2]), {1, 2},
    math.inf, -math.inf, 1.5, -0.0, 2**80, True, None, "", [], {}, {1: "a", "1": "b", (1, 2): [3], None: {}},
    {"$kind": "date", "value": "x"}, {"$kind": {"$kind": 1}}, {"a": [{"b": ({"c"},)}]},
    Mood.GOOD, Mood.BAD, Rights.READ | Rights.WRITE, Rights(0), Level.LOW, Point(1, (2,)), {Mood.GOOD: Level.LOW},
    Note("a", date(2026, 1, 2), [{"x": {1}}, Note("b")]), Price(Decimal(1)),
    Film(title="a"), Film(title="a", seenAt=datetime(2026, 1, 2), parts=[Film(title="b", rating=math.inf)]),
    Film(title="a", link=HttpUrl("https://example.org")),
])  # fmt: skip
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    state = State({"value": [value], "plain": 1})
    again = through_json(state)["value"][0]
    assert type(again) is type(state["value"][0])
    assert kinds(again) == kinds(state["value"][0])
    assert again == value or again != again  # NaN
    for name in ("tzinfo", "fold"):
        assert getattr(again, name, None) == getattr(value, name, None)


def test_a_time_that_pydantic_has_read_comes_back() -> None:
    text = '{"title": "a", "seenAt": "2026-01-02T00:00:00+02:00"}'
    film = Film.model_validate_json(text)
    assert through_json(State({"film": film, "seen": film.seen})) == {"film": film, "seen": film.seen}


def test_not_a_number_comes_back() -> None:
    again = through_json(State({"a": math.nan, "film": Film(title="a", rating=math.nan)}))
    assert math.isnan(again["a"])
    assert math.isnan(again["film"].rating)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.dates()
    | st.datetimes(timezones=st.none() | st.just(UTC) | st.timezones()) | st.times() | st.timedeltas()
    | st.decimals(allow_nan=False) | st.uuids() | st.sampled_from(Mood) | st.sampled_from(Rights)
)  # fmt: skip
KEYS_OF_ANY_KIND = st.text(max_size=3) | st.just("$kind") | st.integers() | st.tuples(st.integers(), st.dates())
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS_OF_ANY_KIND, inner, max_size=4)
        | st.tuples(inner, inner)
        | st.sets(st.integers() | st.text(), max_size=4)
        | st.builds(Point, inner, inner)
        | st.builds(Note, st.text(max_size=3), st.none() | st.dates(), st.lists(inner, max_size=2))
    ),
    max_leaves=12,
)


def kinds(value: Any) -> Any:
    """Return a description that differs for equal values of different types, such as 1, 1.0 and True."""
    inside = vars(value) if isinstance(value, Note) else value
    if isinstance(inside, dict):
        return type(value), [(kinds(key), kinds(item)) for key, item in inside.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [kinds(item) for item in value]
    return type(value), {type(item) for item in value} if isinstance(value, (set, frozenset)) else repr(value)


@given(st.dictionaries(st.text() | st.just("$kind"), ANYTHING, max_size=4))
def test_every_state_comes_back_as_it_was(values: dict[str, Any]) -> None:
    state = State(values)
    again = through_json(state)
    assert again == state == values
    assert kinds(again.get_all()) == kinds(state.get_all())


@given(st.sets(st.text(max_size=3) | st.integers()))
def test_equal_sets_are_saved_as_the_same_text(values: set[Any]) -> None:
    backwards: set[Any] = set()
    for value in reversed(list(values)):
        backwards.add(value)
    assert State({"a": values}).serialize() == State({"a": backwards}).serialize()


def test_the_saved_form_is_readable() -> None:
    assert State({"n": 1, "log": [{"role": "user"}], "at": date(2026, 1, 2), "pair": (1, 2)}).serialize() == {
        "n": 1,
        "log": [{"role": "user"}],
        "at": {"$kind": "date", "value": "2026-01-02"},
        "pair": {"$kind": "tuple", "items": [1, 2]},
    }


def test_the_saved_form_is_a_mutable_copy() -> None:
    state = State({"a": [1, {"b": [2]}]})
    data = state.serialize()
    data["a"][1]["b"].append(3)
    assert state == {"a": [1, {"b": [2]}]}


class Zone(tzinfo):
    def utcoffset(self, when: datetime | None) -> timedelta | None:
        return timedelta(0) if when else None


class Word(str):
    __slots__ = ()


class Hidden(BaseModel):
    secret: SecretStr


class Excluded(BaseModel):
    a: int = Field(1, exclude=True)


@pytest.mark.parametrize(("value", "message"), [
    (object(), r"^the field 'f' cannot be saved: it is <object .*>, of the class object, which cannot be saved as JSON; .*register_field"),
    ([1, {"a": (2, object())}], r"^the field 'f' cannot be saved \(at \[1\]\['a'\]\[1\]\): it is <object"),
    (Word("a"), "of the class Word, which cannot be saved as JSON"),
    (1j, "of the class complex, which cannot be saved as JSON"),
    ({Word("a"): 1}, r"\(at \['a'\]\): it is 'a', of the class Word, which cannot be saved as JSON"),
    (Note("a", marks=[object()]), r"\(at \['marks'\]\[0\]\): it is <object"),
    (datetime(2026, 1, 2, tzinfo=Zone()), "its time zone must be a fixed offset from UTC or a zoneinfo.ZoneInfo, got <.*Zone.*>"),
])  # fmt: skip
def test_a_value_that_cannot_be_saved_is_named(value: Any, message: str) -> None:
    with pytest.raises(StateError, match=message):
        State({"f": value}).serialize(SERDE)


@pytest.mark.parametrize("value", [Hidden(secret=SecretStr("x")), Excluded(a=2)])
def test_a_model_that_pydantic_does_not_save_completely_is_refused(value: Any) -> None:
    serde = Serde(types=[type(value)])
    with pytest.raises(StateError, match="'f' cannot be saved: this .* is not the same after pydantic has written it"):
        State({"f": value}).serialize(serde)


@pytest.mark.parametrize("value", [Mood.GOOD, Note("a"), Film(title="a"), Point(1)])
def test_classes_are_saved_and_read_when_they_were_named(value: Any) -> None:
    name = type(value).__name__
    how = rf"'tests.app.test_state:{name}', which is not registered; put @register_class on it, or use Serde\(types=\[{name}\]\)"
    with pytest.raises(StateError, match=rf"^the field 'f' cannot be saved: it is of the class {how}$"):
        State({"f": value}).serialize()
    with pytest.raises(StateError, match=rf"^the field 'f' cannot be read: it is of the class {how}$"):
        State.deserialize(State({"f": value}).serialize(SERDE))


def test_a_class_can_be_registered_for_the_whole_process() -> None:
    @register_class
    @dataclass
    class Local:
        a: int = 1

    assert through_json(State({"f": Local(2)}), Serde()) == {"f": Local(2)}
    assert through_json(State({"f": Local(2)}), DEFAULT) == {"f": Local(2)}


def test_only_the_class_that_was_named_is_used() -> None:
    def make() -> type:
        @dataclass
        class Local:
            a: int = 1

        return Local

    one, other = make(), make()
    with pytest.raises(StateError, match="another class is registered under that name"):
        State({"f": one()}).serialize(Serde(types=[other]))
    assert through_json(State({"f": other()}), Serde(types=[one, other])) == {"f": other()}


@pytest.mark.parametrize("cls", [int, object, Marked, Serde, "name"])
def test_only_classes_whose_instances_can_be_saved_are_registered(cls: Any) -> None:
    got = f"the class {cls.__name__}" if isinstance(cls, type) else "str"
    expected = "the class of an enum, a dataclass, a named tuple or a pydantic model"
    with pytest.raises(
        StateError, match=rf"^a registered class must be {expected}, got {got}; .* register_field_serde\("
    ):
        register_class(cls)


@pytest.mark.parametrize(
    "path", ["os:system", "subprocess:Popen", "builtins:eval", "", "antigravity:x", 5, None, ["x"]]
)
@pytest.mark.parametrize("kind", ["enum", "dataclass", "namedtuple", "model"])
def test_data_cannot_choose_imports_or_calls(kind: str, path: Any) -> None:
    modules = set(sys.modules)
    with pytest.raises(StateError, match="the field 'f' cannot be read"):
        State.deserialize({"f": {"$kind": kind, "class": path, "fields": {"args": "true"}, "name": "x"}}, SERDE)
    assert "antigravity" not in set(sys.modules) - modules


def test_a_class_is_not_read_as_another_kind() -> None:
    data = State({"f": Note("a")}).serialize(SERDE)
    data["f"]["$kind"] = "enum"
    with pytest.raises(StateError, match="another class is registered under that name"):
        State.deserialize(data, SERDE)


@pytest.mark.parametrize("data", [
    {"$kind": "date"}, {"$kind": "date", "value": 5}, {"$kind": "date", "value": "x"}, {"$kind": "decimal", "value": "x"},
    {"$kind": "no"}, {"$kind": None}, {"$kind": ["date"]}, {"$kind": "bytes", "value": "?"}, {"$kind": "tuple"},
    {"$kind": "set", "items": [[1]]}, {"$kind": "dict", "items": [[[], 1]]}, {"$kind": "dict", "items": [1]},
    {"$kind": "datetime", "value": "2026-01-02", "zone": "../../etc/passwd"}, {"$kind": "field"},
    {"$kind": "datetime", "value": "2026-01-02", "zone": "No/Where"}, {"$kind": "field", "value": 1},
    {"$kind": "enum", "class": "tests.app.test_state:Mood", "name": "UGLY"}, object(), (1, 2),
    {"$kind": "dataclass", "class": "tests.app.test_state:Note", "fields": {"no": 1, "text": "a"}},
    {"$kind": "dataclass", "class": "tests.app.test_state:Note", "fields": {}},
    {"$kind": "model", "class": "tests.app.test_state:Film", "fields": {"title": 1}},
])  # fmt: skip
def test_data_that_serialize_never_returns_is_refused_by_name(data: Any) -> None:
    with pytest.raises(StateError, match="^the field 'f' cannot be read"):
        State.deserialize({"f": data}, SERDE)


JSON = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(["2026-01-02", "1", "nan"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "items", "fields", "name", "zone", "fold", "a"]), inner, max_size=4)
        | st.builds(
            lambda kind, more: {"$kind": kind, **more},
            st.sampled_from(["datetime", "time", "date", "timedelta", "decimal", "uuid", "bytes", "float", "tuple", "set"])
            | st.sampled_from(["frozenset", "dict", "field", "enum", "dataclass", "namedtuple", "model"])
            | inner,
            st.fixed_dictionaries(
                {},
                optional={
                    "value": inner,
                    "items": st.lists(inner, max_size=3) | inner,
                    "class": st.sampled_from([f"tests.app.test_state:{cls.__name__}" for cls in REGISTERED]) | inner,
                    "fields": inner,
                    "name": inner,
                },
            ),
        )
    ),
    max_leaves=10,
)  # fmt: skip


@given(JSON)
def test_whatever_is_read_gives_a_state_or_a_named_error(data: Any) -> None:
    try:
        state = State.deserialize({"f": data}, SERDE)
    except StateError as error:
        assert str(error).startswith("the field 'f' cannot be read")
    else:
        assert list(state) == ["f"]


def test_data_that_is_not_a_mapping_is_refused() -> None:
    with pytest.raises(StateError, match="^the data of a state must be a mapping, got list$"):
        State.deserialize([1])  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_value_that_is_nested_too_deeply_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(StateError, match="'f' cannot be read: it is nested too deeply"):
        State.deserialize({"f": deep})
    endless = Note("a")
    endless.marks.append(endless)
    with pytest.raises(StateError, match="'f' cannot be saved: it is nested too deeply, or contains itself"):
        State({"f": endless}).serialize(SERDE)
    while deep:
        deep = deep.pop()


# As pydantic models


class Talk(BaseModel):
    """A conversation."""

    model_config = ConfigDict(validate_assignment=True)

    prompt: str
    history: list[Any] = []
    answer: str = Field("", alias="Answer")
    count: int = Field(0, ge=0)
    film: Film | None = None

    @field_validator("prompt")
    @classmethod
    def stripped(cls, value: str) -> str:
        return value.strip()

    @field_validator("*", mode="before")
    @classmethod
    def not_bad(cls, value: Any) -> Any:
        assert value != "bad"
        return value

    @model_validator(mode="after")
    def whole(self) -> Talk:
        assert self.answer != self.prompt
        return self

    def words(self) -> int:
        return len(self.prompt.split())

    @property
    def shout(self) -> str:
        return self.prompt.upper()


def test_data_is_an_instance_of_the_model() -> None:
    state = State({"prompt": " hi ", "answer": "yes", "other": 1}).with_typing_system(PydanticTypingSystem(Talk))
    assert isinstance(state.data, Talk)
    assert (state.data.prompt, state.data.answer, state.data.history) == ("hi", "yes", [])
    assert state.data is state.data
    assert state.append(history=1).data.history == [1]
    assert repr(state.typing_system) == "PydanticTypingSystem(Talk)"


def test_without_a_typing_system_data_is_the_state() -> None:
    state = State({"a": 1})
    assert state.typing_system is None
    assert state.data is state


def test_data_that_does_not_fit_is_an_error_that_names_the_model() -> None:
    state = State({"answer": 1}, PydanticTypingSystem(Talk))
    with pytest.raises(StateError, match=r"^the state is not a valid Talk: 2 validation errors") as caught:
        state.data  # noqa: B018
    assert isinstance(caught.value.__cause__, ValidationError)


@pytest.mark.parametrize("wrong", [dict, 5, Talk.model_construct()], ids=lambda wrong: type(wrong).__name__)
def test_a_typing_system_of_models_takes_the_class_of_one(wrong: Any) -> None:
    got = "the class dict" if wrong is dict else type(wrong).__name__
    with pytest.raises(
        StateError, match=f"^the model of PydanticTypingSystem must be the class of a pydantic model, got {got}$"
    ):
        PydanticTypingSystem(wrong)


def test_a_wrong_typing_system_is_refused_where_it_is_set() -> None:
    wrong: Any = Talk
    message = r"^typing_system must be an object with a method construct_data\(state\), got the class Talk; .* PydanticTypingSystem\("
    for give in (
        lambda: State({}, wrong),
        lambda: State().with_typing_system(wrong),
        lambda: ApplicationBuilder().with_actions(it=Result()).with_entrypoint("it").with_typing(wrong).build(),
    ):
        with pytest.raises(StateError, match=message):
            give()


def test_a_change_of_data_does_not_change_the_state() -> None:
    values = {"prompt": "a", "history": [[1], (Note("x"), {"k": []})], "film": Film(title="f")}
    state = State(values, PydanticTypingSystem(Talk))
    data = state.data
    data.history.append(2)
    data.history[0].append(2)
    data.history[1][0].text = "y"
    data.history[1][1]["k"].append(1)
    assert data.film is not None
    data.film.title = "g"
    assert state == {"prompt": "a", "history": [[1], (Note("x"), {"k": []})], "film": Film(title="f")}


@dataclass
class Shelf:
    mood: Mood
    again: Shelf | None = None


if TYPE_CHECKING:
    OnlyForTypeCheckers = Mood


@dataclass
class Unclear:
    mood: OnlyForTypeCheckers


class Library(BaseModel):
    films: dict[str, list[Film]] = {}
    shelf: Shelf | None = None
    point: Point | None = None


def test_the_classes_of_a_models_fields_are_saved_with_the_state() -> None:
    values = {"films": {"a": [Film(title="f")]}, "shelf": Shelf(Mood.GOOD, Shelf(Mood.BAD)), "point": Point(1)}
    state = State(values, PydanticTypingSystem(Library))
    again = through_json(state, DEFAULT)
    assert again == state
    assert again.typing_system is None
    assert again.with_typing_system(PydanticTypingSystem(Library)).data == state.data


def test_fields_whose_types_are_unknown_at_run_time_are_registered_by_hand() -> None:
    class Card(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)

        note: Annotated[Unclear, SkipValidation]

    values = {"note": Unclear(Mood.GOOD)}
    state = State(values, PydanticTypingSystem(Card))
    with pytest.raises(
        StateError, match="'note' cannot be saved .*: it is of the class .*:Mood', which is not registered"
    ):
        state.serialize()
    assert through_json(state, Serde(types=[Mood])) == values


def test_a_model_of_some_fields_has_those_only() -> None:
    part = fields_model(Talk, ["prompt", "count"], unset=["answer", "count"])
    assert (part.__name__, part.__doc__, list(part.model_fields)) == (
        "Talk", "A conversation.", ["prompt", "count", "answer"],
    )  # fmt: skip
    made: Any = instance_of(part, State({"prompt": " a b ", "count": 2, "history": [1]}))
    assert (made.prompt, made.count, made.words(), made.shout) == ("a b", 2, 2, "A B")
    for name in ("history", "answer"):
        with pytest.raises(AttributeError, match=name):
            getattr(made, name)
    made.count += 1
    made.answer = "c"
    assert state_of(made, ["answer", "count"]) == {"answer": "c", "count": 3}
    for bad in ({"prompt": 1}, {"prompt": "bad"}, {}, {"prompt": "a", "count": -1}):
        with pytest.raises(ValidationError):
            instance_of(part, bad)
    with pytest.raises(ValidationError):
        made.count = -1


def test_fields_that_are_not_set_yet_are_held_to_the_model_as_well() -> None:
    made: Any = instance_of(fields_model(Talk, [], unset=["count"]), {"count": 5}, names=[])
    with pytest.raises(ActionError, match="^the field 'count' of Talk was not set, but is declared in writes$"):
        state_of(made, ["count"])
    with pytest.raises(ValidationError):
        made.count = -1
    made.count = 3
    assert state_of(made) == {"count": 3}


def test_a_model_of_all_fields_is_the_model_itself() -> None:
    assert fields_model(Film, [*Film.model_fields, "title"]) is Film
    assert fields_model(Film, [], Film.model_fields) is not Film


def test_fields_that_are_not_in_the_model_are_named() -> None:
    message = "^Film does not have the field 'no', 'nor'; it has 'title', 'seen', 'parts', 'rating', 'link'$"
    with pytest.raises(ActionError, match=message):
        fields_model(Film, ["title", "no"], ["nor"])
    with pytest.raises(ActionError, match="^Film does not have the field 'no'; it has"):
        state_of(Film(title="a"), ["no"])


def test_state_of_returns_the_values_of_an_instance() -> None:
    part = Film(title="b")
    film = Film(title="a", parts=[part])
    values = state_of(film, ["title", "parts"])
    assert values == {"title": "a", "parts": [part]}
    assert values["parts"][0] is part
    assert State().update(**state_of(film)) == dict(film)


def test_states_are_imported_without_pydantic() -> None:
    code = "import sys, declarai_like.app.state.state; sys.exit('pydantic' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
