"""The value so far as operations: applied one after the other they make what a partial shows, in few bytes."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import enum
import json
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field, RootModel, field_validator, model_validator

import declarai_like as declarai
from declarai_like import errors, stream
from declarai_like._output.types.root import AnswerSpec
from declarai_like._output.views.looks import Partials, Patches
from declarai_like.messages import LLMResponse
from declarai_like.stream import apply_patch, as_json
from declarai_like.testing import Raw
from tests._output.json_texts import CUTS, TEXTS, cut
from tests._output.typed_answers import TYPES, answers, one_shot, spec
from tests.conftest import World

SOME = settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])


def chunks(pieces: Any) -> list[LLMResponse]:
    return [LLMResponse(piece, piece) for piece in pieces]


def patched(type_: Any, *pieces: str, early: bool = False) -> list[list[Any]]:
    """Give the operations after each piece, none where there are none; each leads to what the partial shows."""
    what = type_ if isinstance(type_, AnswerSpec) else AnswerSpec[Any](type_)
    partials, patches = Partials[Any](what, lambda: None, early=early), Patches[Any](what, lambda: None, early=early)
    value, shown, given = None, None, []
    for chunk in chunks(pieces):
        for partial in partials.feed(chunk):
            shown = as_json(partial)
        operations = [operation for some in patches.feed(chunk) for operation in some]
        kept = copy.deepcopy(operations)
        value = apply_patch(value, operations)
        assert identical(value, shown)
        assert operations == kept
        given.append(operations)
    return given


def identical(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON, but for the order of keys."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def size(operations: Any) -> int:
    return len(json.dumps(operations))


def look(world: World, view: Any) -> list[Any]:
    """Read a view to its end; give what came, and the error that it ended with, if any."""
    seen: list[Any] = []
    try:
        world.read(view, seen)
    except errors.DeclaraiError as error:
        seen.append(error)
    return seen


# For all types, answers and cuts


@pytest.mark.parametrize("name", TYPES)
@settings(max_examples=8, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data(), CUTS, st.booleans())
def test_patches_make_what_partials_show_and_at_last_the_answer(
    name: str, data: st.DataObject, places: list[int] | None, early: bool
) -> None:
    text = data.draw(answers(name))
    pieces = cut(text, places)
    patched(spec(name), *pieces, early=early)
    fits, result = one_shot(name, text)
    if not fits:
        return
    value = None
    patches = Patches[Any](spec(name), lambda: result, early=early)
    for chunk in chunks(pieces):
        for operations in patches.feed(chunk):
            assert operations
            value = apply_patch(value, operations)
    for operations in patches.end():
        value = apply_patch(value, operations)
    assert identical(value, as_json(result))


@SOME
@given(st.sampled_from([dict[str, Any], list[Any], dict[str, dict[str, int]]]), TEXTS, CUTS, st.booleans())
@example(dict[str, Any], '{"a": {"b": 1, "b": {"c": 2}, "b": {"c": "x"}}, "a": 1, "a": "two"}', None, False)
@example(dict[str, Any], '{"a": 1, "b": 2, "a": 3, "a": {"c": 1', [9, 30], True)
def test_keys_that_come_again_and_odd_texts_are_patched_as_they_are_shown(
    type_: Any, text: str, places: list[int] | None, early: bool
) -> None:
    assume("\\u" not in text and text.isascii())  # half of a surrogate pair is no text
    patched(type_, *cut(text, places), early=early)


class Note(BaseModel):
    number: Annotated[int, stream.done]
    title: Annotated[str, stream.not_null]
    text: Annotated[str, stream.with_state] = ""
    tags: list[Annotated[str, stream.with_state]] = []
    parts: dict[str, Annotated["Note", stream.done]] = {}


NOTES = st.recursive(
    st.fixed_dictionaries(
        {"number": st.integers(0, 999), "title": st.sampled_from(["", "a", "a b/c~d"])},
        optional={
            "text": st.sampled_from(["", "Once upon"]),
            "tags": st.lists(st.sampled_from(["", "x y"]), max_size=3),
        },
    ),
    lambda inner: st.tuples(inner, st.dictionaries(st.sampled_from(["a/b", "~", ""]), inner, max_size=2)).map(
        lambda pair: {**pair[0], "parts": pair[1]}
    ),
    max_leaves=4,
)


@SOME
@given(st.lists(NOTES, max_size=3), CUTS)
def test_marked_values_are_patched_as_they_are_shown(notes: Any, places: list[int] | None) -> None:
    patched(list[Note], *cut(json.dumps(notes), places))


# What the operations are


class Hero(BaseModel):
    name: str
    age: int | None = None
    powers: list[str] = []


def op(op: str, path: str, *value: Any) -> dict[str, Any]:
    return {"op": op, "path": path} | ({"value": value[0]} if value else {})


def test_texts_grow_and_what_appears_is_added_at_its_place() -> None:
    pieces = ['[{"na', 'me": "Th', "or", '"', ', "age": 1', "50, ", '"powers": ["thun', 'der", "storms"', "]", "}", "]"]
    assert patched(list[Hero], *pieces) == [
        [op("replace", "", [{}])],
        [op("add", "/0/name", "Th")],
        [op("append", "/0/name", "or")],
        [],
        [],
        [op("add", "/0/age", 150)],
        [op("add", "/0/powers", ["thun"])],
        [op("append", "/0/powers/0", "der"), op("add", "/0/powers/1", "storms")],
        [],
        [],
        [],
    ]


def test_with_early_numbers_are_replaced_as_they_go_on() -> None:
    assert patched(Hero, '{"name": "", "age": 1', "50", "}", early=True) == [
        [op("replace", "", {"name": "", "age": 1})],
        [op("replace", "/age", 150)],
        [op("add", "/powers", [])],
    ]


def test_what_has_a_default_is_added_when_its_object_is_whole() -> None:
    assert patched(list[Hero], '[{"name": "Thor"', "}, ")[1:] == [
        [op("add", "/0/age", None), op("add", "/0/powers", [])],
    ]


def test_where_nearly_all_of_a_value_becomes_another_it_is_replaced() -> None:
    backwards = Annotated[list[int], AfterValidator(lambda numbers: numbers[::-1])]
    assert patched(dict[str, backwards], '{"a": [1, 2, 3, 4, 5', "]")[1:] == [[op("replace", "/a", [5, 4, 3, 2, 1])]]


def test_what_validation_changes_is_replaced_where_it_is() -> None:
    class Mood(enum.Enum):
        GOOD = "good"

    class Film(BaseModel):
        title: Annotated[str, AfterValidator(str.upper)]
        day: dt.date
        mood: Mood
        named: dict[dt.date, str] = Field(alias="the names")
        tags: set[int]

        @field_validator("title")
        @classmethod
        def sign(cls, title: str) -> str:
            return f"{title}!"

    pieces = [
        '[{"title": "Ali',
        "en",
        '", "day": "1979-05-',
        '25"',
        ', "mood": "good"',
        ', "the names": {"1979-05-25": "a',
    ]
    pieces += ["b", '"}', ', "tags": [1, 1', ", 1", "]", "}, "]
    assert patched(list[Film], *pieces) == [
        [op("replace", "", [{"title": "Ali"}])],
        [op("append", "/0/title", "en")],
        [op("replace", "/0/title", "ALIEN!")],
        [op("add", "/0/day", "1979-05-25")],
        [op("add", "/0/mood", "good")],
        [op("add", "/0/named", {"1979-05-25": "a"})],
        [op("append", "/0/named/1979-05-25", "b")],
        [],
        [op("add", "/0/tags", [1])],
        [op("add", "/0/tags/1", 1)],
        [op("remove", "/0/tags/1")],
        [],
    ]


def test_what_does_not_fit_is_taken_out_again() -> None:
    assert patched(list[Annotated[str, Field(max_length=3)]], '["abc", "ab', "cd", '", "x', '"]')[1:] == [
        [op("append", "/1", "cd")],
        [op("replace", "/1", "x")],
        [],
    ]
    assert patched(dict[str, Annotated[str, Field(max_length=3)]], '{"a/b": "ab', "cd", '"', ', "~": "x')[1:] == [
        [op("append", "/a~1b", "cd")],
        [op("remove", "/a~1b")],
        [op("add", "/~0", "x")],
    ]


def test_what_the_validator_of_the_whole_changes_in_its_parts_is_told() -> None:
    class Team(BaseModel):
        name: str
        heroes: list[Hero]

        @model_validator(mode="after")
        def name_all(self) -> Team:
            for hero in self.heroes:
                hero.name += f" of {self.name}"
            return self

    pieces = ['[{"name": "Asgard", "heroes": [{"name": "Thor", "age": 1, "powers": []}', "]", "}"]
    assert patched(list[Team], *pieces)[1:] == [[], [op("append", "/0/heroes/0/name", " of Asgard")]]


def test_of_a_root_model_the_json_is_what_is_in_it() -> None:
    class Names(RootModel[list[str]]):
        pass

    class Groups(RootModel[dict[str, Names]]):
        pass

    assert patched(Groups, '{"a": ["x', 'y", "', 'z"', "]", "}") == [
        [op("replace", "", {"a": ["x"]})],
        [op("append", "/a/0", "y"), op("add", "/a/1", "")],
        [op("replace", "/a/1", "z")],
        [],
        [],
    ]


def test_an_object_keeps_what_was_told_of_it_when_it_is_known_of_which_class_it_is() -> None:
    @dataclasses.dataclass
    class Town:
        name: str
        size: int

    pieces = ['[{"name": "As', 'gard, the high", ', '"size": 3', "}"]
    assert patched(list[Hero | Town], *pieces) == [
        [op("replace", "", [{"name": "As"}])],
        [op("append", "/0/name", "gard, the high")],
        [],
        [op("add", "/0/size", 3)],
    ]


def test_a_key_that_comes_again_is_replaced() -> None:
    assert patched(dict[str, Any], '{"a": {"b": 1', ', "b": 2, "c": 1, "c": 3', "}", ', "a": 4', "}") == [
        [op("replace", "", {"a": {}})],
        [op("add", "/a/b", 2), op("add", "/a/c", 1)],
        [op("replace", "/a/c", 3)],
        [],
        [op("replace", "/a", 4)],
    ]


def test_other_json_that_takes_the_place_of_the_first_replaces_it_as_a_whole() -> None:
    assert patched(list[int], "For instance [1, ", "2]:\n", "```json\n[", "3, ", "1]\n```") == [
        [op("replace", "", [1])],
        [op("add", "/1", 2)],
        [],
        [op("replace", "", [3])],
        [op("add", "/1", 1)],
    ]


# In few bytes, whatever the answer


def heroes(count: int) -> str:
    names = ("Tony Stark", "Thor Odinson", "Natasha Romanoff")
    made = [{"name": names[n % 3], "age": 40 + n, "powers": ["flight", "genius, of a kind"]} for n in range(count)]
    return json.dumps(made)


def bytes_of(type_: Any, text: str, *, step: int = 4, fits: bool = True) -> int:
    """Give how many bytes the operations for an answer have that comes in small pieces."""
    what = AnswerSpec[Any](type_)
    patches = Patches[Any](what, lambda: what.output_type.read(text), early=False)
    pieces = [text[at : at + step] for at in range(0, len(text), step)]
    told = [operations for chunk in chunks(pieces) for operations in patches.feed(chunk)]
    return sum(map(size, [*told, *(patches.end() if fits else ())]))


class Plain(BaseModel):
    name: str


class Part(BaseModel):
    parts: "list[Part]" = []
    note: str = ""


LONG: dict[str, tuple[Any, Any]] = {
    "objects": (list[Hero], heroes),
    "a text in an object": (Plain, lambda count: json.dumps({"name": "word " * 15 * count})),
    "entries": (dict[str, int], lambda count: json.dumps({f"key {n}": n for n in range(4 * count)})),
    "entries of a dict of dates": (
        dict[dt.date, list[int]],
        lambda count: json.dumps({str(dt.date(1900, 1, 1) + dt.timedelta(n)): [n] for n in range(3 * count)}),
    ),
    "a set": (set[int], lambda count: json.dumps([*range(15 * count)])),
    "texts that do not fit": (
        list[Annotated[str, Field(max_length=3)] | None],
        lambda count: json.dumps(["too long", None] * 5 * count),
    ),
    "keys that come again": (dict[str, Any], lambda count: "{" + ", ".join(['"a": {"b": 1}'] * 6 * count) + "}"),
    "what is sorted when it is whole": (
        Annotated[list[int], AfterValidator(lambda numbers: sorted(numbers, reverse=True))],
        lambda count: json.dumps([*range(15 * count)]),
    ),
}


@pytest.mark.parametrize("name", LONG)
def test_the_bytes_of_all_operations_grow_as_the_answer_does(name: str) -> None:
    type_, make = LONG[name]
    short, long = make(30), make(300)
    small, big = (bytes_of(type_, text, fits="do not fit" not in name) for text in (short, long))
    assert big / len(long) < 1.3 * small / len(short)  # the numbers in paths and values get longer
    assert big < 25 * len(long)


def test_a_whole_answer_of_heroes_takes_a_few_times_its_length() -> None:
    text = heroes(720)
    assert len(text) > 57 * 1024
    assert bytes_of(list[Hero], text) < 10 * len(text)


def test_objects_in_objects_are_not_told_again_when_they_end() -> None:
    depth = 40
    text = '{"parts": [' * depth + '{"note": "the inmost"}' + '], "note": "x"}' * depth
    assert bytes_of(Part, text) < 40 * len(text)  # that is the paths


# Through the whole path


def task(*replies: Any, **settings: Any) -> Any:
    @declarai.offline(list(replies)).task(streaming=True, **settings)
    def team(movie: str) -> list[Hero]:
        """List the heroes of the movie"""

    return team


def sent(*pieces: str, whole: bool = False) -> Raw:
    """Give a reply that comes in these pieces, and then ends or breaks."""
    deltas = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    events = [f"data: {json.dumps(delta)}\n\n".encode() for delta in deltas]
    return Raw([*events, b"data: [DONE]\n\n"]) if whole else Raw(events, cut=True)


def test_a_stream_gives_patches_in_each_world_and_again(world: World) -> None:
    text = '{"value": [{"name": "Tony Stark", "age": 48}, {"name": "Thor"}]}'
    answer = task(text)("Avengers")
    value, shown = None, []
    for operations in look(world, answer.patches()):
        assert operations
        value = apply_patch(value, operations)
        shown.append(copy.deepcopy(value))
    assert value == as_json(answer.result())
    partials = [as_json(partial) for partial in look(world, answer.partials())]
    assert shown == [now for before, now in zip([None, *partials], partials, strict=False) if before != now]
    assert look(world, answer.patches()) == look(world, answer.patches())


def test_another_attempt_replaces_all_of_the_first(world: World) -> None:
    bad, good = '{"value": [{"name": "Thor", "age": "old"}]}', '{"value": [{"name": "Thor", "age": 9}]}'
    operations = look(world, task(bad, good)("Avengers").patches())
    anew = [place for place, some in enumerate(operations) if some[0]["path"] == ""]
    assert len(anew) == 2
    assert operations[anew[1]] == [op("replace", "", [{}])]
    value = None
    for some in operations[anew[1] :]:
        value = apply_patch(value, some)
    assert value == [{"name": "Thor", "age": 9, "powers": []}]


def test_an_error_comes_after_the_patches_that_were_there_before_it(world: World) -> None:
    *operations, error = look(world, task(sent('[{"name": "Th', 'or"'))("Avengers").patches())
    assert operations == [[op("replace", "", [{"name": "Th"}])], [op("append", "/0/name", "or")]]
    assert isinstance(error, errors.StreamInterrupted)


def test_a_text_is_patched_as_well(world: World) -> None:
    @declarai.offline(["one two three"]).task(streaming=True)
    def count() -> str:
        """Count"""

    assert look(world, count().patches()) == [
        [op("replace", "", "one")],
        [op("append", "", " two")],
        [op("append", "", " three")],
    ]


def test_what_is_read_only_at_the_end_is_told_there() -> None:
    @declarai.offline(["The answer is 5."]).task(streaming=True)
    def count() -> int:
        """Count"""

    assert list(count().patches()) == [[op("replace", "", 5)]]


def test_at_the_end_what_had_a_state_is_a_plain_value() -> None:
    class Letter(BaseModel):
        text: Annotated[str, stream.with_state]

    @declarai.offline(['[{"text": "Once"}]']).task(streaming=True)
    def letters() -> list[Letter]:
        """Write letters"""

    *_, last = letters().patches()
    assert last == [op("replace", "/0/text", "Once")]


def test_numbers_appear_early_where_that_is_asked_for() -> None:
    answer = task(sent('[{"name": "T", "age": 1', '50, "powers": []}]', whole=True))("Avengers")
    assert [list(answer.patches(early=early)) for early in (True, False)] == [
        [
            [op("replace", "", [{"name": "T", "age": 1}])],
            [op("replace", "/0/age", 150), op("add", "/0/powers", [])],
        ],
        [[op("replace", "", [{"name": "T"}])], [op("add", "/0/age", 150), op("add", "/0/powers", [])]],
    ]


# Applying them


@pytest.mark.parametrize(
    ("value", "operation", "expected"),
    [
        (None, op("replace", "", {"a": 1}), {"a": 1}),
        ({"a": 1}, op("add", "", [1]), [1]),
        ("a", op("append", "", "b"), "ab"),
        ({"a": 1}, op("add", "/b", 2), {"a": 1, "b": 2}),
        ({"a": 1}, op("add", "/a", 2), {"a": 2}),
        ({"a": 1}, op("replace", "/a", None), {"a": None}),
        ({"a": 1, "b": 2}, op("remove", "/a"), {"b": 2}),
        ({"a": "x"}, op("append", "/a", "y"), {"a": "xy"}),
        ({"": {"a/b": {"m~n": 1}}}, op("replace", "//a~1b/m~0n", 2), {"": {"a/b": {"m~n": 2}}}),
        ({"~1": 1}, op("replace", "/~01", 2), {"~1": 2}),
        ({"0": 1}, op("replace", "/0", 2), {"0": 2}),
        ([1, 3], op("add", "/1", 2), [1, 2, 3]),
        ([1, 2], op("add", "/2", 3), [1, 2, 3]),
        ([1, 2], op("add", "/-", 3), [1, 2, 3]),
        ([1, 2], op("remove", "/0"), [2]),
        ([[1], ["a"]], op("append", "/1/0", "b"), [[1], ["ab"]]),
        ([1], op("replace", "/0", [2]) | {"more": 1}, [[2]]),
    ],
)
def test_an_operation_does_what_the_standard_says(value: Any, operation: Any, expected: Any) -> None:
    assert apply_patch(value, [operation]) == expected


@pytest.mark.parametrize(
    ("value", "operation", "why"),
    [
        ({}, op("test", "", {}), "no operation"),
        ({}, op("move", "/a", 1) | {"from": "/b"}, "no operation"),
        ({}, {"op": "add", "path": "/a"}, "no operation"),
        ({}, {"op": "add", "value": 1}, "no operation"),
        ({}, {"path": "/a", "value": 1}, "no operation"),
        ({}, {"op": "add", "path": 5, "value": 1}, "no operation"),
        ({}, "add", "no operation"),
        ({}, op("remove", ""), "no operation"),
        ({"a": "x"}, op("append", "/a", 1), "no operation"),
        ({"a": 1}, op("append", "/a", "x"), "no text"),
        ({"a": 1}, op("replace", "a", 1), "no JSON pointer"),
        ({"a": 1}, op("add", "b", 1), "no JSON pointer"),
        ({"~2": 1}, op("replace", "/~2", 1), "no JSON pointer"),
        ({"~": 1}, op("replace", "/~", 1), "no JSON pointer"),
        ({"a": 1}, op("replace", "/b", 1), "leads nowhere"),
        ({"a": 1}, op("remove", "/b"), "leads nowhere"),
        ({"a": 1}, op("append", "/b", "x"), "leads nowhere"),
        ({"a": 1}, op("add", "/b/c", 1), "leads nowhere"),
        ({"a": 1}, op("add", "/a/c", 1), "leads nowhere"),
        ("text", op("add", "/0", "x"), "leads nowhere"),
        (None, op("add", "/0", "x"), "leads nowhere"),
        ([1], op("add", "/2", 1), "leads nowhere"),
        ([1], op("replace", "/1", 1), "leads nowhere"),
        ([1], op("replace", "/-", 1), "leads nowhere"),
        ([1], op("remove", "/-1"), "leads nowhere"),
        ([1, 2], op("remove", "/01"), "leads nowhere"),
        ([1], op("remove", "/+0"), "leads nowhere"),
        ([1], op("remove", "/\u0660"), "leads nowhere"),
        ([1], op("remove", "/"), "leads nowhere"),
        ([1], op("remove", "/" + "9" * 5000), "leads nowhere"),
    ],
)
def test_what_is_no_operation_or_leads_nowhere_is_an_error(value: Any, operation: Any, why: str) -> None:
    with pytest.raises(errors.ProtocolError, match=why):
        apply_patch(value, [operation])


def test_operations_can_be_applied_again_elsewhere() -> None:
    operations: Any = [op("replace", "", {"a": []}), op("add", "/a/0", {}), op("add", "/a/0/b", "x")]
    one = apply_patch(None, operations)
    assert apply_patch(None, operations) == one == {"a": [{"b": "x"}]}
    assert operations[1]["value"] == {}
