"""A typed answer that is being written: what is shown of it is true, stays the same object, and becomes the answer."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import json
import pickle
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    TypeAdapter,
    ValidationInfo,
    model_validator,
)

from declarai_like._output.incremental import ABSENT, Missing, PartialDict, PartialList
from declarai_like._output.jsontext import candidates
from declarai_like._output.types.partials import Partial, PartialObject, PartialTypedDict, StreamState, as_json
from declarai_like._output.types.root import AnswerSpec
from tests._output.feeds import PartialFeed
from tests._output.json_texts import CUTS, cut, visible_part
from tests._output.typed_answers import (
    CLEAN,
    PLAIN,
    READ_AGAIN,
    REWRITING,
    TYPES,
    answers,
    keyed_parts,
    one_shot,
    same,
    spec,
)
from tests.conftest import examples

OPEN = (PartialObject, PartialTypedDict, PartialList, PartialDict, StreamState)
SOME = settings(max_examples=examples(200), suppress_health_check=[HealthCheck.filter_too_much])


def read(type_: Any, pieces: Any, **how: Any) -> list[Any]:
    """Return the partial after each piece; None before there is one."""
    reader = PartialFeed(type_, **how)
    return [reader.feed(piece) for piece in pieces]


def partials(name: str, text: str, cuts: list[int] | None) -> list[Any]:
    """Return all partials of a valid answer, with the one at its end."""
    reader = PartialFeed(spec(name))
    received = [reader.feed(piece) for piece in cut(text, cuts)]
    return [partial for partial in [*received, reader.end(one_shot(name, text)[1])] if partial is not None]


def inside(partial: Any) -> Any:
    """Return the value of a partial, to test its type."""
    return partial._read()


def parts(value: Any) -> dict[Any, Any]:
    """Return the parts of a value, open or complete."""
    if isinstance(value, PartialTypedDict | PartialDict | PartialObject):
        return dict(value)
    return dict(enumerate(value)) if isinstance(value, PartialList) else dict(keyed_parts(value))


def became(before: Any, after: Any) -> bool:
    """Return True if a value may have become another: strings grew, parts arrived, complete parts are unchanged."""
    if isinstance(before, OPEN):
        if isinstance(after, set | frozenset):
            return all(member in after for member in list(before)[:-1])
        known, now = parts(before), parts(after)
        return all(key in now and became(known[key], now[key]) for key in known)
    if isinstance(before, str) and isinstance(after, str):
        return after.startswith(before)
    return same(before, after)


def complete_parts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the complete parts of a partial, recursively, with their paths."""
    for key, part in parts(value).items():
        if not isinstance(part, (*OPEN, str, int, float, type(None))):
            yield (*path, key), part
        yield from complete_parts(part, (*path, key))


# For all types, answers and cuts


@pytest.mark.slow
@pytest.mark.parametrize("name", TYPES)
@settings(max_examples=examples(20))
@given(st.data(), CUTS)
def test_the_last_partial_is_the_value_of_the_complete_text(
    name: str, data: st.DataObject, cuts: list[int] | None
) -> None:
    text = data.draw(answers(name))
    is_valid, value = one_shot(name, text)
    reader = PartialFeed(spec(name))
    received = [reader.feed(piece) for piece in cut(text, cuts)]
    if is_valid:
        # A fence with null in it, before another one: JSON that is not a container is searched for at the end only
        assume("```\nnull\n```" not in text)
        end = reader.end(value)
        assert same(inside(received[-1] if end is None else end), value)
    else:
        reader.end_without_result()
    # A scalar is an answer only at the end. Text between quotes is a string, and the JSON in it does not count
    assume(not text.strip().startswith('"'))
    likely = next((found for found in candidates(text) if one_shot(name, found)[0]), "")
    assert reader.found is (likely[:1] in ("{", "["))


@SOME
@given(st.sampled_from(sorted(set(CLEAN) - REWRITING)), st.data(), CUTS)
def test_nothing_that_was_shown_is_withdrawn(name: str, data: st.DataObject, cuts: list[int] | None) -> None:
    text = data.draw(answers(name, is_clean=True))
    assume(one_shot(name, text)[0])
    received = [inside(partial) for partial in partials(name, text, cuts)]
    for before, after in pairwise(received):
        assert became(before, after)


@SOME
@given(st.sampled_from(sorted(set(CLEAN) - READ_AGAIN)), st.data(), CUTS)
def test_a_complete_part_stays_the_same_object(name: str, data: st.DataObject, cuts: list[int] | None) -> None:
    text = data.draw(answers(name, is_clean=True))
    assume(one_shot(name, text)[0])
    known: dict[Any, Any] = {}
    for partial in partials(name, text, cuts):
        now = dict(complete_parts(inside(partial)))
        for path, part in known.items():
            if not isinstance(path[-1], str) or path[-1] not in ("extra", "more"):  # not in the schema
                assert now[path] is part
        known = now


@SOME
@given(st.sampled_from(CLEAN), st.data(), CUTS)
def test_a_partial_does_not_change_when_the_answer_goes_on(
    name: str, data: st.DataObject, cuts: list[int] | None
) -> None:
    text = data.draw(answers(name, is_clean=True))
    reader = PartialFeed(spec(name))
    kept: list[tuple[Partial[Any], Any]] = []
    for piece in cut(text, cuts):
        partial = reader.feed(piece)
        if partial is not None:
            kept.append((partial, as_json(partial)))
    for partial, at_once in kept:
        assert as_json(partial) == at_once


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (list[list[int]], "[[1, 2], [3], [4, 5]]"),
        (list[dict[str, int]], '[{"a": 1, "b": 2}, {"a": 3}]'),
        (dict[str, list[str]], '{"a": ["x", "y"], "b": ["long"]}'),
    ],
)
def test_a_partial_that_is_read_late_is_the_value_of_its_own_time(type_: Any, text: str) -> None:
    """A partial is built when it is read, and more may have arrived by then."""
    reader = PartialFeed(type_)
    at_once = [repr(reader.feed(character)) for character in text]
    assert [repr(partial) for partial in read(type_, text)] == at_once


@SOME
@given(st.sampled_from(sorted(PLAIN)), st.data())
def test_all_that_has_arrived_of_the_json_is_shown_and_nothing_else(name: str, data: st.DataObject) -> None:
    text = data.draw(answers(name, is_clean=True))
    assume(one_shot(name, text)[0])
    is_wrapped = spec(name).output_type.is_wrapped and '"value"' in text[:12]
    reader = PartialFeed(spec(name))
    for end in range(1, len(text) + 1):
        partial = reader.feed(text[end - 1])
        expected = visible_part(text[:end])
        if is_wrapped:
            expected = expected.get("value", ABSENT) if isinstance(expected, dict) else ABSENT
        if partial is None:  # the character after the first bracket distinguishes JSON from prose
            assert expected in (ABSENT, {}, [])
        else:
            assert as_json(partial) == without_extra(expected)


def without_extra(value: Any) -> Any:
    """Remove the keys that `answers` adds sometimes, and that are not in the schema of the plain types."""
    if isinstance(value, dict):
        return {key: without_extra(part) for key, part in value.items() if key not in ("extra", "more")}
    return [without_extra(part) for part in value] if isinstance(value, list) else value


# What is shown, and when


class Friend(BaseModel):
    name: Annotated[str, Field(min_length=3)]
    age: int = 0


class Hero(BaseModel):
    name: Annotated[str, Field(min_length=3, pattern="^[A-Z]")]
    age: int | None = None
    born: dt.date | None = None
    kind: Literal["god", "man"] = "man"
    rate: float = 1.0
    friends: list[Friend] = []

    @property
    def title(self) -> str:
        return f"{self.name} the {self.kind}"


class Team(BaseModel):
    heroes: list[Hero]


def shown(type_: Any, *pieces: str, **how: Any) -> list[str]:
    """Return the repr of the partial after each piece."""
    return [repr(partial) for partial in read(type_, pieces, **how)]


def test_strings_grow_and_other_values_appear_with_their_last_character() -> None:
    assert shown(
        Hero, '{"na', 'me": "', "T", 'hor", "age": 1', "5", '0, "born": "0964-01', '-01"', ', "kind": "go', 'd"', ', "rate": 1.5', "}"
    ) == [
        "PartialHero()",
        "PartialHero(name='')",
        "PartialHero(name='T')",
        "PartialHero(name='Thor')",
        "PartialHero(name='Thor')",
        "PartialHero(name='Thor', age=150)",
        "PartialHero(name='Thor', age=150, born=datetime.date(964, 1, 1))",
        "PartialHero(name='Thor', age=150, born=datetime.date(964, 1, 1))",
        "PartialHero(name='Thor', age=150, born=datetime.date(964, 1, 1), kind='god')",
        "PartialHero(name='Thor', age=150, born=datetime.date(964, 1, 1), kind='god')",
        "Hero(name='Thor', age=150, born=datetime.date(964, 1, 1), kind='god', rate=1.5, friends=[])",
    ]  # fmt: skip


def test_with_early_numbers_and_literals_are_shown_as_far_as_they_have_arrived() -> None:
    assert shown(Hero, '{"age": 1', "50", ', "rate": 1.', '5, "born": nu', early=True) == [
        "PartialHero(age=1)",
        "PartialHero(age=150)",
        "PartialHero(age=150, rate=1)",
        "PartialHero(age=150, rate=1.5, born=None)",
    ]


def test_constraints_do_not_hide_incomplete_values() -> None:
    assert shown(Hero, '{"name": "t', "h") == ["PartialHero(name='t')", "PartialHero(name='th')"]
    assert shown(Annotated[list[int], Field(min_length=3)], "[1, ", "2, ") == ["[1]", "[1, 2]"]


def test_a_complete_value_that_is_not_valid_is_left_out() -> None:
    assert shown(Hero, '{"name": "th"', ', "age": "old"', ', "kind": "dog", "rate": 2, ') == [
        "PartialHero()",
        "PartialHero()",
        "PartialHero(rate=2.0)",
    ]
    assert shown(list[int], '[1, "two", 3', ", 4") == ["[1]", "[1, 3]"]
    assert shown(dict[int, int], '{"1": 1, "two": 2, "3": "three"', ', "4": 4, ') == ["{1: 1}", "{1: 1, 4: 4}"]


def test_a_complete_object_that_is_not_valid_stays_as_it_was() -> None:
    reader = PartialFeed(Team)
    last = reader.feed('{"heroes": [{"name": "x", "age": 3}, {"name": "Thor", "friends": [{"age": 1}]}]}')
    assert (
        repr(last)
        == "PartialTeam(heroes=[PartialHero(age=3), PartialHero(name='Thor', friends=[PartialFriend(age=1)])])"
    )


def test_nothing_is_invented_before_the_object_is_complete() -> None:
    before, after = read(Hero, ['{"name": "Thor"', "}"])
    assert not hasattr(before, "age")
    assert "age" not in before
    assert dict(before) == {"name": "Thor"}
    assert after.age is None


def test_a_part_that_has_not_arrived_is_missing_and_the_error_names_it() -> None:
    team = PartialFeed(Team).feed('{"heroes": [{"name": "Th')
    assert team is not None
    with pytest.raises(Missing) as missing:
        team.heroes[0].age  # noqa: B018
    assert str(missing.value) == "Hero.age is not there yet; so far there is name"
    assert isinstance(missing.value, AttributeError)
    assert isinstance(missing.value, KeyError)
    assert isinstance(missing.value, IndexError)
    with pytest.raises(IndexError, match="element 1 is not there yet; there are 1 so far"):
        team.heroes[1]
    with pytest.raises(
        AttributeError, match="^Hero has no field 'agge'; its fields are name, age, born, kind, rate, friends$"
    ):
        team.heroes[0].agge  # noqa: B018
    assert getattr(team.heroes[0], "age", "?") == "?"
    assert str(read(Team, ['{"x": 1'])[0]) == "PartialTeam()"
    with pytest.raises(Missing, match=r"^Team\.heroes is not there yet; so far there is nothing$"):
        read(Team, ['{"x": 1'])[0].heroes  # noqa: B018


def test_methods_and_properties_are_missing_until_the_object_is_complete() -> None:
    before, after = read(Hero, ['{"name": "Thor"', "}"])
    with pytest.raises(Missing, match=r"^Hero\.title is there when the Hero is complete$"):
        before.title  # noqa: B018
    assert before.get(lambda hero: hero.title) is None
    assert after.get(lambda hero: hero.title) == "Thor the man"


class Film(TypedDict):
    title: str
    year: int


class Town(NamedTuple):
    name: str
    size: int = 0


@dataclasses.dataclass
class Point:
    x: int
    heroes: tuple[Hero, Hero]


class Word(RootModel[str]):
    pass


class Names(RootModel[list[Hero]]):
    pass


def test_open_objects_of_each_kind() -> None:
    assert shown(list[Film], '[{"title": "A', '", "year": 1', "}") == [
        "[{'title': 'A'}]",
        "[{'title': 'A'}]",
        "[{'title': 'A', 'year': 1}]",
    ]
    with pytest.raises(KeyError, match="'year' is not there yet; so far there is title"):
        read(list[Film], ['[{"title": "A'])[0][0]["year"]
    assert shown(list[Town], '[["Par', 'is", ', "3]") == ["[['Par']]", "[['Paris']]", "[Town(name='Paris', size=3)]"]
    assert shown(dict[dt.date, list[int]], '{"2020-01-0', '1": ', "[1, ", "2]") == [
        "{}",
        "{}",
        "{datetime.date(2020, 1, 1): [1]}",
        "{datetime.date(2020, 1, 1): [1, 2]}",
    ]
    assert shown(set[int], "[1, ", "1, ", "2]") == ["[1]", "[1, 1]", "{1, 2}"]
    assert shown(Point, '{"x": 1, "heroes": [{"name": "T') == ["PartialPoint(x=1, heroes=[PartialHero(name='T')])"]


def test_an_open_root_model_is_read_like_a_complete_one() -> None:
    before, after = read(Names, ['{"value": [{"name": "Tho', 'r"}]}'])
    assert before.root[0].name == "Tho"
    assert before.get(lambda names: names.root[0].name) == "Tho"
    assert after.root[0] == Hero(name="Thor")
    assert type(inside(after)) is Names
    assert shown(list[Word], '["a', '"') == ["[]", "[Word(root='a')]"]
    assert shown(dict[str, Names], '{"a": [') == ["{'a': PartialNames(root=[])}"]


def test_a_string_of_another_type_does_not_grow() -> None:
    from pydantic import SecretStr

    assert shown(list[SecretStr], '["pass', 'word"') == ["[]", "[SecretStr('**********')]"]
    assert shown(list[dt.date | str], '["2020-01', '-01", "a', '"') == [
        "[]",
        "[datetime.date(2020, 1, 1)]",
        "[datetime.date(2020, 1, 1), 'a']",
    ]
    assert shown(list[Literal["a", "ab"]], '["a', 'b"') == ["[]", "['ab']"]


def test_a_repeated_field_replaces_the_first() -> None:
    first, second, last = read(Friend, ['{"name": "Ann", "age": 1, ', '"age": 2', "}"])
    assert first.age == 1
    assert second.age == 1
    assert last.get(lambda friend: friend.age) == 2


def test_computed_fields_and_init_vars_of_a_dataclass_are_not_shown() -> None:
    @dataclasses.dataclass
    class Made:
        x: int
        twice: int = dataclasses.field(init=False)
        factor: dataclasses.InitVar[int] = 2

        def __post_init__(self, factor: int) -> None:
            self.twice = self.x * factor

    before, after = read(Made, ['{"factor": 3, "x": 1, "twice": 5', "}"])
    assert dict(before) == {"x": 1}
    assert inside(after) == Made(x=1, factor=3)
    assert after.twice == 3


def test_lone_surrogates_are_not_valid_text() -> None:
    assert shown(list[str], '["a", "\\ud800", "b"]') == ["['a', 'b']"]
    for type_, text in {
        "list[Any]": (list[Any], '["\\ud800"]'),
        "in something of any type": (list[Any], '[{"a": ["\\ud83d", 1]}]'),
        "in a value that is not in the schema": (Team, '{"heroes": [], "other": {"a": "\\udc00"}}'),
        "in its key": (Team, '{"heroes": [], "\\udc00": 1}'),
        "in a key": (dict[str, int], '{"\\ud800": 1}'),
        "beside the wrapped": (list[int], '{"value": [1], "\\ud800": 1}'),
    }.values():
        reader = PartialFeed(type_)
        reader.feed(text)
        assert not reader.found
    assert shown(list[Any], '[{"a": "\\ud83d\\ude00"}, "\\\\ud800"]') == ["[{'a': '😀'}, '\\\\ud800']"]


# Identity


def grow(type_: Any, text: str) -> list[Any]:
    """Return all partials, one for each character."""
    return [partial for partial in read(type_, text) if partial is not None]


class Club(BaseModel):
    teams: dict[str, Team]
    pair: tuple[Hero, Point]
    either: list[Hero | Friend | int]


def test_a_complete_part_is_the_same_object_in_all_later_partials() -> None:
    thor = {"name": "Thor", "friends": [{"name": "Odin"}, {"name": "Loki"}]}
    point = {"x": 1, "heroes": [thor, thor]}
    text = json.dumps(
        {"teams": {"a": {"heroes": [thor, thor]}}, "pair": [thor, point], "either": [thor, {"name": "Ann"}]}
    )
    getters: dict[str, Any] = {
        "in a list in a model in a list": lambda club: club.teams["a"].heroes[0].friends[1],
        "in a dict": lambda club: club.teams["a"],
        "in a tuple": lambda club: club.pair[0],
        "in a dataclass in a tuple": lambda club: club.pair[1].heroes[1].friends[0],
        "a tuple": lambda club: club.pair[1].heroes,
        "in a member of a union": lambda club: club.either[0].friends[0],
        "a list in it": lambda club: club.either[0].friends,
        "a member of a union": lambda club: club.either[1],
    }
    found: dict[str, list[Any]] = {name: [] for name in getters}
    for partial in grow(Club, text):
        for name, getter in getters.items():
            part = partial.get(getter)
            if part is not None:
                found[name].append(part)
    for name, objects in found.items():
        assert len(objects) > 1, name
        assert all(each is objects[0] for each in objects), name


def count(calls: list[Any]) -> AfterValidator:
    """Return a validator that records its calls."""

    def record(value: Any) -> Any:
        calls.append(copy.copy(value))
        return value

    return AfterValidator(record)


def test_each_part_is_validated_once() -> None:
    calls: list[Any] = []

    class Part(BaseModel):
        name: Annotated[str, count(calls)]
        numbers: Annotated[list[Annotated[int, count(calls)]], count(calls)]

        @model_validator(mode="after")
        def check(self) -> Part:
            calls.append(f"{self.name} is complete")
            return self

    class All(BaseModel):
        parts: dict[Annotated[str, count(calls)], tuple[Part, Annotated[set[int], count(calls)]]]

    text = '{"parts": {"a": [{"name": "x", "numbers": [1, 2]}, [3]], "b": [{"name": "y", "numbers": []}, []]}}'
    read(All, text)
    assert calls == ["a", "x", 1, 2, [1, 2], "x is complete", {3}, "b", "y", [], "y is complete", set()]


def test_parts_are_validated_again_if_only_the_complete_object_decides_what_they_are() -> None:
    calls: list[Any] = []

    class Before(BaseModel):
        names: list[Annotated[str, count(calls)]]

        @model_validator(mode="before")
        @classmethod
        def rename(cls, values: Any) -> Any:
            return values

    last = read(list[Before], '[{"names": ["a"]}, ')[-1]
    assert calls == ["a", "a"]
    assert last[0].names == ["a"]


def test_what_a_users_validator_raises_by_mistake_is_raised() -> None:
    def fail(value: int) -> int:
        raise KeyError("a mistake")

    with pytest.raises(KeyError, match="a mistake"):
        read(list[Annotated[int, AfterValidator(fail)]], ["[1]"])


@pytest.mark.parametrize("error", [ValueError("no"), AssertionError("no")])
def test_a_value_that_a_users_validator_refuses_is_left_out(error: Exception) -> None:
    def refuse(value: int) -> int:
        if value == 1:
            raise error
        return value

    assert shown(list[Annotated[int, AfterValidator(refuse)]], "[1, ", "2") == ["[]", "[]"]
    assert shown(list[Annotated[int, AfterValidator(refuse)]], "[1, 2]") == ["[2]"]


def test_a_validator_that_looks_at_the_fields_before_it_is_not_called_without_them() -> None:
    received: list[Any] = []

    def check(value: int, info: ValidationInfo) -> int:
        received.append(info.data["low"])
        return value

    class Range(BaseModel):
        low: int
        high: Annotated[int, AfterValidator(check)]

    assert shown(list[Range], '[{"low": 1, "high": 2, ', '"x": 0}') == [
        "[PartialRange(low=1, high=2)]",
        "[Range(low=1, high=2)]",
    ]
    assert received == [1]


class Scaled(BaseModel):
    amount: int

    @model_validator(mode="after")
    def scale(self, info: ValidationInfo) -> Scaled:
        assert info.mode == "json"
        self.amount *= 10
        return self


def test_a_complete_object_is_what_the_validator_of_its_own_class_makes_of_it() -> None:
    """Such a validator may read the context (``info``), which is not that of the fields beside the object."""

    class Order(BaseModel):
        price: Scaled
        note: str

    class Orders(BaseModel):
        prices: list[Scaled]
        note: str

    last = read(Order, ['{"price": {"amount": 4}, "note": "'])[-1]
    assert last.price.amount == Order.model_validate_json('{"price": {"amount": 4}, "note": ""}').price.amount == 40
    assert read(Orders, ['{"prices": [{"amount": 4}], "note": "'])[-1].prices[0].amount == 40


# Unions


class Cat(BaseModel):
    kind: Literal["cat", "kitten"]
    name: str
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str
    tricks: list[str] = []


class Fish(BaseModel):
    kind: Literal["fish"]
    name: int


Tagged = Annotated[Cat | Dog, Field(discriminator="kind")]


def settling(type_: Any, text: str) -> list[tuple[str, str]]:
    """Return the types that the first element of a list has in turn, each with the text that led to it."""
    received: list[tuple[str, str]] = []
    start = 0
    for end, partial in enumerate(read(type_, text), 1):
        name = type(partial[0]).__name__ if partial else ""
        if name and (not received or received[-1][0] != name):
            received.append((name, text[start:end]))
            start = end
    return received


@pytest.mark.parametrize(
    "type_", [list[Tagged], list[Cat | Dog], list[Dog | Cat | None]], ids=["tagged", "plain", "optional"]
)
def test_a_union_of_objects_settles_with_the_field_that_says_which(type_: Any) -> None:
    names = "DogOrCat" if type_ == list[Dog | Cat | None] else "CatOrDog"
    assert settling(type_, '[{"kind": "dog", "name": "Rex"}, ') == [
        (f"Partial{names}", "[{"),
        ("PartialDog", '"kind": "dog"'),
        ("Dog", ', "name": "Rex"}'),
    ]
    assert settling(type_, '[{"name": "Tom", "kind": "kitten"}, ') == [
        (f"Partial{names}", "[{"),
        ("PartialCat", '"name": "Tom", "kind": "kitten"'),
        ("Cat", "}"),
    ]


def test_a_union_of_objects_settles_with_the_first_key_that_only_one_knows() -> None:
    assert settling(list[Cat | Dog], '[{"name": "Tom", "lives": 3, "kind": "cat"}]') == [
        ("PartialCatOrDog", "[{"),
        ("PartialCat", '"name": "Tom", "lives"'),
        ("Cat", ': 3, "kind": "cat"}'),
    ]
    assert settling(list[Film | Point], '[{"x": 1, ')[-1] == ("PartialPoint", '"x"')


def test_fields_that_come_before_the_data_says_which_grow_where_all_read_them_alike() -> None:
    pieces = ['[{"name": "Re', 'x", ', '"kind": "dog"', ', "tricks": ["si']
    assert shown(list[Tagged], *pieces) == [
        "[PartialCatOrDog(name='Re')]",
        "[PartialCatOrDog(name='Rex')]",
        "[PartialDog(name='Rex', kind='dog')]",
        "[PartialDog(name='Rex', kind='dog', tricks=['si'])]",
    ]


def test_fields_that_are_read_in_different_ways_wait_until_the_data_says_which() -> None:
    union = list[Annotated[Cat | Fish, Field(discriminator="kind")]]
    assert shown(union, '[{"name": "1', '2", ', '"kind": "cat"', "}") == [
        "[PartialCatOrFish()]",
        "[PartialCatOrFish()]",
        "[PartialCat(name='12', kind='cat')]",
        "[Cat(kind='cat', name='12', lives=9)]",
    ]
    assert shown(union, '[{"name": "12", "kind": "fish"', "}") == [
        "[PartialFish(name=12, kind='fish')]",
        "[Fish(kind='fish', name=12)]",
    ]
    assert shown(list[Cat | Fish], '[{"name": "Tom"', "}") == ["[PartialCat(name='Tom')]", "[PartialCat(name='Tom')]"]


def test_a_union_shows_what_is_valid_and_the_complete_text_decides() -> None:
    # It has a key of Dog. But without the tag it is not a Dog, so the complete object is not valid for either
    assert shown(list[Cat | Dog], '[{"name": "Rex", "tricks": []', "}") == [
        "[PartialDog(name='Rex', tricks=[])]",
        "[PartialDog(name='Rex', tricks=[])]",
    ]
    assert shown(list[Tagged], '[{"lives": 3, "kind": "dog", "name": "Rex"', "}") == [
        "[PartialCat(lives=3, name='Rex')]",
        "[Dog(kind='dog', name='Rex', tricks=[])]",
    ]


def test_unions_of_scalars_objects_and_lists_settle_with_the_first_character() -> None:
    assert shown(list[int | str | Hero | list[int]], '[{"name": "T', 'hor"}, [1, ', '2], "a', '", 5, ') == [
        "[PartialHero(name='T')]",
        "[Hero(name='Thor', age=None, born=None, kind='man', rate=1.0, friends=[]), [1]]",
        "[Hero(name='Thor', age=None, born=None, kind='man', rate=1.0, friends=[]), [1, 2], 'a']",
        "[Hero(name='Thor', age=None, born=None, kind='man', rate=1.0, friends=[]), [1, 2], 'a', 5]",
    ]
    assert shown(list[list[int] | list[str]], '[["a", ', '"b"]') == ["[]", "[['a', 'b']]"]
    assert shown(list[Hero | None], "[null, {", '"name": nul', "l") == ["[None, PartialHero()]"] * 3


class Short(BaseModel):
    key: int


class Long(BaseModel):
    first: int
    second: int


def test_without_a_tag_the_complete_text_decides_on_the_class_of_an_object() -> None:
    """The first key is known by one class only, but of the others more fields are there."""
    text = '[{"key": 1, "first": 2, "second": 3}'
    last = read(list[Short | Long], [text])[-1]
    assert last[0] == TypeAdapter(list[Short | Long]).validate_json(text + "]")[0] == Long(first=2, second=3)


def test_an_undecided_object_names_the_fields_that_it_may_have() -> None:
    either = read(list[Cat | Dog], ["[{"])[0][0]
    with pytest.raises(Missing, match=r"^CatOrDog\.lives is not there yet; so far there is nothing$"):
        either.lives  # noqa: B018
    with pytest.raises(
        AttributeError, match="^CatOrDog has no field 'tail'; its fields are kind, name, lives, tricks$"
    ):
        either.tail  # noqa: B018


# Partial itself


def test_get_returns_what_is_there_and_only_what_its_type_says() -> None:
    partial = PartialFeed(Team).feed('{"heroes": [{"name": "Thor", "age": 3}, {"name": "Tom", "friends": [')
    assert partial is not None
    assert partial.get(lambda team: team.heroes[1].name) == "Tom"
    assert partial.get(lambda team: team.heroes[0]) == Hero(name="Thor", age=3)
    assert partial.get(lambda team: team.heroes[0].age) == 3
    assert partial.get(lambda team: len(team.heroes)) == 2
    assert partial.get(lambda team: [hero.name for hero in team.heroes]) == ["Thor", "Tom"]
    for getter in (
        lambda team: team,
        lambda team: team.heroes,
        lambda team: team.heroes[1],
        lambda team: team.heroes[1].age,
        lambda team: team.heroes[1].friends,
        lambda team: team.heroes[5],
        lambda team: list(team.heroes),
        lambda team: team.heroes[:2],
        lambda team: {"a": (1, team.heroes[1])},
    ):
        assert partial.get(getter) is None
    assert partial.get(lambda team: team.heroes[:1]) == [Hero(name="Thor", age=3)]


def test_a_partial_is_read_like_its_value() -> None:
    heroes, empty = read(list[Hero], ['[{"name": "Thor"}, {"name": "To'])[0], read(list[int], ["[", "]"])[1]
    assert len(heroes) == 2
    assert [hero.name for hero in heroes] == ["Thor", "To"]
    assert heroes[-1].name == "To"
    assert Hero(name="Thor") in heroes
    assert heroes
    assert not empty
    assert empty == []
    assert heroes == read(list[Hero], ['[{"name": "Thor"}, {"name": "To'])[0]
    assert heroes != empty
    assert str(heroes) == repr(heroes) == f"[{Hero(name='Thor')!r}, PartialHero(name='To')]"
    with pytest.raises(AttributeError, match="__wrapped__"):
        heroes.__wrapped__  # noqa: B018


def test_open_objects_are_equal_if_their_classes_and_fields_are() -> None:
    one, other = read(Friend, ['{"name": "Ann'])[0], read(Friend, ['{"name": "Ann'])[0]
    assert inside(one) == inside(other)
    assert inside(one) != inside(read(Friend, ['{"name": "An'])[0])
    assert inside(one) != inside(read(Hero, ['{"name": "Ann'])[0])
    assert inside(one) != {"name": "Ann"}
    assert "name" in dir(inside(one))
    with pytest.raises(TypeError):
        hash(inside(one))


def test_a_partial_can_be_copied() -> None:
    partial = read(Team, ['{"heroes": [{"name": "Tho'])[0]
    assert copy.copy(partial) == copy.deepcopy(partial) == partial
    assert copy.copy(partial.heroes[0]) == copy.deepcopy(partial.heroes[0]) == partial.heroes[0]
    with pytest.raises(Missing) as missing:
        partial.heroes[0].age  # noqa: B018
    assert str(pickle.loads(pickle.dumps(missing.value))) == str(missing.value)


def test_open_objects_match_patterns() -> None:
    match inside(read(list[Film], ['[{"title": "A'])[0]):
        case [{"title": title}]:
            assert title == "A"
        case _:
            raise AssertionError
    match inside(read(Hero, ['{"name": "Th'])[0]):
        case PartialObject(age=_):
            raise AssertionError
        case PartialObject(name=name):
            assert name == "Th"


def test_as_json_returns_plain_values_by_the_names_of_fields() -> None:
    class Aliased(BaseModel):
        first: str = Field(alias="firstName")
        day: dt.date = Field(alias="theDay")

    pieces = ['[{"firstName": "Ann", "theDay": "2020-01-01"', "}", ', {"firstName": "B']
    assert [as_json(partial) for partial in read(list[Aliased], pieces)] == [
        [{"first": "Ann", "day": "2020-01-01"}],
        [{"first": "Ann", "day": "2020-01-01"}],
        [{"first": "Ann", "day": "2020-01-01"}, {"first": "B"}],
    ]
    assert as_json(read(list[Film | dict[str, Any]], ['[{"a": {1'])[0]) == []
    assert as_json(read(dict[int, Any], ['{"1": {"a": [1, {"b": "c'])[0]) == {"1": {"a": [1, {"b": "c"}]}}
    with pytest.raises(Exception, match="object cannot be written as JSON"):
        as_json([object()])


# Texts, and text around the JSON


def test_a_text_is_a_partial_as_well() -> None:
    reader = PartialFeed(AnswerSpec(str))
    assert reader.feed("") is None
    assert [str(reader.feed("Once ")), str(reader.feed("upon"))] == ["Once ", "Once upon"]
    last = reader.feed(" a time")
    assert last == "Once upon a time"
    assert last is not None
    assert last.get(lambda text: text.upper()) == "ONCE UPON A TIME"
    assert reader.end("Once upon a time") is None


def test_an_answer_in_words_is_read_at_the_end() -> None:
    reader = PartialFeed(int)
    assert [reader.feed("The answer "), reader.feed("is 5.")] == [None, None]
    assert reader.end(5) == 5
    reader = PartialFeed(int)
    assert reader.feed('{"value": 5}') == 5
    assert reader.end(5) is None


def test_json_alone_in_a_fence_replaces_the_value_that_was_shown() -> None:
    assert shown(list[int], "For instance [1, ", "2]:\n", "```json\n[", "3, ", "4]\n```") == [
        "[1]",
        "[1, 2]",
        "[1, 2]",
        "[3]",
        "[3, 4]",
    ]


def test_a_fence_that_stays_open_does_not_count_at_the_end() -> None:
    reader = PartialFeed(list[int])
    assert [reader.feed("[1]\n"), reader.feed("```\n[2]\n")] == [[1], [2]]
    assert reader.end([1]) == [1]


def test_prose_in_brackets_is_shown_only_as_long_as_it_may_be_the_answer() -> None:
    assert shown(list[Hero], "[note] ", "see [1", "]: ", '[{"name": "T') == [
        "None",
        "[]",
        "[]",
        "[PartialHero(name='T')]",
    ]


def test_the_wrapper_may_be_left_out_or_have_other_keys() -> None:
    assert shown(list[int], '{"value": [1, ', "2]", "}") == ["[1]", "[1, 2]", "[1, 2]"]
    assert shown(list[int], '{"why": {"a": 1}, ', '"value": [1, ', "2]}") == ["None", "[1]", "[1, 2]"]
    assert shown(Hero | None, '{"name": "Tho', 'r"}') == ["PartialHero(name='Tho')", repr(Hero(name="Thor"))]
    assert shown(Hero | None, '{"value": {"name": "Tho', 'r"}}') == ["PartialHero(name='Tho')", repr(Hero(name="Thor"))]
    assert shown(Hero | None, '{"value": null', "}") == ["None", "None"]


class Valued(BaseModel):
    """A model with a field of the same name as the wrapper. As it is recursive, it is requested with a wrapper."""

    value: int = 7
    inner: Valued | None = None


@example('{"value": {"value": 3}}')
@example('{"value": 3, "inner": null}')
@example('{"inner": {"value": 3}, "value": 4}')
@example('{"inner": null, "value": {"value": 3}}')
@given(st.sampled_from(["{}", '{"value": {}}', '{"value": 1}', '{"value": {"inner": {"value": 2}}, "inner": 1}']))
def test_a_field_with_the_name_of_the_wrapper_is_distinguished_from_it(text: str) -> None:
    spec = AnswerSpec[Any](Valued)
    assert spec.output_type.is_wrapped
    assert same(inside(read(spec, text)[-1]), spec.output_type.read(text))


def test_the_answer_may_be_nested_200_deep_and_no_deeper() -> None:
    assert repr(read(list[Any], ["[" * 200 + "]" * 200])[0]) == "[" * 200 + "]" * 200
    reader = PartialFeed(list[Any])
    reader.feed("[" * 201 + "]" * 201)
    assert not reader.found


def test_a_number_that_is_too_long_is_not_an_answer() -> None:
    reader = PartialFeed(list[Any])
    reader.feed(f"[{'1' * 5000}]")
    assert not reader.found


def test_elements_that_a_type_leaves_out_are_left_out() -> None:
    name = "left out"
    assert TYPES[name]
    assert shown(spec(name), '[1, "x", ', "2]") == ["[1]", "[1, 2]"]


def test_a_config_that_changes_strings_shows_them_unchanged_until_they_are_complete() -> None:
    class Shouted(BaseModel):
        model_config = ConfigDict(str_to_upper=True, str_strip_whitespace=True)
        name: str

    assert shown(Shouted, '{"name": " a', 'b"') == ["PartialShouted(name=' a')", "PartialShouted(name='AB')"]
