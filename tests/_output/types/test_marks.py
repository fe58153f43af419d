"""The marks `done`, `not_null` and `with_state` control what is shown early, and change nothing else."""

import dataclasses
import datetime as dt
import enum
import json
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union

import pytest
import typing_extensions
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    WrapValidator,
    create_model,
)
from typing_extensions import TypeAliasType

from declarai_like._output.output_type import OutputMismatch, OutputType
from declarai_like._output.types.root import AnswerSpec
from declarai_like.stream import StreamState, as_json, done, not_null, with_state
from tests._output import typed_answers
from tests._output.feeds import ElementFeed, PartialFeed
from tests._output.json_texts import CUTS, cut
from tests._output.typed_answers import TYPES, answers, same, spec
from tests.conftest import examples


def shown(type_: Any, *pieces: str, **how: Any) -> list[str]:
    """Return the repr of the partial after each piece."""
    reader = PartialFeed(type_, **how)
    return [repr(reader.feed(piece)) for piece in pieces]


def holder(type_: Any) -> Any:
    """Return a model with a marked field after another one."""
    return create_model("Note", id=(int, ...), text=(type_, ...))


# The five rows of BAML's table, for a string and for a number, piece by piece

TEXT = ['{"id"', ": 1, ", '"text": ', '"', "a", "b", '"', "}"]
NUMBER = ['{"id"', ": 1, ", '"text": ', "1", "2", " ", "}"]
NULL = ['{"id"', ": 1, ", '"text": ', "nu", "ll", " ", "}"]
NOTHING, ID = "PartialNote()", "PartialNote(id=1)"


def with_id(text: str) -> str:
    return f"PartialNote(id=1, text={text})"


def state(value: Any, how: str) -> str:
    return with_id(f"StreamState({value!r}, {how!r})")


PENDING = "StreamState(None, 'pending')"
ROWS = {
    "T": (
        Annotated[str, "no mark"],
        TEXT,
        [NOTHING, ID, ID, with_id("''"), with_id("'a'"), with_id("'ab'"), with_id("'ab'"), "Note(id=1, text='ab')"],
    ),
    "done": (
        Annotated[str, done],
        TEXT,
        [NOTHING, ID, ID, ID, ID, ID, with_id("'ab'"), "Note(id=1, text='ab')"],
    ),
    "not_null": (
        Annotated[str, not_null],
        TEXT,
        ["None"] * 3 + [with_id("''"), with_id("'a'"), with_id("'ab'"), with_id("'ab'"), "Note(id=1, text='ab')"],
    ),
    "done and not_null": (
        Annotated[str, done, not_null],
        TEXT,
        ["None"] * 6 + [with_id("'ab'"), "Note(id=1, text='ab')"],
    ),
    "with_state": (
        Annotated[str, with_state],
        TEXT,
        [
            f"PartialNote(text={PENDING})",
            with_id(PENDING),
            with_id(PENDING),
            state("", "incomplete"),
            state("a", "incomplete"),
            state("ab", "incomplete"),
            state("ab", "complete"),
            state("ab", "complete"),
        ],
    ),
    "T, a number": (int, NUMBER, [NOTHING, ID, ID, ID, ID, with_id("12"), "Note(id=1, text=12)"]),
    "done, a number": (Annotated[int, done], NUMBER, [NOTHING, ID, ID, ID, ID, with_id("12"), "Note(id=1, text=12)"]),
    "not_null, a number": (Annotated[int, not_null], NUMBER, ["None"] * 5 + [with_id("12"), "Note(id=1, text=12)"]),
    "with_state, a number": (
        Annotated[int, with_state],
        NUMBER,
        [f"PartialNote(text={PENDING})", *[with_id(PENDING)] * 4, state(12, "complete"), state(12, "complete")],
    ),
    "T, null": (str | None, NULL, [NOTHING, ID, ID, ID, ID, with_id("None"), "Note(id=1, text=None)"]),
    "done, null": (
        Annotated[str | None, done],
        NULL,
        [NOTHING, ID, ID, ID, ID, with_id("None"), "Note(id=1, text=None)"],
    ),
    "not_null, null": (Annotated[str | None, not_null], NULL, ["None"] * 6 + ["Note(id=1, text=None)"]),
    "with_state, null": (
        Annotated[str | None, with_state],
        NULL,
        [f"PartialNote(text={PENDING})", *[with_id(PENDING)] * 4, state(None, "complete"), state(None, "complete")],
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_shown_of_a_marked_field(row: str) -> None:
    type_, pieces, expected = ROWS[row]
    assert shown(holder(type_), *pieces) == expected


def test_all_marks_together() -> None:
    note = holder(Annotated[str, done, not_null, with_state])
    assert shown(note, *TEXT) == ["None"] * 6 + [state("ab", "complete")] * 2


def test_what_is_to_be_done_is_not_shown_early_either() -> None:
    assert shown(holder(Annotated[int, done]), '{"id": 1', ', "text": 1', "2 ", early=True) == [ID, ID, with_id("12")]
    assert shown(list[Annotated[int, done]], "[1", ", 2", ",", early=True) == ["[]", "[1]", "[1, 2]"]
    assert shown(dict[str, Annotated[int, done]], '{"a": 1', ', "b": 2', ",", early=True) == [
        "{}",
        "{'a': 1}",
        "{'a': 1, 'b': 2}",
    ]


# Positions of a mark


class Hero(BaseModel):
    name: str
    powers: list[str] = []


MADE = [
    (Annotated[str, done], '"a', '"'),
    (Annotated[str, Field(max_length=3), done], '"a', '"'),
    (Annotated[str, done, Field(max_length=3)], '"a', '"'),
    (Annotated[str, done, AfterValidator(str.upper)], '"a', '"'),
    (Annotated[str, done, BeforeValidator(str)], '"a', '"'),
    (Annotated[str, done, WrapValidator(lambda value, read: read(value))], '"a', '"'),
    (Annotated[str, done] | None, '"a', '"'),
    (Annotated[Hero, done], '{"name": "a', '"}'),
    (Annotated[list[str], done], '["a", "b', '"]'),
    (Annotated[dict[str, str], done], '{"a": "b', '"}'),
    (Annotated[Hero | str, done], '{"name": "a', '"}'),
    (TypeAliasType("Alias", Annotated[str, done]), '"a', '"'),
    (Annotated[TypeAliasType("Other", list[str]), done], '["a', '"]'),
]


@pytest.mark.parametrize(("type_", "before", "after"), MADE, ids=[str(made[0])[:60] for made in MADE])
def test_the_mark_is_found_around_and_inside_of_other_annotations(type_: Any, before: str, after: str) -> None:
    class Twice(BaseModel):
        first: type_
        second: type_ = None

    assert shown(Twice, f'{{"first": {before}', f'{after}, "second": {before}')[0] == "PartialTwice()"
    assert "second" not in shown(Twice, f'{{"first": {before}{after}, "second": {before}')[0]
    assert shown(list[type_], f"[{before}") == ["[]"]
    assert shown(dict[str, type_], f'{{"a": {before}') == ["{}"]
    assert shown(tuple[int, type_], f"[1, {before}") == ["[1]"]


@done
class Whole(BaseModel):
    name: str


class WholeToo(Whole):
    age: int = 0


@done
@dataclasses.dataclass
class WholePoint:
    x: int
    y: int


@done
class WholeFilm(typing_extensions.TypedDict):
    title: str


@pytest.mark.parametrize(
    ("type_", "first", "rest", "value"),
    [
        (Whole, '{"name": "a', '"}', Whole(name="a")),
        (WholeToo, '{"name": "a', '"}', WholeToo(name="a")),
        (WholePoint, '{"x": 1, ', '"y": 2}', WholePoint(1, 2)),
        (WholeFilm, '{"title": "a', '"}', {"title": "a"}),
    ],
)
def test_all_values_of_a_class_that_is_marked_done_appear_when_they_are_complete(
    type_: Any, first: str, rest: str, value: Any
) -> None:
    assert shown(type_, first, rest) == ["None", repr(value)]
    assert shown(list[type_], f"[{first}", f"{rest}, {first}") == ["[]", f"[{value!r}]"]
    assert shown(Optional[type_], first, rest) == ["None", repr(value)]
    assert shown(holder(type_), f'{{"id": 1, "text": {first}', f"{rest}, ") == [ID, with_id(repr(value))]


def test_the_decorator_returns_the_class_itself() -> None:
    assert Whole(name="a").name == "a"
    assert Whole.model_json_schema() == {
        "title": "Whole",
        "type": "object",
        "properties": {"name": {"title": "Name", "type": "string"}},
        "required": ["name"],
    }


def test_a_mark_at_the_top_of_the_answer() -> None:
    assert shown(Annotated[Hero, done], '{"name": "a', '"}') == ["None", repr(Hero(name="a"))]
    assert shown(Annotated[list[int], done], '{"value": [1, ', "2]", "}") == ["None", "[1, 2]", "[1, 2]"]
    assert shown(Annotated[Hero, with_state], '{"name": "a', '"', "}") == [
        "StreamState(PartialHero(name='a'), 'incomplete')",
        "StreamState(PartialHero(name='a'), 'incomplete')",
        f"StreamState({Hero(name='a')!r}, 'complete')",
    ]
    assert shown(Annotated[list[int], with_state], "[1, ", "2]") == [
        "StreamState([1], 'incomplete')",
        "StreamState([1, 2], 'complete')",
    ]
    reader = PartialFeed(Annotated[int, with_state])
    assert reader.feed("It is 5") is None
    assert repr(reader.end(5)) == "StreamState(5, 'complete')"


# Not null


class Named(BaseModel):
    note: str = ""
    name: Annotated[str | None, not_null]


class Group(BaseModel):
    title: str = ""
    first: Annotated[Named, not_null]
    others: list[Named] = []


def test_an_object_in_a_list_or_dict_appears_once_its_field_is_there() -> None:
    assert shown(list[Named], '[{"note": "a', '", "name": "', 'A"}', ', {"note": "b", ', '"name": nu', "ll ", "}]") == [
        "[]",
        "[PartialNamed(note='a', name='')]",
        "[Named(note='a', name='A')]",
        "[Named(note='a', name='A')]",
        "[Named(note='a', name='A')]",
        "[Named(note='a', name='A')]",
        "[Named(note='a', name='A'), Named(note='b', name=None)]",
    ]
    assert shown(dict[str, Named], '{"a": {"note": "x"', ', "name": "A') == [
        "{}",
        "{'a': PartialNamed(note='x', name='A')}",
    ]


def test_what_hides_inside_hides_what_is_around_where_that_asks_for_it() -> None:
    assert shown(
        Group, '{"title": "x", ', '"first": {"note": "a", ', '"name": "', 'A"}, ', '"others": [{', '"name": "B"}'
    ) == [
        "None",
        "None",
        "PartialGroup(title='x', first=PartialNamed(note='a', name=''))",
        "PartialGroup(title='x', first=Named(note='a', name='A'))",
        "PartialGroup(title='x', first=Named(note='a', name='A'), others=[])",
        "PartialGroup(title='x', first=Named(note='a', name='A'), others=[Named(note='', name='B')])",
    ]


def test_all_fields_that_must_be_there_are_waited_for() -> None:
    class Both(BaseModel):
        a: Annotated[str, not_null]
        b: Annotated[list[int], not_null]

    assert shown(Both, '{"a": "x", ', '"b": ', "[", "1") == [
        "None",
        "None",
        "PartialBoth(a='x', b=[])",
        "PartialBoth(a='x', b=[])",
    ]


def test_an_object_with_a_default_for_the_field_appears_when_it_is_complete() -> None:
    class Default(BaseModel):
        note: str
        name: Annotated[str, not_null] = "nobody"

    assert shown(Default, '{"note": "a"', "}") == ["None", "Default(note='a', name='nobody')"]


def test_an_object_whose_field_is_not_valid_does_not_appear() -> None:
    assert shown(list[Named], '[{"note": "a", "name": 5}, ', '{"name": "B"}') == ["[]", "[Named(note='', name='B')]"]


class Cat(BaseModel):
    kind: Annotated[Literal["cat"], not_null]
    name: str


class Dog(BaseModel):
    kind: Annotated[Literal["dog"], not_null]
    name: str
    age: Annotated[int, done] = 0
    about: Annotated[str, with_state] = ""


@pytest.mark.parametrize(
    "type_",
    [
        list[Annotated[Cat | Dog, Field(discriminator="kind")]],
        list[Annotated[Annotated[Cat, not_null] | Annotated[Dog, not_null], Field(discriminator="kind")]],
        list[Annotated[Union[Cat, Dog], not_null, Field(discriminator="kind")]],
        list[Cat | Dog],
    ],
    ids=["tagged", "marked members", "marked union", "plain"],
)
def test_marks_in_the_members_of_a_union(type_: Any) -> None:
    pieces = ['[{"name": "a", ', '"kind": "dog", ', '"about": "b', '"}', ', {"name": "c", "kind": "cat"}']
    dog = "PartialDog(name='a', kind='dog', about=StreamState({}, {}))"
    cat = "Cat(kind='cat', name='c')"
    complete = dog.format("'b'", "'complete'")
    assert shown(type_, *pieces) == [
        "[]",
        f"[{dog.format(None, repr('pending'))}]",
        f"[{dog.format(repr('b'), repr('incomplete'))}]",
        f"[{complete}]",
        f"[{complete}, {cat}]",
    ]


# With state


def test_states_of_elements_and_entries() -> None:
    assert shown(list[Annotated[str, with_state]], '["a', '", "b') == [
        "[StreamState('a', 'incomplete')]",
        "[StreamState('a', 'complete'), StreamState('b', 'incomplete')]",
    ]
    assert shown(dict[str, Annotated[Hero, with_state]], '{"a": {"name": "x', '"}, "b": ', "{}") == [
        "{'a': StreamState(PartialHero(name='x'), 'incomplete')}",
        f"{{'a': StreamState({Hero(name='x')!r}, 'complete')}}",
        f"{{'a': StreamState({Hero(name='x')!r}, 'complete'), 'b': StreamState(PartialHero(), 'incomplete')}}",
    ]


class Report(BaseModel):
    text: Annotated[str, with_state]
    parts: Annotated[list[Annotated[str, with_state]], with_state] = []


def test_an_object_with_a_state_keeps_its_form_when_it_is_complete_and_is_the_same_from_then_on() -> None:
    reader = PartialFeed(list[Report])
    partials = [reader.feed(piece) for piece in ('[{"text": "a"', ', "parts": ["b', '"]}', " ", "]")]
    assert [repr(partial) for partial in partials] == [
        f"[PartialReport(text=StreamState('a', 'complete'), parts={PENDING})]",
        "[PartialReport(text=StreamState('a', 'complete'), parts=StreamState([StreamState('b', 'incomplete')], 'incomplete'))]",
        *[
            "[PartialReport(text=StreamState('a', 'complete'), parts=StreamState([StreamState('b', 'complete')], 'complete'))]"
        ]
        * 3,
    ]
    assert partials[2] is not None
    assert all(partial[0] is partials[2][0] for partial in partials[3:] if partial is not None)
    assert partials[4] is not None
    assert reader.end([Report(text="a", parts=["b"])]) is None


def test_an_object_with_a_state_that_is_not_valid_is_not_taken_for_a_valid_one() -> None:
    reader = PartialFeed(list[Report])
    reader.feed('[{"text": "a", "parts": 5}]')
    assert not reader.found


def test_a_complete_value_that_is_not_valid_stays_incomplete() -> None:
    class Reports(BaseModel):
        one: Annotated[Hero, with_state]
        many: list[Annotated[Hero, with_state]] = []

    hero = "StreamState(PartialHero(name='x'), 'incomplete')"
    invalid = '{"name": "x", "powers": 5}'
    assert shown(Reports, f'{{"one": {invalid}, "many": [{invalid}, ') == [f"PartialReports(one={hero}, many=[{hero}])"]
    assert shown(dict[str, Annotated[Hero, with_state]], f'{{"a": {invalid}, ') == [f"{{'a': {hero}}}"]


def test_of_a_union_that_is_known_only_at_its_end_a_member_without_states_is_complete() -> None:
    class Bird(BaseModel):
        name: str

    class Bat(BaseModel):
        name: str
        size: Annotated[int, with_state]

    assert shown(list[Bat | Bird], '[{"name": "a"', "}") == ["[PartialBatOrBird(name='a')]", "[Bird(name='a')]"]


def test_states_have_a_value_and_a_state_and_are_compared_by_them() -> None:
    reader = PartialFeed(list[Annotated[str, with_state]])
    partial = reader.feed('["a')
    assert partial is not None
    state = partial[0]
    assert (state.value, state.state) == ("a", "incomplete")
    assert state == StreamState("a", "incomplete")
    assert state != StreamState("a", "complete")
    assert state != StreamState("b", "incomplete")
    assert state != "a"
    assert as_json(partial) == [{"value": "a", "state": "incomplete"}]
    assert StreamState(None, "pending").value is None


def test_get_returns_the_value_of_a_state() -> None:
    reader = PartialFeed(Report)
    values = []
    for piece in ("{", '"text": "a', '", "parts": ["b', '"], '):
        partial = reader.feed(piece)
        values.append(partial and (partial.get(lambda report: report.text), partial.get(lambda report: report.parts)))
    assert values == [None, ("a", None), ("a", None), ("a", None)]
    partial = PartialFeed(list[Annotated[list[int], with_state]]).feed("[[1, 2], [")
    assert partial is not None
    assert partial.get(lambda lists: lists[0]) == [1, 2]
    assert partial.get(lambda lists: lists[1]) is None


# Nothing else changes


class Mood(enum.Enum):
    GOOD = "good"


@dataclasses.dataclass
class Point:
    x: int


class Film(typing_extensions.TypedDict):
    title: str


class Town(NamedTuple):
    name: str


class Node(BaseModel):
    children: list["Node"] = []


Alias = TypeAliasType("Alias", list[int])
Pet = TypeAliasType("Pet", Union[Cat, Dog])
PLAIN: list[Any] = [
    int, str, str | None, bool | None, dt.date, Literal["a"], Mood, Point, Film, Town, Hero, Node, Alias, Pet, Cat | Dog,
    list[Node], dict[str, Mood], tuple[int, str], RootModel[list[int]], Hero | str, Any,
]  # fmt: skip
CONSTRAINTS: list[tuple[Any, Any]] = [
    (int, Field(gt=1, le=5, description="a number")),
    (int, Field(multiple_of=2)),
    (str, Field(min_length=2, max_length=3)),
    (str | None, Field(min_length=2)),
    (str, Field(pattern="^a")),
    (str, StringConstraints(strip_whitespace=True, to_upper=True)),
    (list[int], Field(min_length=2)),
    (dict[str, int], Field(max_length=1)),
    (Cat | Dog, Field(discriminator="kind")),
    (Optional[Cat | Dog], Field(discriminator="kind")),
    (Pet, Field(discriminator="kind")),
    (int, BeforeValidator(lambda value: value)),
    (int, AfterValidator(abs)),
    (int, WrapValidator(lambda value, read: read(value))),
    (int, Field(strict=True)),
]
JSON = [
    "1", "2", "-4", "12", '"2"', "null", "true", '"a"', '"ab"', '" ab "', '"abcd"', '"good"', '"2020-01-01"', "[]", "[1]", "[1, 2]",
    '["a"]', '{"x": 1}', '{"title": "a"}', '{"name": "a"}', '{"kind": "cat", "name": "a"}', '{"kind": "dog", "name": "a", "age": 1}',
    "{}", '{"children": [{}]}', '{"a": "good"}', '[1, "a"]', '[{"children": []}]', '{"a": 1, "b": 2}',
]  # fmt: skip


def reading(output_type: OutputType[Any], text: str) -> str:
    try:
        return repr(output_type.read(text))
    except OutputMismatch as error:
        return f"mismatch: {error}"


@pytest.mark.parametrize("mark", [done, not_null, with_state], ids=str)
@pytest.mark.parametrize("type_", PLAIN, ids=str)
def test_a_mark_changes_neither_the_schema_nor_what_is_read(mark: Any, type_: Any) -> None:
    assert_alike(type_, Annotated[type_, mark])
    assert_alike(list[type_], list[Annotated[type_, mark]])

    def model(marked: Any) -> Any:
        return create_model("Model", __config__=ConfigDict(strict=False), a=(marked, ...), b=(marked, None))

    assert_alike(model(type_), model(Annotated[type_, mark]))


@pytest.mark.parametrize("mark", [done, not_null, with_state], ids=str)
@pytest.mark.parametrize(
    ("type_", "constraint"), CONSTRAINTS, ids=lambda value: getattr(value, "__name__", type(value).__name__)
)
def test_a_mark_may_be_before_or_after_a_constraint(mark: Any, type_: Any, constraint: Any) -> None:
    assert_alike(Annotated[type_, constraint], Annotated[type_, mark, constraint])
    assert_alike(Annotated[type_, constraint], Annotated[type_, constraint, mark])
    assert_alike(Annotated[type_, constraint], Annotated[type_, mark, constraint, done, not_null])


def assert_alike(plain: Any, marked: Any) -> None:
    one, other = OutputType(plain), OutputType(marked)
    assert json.dumps(one.schema) == json.dumps(other.schema)
    assert one.is_wrapped == other.is_wrapped
    for text in JSON:
        for answer in (text, f'{{"value": {text}}}', f"[{text}]", f'{{"a": {text}}}'):
            assert reading(one, answer) == reading(other, answer).replace(other.text, one.text)


@settings(max_examples=examples(300))
@given(st.sampled_from(sorted(TYPES.keys() - {"None"})), st.data(), CUTS, st.sampled_from([done, not_null]))
def test_with_a_mark_the_last_partial_is_the_same(
    name: str, data: st.DataObject, cuts: list[int] | None, mark: Any
) -> None:
    text = data.draw(answers(name))
    marked: AnswerSpec[Any] = AnswerSpec(OutputType(Annotated[TYPES[name], mark], vars(typed_answers)))
    lasts = []
    for each in (spec(name), marked):
        reader = PartialFeed(each)
        partials = [*(reader.feed(piece) for piece in cut(text, cuts)), reader.end(None)]
        shown = [partial for partial in partials if partial is not None]
        lasts.append(shown[-1]._read() if shown and reader.found else None)
    assert same(*lasts)


def test_marks_have_a_repr() -> None:
    assert [repr(mark) for mark in (done, not_null, with_state)] == [
        "stream.done",
        "stream.not_null",
        "stream.with_state",
    ]


def test_elements_are_complete_objects_with_any_marks() -> None:
    reader = ElementFeed(list[Report])
    assert reader.feed('[{"text": "a"}') == [Report(text="a")]
