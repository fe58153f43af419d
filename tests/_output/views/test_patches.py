"""The value so far as operations: applied in order they produce what a partial shows, in few bytes."""

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
from declarai_like._output.views.transducers import Partials, Patches
from declarai_like.messages import LLMResponse
from declarai_like.stream import apply_patch, as_json
from declarai_like.testing import Raw
from tests._output.feeds import spec_of
from tests._output.json_texts import CUTS, TEXTS, cut
from tests._output.typed_answers import TYPES, answers, one_shot, spec
from tests.conftest import World, examples

SOME = settings(max_examples=examples(300), suppress_health_check=[HealthCheck.filter_too_much])


def chunks(pieces: Any) -> list[LLMResponse]:
    return [LLMResponse(piece, piece) for piece in pieces]


def patched(type_: Any, *pieces: str, early: bool = False) -> list[list[Any]]:
    """Return the operations after each piece, and test that they lead to what the partial shows."""
    spec = spec_of(type_)
    partials, patches = Partials[Any](spec, lambda: None, early=early), Patches[Any](spec, lambda: None, early=early)
    value, shown, result = None, None, []
    for chunk in chunks(pieces):
        for partial in partials.feed(chunk):
            shown = as_json(partial)
        operations = [operation for some in patches.feed(chunk) for operation in some]
        kept = copy.deepcopy(operations)
        value = apply_patch(value, operations)
        assert identical(value, shown)
        assert operations == kept
        result.append(operations)
    return result


def identical(one: Any, other: Any) -> bool:
    """Return True if two values are the same JSON, apart from the order of keys."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def size(operations: Any) -> int:
    return len(json.dumps(operations))


def read_all(world: World, view: Any) -> list[Any]:
    """Read a view to its end. Return its items, and the error that ended it, if there was one."""
    items: list[Any] = []
    try:
        world.read(view, items)
    except errors.DeclaraiError as error:
        items.append(error)
    return items


# For all types, answers and cuts


@pytest.mark.parametrize("name", TYPES)
@settings(max_examples=examples(8), suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data(), CUTS, st.booleans())
def test_patches_produce_what_partials_show_and_at_the_end_the_answer(
    name: str, data: st.DataObject, cuts: list[int] | None, early: bool
) -> None:
    text = data.draw(answers(name))
    pieces = cut(text, cuts)
    patched(spec(name), *pieces, early=early)
    is_valid, result = one_shot(name, text)
    if not is_valid:
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
def test_repeated_keys_and_odd_texts_are_patched_as_they_are_shown(
    type_: Any, text: str, cuts: list[int] | None, early: bool
) -> None:
    assume("\\u" not in text and text.isascii())  # a lone surrogate cannot be encoded
    patched(type_, *cut(text, cuts), early=early)


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
    lambda notes: st.tuples(notes, st.dictionaries(st.sampled_from(["a/b", "~", ""]), notes, max_size=2)).map(
        lambda pair: {**pair[0], "parts": pair[1]}
    ),
    max_leaves=4,
)


@SOME
@given(st.lists(NOTES, max_size=3), CUTS)
def test_marked_values_are_patched_as_they_are_shown(notes: Any, cuts: list[int] | None) -> None:
    patched(list[Note], *cut(json.dumps(notes), cuts))


# Single operations


class Hero(BaseModel):
    name: str
    age: int | None = None
    powers: list[str] = []


def op(op: str, path: str, *value: Any) -> dict[str, Any]:
    return {"op": op, "path": path} | ({"value": value[0]} if value else {})


def test_strings_grow_and_new_values_are_added_at_their_path() -> None:
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


def test_with_early_numbers_are_replaced_as_they_continue() -> None:
    assert patched(Hero, '{"name": "", "age": 1', "50", "}", early=True) == [
        [op("replace", "", {"name": "", "age": 1})],
        [op("replace", "/age", 150)],
        [op("add", "/powers", [])],
    ]


def test_a_default_is_added_when_its_object_is_complete() -> None:
    assert patched(list[Hero], '[{"name": "Thor"', "}, ")[1:] == [
        [op("add", "/0/age", None), op("add", "/0/powers", [])],
    ]


def test_a_value_of_which_nearly_all_changes_is_replaced() -> None:
    backwards = Annotated[list[int], AfterValidator(lambda numbers: numbers[::-1])]
    assert patched(dict[str, backwards], '{"a": [1, 2, 3, 4, 5', "]")[1:] == [[op("replace", "/a", [5, 4, 3, 2, 1])]]


def test_values_that_validation_changes_are_replaced() -> None:
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


def test_an_invalid_value_is_removed_again() -> None:
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


def test_changes_of_parts_by_the_validator_of_their_object_are_patched() -> None:
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


def test_the_json_of_a_root_model_is_that_of_its_root() -> None:
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


def test_an_object_keeps_its_parts_when_its_class_is_known() -> None:
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


def test_a_repeated_key_is_replaced() -> None:
    assert patched(dict[str, Any], '{"a": {"b": 1', ', "b": 2, "c": 1, "c": 3', "}", ', "a": 4', "}") == [
        [op("replace", "", {"a": {}})],
        [op("add", "/a/b", 2), op("add", "/a/c", 1)],
        [op("replace", "/a/c", 3)],
        [],
        [op("replace", "/a", 4)],
    ]


def test_other_json_that_becomes_the_answer_replaces_all_of_the_value() -> None:
    assert patched(list[int], "For instance [1, ", "2]:\n", "```json\n[", "3, ", "1]\n```") == [
        [op("replace", "", [1])],
        [op("add", "/1", 2)],
        [],
        [op("replace", "", [3])],
        [op("add", "/1", 1)],
    ]


# In few bytes, for any answer


def heroes(count: int) -> str:
    names = ("Tony Stark", "Thor Odinson", "Natasha Romanoff")
    result = [{"name": names[n % 3], "age": 40 + n, "powers": ["flight", "genius, of a kind"]} for n in range(count)]
    return json.dumps(result)


def bytes_of(type_: Any, text: str, *, size_of_piece: int = 4, is_valid: bool = True) -> int:
    """Return the size in bytes of the operations for an answer that comes in small pieces."""
    spec = AnswerSpec[Any](type_)
    patches = Patches[Any](spec, lambda: spec.output_type.read(text), early=False)
    pieces = [text[start : start + size_of_piece] for start in range(0, len(text), size_of_piece)]
    result = [operations for chunk in chunks(pieces) for operations in patches.feed(chunk)]
    return sum(map(size, [*result, *(patches.end() if is_valid else ())]))


class Plain(BaseModel):
    name: str


class Part(BaseModel):
    parts: "list[Part]" = []
    note: str = ""


LONG: dict[str, tuple[Any, Any]] = {
    "objects": (list[Hero], heroes),
    "a string in an object": (Plain, lambda count: json.dumps({"name": "word " * 15 * count})),
    "entries": (dict[str, int], lambda count: json.dumps({f"key {n}": n for n in range(4 * count)})),
    "entries of a dict of dates": (
        dict[dt.date, list[int]],
        lambda count: json.dumps({str(dt.date(1900, 1, 1) + dt.timedelta(n)): [n] for n in range(3 * count)}),
    ),
    "a set": (set[int], lambda count: json.dumps([*range(15 * count)])),
    "invalid strings": (
        list[Annotated[str, Field(max_length=3)] | None],
        lambda count: json.dumps(["too long", None] * 5 * count),
    ),
    "repeated keys": (dict[str, Any], lambda count: "{" + ", ".join(['"a": {"b": 1}'] * 6 * count) + "}"),
    "a list that is sorted when it is complete": (
        Annotated[list[int], AfterValidator(lambda numbers: sorted(numbers, reverse=True))],
        lambda count: json.dumps([*range(15 * count)]),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_the_bytes_of_all_operations_grow_as_the_answer_does(name: str) -> None:
    type_, make = LONG[name]
    short, long = make(30), make(300)
    small, big = (bytes_of(type_, text, is_valid="invalid" not in name) for text in (short, long))
    assert big / len(long) < 1.3 * small / len(short)  # the numbers in paths and values get longer
    assert big < 25 * len(long)


def test_a_complete_answer_of_heroes_takes_a_few_times_its_length() -> None:
    text = heroes(720)
    assert len(text) > 57 * 1024
    assert bytes_of(list[Hero], text) < 10 * len(text)


def test_objects_in_objects_are_not_repeated_when_they_end() -> None:
    depth = 40
    text = '{"parts": [' * depth + '{"note": "the inmost"}' + '], "note": "x"}' * depth
    assert bytes_of(Part, text) < 40 * len(text)  # that is the paths


# From the HTTP response to the reader


def task(*replies: Any, **settings: Any) -> Any:
    @declarai.offline(list(replies)).task(streaming=True, **settings)
    def team(movie: str) -> list[Hero]:
        """List the heroes of the movie"""

    return team


def sent(*pieces: str, is_complete: bool = False) -> Raw:
    """Return a reply that streams these pieces, and then ends or breaks."""
    deltas = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    events = [f"data: {json.dumps(delta)}\n\n".encode() for delta in deltas]
    return Raw([*events, b"data: [DONE]\n\n"]) if is_complete else Raw(events, cut=True)


def test_a_stream_yields_patches_sync_and_async_and_again(world: World) -> None:
    text = '{"value": [{"name": "Tony Stark", "age": 48}, {"name": "Thor"}]}'
    answer = task(text)("Avengers")
    value, shown = None, []
    for operations in read_all(world, answer.patches()):
        assert operations
        value = apply_patch(value, operations)
        shown.append(copy.deepcopy(value))
    assert value == as_json(answer.result())
    partials = [as_json(partial) for partial in read_all(world, answer.partials())]
    assert shown == [now for before, now in zip([None, *partials], partials, strict=False) if before != now]
    assert read_all(world, answer.patches()) == read_all(world, answer.patches())


def test_another_attempt_replaces_all_of_the_first(world: World) -> None:
    bad, good = '{"value": [{"name": "Thor", "age": "old"}]}', '{"value": [{"name": "Thor", "age": 9}]}'
    operations = read_all(world, task(bad, good)("Avengers").patches())
    starts = [index for index, some in enumerate(operations) if some[0]["path"] == ""]
    assert len(starts) == 2
    assert operations[starts[1]] == [op("replace", "", [{}])]
    value = None
    for some in operations[starts[1] :]:
        value = apply_patch(value, some)
    assert value == [{"name": "Thor", "age": 9, "powers": []}]


def test_an_error_is_raised_after_the_patches_before_it(world: World) -> None:
    *operations, error = read_all(world, task(sent('[{"name": "Th', 'or"'))("Avengers").patches())
    assert operations == [[op("replace", "", [{"name": "Th"}])], [op("append", "/0/name", "or")]]
    assert isinstance(error, errors.StreamInterrupted)


def test_a_plain_text_is_patched_as_well(world: World) -> None:
    @declarai.offline(["one two three"]).task(streaming=True)
    def count() -> str:
        """Count"""

    assert read_all(world, count().patches()) == [
        [op("replace", "", "one")],
        [op("append", "", " two")],
        [op("append", "", " three")],
    ]


def test_a_value_that_is_read_at_the_end_is_reported_there() -> None:
    @declarai.offline(["The answer is 5."]).task(streaming=True)
    def count() -> int:
        """Count"""

    assert list(count().patches()) == [[op("replace", "", 5)]]


def test_at_the_end_a_value_with_a_state_is_a_plain_value() -> None:
    class Letter(BaseModel):
        text: Annotated[str, stream.with_state]

    @declarai.offline(['[{"text": "Once"}]']).task(streaming=True)
    def letters() -> list[Letter]:
        """Write letters"""

    *_, last = letters().patches()
    assert last == [op("replace", "/0/text", "Once")]


def test_numbers_appear_early_if_requested() -> None:
    answer = task(sent('[{"name": "T", "age": 1', '50, "powers": []}]', is_complete=True))("Avengers")
    assert [list(answer.patches(early=early)) for early in (True, False)] == [
        [
            [op("replace", "", [{"name": "T", "age": 1}])],
            [op("replace", "/0/age", 150), op("add", "/0/powers", [])],
        ],
        [[op("replace", "", [{"name": "T"}])], [op("add", "/0/age", 150), op("add", "/0/powers", [])]],
    ]


# Applying operations


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
def test_an_operation_has_the_effect_that_the_standard_defines(value: Any, operation: Any, expected: Any) -> None:
    assert apply_patch(value, [operation]) == expected


@pytest.mark.parametrize(
    ("value", "operation", "why"),
    [
        ({}, op("test", "", {}), "not a valid operation"),
        ({}, op("move", "/a", 1) | {"from": "/b"}, "not a valid operation"),
        ({}, {"op": "add", "path": "/a"}, "not a valid operation"),
        ({}, {"op": "add", "value": 1}, "not a valid operation"),
        ({}, {"path": "/a", "value": 1}, "not a valid operation"),
        ({}, {"op": "add", "path": 5, "value": 1}, "not a valid operation"),
        ({}, "add", "not a valid operation"),
        ({}, op("remove", ""), "not a valid operation"),
        ({"a": "x"}, op("append", "/a", 1), "not a valid operation"),
        ({"a": 1}, op("append", "/a", "x"), "the value at path '/a' is not a string"),
        ({"a": 1}, op("replace", "a", 1), "is not a JSON pointer"),
        ({"a": 1}, op("add", "b", 1), "is not a JSON pointer"),
        ({"~2": 1}, op("replace", "/~2", 1), "is not a JSON pointer"),
        ({"~": 1}, op("replace", "/~", 1), "is not a JSON pointer"),
        ({"a": 1}, op("replace", "/b", 1), "does not exist in the value"),
        ({"a": 1}, op("remove", "/b"), "does not exist in the value"),
        ({"a": 1}, op("append", "/b", "x"), "does not exist in the value"),
        ({"a": 1}, op("add", "/b/c", 1), "does not exist in the value"),
        ({"a": 1}, op("add", "/a/c", 1), "does not exist in the value"),
        ("text", op("add", "/0", "x"), "does not exist in the value"),
        (None, op("add", "/0", "x"), "does not exist in the value"),
        ([1], op("add", "/2", 1), "does not exist in the value"),
        ([1], op("replace", "/1", 1), "does not exist in the value"),
        ([1], op("replace", "/-", 1), "does not exist in the value"),
        ([1], op("remove", "/-1"), "does not exist in the value"),
        ([1, 2], op("remove", "/01"), "does not exist in the value"),
        ([1], op("remove", "/+0"), "does not exist in the value"),
        ([1], op("remove", "/\u0660"), "does not exist in the value"),
        ([1], op("remove", "/"), "does not exist in the value"),
        ([1], op("remove", "/" + "9" * 5000), "does not exist in the value"),
    ],
)
def test_an_invalid_operation_or_path_is_an_error(value: Any, operation: Any, why: str) -> None:
    with pytest.raises(errors.ProtocolError, match=why):
        apply_patch(value, [operation])


def test_operations_can_be_applied_again_elsewhere() -> None:
    operations: Any = [op("replace", "", {"a": []}), op("add", "/a/0", {}), op("add", "/a/0/b", "x")]
    one = apply_patch(None, operations)
    assert apply_patch(None, operations) == one == {"a": [{"b": "x"}]}
    assert operations[1]["value"] == {}
