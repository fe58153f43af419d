"""Views of open lists, dicts and strings: they do not change later, and missing parts raise `Missing`."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declarai_like._output.incremental import (
    ABSENT,
    IncrementalParser,
    Missing,
    PartialDict,
    PartialJSON,
    PartialList,
    TextSoFar,
    ValueSnapshot,
    resolve_text,
)
from declarai_like._output.incremental.plain import PLAIN
from declarai_like.messages import ResponseText
from tests._output.json_texts import CUTS, UNIQUE, cut, visible_part
from tests.conftest import examples


def view_after(*pieces: str) -> Any:
    """Return the view of a JSON text after these pieces."""
    parser = IncrementalParser(PLAIN)
    for piece in pieces:
        parser.feed(piece)
    return parser.snapshot().build()


LISTS = ["[", '["a', "[1, ", "[1, 2", '["a", [1, [2', '[{"a": [', "[1, 2, 3, "]
DICTS = ["{", '{"a', '{"a": 1', '{"a": "b', '{"a": 1, "b": [1, {"c', '{"a": {"b": 1, ', '{"a": 1, "b": 2, "c": 3, ']


@settings(max_examples=examples(1000))
@given(UNIQUE, CUTS)
def test_a_view_does_not_change_when_more_text_arrives(text: str, cuts: list[int] | None) -> None:
    parser = IncrementalParser(PLAIN)
    kept: list[tuple[str, ValueSnapshot, Any]] = []
    fed = ""
    for piece in cut(text, cuts):
        parser.feed(piece)
        fed += piece
        kept.append((fed, parser.snapshot(), parser.snapshot().build()))
    parser.end()
    for text_so_far, snapshot, built in kept:
        assert repr(resolve_text(snapshot.build())) == repr(resolve_text(built)) == repr(visible_part(text_so_far))


@pytest.mark.parametrize("text", LISTS)
def test_a_list_that_grows_reads_as_a_list(text: str) -> None:
    partial, plain = view_after(text), visible_part(text)
    assert isinstance(partial, PartialList)
    assert isinstance(partial, Sequence)
    assert partial == plain
    assert plain == partial
    assert partial == tuple(plain)
    assert partial == view_after(text)
    assert list(partial) == plain
    assert list(reversed(partial)) == plain[::-1]
    assert len(partial) == len(plain)
    assert bool(partial) is bool(plain)
    assert repr(partial) == repr(plain)
    for index in range(-len(plain), len(plain)):
        assert partial[index] == plain[index]
        assert plain[index] in partial
        assert partial.index(plain[index]) == plain.index(plain[index])


@pytest.mark.parametrize("text", LISTS)
def test_a_slice_of_a_list_that_grows_is_a_list(text: str) -> None:
    partial, plain = view_after(text), visible_part(text)
    ends = [None, *range(-4, 5)]
    for start in ends:
        for end in ends:
            for step in (None, 1, 2, -1, -2):
                part = partial[start:end:step]
                assert type(part) is list
                assert part == plain[start:end:step]


@pytest.mark.parametrize("text", DICTS)
def test_a_dict_that_grows_reads_as_a_dict(text: str) -> None:
    partial, plain = view_after(text), visible_part(text)
    assert isinstance(partial, PartialDict)
    assert isinstance(partial, Mapping)
    assert partial == plain
    assert plain == partial
    assert partial == view_after(text)
    assert dict(partial) == plain
    assert list(partial) == list(plain)
    assert list(partial.items()) == list(plain.items())
    assert list(partial.values()) == list(plain.values())
    assert len(partial) == len(plain)
    assert bool(partial) is bool(plain)
    assert repr(partial) == repr(plain)
    for key, value in plain.items():
        assert partial[key] == value
        assert key in partial
        assert partial.get(key) == value
    assert "none" not in partial
    assert partial.get("none", 5) == 5


def test_lists_and_dicts_that_differ_are_not_equal() -> None:
    assert view_after("[1, 2, ") != [1]
    assert view_after("[1, 2, ") != [1, 3]
    assert view_after("[1, 2, ") != {1, 2}
    assert view_after("[") != {}
    assert view_after('["a') != "a"
    assert view_after('{"a": 1, ') != {"a": 2}
    assert view_after('{"a": 1, ') != {}
    assert view_after("{") != []


def test_neither_has_a_hash_as_lists_and_dicts_have_none() -> None:
    for text in ("[", "{"):
        with pytest.raises(TypeError, match="unhashable"):
            hash(view_after(text))


def test_neither_can_be_changed() -> None:
    for partial in (view_after("[1, "), view_after('{"a": 1, ')):
        for name in ("__setitem__", "__delitem__", "append", "update", "clear", "pop"):
            assert not hasattr(partial, name)


@pytest.mark.parametrize("index", [2, 3, -3, 100])
def test_an_element_that_is_not_there_is_missing(index: int) -> None:
    partial = view_after('[1, "tw')
    with pytest.raises(Missing) as raised:
        partial[index]
    assert str(raised.value) == f"element {index} is not there yet; there are 2 so far"


def test_an_entry_that_is_not_there_is_missing() -> None:
    with pytest.raises(Missing) as raised:
        view_after('{"a": 1, "b": "tw')["c"]
    assert str(raised.value) == "the entry 'c' is not there yet; so far there are ['a', 'b']"
    with pytest.raises(Missing) as raised:
        view_after('{"a": 1, "a": [')["c"]
    assert str(raised.value) == "the entry 'c' is not there yet; so far there are ['a']"


@pytest.mark.parametrize("open_value", ["", '"z": "op'])
def test_of_many_entries_the_first_ten_are_named(open_value: str) -> None:
    partial = view_after("{" + "".join(f'"{key}": {key}, ' for key in range(100)) + open_value)
    with pytest.raises(Missing) as raised:
        partial["c"]
    assert str(raised.value).endswith(f"so far there are {[str(key) for key in range(10)]}")


def test_missing_is_what_a_reader_of_lists_dicts_or_objects_expects() -> None:
    for kind in (KeyError, IndexError, AttributeError, LookupError):
        with pytest.raises(kind, match="^the entry 'a' is not there yet"):
            view_after("{")["a"]
        with pytest.raises(kind, match="^element 0 is not there yet"):
            view_after("[")[0]


def test_the_message_of_missing_survives_pickling() -> None:
    with pytest.raises(Missing) as raised:
        view_after("[")[0]
    again = pickle.loads(pickle.dumps(raised.value))
    assert type(again) is Missing
    assert str(again) == str(raised.value) == "element 0 is not there yet; there are 0 so far"
    assert str(Missing("a message")) == "a message"


def test_patterns_match_what_is_there() -> None:
    def match(text: str) -> Any:
        match view_after(text):
            case {"heroes": [{"name": name}, *others], **more}:
                return name, others, more
            case {"heroes": []}:
                return "no hero yet"
            case [first, second, *_]:
                return first, second
            case [only]:
                return only
            case {}:
                return "an object"
            case _:
                return "nothing"

    assert match('{"heroes": [{"name": "Ha') == ("Ha", [], {})
    assert match('{"team": 1, "heroes": [{"name": "Hawkeye"}, {"na') == ("Hawkeye", [{}], {"team": 1})
    assert match('{"heroes": [') == "no hero yet"
    assert match('{"heroes": [{') == "an object"
    assert match('[1, "tw') == (1, "tw")
    assert match('["on') == "on"
    assert match("[") == "nothing"
    assert match("") == "nothing"


def test_a_dict_may_be_iterated_while_it_grows() -> None:
    parser = IncrementalParser(PLAIN)
    parser.feed('{"a": 1, "b": 2, "c": "op')
    keys, items = iter(parser.snapshot().build()), iter(parser.snapshot().build().items())
    assert (next(keys), next(items)) == ("a", ("a", 1))
    parser.feed('en", "d": 4, "e": [')
    assert list(keys) == ["b", "c"]
    assert list(items) == [("b", 2), ("c", "op")]


def test_a_list_may_be_iterated_while_it_grows() -> None:
    parser = IncrementalParser(PLAIN)
    parser.feed('[1, 2, "op')
    elements = iter(parser.snapshot().build())
    assert next(elements) == 1
    parser.feed('en", 4')
    assert list(elements) == [2, "op"]


def test_what_is_complete_is_the_same_object_from_then_on() -> None:
    parser = IncrementalParser(PLAIN)
    parser.feed('[{"a": [1]}, {"b": ')
    first = parser.snapshot().build()
    parser.feed("2}, 3")
    second = parser.snapshot().build()
    parser.feed("]")
    assert type(first[0]) is dict
    assert first[0] is second[0] is parser.value[0]
    assert second[1] is parser.value[1]
    assert isinstance(first[1], PartialDict)
    assert (first[1], second[1]) == ({}, {"b": 2})


def test_a_repeated_key_replaces_its_value_and_keeps_its_position() -> None:
    parser = IncrementalParser(PLAIN)
    parser.feed('{"a": 1, "b": 2, ')
    before = parser.snapshot().build()
    parser.feed('"a": "op')
    while_open = parser.snapshot().build()
    assert list(while_open.items()) == [("a", "op"), ("b", 2)]
    assert before == {"a": 1, "b": 2}
    parser.feed('en", "c": 3, ')
    assert list(parser.snapshot().build().items()) == [("a", "open"), ("b", 2), ("c", 3)]
    assert list(while_open.items()) == [("a", "op"), ("b", 2)]
    assert before == {"a": "open", "b": 2}  # the one change of an earlier view: entries are shared
    parser.feed('"b": [4]}')
    assert list(parser.value.items()) == [("a", "open"), ("b", [4]), ("c", 3)]


def test_a_text_that_grows_is_read_up_to_its_length() -> None:
    text = ResponseText("He")
    before = TextSoFar(text)
    text.pieces.append("ro")
    text.length += 2
    assert (resolve_text(before), resolve_text(TextSoFar(text)), resolve_text("other"), resolve_text(ABSENT)) == (
        "He",
        "Hero",
        "other",
        ABSENT,
    )


def test_absent_is_false_and_says_what_it_is() -> None:
    assert not ABSENT
    assert repr(ABSENT) == "ABSENT"
    assert PartialJSON().value is ABSENT


@given(st.lists(st.integers()), st.integers(-20, 20))
def test_a_list_shows_its_open_element_at_the_end(items: list[int], last: int) -> None:
    growing = list(items)
    partial = PartialList(growing, last)
    growing.append(0)
    assert list(partial) == [*items, last]
    assert partial[-1] == last
    assert PartialList(items) == items
