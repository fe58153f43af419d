"""Incremental JSON: the same value for every cut, the value of `json.loads` at the end, and linear cost."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from declarai_like._output.incremental import ABSENT, ContainerBuilder, IncrementalParser, Missing, PartialJSON
from declarai_like._output.incremental.chunked_text import ChunkedText
from declarai_like._output.incremental.plain import PLAIN, parse_early
from declarai_like.errors import InvalidJSON, NestingTooDeep
from declarai_like.messages import ResponseText
from tests._output.json_texts import CUTS, NEAR_MISSES, TEXTS, UNIQUE, cut, is_beginning, visible_part
from tests.conftest import examples

MANY = settings(max_examples=examples(1000))


def values(pieces: list[str], **how: Any) -> list[Any]:
    """Return the value after each piece, and the value at the end."""
    partial = PartialJSON(**how)
    results = [partial.value]
    for piece in pieces:
        partial.feed(piece)
        results.append(partial.value)
    return [*results, partial.end()]


def verdict(read: Callable[[], Any]) -> str:
    """Return the repr of a value: it distinguishes 1 from 1.0 and True, and NaN equals itself."""
    try:
        return repr(read())
    except InvalidJSON as error:
        assert type(error) is InvalidJSON
        return "not JSON"


def loaded(text: str) -> str:
    """Return the same for `json.loads`."""
    try:
        return repr(json.loads(text))
    except ValueError:
        return "not JSON"


# Texts that are JSON


@MANY
@given(TEXTS, CUTS)
def test_at_the_end_the_value_is_what_json_loads_gives(text: str, cuts: list[int] | None) -> None:
    assert repr(values(cut(text, cuts))[-1]) == repr(json.loads(text))


@MANY
@given(TEXTS, st.booleans())
@example('"\\ud83d\\ude00\\ud83d\\ud83d\\ude00\\ud83dx\\ud83d\\n\\ude00"', False)
@example('{"a": 12, "a": [true], "a": "x", "b": {"a": 1}, "a": {"a": "again"}}', False)
@example('{"a\\u0041": "\\\\", "aA": "\\"", "a": {"a": {}}}', False)
@example(" -0.125e+10 ", True)
@example("[-Infinity, Infinity, NaN, null, true, false]", True)
def test_after_each_character_all_that_has_arrived_is_shown_and_nothing_else(text: str, early: bool) -> None:
    expected = [visible_part(text[:end], early=early) for end in range(len(text) + 1)]
    assert repr(values(list(text), early=early)) == repr([*expected, json.loads(text)])


@MANY
@given(TEXTS, CUTS, st.booleans())
def test_the_value_depends_on_the_text_so_far_and_not_on_its_cuts(
    text: str, cuts: list[int] | None, early: bool
) -> None:
    pieces = cut(text, cuts)
    prefixes = ["".join(pieces[:count]) for count in range(len(pieces) + 1)]
    assert repr(values(pieces, early=early)[:-1]) == repr([visible_part(part, early=early) for part in prefixes])


@MANY
@given(UNIQUE)
def test_each_value_is_a_beginning_of_the_next(text: str) -> None:
    results = values(list(text))
    assert all(is_beginning(before, after) for before, after in pairwise(results))


@pytest.mark.slow
@pytest.mark.parametrize("early", [False, True])
def test_every_two_cuts_of_a_text_with_everything_in_it(early: bool) -> None:
    text = '{"a\\n": [1, -2.5e3, {"b": "x\\u1234\\ud83d\\ude00\\"\\\\"}], "c": null, "d": [], "a\\n": "\\ud83d"}'
    expected = [repr(visible_part(text[:end], early=early)) for end in range(len(text) + 1)]
    for first in range(len(text)):
        for second in range(first, len(text)):
            results = values([text[:first], text[first:second], text[second:]], early=early)
            assert [repr(value) for value in results[1:3]] == [expected[first], expected[second]]
            assert results[-1] == json.loads(text)


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


def test_early_numbers_and_literals_are_shown_as_far_as_they_have_arrived() -> None:
    pieces = ["[-", "1", "2", ".", "5", "e", "-", "1", ", t", "rue, -I", "nfinity", ", nu", "ll]"]
    results = values(pieces, early=True)
    assert results[1:9] == [[], [-1], [-12], [-12], [-12.5], [-12.5], [-12.5], [-1.25]]
    assert results[9:13] == [[-1.25, True], [-1.25, True, -float("inf")], [-1.25, True, -float("inf")], results[-1]]


def test_a_number_that_never_ends_is_shown_early_by_its_first_digits() -> None:
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


# Texts that are not JSON


@pytest.mark.slow
@settings(max_examples=examples(2000))
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
def test_it_is_refused_exactly_where_json_loads_refuses_it(text: str, cuts: list[int] | None) -> None:
    expected = loaded(text)
    for pieces in ([text], list(text), cut(text, cuts)):
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
    for char in [*map(chr, range(260)), "\u2028", "\u3000", "\ufeff", "٣", "１", "\ud800", "\udfff", "😀"]:
        written = text.format(char)
        expected = loaded(written)
        assert verdict(lambda: values([written])[-1]) == verdict(lambda: values(list(written))[-1]) == expected
        assert verdict(lambda: read_raw(written)) == expected


@settings(max_examples=examples(800))
@given(NEAR_MISSES, CUTS)
def test_the_error_and_the_value_do_not_depend_on_the_cuts(text: str, cuts: list[int] | None) -> None:
    assert failure(cut(text, cuts)) == failure([text]) == failure(list(text))


def failure(pieces: list[str]) -> tuple[str, str]:
    """Return the error of text that is not JSON, and the value that is left."""
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
        ("tru", "expected a value, got 'tru' (character 0 of the JSON)"),
        ("[1, 01]", "expected a value, got '01' (character 4 of the JSON)"),
        ("[1,]", "expected a value, got ']' (character 3 of the JSON)"),
        ("[1 2]", "expected ',' or ']', got '2' (character 3 of the JSON)"),
        ('{"a": 1]', "expected ',' or '}', got ']' (character 7 of the JSON)"),
        ('{"a": 1,}', "expected a key, got '}' (character 8 of the JSON)"),
        ("{a: 1}", "expected a key, got 'a' (character 1 of the JSON)"),
        ('{"a" 1}', "expected ':' after a key, got '1' (character 5 of the JSON)"),
        ('["a\nb"]', "control character in a string (character 3 of the JSON)"),
        ('{"a\tb": 1}', "control character in a string (character 3 of the JSON)"),
        ('["\\x"]', "unknown escape \\x in a string (character 4 of the JSON)"),
        ('["\\u12g4"]', "incomplete escape \\u12 in a string (character 6 of the JSON)"),
        ('{"\\x": 1}', "unknown escape \\x in a string (character 4 of the JSON)"),
        ('{"\\u12g4": 1}', "a key is not a valid string: Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
        ("{} {}", "unexpected text after the JSON: "),
        ("1 2", "unexpected text after the JSON: "),
        ("[" + "9" * 5000 + "]", "the number 99999999999999999999... is too long"),
    ],
)
def test_the_error_says_what_is_wrong_and_where(text: str, what: str) -> None:
    for pieces in ([text], list(text)):
        with pytest.raises(InvalidJSON) as raised:
            values(pieces)
        assert str(raised.value).startswith(what)


@pytest.mark.parametrize("text", ['["a\\x', "[1 2", '"a" b', "[" * 201, '{"a": tru}', "{} {}"])
def test_once_refused_it_stays_refused_and_its_value_stays(text: str) -> None:
    partial = PartialJSON()
    with pytest.raises(InvalidJSON) as first:
        partial.feed(text)
    value = partial.value
    for more in ('"]', "]", ""):
        with pytest.raises(InvalidJSON) as again:
            partial.feed(more)
        assert again.value is first.value
    with pytest.raises(InvalidJSON) as last:
        partial.end()
    assert last.value is first.value
    assert partial.value == value


# Nesting

OPENINGS = st.lists(st.sampled_from(["[", '{"a":', "[1,", '["]",', '{"b":"{","[":']), min_size=3, max_size=9)


def nested(openings: list[str]) -> str:
    closings = "".join("]" if opening[0] == "[" else "}" for opening in reversed(openings))
    return f"{''.join(openings)}0{closings}"


@given(OPENINGS, CUTS)
def test_200_objects_and_arrays_in_each_other_are_fine_and_201_are_not(
    openings: list[str], cuts: list[int] | None
) -> None:
    openings = (openings * 100)[:201]
    fine = nested(openings[1:])
    assert value_of(cut(fine, cuts)) == json.loads(fine)
    with pytest.raises(NestingTooDeep, match="^the JSON is nested deeper than the limit of 200$"):
        value_of(cut(nested(openings), cuts))


def value_of(pieces: list[str]) -> Any:
    partial = PartialJSON()
    for piece in pieces:
        partial.feed(piece)
    return partial.end()


@pytest.mark.parametrize("text", [nested(["["] * 201), nested(['{"a":'] * 201), "[" * 1_000_000, '{"":[' * 100_000])
@pytest.mark.parametrize("raw_from_level", [0, 1, 100, 199, 200, 300])
def test_the_limit_holds_in_parts_that_are_read_as_raw_text_and_is_met_at_the_bracket(
    text: str, raw_from_level: int
) -> None:
    index = [index for index, char in enumerate(text[:10_000]) if char in "[{"][200]
    for pieces in ([text], [text[:index], text[index:]], list(text[: index + 1])):
        parser = IncrementalParser(MixedHandler([], levels=raw_from_level))
        with pytest.raises(NestingTooDeep):
            for piece in pieces:
                parser.feed(piece)
        assert pieces[-1] is piece
        assert parser.resume_index == (index if len(pieces) == 1 else 0)


@pytest.mark.slow
def test_what_lies_side_by_side_is_not_deep() -> None:
    text = "[" + ",".join([nested(["["] * 199)] * 50) + "]"
    assert values([text])[-1] == json.loads(text)


@pytest.mark.parametrize("limit", [1, 2, 500])
def test_the_limit_may_be_another(limit: int) -> None:
    assert values([nested(["["] * limit)], deepest=limit)[-1] == json.loads(nested(["["] * limit))
    with pytest.raises(NestingTooDeep, match=f"limit of {limit}$"):
        values([nested(["["] * (limit + 1))], deepest=limit)


# The parser: its handlers decide what is read part by part, and what as raw text


class MixedHandler:
    """Handler that opens objects and arrays down to a level, and records the raw text of all others."""

    def __init__(self, texts: list[str], levels: int, grows: bool = False) -> None:
        self.texts, self.levels, self.grows = texts, levels, grows

    def open(self, bracket: str) -> ContainerBuilder | None:
        element = MixedHandler(self.texts, self.levels - 1, self.grows)
        builder = PLAIN.open(bracket)
        return MixedBuilder(builder, element) if self.levels else None

    def string(self, text: str) -> Any:
        return text

    def parse(self, text: str) -> Any:
        self.texts.append(text)
        return parsed(text)


class MixedBuilder:
    """Builder whose values have the given handler. At its end, its text is parsed once more and compared."""

    def __init__(self, builder: Any, element: MixedHandler) -> None:
        self.builder, self.element = builder, element

    @property
    def key(self) -> Any:
        return self.builder.key

    def handler_for(self, key: str | None) -> MixedHandler:
        self.builder.handler_for(key)
        return self.element

    def add(self, value: Any) -> None:
        self.builder.add(value)

    def view(self) -> Callable[[Any], Any]:
        return self.builder.view()

    def close(self, text: Callable[[], str]) -> Any:
        value = self.builder.close(text)
        assert repr(value) == repr(json.loads(text()))
        self.element.texts.append(text())
        return value


def read_raw(text: str) -> Any:
    """Read a JSON text as raw text only."""
    parser = IncrementalParser(MixedHandler([], levels=0))
    stopped = parser.feed(text)
    if text[stopped:].strip(" \t\n\r"):
        raise InvalidJSON("more text")
    return parser.end()


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidJSON(str(error)) from None


LEVELS = st.integers(0, 3)


@MANY
@given(TEXTS, CUTS, LEVELS, st.booleans())
@example('{"a": [1, [2, {"b]": "[\\"]"}]], "c": "d"}', [], 2, False)
def test_parts_that_are_read_as_raw_text_give_the_same_value_and_are_parts_of_the_text(
    text: str, cuts: list[int] | None, level: int, grows: bool
) -> None:
    texts: list[str] = []
    parser = IncrementalParser(MixedHandler(texts, level, grows))
    for piece in cut(text, cuts):
        parser.feed(piece)
    assert repr(parser.end()) == repr(json.loads(text))
    assert all(part in text and part == part.strip() for part in texts)


@MANY
@given(NEAR_MISSES, CUTS, LEVELS, st.booleans())
def test_parts_that_are_read_as_raw_text_are_refused_where_json_loads_refuses_them(
    text: str, cuts: list[int] | None, level: int, grows: bool
) -> None:
    def read() -> Any:
        parser = IncrementalParser(MixedHandler([], level, grows))
        for piece in cut(text, cuts):
            stopped = parser.feed(piece)
            if piece[stopped:].strip(" \t\n\r"):
                raise InvalidJSON("more")
        return parser.end()

    assert verdict(read) == loaded(text)


@MANY
@given(UNIQUE, st.sampled_from(["", "x", '"', "[]", "{}}"]), st.sampled_from(["", "]", "x", " ,", "\n```"]))
def test_the_parser_starts_at_the_given_index_and_stops_after_the_value(text: str, before: str, after: str) -> None:
    text = text.strip()
    parser = IncrementalParser(PLAIN)
    stopped = parser.feed(f"{before}{text} {after}", len(before))
    assert stopped == len(before) + len(text)
    assert repr(parser.value) == repr(json.loads(text))


@pytest.mark.parametrize("pieces", [["[1 ,", "2]"], ["[", "1 ,2]"], ["[1 ,2]"], ["[1 ,2", "]"]])
@pytest.mark.parametrize("skipped", ["", "[[", "prose "])
def test_the_text_of_what_is_closed_is_exact_wherever_its_pieces_begin(pieces: list[str], skipped: str) -> None:
    for levels in (0, 1, 2):
        texts: list[str] = []
        parser = IncrementalParser(MixedHandler(texts, levels))
        for piece in pieces:
            parser.feed(skipped + piece, len(skipped))
        assert texts[-1] == "[1 ,2]"


class RecordingListener:
    """Listener that records its calls, with the keys from the root."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def opened(self, builders: Sequence[ContainerBuilder], builder: ContainerBuilder | None) -> None:
        self.events.append(("opened", keys_of(builders), type(builder).__name__))

    def grew(self, builders: Sequence[ContainerBuilder], text: str) -> None:
        assert text
        before = self.events.pop()[2] if self.events[-1][0] == "grew" else ""
        self.events.append(("grew", keys_of(builders), before + text))

    def added(self, builders: Sequence[ContainerBuilder], value: Any, *, was_open: bool) -> None:
        self.events.append(("added", keys_of(builders), repr(value), was_open))


def keys_of(builders: Sequence[ContainerBuilder]) -> tuple[Any, ...]:
    return tuple(builder.key for builder in builders)


class Pairs(list[tuple[str, Any]]):
    """The entries of an object, with repeated keys."""


def events_of(value: Any, *path: Any) -> Iterator[Any]:
    """Yield the events of reading a value, in order."""
    if isinstance(value, str):
        yield ("opened", path, "NoneType")
        yield from [("grew", path, value)] if value else []
    elif isinstance(value, list):
        entries = value if isinstance(value, Pairs) else enumerate(value)
        yield ("opened", path, "PlainObjectBuilder" if isinstance(value, Pairs) else "PlainArrayBuilder")
        for key, element in entries:
            yield from events_of(element, *path, key)
    yield ("added", path, repr(plain(value)), isinstance(value, str | list))


def plain(value: Any) -> Any:
    if isinstance(value, Pairs):
        return {key: plain(element) for key, element in value}
    return [plain(element) for element in value] if isinstance(value, list) else value


@MANY
@given(TEXTS, CUTS)
def test_a_listener_is_called_for_each_event_in_order(text: str, cuts: list[int] | None) -> None:
    listener = RecordingListener()
    parser = IncrementalParser(PLAIN, listener=listener)
    for piece in cut(text, cuts):
        parser.feed(piece)
    parser.end()
    assert listener.events == list(events_of(json.loads(text, object_pairs_hook=Pairs)))


@pytest.mark.parametrize(
    "text", ['[1, {"a": tru}, "b]" ] 1', '[1, {"a": "b\\x]"}] 1', "[{]}1", '{"a\n": [] }1', '[[["\\u1x]"]]]1']
)
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_after_an_error_a_parser_may_skip_to_the_bracket_that_closes_it(text: str, levels: int) -> None:
    for size in (1, 2, 100):
        listener = RecordingListener()
        parser = IncrementalParser(MixedHandler([], levels), listener=listener)
        rest = ""
        failed = False
        for start in range(0, len(text), size):
            piece = text[start : start + size]
            index = 0
            if not failed:
                try:
                    index = parser.feed(piece)
                except InvalidJSON:
                    failed, index = True, parser.resume_index
                    parser.skip()
                    listener.events.clear()
            if failed and not parser.complete:
                index = parser.feed(piece, index)
            rest += piece[index:] if parser.complete else ""
        assert rest.strip() == "1"
        assert parser.value is ABSENT
        assert listener.events == []


@given(st.lists(st.tuples(st.text("abc", max_size=4), st.integers(0, 4))), st.data())
def test_any_part_of_a_text_that_came_in_pieces_can_be_read_again(
    pieces: list[tuple[str, int]], data: st.DataObject
) -> None:
    chunks = ChunkedText()
    joined = ""
    for text, index in pieces:
        assert chunks.add(text, min(index, len(text))) == len(joined) - min(index, len(text))
        joined += text[index:]
    assert chunks.length == len(joined)
    start, end = sorted((data.draw(st.integers(0, len(joined))), data.draw(st.integers(0, len(joined)))))
    assert chunks.part(start, end) == joined[start:end]


# Linear: twice the text costs twice as much, for any text and any cut


def work(do: Callable[[], object]) -> int:
    """Return the number of calls, plus the number of characters that are joined or read again."""
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


def read(text: str, size: int, *, early: bool = False, handler: Any = PLAIN) -> None:
    """Read text in pieces, and take a snapshot after each, without building it."""
    parser = IncrementalParser(handler)
    try:
        for start in range(0, len(text), size):
            parser.feed(text[start : start + size])
            parser.snapshot(early=parse_early if early else None)
    except InvalidJSON:
        parser.skip()
        parser.feed(text)


LONG = {
    "a string": ('"', "Etude. ", '"'),
    "a string of escapes": ('"', "\\u00e9\\n", '"'),
    "a string of surrogate pairs": ('"', "\\ud83d\\ude00", '"'),
    "a string of lone surrogates": ('"', "\\ud83d", '"'),
    "a string that is not closed": ('["', "Etude. ", ""),
    "a key": ('{"', "Etude. ", '": 1}'),
    "a key of escapes": ('{"', "\\u00e9", '": 1}'),
    "an integer": ("[", "1", "]"),
    "a number": ("[0.", "1", "]"),
    "a literal": ("[n", "u", "]"),
    "spaces": ("[", " ", "]"),
    "line ends after the value": ("[]", "\n", ""),
    "numbers": ("[0", ",12", "]"),
    "literals": ("[0", ", true", "]"),
    "strings": ('[""', ', "a"', "]"),
    "objects": ("[{}", ', {"a": 1, "b": [2, {"c": "d"}]}', "]"),
    "a repeated key": ('{"a": 0', ', "a": 1', "}"),
    "a repeated key with a string": ('{"a": 0', ', "a": "b"', "}"),
    "deep nesting": ("[0", "," + "[" * 150 + "]" * 150, "]"),
    "nesting that is too deep": ("", "[", ""),
    "no JSON": ("[1 2", ' ["{"] ', "]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("size", [4, 1_000_000])
@pytest.mark.parametrize("name", LONG)
def test_the_work_grows_with_the_text(name: str, size: int) -> None:
    start, unit, end = LONG[name]
    for handler, early in ((PLAIN, False), (PLAIN, True), (MixedHandler([], 0), False), (MixedHandler([], 1), False)):
        once, twice = (
            work(lambda: read(start + unit * (length // len(unit)) + end, size, early=early, handler=handler))
            for length in (4_000, 8_000)
        )
        assert twice <= 2.1 * once + 200


def test_the_keys_of_a_large_object_are_looked_up_as_fast_as_those_of_a_small_one() -> None:
    def read_keys(keys: int) -> None:
        parser = IncrementalParser(PLAIN)
        parser.feed("{")
        for key in range(keys):
            parser.feed(f'"{key}": {key}, ')
            value = parser.snapshot().build()
            assert value[str(key)] == key
            assert "end" not in value
            with pytest.raises(Missing, match="there are"):
                value["end"]

    assert work(lambda: read_keys(1000)) <= 2.1 * work(lambda: read_keys(500))


@pytest.mark.slow
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
    parser = IncrementalParser(PLAIN)
    for start in range(0, len(text), size):
        parser.feed(text[start : start + size])
        parser.snapshot()
    assert parser.end() == json.loads(text)
