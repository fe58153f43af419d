"""What is seen of a list, a dict or a text that grows stays as it was seen, and says so where something is missing."""

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
    Snapshot,
    TextSoFar,
    resolve_text,
)
from declarai_like._output.incremental.plain import PLAIN
from declarai_like.messages import ResponseText
from tests._output.json_texts import CUTS, UNIQUE, cut, seen_of


def seen_after(*pieces: str) -> Any:
    """Give what is seen of a JSON text after these pieces."""
    walker = IncrementalParser(PLAIN)
    for piece in pieces:
        walker.feed(piece)
    return walker.snapshot().build()


LISTS = ["[", '["a', "[1, ", "[1, 2", '["a", [1, [2', '[{"a": [', "[1, 2, 3, "]
DICTS = ["{", '{"a', '{"a": 1', '{"a": "b', '{"a": 1, "b": [1, {"c', '{"a": {"b": 1, ', '{"a": 1, "b": 2, "c": 3, ']


@settings(max_examples=1000)
@given(UNIQUE, CUTS)
def test_what_was_seen_stays_as_it_was_whatever_comes(text: str, places: list[int] | None) -> None:
    walker = IncrementalParser(PLAIN)
    kept: list[tuple[str, Snapshot, Any]] = []
    fed = ""
    for piece in cut(text, places):
        walker.feed(piece)
        fed += piece
        kept.append((fed, walker.snapshot(), walker.snapshot().build()))
    walker.end()
    for so_far, snapshot, built in kept:
        assert repr(resolve_text(snapshot.build())) == repr(resolve_text(built)) == repr(seen_of(so_far))


@pytest.mark.parametrize("text", LISTS)
def test_a_list_that_grows_reads_as_a_list(text: str) -> None:
    partial, plain = seen_after(text), seen_of(text)
    assert isinstance(partial, PartialList)
    assert isinstance(partial, Sequence)
    assert partial == plain
    assert plain == partial
    assert partial == tuple(plain)
    assert partial == seen_after(text)
    assert list(partial) == plain
    assert list(reversed(partial)) == plain[::-1]
    assert len(partial) == len(plain)
    assert bool(partial) is bool(plain)
    assert repr(partial) == repr(plain)
    for place in range(-len(plain), len(plain)):
        assert partial[place] == plain[place]
        assert plain[place] in partial
        assert partial.index(plain[place]) == plain.index(plain[place])


@pytest.mark.parametrize("text", LISTS)
def test_a_slice_of_a_list_that_grows_is_a_list(text: str) -> None:
    partial, plain = seen_after(text), seen_of(text)
    ends = [None, *range(-4, 5)]
    for start in ends:
        for end in ends:
            for step in (None, 1, 2, -1, -2):
                part = partial[start:end:step]
                assert type(part) is list
                assert part == plain[start:end:step]


@pytest.mark.parametrize("text", DICTS)
def test_a_dict_that_grows_reads_as_a_dict(text: str) -> None:
    partial, plain = seen_after(text), seen_of(text)
    assert isinstance(partial, PartialDict)
    assert isinstance(partial, Mapping)
    assert partial == plain
    assert plain == partial
    assert partial == seen_after(text)
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
    assert seen_after("[1, 2, ") != [1]
    assert seen_after("[1, 2, ") != [1, 3]
    assert seen_after("[1, 2, ") != {1, 2}
    assert seen_after("[") != {}
    assert seen_after('["a') != "a"
    assert seen_after('{"a": 1, ') != {"a": 2}
    assert seen_after('{"a": 1, ') != {}
    assert seen_after("{") != []


def test_neither_has_a_hash_as_lists_and_dicts_have_none() -> None:
    for text in ("[", "{"):
        with pytest.raises(TypeError, match="unhashable"):
            hash(seen_after(text))


def test_neither_can_be_changed() -> None:
    for partial in (seen_after("[1, "), seen_after('{"a": 1, ')):
        for name in ("__setitem__", "__delitem__", "append", "update", "clear", "pop"):
            assert not hasattr(partial, name)


@pytest.mark.parametrize("index", [2, 3, -3, 100])
def test_an_element_that_is_not_there_is_missing(index: int) -> None:
    partial = seen_after('[1, "tw')
    with pytest.raises(Missing) as raised:
        partial[index]
    assert str(raised.value) == f"element {index} is not there yet; there are 2 so far"


def test_an_entry_that_is_not_there_is_missing() -> None:
    with pytest.raises(Missing) as raised:
        seen_after('{"a": 1, "b": "tw')["c"]
    assert str(raised.value) == "the entry 'c' is not there yet; so far there are ['a', 'b']"
    with pytest.raises(Missing) as raised:
        seen_after('{"a": 1, "a": [')["c"]
    assert str(raised.value) == "the entry 'c' is not there yet; so far there are ['a']"


@pytest.mark.parametrize("open_value", ["", '"z": "op'])
def test_of_many_entries_the_first_ten_are_named(open_value: str) -> None:
    partial = seen_after("{" + "".join(f'"{key}": {key}, ' for key in range(100)) + open_value)
    with pytest.raises(Missing) as raised:
        partial["c"]
    assert str(raised.value).endswith(f"so far there are {[str(key) for key in range(10)]}")


def test_missing_is_what_a_reader_of_lists_dicts_or_objects_expects() -> None:
    for kind in (KeyError, IndexError, AttributeError, LookupError):
        with pytest.raises(kind, match="^the entry 'a' is not there yet"):
            seen_after("{")["a"]
        with pytest.raises(kind, match="^element 0 is not there yet"):
            seen_after("[")[0]


def test_what_is_said_of_something_missing_can_be_sent_to_another_process() -> None:
    with pytest.raises(Missing) as raised:
        seen_after("[")[0]
    again = pickle.loads(pickle.dumps(raised.value))
    assert type(again) is Missing
    assert str(again) == str(raised.value) == "element 0 is not there yet; there are 0 so far"
    assert str(Missing("a message")) == "a message"


def test_patterns_match_what_is_there() -> None:
    def look(text: str) -> Any:
        match seen_after(text):
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

    assert look('{"heroes": [{"name": "Ha') == ("Ha", [], {})
    assert look('{"team": 1, "heroes": [{"name": "Hawkeye"}, {"na') == ("Hawkeye", [{}], {"team": 1})
    assert look('{"heroes": [') == "no hero yet"
    assert look('{"heroes": [{') == "an object"
    assert look('[1, "tw') == (1, "tw")
    assert look('["on') == "on"
    assert look("[") == "nothing"
    assert look("") == "nothing"


def test_a_dict_may_be_iterated_while_it_grows() -> None:
    walker = IncrementalParser(PLAIN)
    walker.feed('{"a": 1, "b": 2, "c": "op')
    keys, items = iter(walker.snapshot().build()), iter(walker.snapshot().build().items())
    assert (next(keys), next(items)) == ("a", ("a", 1))
    walker.feed('en", "d": 4, "e": [')
    assert list(keys) == ["b", "c"]
    assert list(items) == [("b", 2), ("c", "op")]


def test_a_list_may_be_iterated_while_it_grows() -> None:
    walker = IncrementalParser(PLAIN)
    walker.feed('[1, 2, "op')
    elements = iter(walker.snapshot().build())
    assert next(elements) == 1
    walker.feed('en", 4')
    assert list(elements) == [2, "op"]


def test_what_is_complete_is_the_same_object_from_then_on() -> None:
    walker = IncrementalParser(PLAIN)
    walker.feed('[{"a": [1]}, {"b": ')
    first = walker.snapshot().build()
    walker.feed("2}, 3")
    second = walker.snapshot().build()
    walker.feed("]")
    assert type(first[0]) is dict
    assert first[0] is second[0] is walker.value[0]
    assert second[1] is walker.value[1]
    assert isinstance(first[1], PartialDict)
    assert (first[1], second[1]) == ({}, {"b": 2})


def test_a_key_that_comes_again_replaces_its_value_and_stays_in_its_place() -> None:
    walker = IncrementalParser(PLAIN)
    walker.feed('{"a": 1, "b": 2, ')
    before = walker.snapshot().build()
    walker.feed('"a": "op')
    while_open = walker.snapshot().build()
    assert list(while_open.items()) == [("a", "op"), ("b", 2)]
    assert before == {"a": 1, "b": 2}
    walker.feed('en", "c": 3, ')
    assert list(walker.snapshot().build().items()) == [("a", "open"), ("b", 2), ("c", 3)]
    assert list(while_open.items()) == [("a", "op"), ("b", 2)]
    assert before == {"a": "open", "b": 2}  # the one thing that is not kept as it was
    walker.feed('"b": [4]}')
    assert list(walker.value.items()) == [("a", "open"), ("b", [4]), ("c", 3)]


def test_a_text_that_grows_is_read_as_far_as_it_went() -> None:
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
def test_a_list_is_seen_with_what_is_open_at_its_end(items: list[int], last: int) -> None:
    growing = list(items)
    partial = PartialList(growing, last)
    growing.append(0)
    assert list(partial) == [*items, last]
    assert partial[-1] == last
    assert PartialList(items) == items
