"""Elements, field events and marks, for any cut of the text: what each reader is told is true, and told once."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from declarai_like import stream
from declarai_like._output.incremental import Missing
from declarai_like._output.types.root import AnswerSpec
from declarai_like._output.types.values import StreamState, as_json
from declarai_like._output.views.readers import ElementReader, FieldReader, PartialReader
from declarai_like.stream import ElementCompleted, FieldCompleted, FieldGrew, FieldStarted


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
    """Cut a text into pieces of these sizes, over and over."""
    cut, place = [], 0
    while place < len(text):
        size = sizes[len(cut) % len(sizes)]
        cut.append(text[place : place + size])
        place += size
    return cut


def told(spec: AnswerSpec[Any], cut: list[str]) -> list[Any]:
    reader, events = FieldReader(spec), []
    for piece in cut:
        taken_back, new = reader.feed(piece)
        assert not taken_back
        events += new
    assert reader.end() == (False, [])
    return events


def rebuilt(events: list[Any]) -> Any:
    """Put an answer together from its events alone, by their paths."""
    grown: dict[Any, str] = {}
    begun, whole = set(), {}
    for event in events:
        if isinstance(event, FieldStarted):
            assert event.path not in begun, "it begins once"
            begun.add(event.path)
            continue
        assert event.path in begun, "it begins first"
        assert event.path not in whole, "nothing follows its end"
        if isinstance(event, FieldGrew):
            grown[event.path] = grown.get(event.path, "") + event.delta
        else:
            whole[event.path] = event.value
    assert begun == set(whole), "what has begun comes to its end"
    for path, text in grown.items():
        assert whole[path] == text
    return whole


@settings(max_examples=600)
@given(TEAMS, FORMS, st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_an_answer_can_be_rebuilt_from_its_events_whatever_the_cut(team, form, sizes):
    text = json.dumps(team, **form)
    events = told(TEAM, pieces(text, sizes))
    whole = rebuilt(events)
    assert whole[()] == Team.model_validate(team)
    for place, hero in enumerate(team["heroes"]):
        assert whole["heroes", place] is whole[()].heroes[place]
        assert {
            key[3]: value for key, value in whole.items() if key[:3] == ("heroes", place, "friends") and key[3:]
        } == hero["friends"]
    elements = [event.path for event in events if isinstance(event, ElementCompleted)]
    assert [path for path in elements if len(path) == 2] == [("heroes", place) for place in range(len(team["heroes"]))]
    assert all(isinstance(path[-1], int) for path in elements)
    at_once = told(TEAM, [text])
    assert [event for event in events if not isinstance(event, FieldGrew)] == [
        event for event in at_once if not isinstance(event, FieldGrew)
    ]


@settings(max_examples=600)
@given(TEAMS, FORMS, st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_partials_only_grow_and_whole_parts_stay_the_same_objects(team, form, sizes):
    reader, seen = PartialReader(TEAM), []
    for piece in pieces(json.dumps(team, **form), sizes):
        partial = reader.feed(piece)
        if partial is not None:
            seen.append((partial, as_json(partial)))
    assert seen[-1][0] == Team.model_validate(team)
    assert type(seen[-1][0].get(lambda team: team)) is Team
    for (before, known), (after, _) in zip(seen, seen[1:], strict=False):
        assert as_json(before) == known, "what was seen does not change"
        _assert_grown(known, as_json(after))
        for place, hero in enumerate(before.heroes if "heroes" in known else ()):
            if isinstance(hero, Hero):
                assert after.heroes[place] is hero


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


@settings(max_examples=600)
@given(st.lists(HEROES, max_size=4), FORMS, st.booleans(), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_each_element_is_handed_out_with_its_last_character(heroes, form, wrapped, sizes):
    text = json.dumps({"value": heroes} if wrapped else heroes, **form)
    expected = TypeAdapter(list[Hero]).validate_python(heroes)
    reader, found = ElementReader[Hero](HERO_LIST), []
    for piece in pieces(text, sizes):
        found += reader.feed(piece)
    assert found == expected
    assert reader.failure is None
    slow = ElementReader[Hero](HERO_LIST)
    ends = [place for place, sign in enumerate(text) if slow.feed(sign)]
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


def snapshots(of: Any, *cut: str) -> list[Any]:
    reader = PartialReader(of)
    return [None if partial is None else as_json(partial) for partial in map(reader.feed, cut)]


def test_a_field_that_is_done_appears_when_it_is_whole_and_one_with_a_state_says_how_far_it_is():
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


def test_an_object_appears_once_what_must_not_be_null_is_there():
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


def test_what_is_hidden_is_told_when_it_appears():
    events = told(AnswerSpec(list[Shown]), ['[{"first": "a', 'b", ', '"needed": ', '"c', 'd"}]'])
    assert events[:5] == [
        FieldStarted(()),
        FieldStarted((0,)),
        FieldStarted((0, "first")),
        FieldGrew((0, "first"), "a"),
        FieldGrew((0, "first"), "b"),
    ]
    assert rebuilt(events)[0,] == Shown(first="ab", needed="cd")
    reader = FieldReader(AnswerSpec(list[Shown]))
    assert reader.feed('[{"first": "ab"')[1] == [FieldStarted(())]
    assert FieldCompleted((0, "first"), "ab") in reader.feed(', "needed": "c')[1]


def test_marks_change_neither_what_the_model_is_told_nor_the_result():
    class Plain(BaseModel):
        first: str
        needed: str

    marked, plain = (dict(model.model_json_schema(), title="") for model in (Shown, Plain))
    assert marked == plain
    assert Shown.model_validate_json('{"first": "a", "needed": "b"}').needed == "b"


def test_what_is_missing_says_so():
    partial = PartialReader(Team).feed('{"title": "Aven')
    assert partial is not None
    assert (partial.title, partial.get(lambda team: team.title)) == ("Aven", "Aven")
    assert partial.get(lambda team: team.heroes[0].name) is None
    with pytest.raises(Missing, match="Team.heroes is not there yet; so far there is title"):
        _ = partial.heroes
    with pytest.raises(AttributeError, match="Team has no field 'captain'; its fields are title, heroes"):
        _ = partial.captain
    assert not hasattr(partial, "heroes")


def test_get_gives_nothing_that_is_still_open_but_texts():
    reader = PartialReader(Team)
    partial = reader.feed('{"title": "A", "heroes": [{"name": "To')
    assert partial is not None
    assert partial.get(lambda team: team.heroes[0].name) == "To"
    assert partial.get(lambda team: team.heroes) is None
    assert partial.get(lambda team: team.heroes[0]) is None
    assert partial.get(lambda team: len(team.heroes)) == 1
    whole = reader.feed('ny", "born": 1, "powers": [], "friends": {}}]')
    assert whole is not None
    assert whole.get(lambda team: team.heroes) == [Hero(name="Tony", born=1, powers=[], friends={})]


def test_a_state_compares_by_what_it_says():
    assert StreamState("a", "complete") == StreamState("a", "complete")
    assert StreamState("a", "complete") != StreamState("a", "incomplete")
    assert repr(StreamState("a", "complete")) == "StreamState('a', 'complete')"
