"""Elements, field events and marks, for any cut of the text: all of them are true, and come once."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from declarai_like import stream
from declarai_like._output.incremental import Missing
from declarai_like._output.types.partials import StreamState, as_json
from declarai_like._output.types.root import AnswerSpec
from declarai_like.stream import ElementCompleted, FieldCompleted, FieldGrew, FieldStarted
from tests._output.feeds import ElementFeed, FieldFeed, PartialFeed
from tests.conftest import examples


class Hero(BaseModel):
    name: str
    born: int | None
    powers: list[str]
    friends: dict[str, bool]


class Team(BaseModel):
    title: str
    heroes: list[Hero]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ['he said "hi", then left', "]", "\\", "\u00fc\U0001f600", "{}", "```"]
)
HEROES = st.fixed_dictionaries(
    {
        "name": TEXTS,
        "born": st.none() | st.integers(-(10**20), 10**20),
        "powers": st.lists(TEXTS, max_size=3),
        "friends": st.dictionaries(TEXTS, st.booleans(), max_size=2),
    }
)
TEAMS = st.fixed_dictionaries({"title": TEXTS, "heroes": st.lists(HEROES, max_size=3)})
FORMS = st.sampled_from([{}, {"indent": 1}, {"ensure_ascii": False}, {"separators": (",", ":")}])
TEAM, HERO_LIST = AnswerSpec(Team), AnswerSpec(list[Hero])


def pieces(text: str, sizes: list[int]) -> list[str]:
    """Cut text into pieces of these sizes, in turn."""
    cut, index = [], 0
    while index < len(text):
        size = sizes[len(cut) % len(sizes)]
        cut.append(text[index : index + size])
        index += size
    return cut


def events_of(spec: AnswerSpec[Any], cut: list[str]) -> list[Any]:
    reader, events = FieldFeed(spec), []
    for piece in cut:
        is_withdrawn, new = reader.feed(piece)
        assert not is_withdrawn
        events += new
    assert reader.end() == (False, [])
    return events


def rebuilt(events: list[Any]) -> Any:
    """Rebuild an answer from its events, by their paths."""
    grown: dict[Any, str] = {}
    begun, complete = set(), {}
    for event in events:
        if isinstance(event, FieldStarted):
            assert event.path not in begun, "it begins once"
            begun.add(event.path)
            continue
        assert event.path in begun, "it begins first"
        assert event.path not in complete, "nothing follows its end"
        if isinstance(event, FieldGrew):
            grown[event.path] = grown.get(event.path, "") + event.delta
        else:
            complete[event.path] = event.value
    assert begun == set(complete), "all that has begun is completed"
    for path, text in grown.items():
        assert complete[path] == text
    return complete


@settings(max_examples=examples(600))
@given(TEAMS, FORMS, st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_an_answer_can_be_rebuilt_from_its_events_whatever_the_cut(team, form, sizes):
    text = json.dumps(team, **form)
    events = events_of(TEAM, pieces(text, sizes))
    complete = rebuilt(events)
    assert complete[()] == Team.model_validate(team)
    for index, hero in enumerate(team["heroes"]):
        assert complete["heroes", index] is complete[()].heroes[index]
        assert {
            key[3]: value for key, value in complete.items() if key[:3] == ("heroes", index, "friends") and key[3:]
        } == hero["friends"]
    elements = [event.path for event in events if isinstance(event, ElementCompleted)]
    assert [path for path in elements if len(path) == 2] == [("heroes", index) for index in range(len(team["heroes"]))]
    assert all(isinstance(path[-1], int) for path in elements)
    at_once = events_of(TEAM, [text])
    assert [event for event in events if not isinstance(event, FieldGrew)] == [
        event for event in at_once if not isinstance(event, FieldGrew)
    ]


@settings(max_examples=examples(600))
@given(TEAMS, FORMS, st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_partials_only_grow_and_complete_parts_stay_the_same_objects(team, form, sizes):
    reader, partials = PartialFeed(TEAM), []
    for piece in pieces(json.dumps(team, **form), sizes):
        partial = reader.feed(piece)
        if partial is not None:
            partials.append((partial, as_json(partial)))
    assert partials[-1][0] == Team.model_validate(team)
    assert type(partials[-1][0].get(lambda team: team)) is Team
    for (before, known), (after, _) in zip(partials, partials[1:], strict=False):
        assert as_json(before) == known, "an earlier partial does not change"
        _assert_grown(known, as_json(after))
        for index, hero in enumerate(before.heroes if "heroes" in known else ()):
            if isinstance(hero, Hero):
                assert after.heroes[index] is hero


def _assert_grown(before: Any, after: Any) -> None:
    assert type(before) is type(after)
    if isinstance(before, str):
        assert after.startswith(before)
    elif isinstance(before, list):
        assert len(before) <= len(after)
        for one, other in zip(before, after, strict=False):
            _assert_grown(one, other)
    elif isinstance(before, dict):
        assert before.keys() <= after.keys()
        for key, value in before.items():
            _assert_grown(value, after[key])
    else:
        assert before == after


@settings(max_examples=examples(600))
@given(st.lists(HEROES, max_size=4), FORMS, st.booleans(), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_each_element_is_yielded_with_its_last_character(heroes, form, wrapped, sizes):
    text = json.dumps({"value": heroes} if wrapped else heroes, **form)
    expected = TypeAdapter(list[Hero]).validate_python(heroes)
    reader, found = ElementFeed(HERO_LIST), []
    for piece in pieces(text, sizes):
        found += reader.feed(piece)
    assert found == expected
    assert reader.failure is None
    slow = ElementFeed(HERO_LIST)
    ends = [index for index, char in enumerate(text) if slow.feed(char)]
    assert len(ends) == len(heroes)
    assert all(text[end] == "}" for end in ends)


class Marked(BaseModel):
    plain: str = ""
    done: Annotated[str, stream.done] = ""
    both: Annotated[str, stream.done, stream.not_null]
    state: Annotated[str, stream.with_state] = ""


class Shown(BaseModel):
    first: str
    needed: Annotated[str, stream.not_null]


@stream.done
class Whole(BaseModel):
    text: str


class Holder(BaseModel):
    whole: Whole
    many: list[Whole]


def snapshots(type_: Any, *cut: str) -> list[Any]:
    reader = PartialFeed(type_)
    return [None if partial is None else as_json(partial) for partial in map(reader.feed, cut)]


def test_a_field_that_is_done_appears_when_it_is_complete_and_one_with_a_state_has_its_state():
    pending, begun, complete = (
        {"value": v, "state": s} for v, s in ((None, "pending"), ("c", "incomplete"), ("cd", "complete"))
    )
    assert snapshots(Marked, '{"both": "x', '", "plain": "a', '", "done": "b', '", "state": "c', 'd"', "}") == [
        None,
        {"plain": "a", "both": "x", "state": pending},
        {"plain": "a", "both": "x", "state": pending},
        {"plain": "a", "both": "x", "done": "b", "state": begun},
        {"plain": "a", "both": "x", "done": "b", "state": complete},
        {"plain": "a", "both": "x", "done": "b", "state": complete},
    ]


def test_an_object_appears_once_its_not_null_field_is_present():
    assert snapshots(Shown, '{"first": "a', 'b", ', '"needed": ', '"c', 'd"}') == [
        None, None, None, {"first": "ab", "needed": "c"}, {"first": "ab", "needed": "cd"},
    ]  # fmt: skip
    assert snapshots(list[Shown], '[{"first": "a', '", "needed": "c', '"}, {"fir', "]")[:3] == [
        [], [{"first": "a", "needed": "c"}], [{"first": "a", "needed": "c"}],
    ]  # fmt: skip


def test_all_values_of_a_class_can_be_done():
    assert snapshots(Holder, '{"whole": {"text": "a', 'b"}, "many": [{"text": "c"}', ', {"text": "d', '"}]}') == [
        {},
        {"whole": {"text": "ab"}, "many": [{"text": "c"}]},
        {"whole": {"text": "ab"}, "many": [{"text": "c"}]},
        {"whole": {"text": "ab"}, "many": [{"text": "c"}, {"text": "d"}]},
    ]


def test_events_of_a_hidden_object_follow_when_it_appears():
    events = events_of(AnswerSpec(list[Shown]), ['[{"first": "a', 'b", ', '"needed": ', '"c', 'd"}]'])
    assert events[:5] == [
        FieldStarted(()),
        FieldStarted((0,)),
        FieldStarted((0, "first")),
        FieldGrew((0, "first"), "a"),
        FieldGrew((0, "first"), "b"),
    ]
    assert rebuilt(events)[0,] == Shown(first="ab", needed="cd")
    reader = FieldFeed(AnswerSpec(list[Shown]))
    assert reader.feed('[{"first": "ab"')[1] == [FieldStarted(())]
    assert FieldCompleted((0, "first"), "ab") in reader.feed(', "needed": "c')[1]


def test_marks_change_neither_the_schema_for_the_model_nor_the_result():
    class Plain(BaseModel):
        first: str
        needed: str

    marked, plain = (dict(model.model_json_schema(), title="") for model in (Shown, Plain))
    assert marked == plain
    assert Shown.model_validate_json('{"first": "a", "needed": "b"}').needed == "b"


def test_a_missing_part_raises_missing():
    partial = PartialFeed(Team).feed('{"title": "Aven')
    assert partial is not None
    assert (partial.title, partial.get(lambda team: team.title)) == ("Aven", "Aven")
    assert partial.get(lambda team: team.heroes[0].name) is None
    with pytest.raises(Missing, match="Team.heroes is not there yet; so far there is title"):
        _ = partial.heroes
    with pytest.raises(AttributeError, match="Team has no field 'captain'; its fields are title, heroes"):
        _ = partial.captain
    assert not hasattr(partial, "heroes")


def test_get_returns_nothing_that_is_still_open_but_strings():
    reader = PartialFeed(Team)
    partial = reader.feed('{"title": "A", "heroes": [{"name": "To')
    assert partial is not None
    assert partial.get(lambda team: team.heroes[0].name) == "To"
    assert partial.get(lambda team: team.heroes) is None
    assert partial.get(lambda team: team.heroes[0]) is None
    assert partial.get(lambda team: len(team.heroes)) == 1
    complete = reader.feed('ny", "born": 1, "powers": [], "friends": {}}]')
    assert complete is not None
    assert complete.get(lambda team: team.heroes) == [Hero(name="Tony", born=1, powers=[], friends={})]


def test_states_are_compared_by_value_and_state():
    assert StreamState("a", "complete") == StreamState("a", "complete")
    assert StreamState("a", "complete") != StreamState("a", "incomplete")
    assert repr(StreamState("a", "complete")) == "StreamState('a', 'complete')"
