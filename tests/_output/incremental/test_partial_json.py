"""JSON that is still being written is read as far as it goes: the same for every cut, and each character once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from declarai_like._output.incremental import ABSENT, ContainerBuilder, IncrementalParser, Missing, PartialJSON
from declarai_like._output.incremental.chunked_text import ChunkedText
from declarai_like._output.incremental.plain import PLAIN, word_so_far
from declarai_like.errors import InvalidJSON, NestingTooDeep
from declarai_like.messages import ResponseText
from tests._output.json_texts import CUTS, NEAR_MISSES, TEXTS, UNIQUE, cut, is_beginning, seen_of

MANY = settings(max_examples=1000)


def values(pieces: list[str], **how: Any) -> list[Any]:
    """Give the value after each piece, and the one at the end."""
    partial = PartialJSON(**how)
    seen = [partial.value]
    for piece in pieces:
        partial.feed(piece)
        seen.append(partial.value)
    return [*seen, partial.end()]


def verdict(read: Callable[[], Any]) -> str:
    """Give what the reader makes of a text: repr tells 1 from 1.0 and True, and has NaN equal to itself."""
    try:
        return repr(read())
    except InvalidJSON as error:
        assert type(error) is InvalidJSON
        return "not JSON"


def loaded(text: str) -> str:
    """Give what `json.loads` makes of a text."""
    try:
        return repr(json.loads(text))
    except ValueError:
        return "not JSON"


# Every text that is JSON


@MANY
@given(TEXTS, CUTS)
def test_at_the_end_the_value_is_what_json_loads_gives(text: str, places: list[int] | None) -> None:
    assert repr(values(cut(text, places))[-1]) == repr(json.loads(text))


@MANY
@given(TEXTS, st.booleans())
@example('"\\ud83d\\ude00\\ud83d\\ud83d\\ude00\\ud83dx\\ud83d\\n\\ude00"', False)
@example('{"a": 12, "a": [true], "a": "x", "b": {"a": 1}, "a": {"a": "again"}}', False)
@example('{"a\\u0041": "\\\\", "aA": "\\"", "a": {"a": {}}}', False)
@example(" -0.125e+10 ", True)
@example("[-Infinity, Infinity, NaN, null, true, false]", True)
def test_after_each_character_all_is_seen_that_is_there_and_nothing_else(text: str, early: bool) -> None:
    expected = [seen_of(text[:end], early=early) for end in range(len(text) + 1)]
    assert repr(values(list(text), early=early)) == repr([*expected, json.loads(text)])


@MANY
@given(TEXTS, CUTS, st.booleans())
def test_what_is_seen_depends_on_the_text_so_far_and_not_on_its_cuts(
    text: str, places: list[int] | None, early: bool
) -> None:
    pieces = cut(text, places)
    so_far = ["".join(pieces[:count]) for count in range(len(pieces) + 1)]
    assert repr(values(pieces, early=early)[:-1]) == repr([seen_of(part, early=early) for part in so_far])


@MANY
@given(UNIQUE)
def test_each_value_is_a_beginning_of_the_next(text: str) -> None:
    seen = values(list(text))
    assert all(is_beginning(before, after) for before, after in zip(seen, seen[1:]))


@pytest.mark.parametrize("early", [False, True])
def test_every_two_cuts_of_a_text_with_everything_in_it(early: bool) -> None:
    text = '{"a\\n": [1, -2.5e3, {"b": "x\\u1234\\ud83d\\ude00\\"\\\\"}], "c": null, "d": [], "a\\n": "\\ud83d"}'
    expected = [repr(seen_of(text[:end], early=early)) for end in range(len(text) + 1)]
    for first in range(len(text)):
        for second in range(first, len(text)):
            seen = values([text[:first], text[first:second], text[second:]], early=early)
            assert [repr(value) for value in seen[1:3]] == [expected[first], expected[second]]
            assert seen[-1] == json.loads(text)


def test_strings_grow_and_numbers_literals_and_keys_wait_until_they_are_complete() -> None:
    assert values(['{"na', 'me": "He', 'ro", "age', '": 12', "50, ", '"x": tr', "ue}"]) == [
        ABSENT,
        {},
        {"name": "He"},
        {"name": "Hero"},
        {"name": "Hero"},
        {"name": "Hero", "age": 1250},
        {"name": "Hero", "age": 1250},
        {"name": "Hero", "age": 1250, "x": True},
        {"name": "Hero", "age": 1250, "x": True},
    ]


def test_early_numbers_and_literals_are_seen_as_far_as_they_go() -> None:
    pieces = ["[-", "1", "2", ".", "5", "e", "-", "1", ", t", "rue, -I", "nfinity", ", nu", "ll]"]
    seen = values(pieces, early=True)
    assert seen[1:9] == [[], [-1], [-12], [-12], [-12.5], [-12.5], [-12.5], [-1.25]]
    assert seen[9:13] == [[-1.25, True], [-1.25, True, -float("inf")], [-1.25, True, -float("inf")], seen[-1]]


def test_a_number_that_never_ends_is_seen_early_by_its_first_digits() -> None:
    partial = PartialJSON(early=True)
    partial.feed("[" + "7" * 300)
    assert partial.value == [int("7" * 300)]
    partial.feed("7" * 100_000)
    assert partial.value == [int("7" * 400)]


def test_a_number_alone_is_complete_when_its_text_is() -> None:
    partial = PartialJSON()
    partial.feed("12")
    assert (partial.value, partial.complete) == (ABSENT, False)
    partial.feed("50")
    assert partial.end() == 1250
    assert (partial.value, partial.complete) == (1250, True)


def test_any_other_value_is_complete_with_its_last_character() -> None:
    for text in ('"a"', "{}", "[1]", '{"a": [2]}', "1 "):
        partial = PartialJSON()
        partial.feed(text[:-1])
        assert not partial.complete
        partial.feed(text[-1])
        assert partial.complete
        partial.feed(" \r\n\t")
        assert partial.end() == partial.value == json.loads(text)


def test_what_is_open_is_copied_and_what_is_complete_is_shared() -> None:
    partial = PartialJSON()
    partial.feed('{"a": [1], "b": [2')
    before = partial.value
    partial.feed(", 3")
    after = partial.value
    assert before == {"a": [1], "b": []}
    assert after == {"a": [1], "b": [2]}
    assert before["a"] is after["a"]


# Every text that is not


@settings(max_examples=2000)
@given(NEAR_MISSES, CUTS)
@example('["\\ud83d\\x"]', [])
@example('["\\ud83d\\u12"]', None)
@example('{"a\\": 1}', [])
@example("\ufeff1", [])
@example("1\x0b", [])
@example("[1\xa0]", [])
@example("٣", [])
@example("[" + "9" * 5000 + "]", [])
@example("", [])
def test_it_is_refused_exactly_where_json_loads_refuses_it(text: str, places: list[int] | None) -> None:
    expected = loaded(text)
    for pieces in ([text], list(text), cut(text, places)):
        assert verdict(lambda: values(pieces)[-1]) == expected
        assert verdict(lambda: values(pieces, early=True)[-1]) == expected


@pytest.mark.parametrize(
    "text",
    [
        '"{}"',
        '"\\{}"',
        '"\\u{}fff"',
        '"\\uABC{}"',
        '{{"{}": 1}}',
        '{{"\\{}": 1}}',
        "{}1",
        "1{}",
        "[1{},2]",
        "[{}",
        "-{}",
        "1.{}",
        "1e{}",
    ],
)
def test_each_single_character_is_taken_for_what_json_loads_takes_it(text: str) -> None:
    for sign in [*map(chr, range(260)), "\u2028", "\u3000", "\ufeff", "٣", "１", "\ud800", "\udfff", "😀"]:
        written = text.format(sign)
        expected = loaded(written)
        assert verdict(lambda: values([written])[-1]) == verdict(lambda: values(list(written))[-1]) == expected
        assert verdict(lambda: whole_part(written)) == expected


@settings(max_examples=800)
@given(NEAR_MISSES, CUTS)
def test_what_is_wrong_and_where_and_what_was_seen_do_not_depend_on_the_cuts(
    text: str, places: list[int] | None
) -> None:
    assert failure(cut(text, places)) == failure([text]) == failure(list(text))


def failure(pieces: list[str]) -> tuple[str, str]:
    """Give what is said of a text that is no JSON, and the value that is left."""
    partial = PartialJSON()
    try:
        for piece in pieces:
            partial.feed(piece)
        partial.end()
    except InvalidJSON as error:
        return str(error).partition(" after the JSON")[0], repr(partial.value)
    return "", ""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the text ends in the middle of a value (character 0 of the JSON)"),
        ('{"a": [1', "the text ends in the middle of a value (character 8 of the JSON)"),
        ('["a', "the text ends in the middle of a value (character 3 of the JSON)"),
        ("tru", "there is 'tru' where a value should be (character 0 of the JSON)"),
        ("[1, 01]", "there is '01' where a value should be (character 4 of the JSON)"),
        ("[1,]", "there is ']' where a value should be (character 3 of the JSON)"),
        ("[1 2]", "there is '2' where a comma or ']' should be (character 3 of the JSON)"),
        ('{"a": 1]', "there is ']' where a comma or '}' should be (character 7 of the JSON)"),
        ('{"a": 1,}', "there is '}' where a key should be (character 8 of the JSON)"),
        ("{a: 1}", "there is 'a' where a key should be (character 1 of the JSON)"),
        ('{"a" 1}', "there is '1' where the colon after a key should be (character 5 of the JSON)"),
        ('["a\nb"]', "there is a control character in a string (character 3 of the JSON)"),
        ('{"a\tb": 1}', "there is a control character in a string (character 3 of the JSON)"),
        ('["\\x"]', "there is an unknown escape, \\x, in a string (character 4 of the JSON)"),
        ('["\\u12g4"]', "there is an incomplete escape, \\u12, in a string (character 6 of the JSON)"),
        ('{"\\x": 1}', "there is an unknown escape, \\x, in a string (character 4 of the JSON)"),
        ('{"\\u12g4": 1}', "there is a key that is no string: Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
        ("{} {}", "there is more text after the JSON: "),
        ("1 2", "there is more text after the JSON: "),
        ("[" + "9" * 5000 + "]", "the number 99999999999999999999... is too long"),
    ],
)
def test_the_error_says_what_is_wrong_and_where(text: str, what: str) -> None:
    for pieces in ([text], list(text)):
        with pytest.raises(InvalidJSON) as raised:
            values(pieces)
        assert str(raised.value).startswith(what)


@pytest.mark.parametrize("text", ['["a\\x', "[1 2", '"a" b', "[" * 201, '{"a": tru}', "{} {}"])
def test_once_refused_it_stays_refused_and_what_was_seen_stays(text: str) -> None:
    partial = PartialJSON()
    with pytest.raises(InvalidJSON) as first:
        partial.feed(text)
    seen = partial.value
    for more in ('"]', "]", ""):
        with pytest.raises(InvalidJSON) as again:
            partial.feed(more)
        assert again.value is first.value
    with pytest.raises(InvalidJSON) as last:
        partial.end()
    assert last.value is first.value
    assert partial.value == seen


# Nesting

OPENINGS = st.lists(st.sampled_from(["[", '{"a":', "[1,", '["]",', '{"b":"{","[":']), min_size=3, max_size=9)


def nested(openings: list[str]) -> str:
    closings = "".join("]" if opening[0] == "[" else "}" for opening in reversed(openings))
    return f"{''.join(openings)}0{closings}"


@given(OPENINGS, CUTS)
def test_200_objects_and_arrays_in_each_other_are_fine_and_201_are_not(
    openings: list[str], places: list[int] | None
) -> None:
    openings = (openings * 100)[:201]
    fine = nested(openings[1:])
    assert value_of(cut(fine, places)) == json.loads(fine)
    with pytest.raises(NestingTooDeep, match="^the JSON is nested deeper than the limit of 200$"):
        value_of(cut(nested(openings), places))


def value_of(pieces: list[str]) -> Any:
    partial = PartialJSON()
    for piece in pieces:
        partial.feed(piece)
    return partial.end()


@pytest.mark.parametrize("text", [nested(["["] * 201), nested(['{"a":'] * 201), "[" * 1_000_000, '{"":[' * 100_000])
@pytest.mark.parametrize("taken_whole_from", [0, 1, 100, 199, 200, 300])
def test_the_limit_holds_in_parts_that_are_taken_whole_and_is_met_at_the_bracket(
    text: str, taken_whole_from: int
) -> None:
    place = [place for place, sign in enumerate(text[:10_000]) if sign in "[{"][200]
    for pieces in ([text], [text[:place], text[place:]], list(text[: place + 1])):
        walker = IncrementalParser(Mixed([], looked_into=taken_whole_from))
        with pytest.raises(NestingTooDeep):
            for piece in pieces:
                walker.feed(piece)
        assert pieces[-1] is piece
        assert walker.stopped == (place if len(pieces) == 1 else 0)


def test_what_lies_side_by_side_is_not_deep() -> None:
    text = "[" + ",".join([nested(["["] * 199)] * 50) + "]"
    assert values([text])[-1] == json.loads(text)


@pytest.mark.parametrize("limit", [1, 2, 500])
def test_the_limit_may_be_another(limit: int) -> None:
    assert values([nested(["["] * limit)], deepest=limit)[-1] == json.loads(nested(["["] * limit))
    with pytest.raises(NestingTooDeep, match=f"limit of {limit}$"):
        values([nested(["["] * (limit + 1))], deepest=limit)


# The walker: what it looks into and what it takes whole is said by the places


class Mixed:
    """A place that looks into objects and arrays down to a level, and keeps the texts of what it takes whole."""

    def __init__(self, texts: list[str], looked_into: int, grows: bool = False) -> None:
        self.texts, self.looked_into, self.grows = texts, looked_into, grows

    def open(self, first: str) -> ContainerBuilder | None:
        inner = Mixed(self.texts, self.looked_into - 1, self.grows)
        node = PLAIN.open(first)
        return Inside(node, inner) if self.looked_into else None

    def string(self, text: str) -> Any:
        return text

    def parse(self, text: str) -> Any:
        self.texts.append(text)
        return parsed(text)


class Inside:
    """An object or array whose values go to a place that is given, and which is read once more from its text."""

    def __init__(self, node: Any, inner: Mixed) -> None:
        self.node, self.inner = node, inner

    @property
    def key(self) -> Any:
        return self.node.key

    def handler_for(self, key: str | None) -> Mixed:
        self.node.handler_for(key)
        return self.inner

    def add(self, value: Any) -> None:
        self.node.add(value)

    def view(self) -> Callable[[Any], Any]:
        return self.node.view()

    def close(self, text: Callable[[], str]) -> Any:
        value = self.node.close(text)
        assert repr(value) == repr(json.loads(text()))
        self.inner.texts.append(text())
        return value


def whole_part(text: str) -> Any:
    """Read a JSON text of which nothing is looked into."""
    walker = IncrementalParser(Mixed([], looked_into=0))
    stopped = walker.feed(text)
    if text[stopped:].strip(" \t\n\r"):
        raise InvalidJSON("there is more")
    return walker.end()


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidJSON(str(error)) from None


LEVELS = st.integers(0, 3)


@MANY
@given(TEXTS, CUTS, LEVELS, st.booleans())
@example('{"a": [1, [2, {"b]": "[\\"]"}]], "c": "d"}', [], 2, False)
def test_parts_that_are_taken_whole_give_the_same_value_and_are_parts_of_the_text(
    text: str, places: list[int] | None, level: int, grows: bool
) -> None:
    texts: list[str] = []
    walker = IncrementalParser(Mixed(texts, level, grows))
    for piece in cut(text, places):
        walker.feed(piece)
    assert repr(walker.end()) == repr(json.loads(text))
    assert all(part in text and part == part.strip() for part in texts)


@MANY
@given(NEAR_MISSES, CUTS, LEVELS, st.booleans())
def test_parts_that_are_taken_whole_are_refused_where_json_loads_refuses_them(
    text: str, places: list[int] | None, level: int, grows: bool
) -> None:
    def walk() -> Any:
        walker = IncrementalParser(Mixed([], level, grows))
        for piece in cut(text, places):
            stopped = walker.feed(piece)
            if piece[stopped:].strip(" \t\n\r"):
                raise InvalidJSON("more")
        return walker.end()

    assert verdict(walk) == loaded(text)


@MANY
@given(UNIQUE, st.sampled_from(["", "x", '"', "[]", "{}}"]), st.sampled_from(["", "]", "x", " ,", "\n```"]))
def test_the_walker_begins_at_the_place_that_is_given_and_stops_after_the_value(
    text: str, before: str, after: str
) -> None:
    text = text.strip()
    walker = IncrementalParser(PLAIN)
    stopped = walker.feed(f"{before}{text} {after}", len(before))
    assert stopped == len(before) + len(text)
    assert repr(walker.value) == repr(json.loads(text))


@pytest.mark.parametrize("pieces", [["[1 ,", "2]"], ["[", "1 ,2]"], ["[1 ,2]"], ["[1 ,2", "]"]])
@pytest.mark.parametrize("skipped", ["", "[[", "chatter "])
def test_the_text_of_what_is_closed_is_exact_wherever_its_pieces_begin(pieces: list[str], skipped: str) -> None:
    for looked_into in (0, 1, 2):
        texts: list[str] = []
        walker = IncrementalParser(Mixed(texts, looked_into))
        for piece in pieces:
            walker.feed(skipped + piece, len(skipped))
        assert texts[-1] == "[1 ,2]"


class Told:
    """A watcher that writes down what it is told, with the way from the root."""

    def __init__(self) -> None:
        self.steps: list[Any] = []

    def opened(self, path: Sequence[ContainerBuilder], node: ContainerBuilder | None) -> None:
        self.steps.append(("opened", way(path), type(node).__name__))

    def grew(self, path: Sequence[ContainerBuilder], text: str) -> None:
        assert text
        before = self.steps.pop()[2] if self.steps[-1][0] == "grew" else ""
        self.steps.append(("grew", way(path), before + text))

    def added(self, path: Sequence[ContainerBuilder], value: Any, *, was_open: bool) -> None:
        self.steps.append(("put", way(path), repr(value), was_open))


def way(path: Sequence[ContainerBuilder]) -> tuple[Any, ...]:
    return tuple(node.key for node in path)


class Pairs(list[tuple[str, Any]]):
    """The entries of an object, with those that come again."""


def steps_of(value: Any, *path: Any) -> Iterator[Any]:
    """Give the steps of reading a value, in order."""
    if isinstance(value, str):
        yield ("opened", path, "NoneType")
        yield from [("grew", path, value)] if value else []
    elif isinstance(value, list):
        entries = value if isinstance(value, Pairs) else enumerate(value)
        yield ("opened", path, "PlainObject" if isinstance(value, Pairs) else "PlainArray")
        for step, inner in entries:
            yield from steps_of(inner, *path, step)
    yield ("put", path, repr(plain(value)), isinstance(value, str | list))


def plain(value: Any) -> Any:
    if isinstance(value, Pairs):
        return {key: plain(inner) for key, inner in value}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


@MANY
@given(TEXTS, CUTS)
def test_a_watcher_is_told_of_each_step_in_order(text: str, places: list[int] | None) -> None:
    told = Told()
    walker = IncrementalParser(PLAIN, listener=told)
    for piece in cut(text, places):
        walker.feed(piece)
    walker.end()
    assert told.steps == list(steps_of(json.loads(text, object_pairs_hook=Pairs)))


@pytest.mark.parametrize(
    "text", ['[1, {"a": tru}, "b]" ] 1', '[1, {"a": "b\\x]"}] 1', "[{]}1", '{"a\n": [] }1', '[[["\\u1x]"]]]1']
)
@pytest.mark.parametrize("looked_into", [1, 2, 3])
def test_after_an_error_a_walker_may_skip_to_the_bracket_that_closes_it(text: str, looked_into: int) -> None:
    for size in (1, 2, 100):
        told = Told()
        walker = IncrementalParser(Mixed([], looked_into), listener=told)
        rest = ""
        failed = False
        for start in range(0, len(text), size):
            piece = text[start : start + size]
            place = 0
            if not failed:
                try:
                    place = walker.feed(piece)
                except InvalidJSON:
                    failed, place = True, walker.stopped
                    walker.skip()
                    told.steps.clear()
            if failed and not walker.complete:
                place = walker.feed(piece, place)
            rest += piece[place:] if walker.complete else ""
        assert rest.strip() == "1"
        assert walker.value is ABSENT
        assert told.steps == []


@given(st.lists(st.tuples(st.text("abc", max_size=4), st.integers(0, 4))), st.data())
def test_any_part_of_a_text_that_came_in_pieces_can_be_read_again(
    pieces: list[tuple[str, int]], data: st.DataObject
) -> None:
    kept = ChunkedText()
    whole = ""
    for text, place in pieces:
        assert kept.add(text, min(place, len(text))) == len(whole) - min(place, len(text))
        whole += text[place:]
    assert kept.length == len(whole)
    start, end = sorted((data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, len(whole)))))
    assert kept.part(start, end) == whole[start:end]


# Linear: twice the text is twice the work, whatever is in it and however it is cut


def work(do: Callable[[], object]) -> int:
    """Count the calls that are made, and the characters that are put together or read again."""
    counted = 0
    copies = (ChunkedText.part.__code__, ResponseText.upto.__code__)

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")
        if event == "return" and frame.f_code in copies:
            counted += len(argument or "")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        do()
    finally:
        sys.setprofile(before)
    return counted


def read(text: str, size: int, *, early: bool = False, place: Any = PLAIN) -> None:
    """Read a text in pieces, and look at what there is after each, without looking into it."""
    walker = IncrementalParser(place)
    word = word_so_far if early else None
    try:
        for start in range(0, len(text), size):
            walker.feed(text[start : start + size])
            walker.snapshot(word=word)
    except InvalidJSON:
        walker.skip()
        walker.feed(text)


LONG = {
    "a string": ('"', "Etude. ", '"'),
    "a string of escapes": ('"', "\\u00e9\\n", '"'),
    "a string of surrogate pairs": ('"', "\\ud83d\\ude00", '"'),
    "a string of halves of pairs": ('"', "\\ud83d", '"'),
    "a string that is not closed": ('["', "Etude. ", ""),
    "a key": ('{"', "Etude. ", '": 1}'),
    "a key of escapes": ('{"', "\\u00e9", '": 1}'),
    "a whole number": ("[", "1", "]"),
    "a number": ("[0.", "1", "]"),
    "a word": ("[n", "u", "]"),
    "spaces": ("[", " ", "]"),
    "line ends after the value": ("[]", "\n", ""),
    "numbers": ("[0", ",12", "]"),
    "words": ("[0", ", true", "]"),
    "strings": ('[""', ', "a"', "]"),
    "objects": ("[{}", ', {"a": 1, "b": [2, {"c": "d"}]}', "]"),
    "a key again and again": ('{"a": 0', ', "a": 1', "}"),
    "a key again with a string": ('{"a": 0', ', "a": "b"', "}"),
    "deep nesting": ("[0", "," + "[" * 150 + "]" * 150, "]"),
    "nesting that is too deep": ("", "[", ""),
    "no JSON": ("[1 2", ' ["{"] ', "]"),
}


@pytest.mark.parametrize("size", [4, 1_000_000])
@pytest.mark.parametrize("name", LONG)
def test_the_work_grows_with_the_text(name: str, size: int) -> None:
    start, unit, end = LONG[name]
    for place, early in ((PLAIN, False), (PLAIN, True), (Mixed([], 0), False), (Mixed([], 1), False)):
        once, twice = (
            work(lambda: read(start + unit * (length // len(unit)) + end, size, early=early, place=place))
            for length in (4_000, 8_000)
        )
        assert twice <= 2.1 * once + 200


def test_the_keys_of_a_large_object_are_looked_up_as_fast_as_those_of_a_small_one() -> None:
    def look(keys: int) -> None:
        walker = IncrementalParser(PLAIN)
        walker.feed("{")
        for key in range(keys):
            walker.feed(f'"{key}": {key}, ')
            so_far = walker.snapshot().build()
            assert so_far[str(key)] == key
            assert "end" not in so_far
            with pytest.raises(Missing, match="there are"):
                so_far["end"]

    assert work(lambda: look(1000)) <= 2.1 * work(lambda: look(500))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ('"' + "Etude. " * 150_000 + '"', 4),
        ('"' + "Etude. " * 1_500_000 + '"', 1000),
        ("[" + "0," * 500_000 + "0]", 1),
        ("[0." + "1" * 1_000_000 + "]", 4),
        ("[" + " " * 1_000_000 + "]", 4),
        ('{"a":1' + ',"a":2' * 100_000 + "}", 4),
    ],
    ids=["1 MB string", "10 MB string", "a million pieces", "1 MB number", "1 MB of spaces", "100,000 keys"],
)
def test_large_texts_in_small_pieces_are_read_to_their_end(text: str, size: int) -> None:
    walker = IncrementalParser(PLAIN)
    for start in range(0, len(text), size):
        walker.feed(text[start : start + size])
        walker.snapshot()
    assert walker.end() == json.loads(text)
