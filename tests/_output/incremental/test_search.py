"""The JSON in a growing answer is the one that would be found in the whole, wherever the answer is cut."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from declarai_like._output.incremental import ABSENT, ContainerBuilder, IncrementalParser, JSONFinder
from declarai_like._output.incremental.chunked_text import ChunkedText
from declarai_like._output.incremental.plain import PLAIN, word_so_far
from declarai_like._output.jsontext import candidates
from declarai_like.errors import InvalidJSON
from tests._output.json_texts import CUTS, cut

MANY = settings(max_examples=2000)

VALUES = ['{"a": 1}', '{"b": [1, 2]}', "[1, 2]", "[]", "{}", '[{"a": 1}, {"b": "```"}]', '{"c": "~~~"}', "[NaN, -1]", "[true]"]  # fmt: skip
SCRAPS = ["{", "}", "[", "]", '"a"', '{"a": ', '"', "\\", ":", ",", "1", "12.5", "null", "-", "tru", "nope", "[note]", "[1x", '{"a"', "[1, 2", '["a', '{"a\\', "[\n", "{\n", "[ ", '{"a": 1,}', "\\u00", '"x y"']  # fmt: skip
BLANKS = ["\n", "\n", "\n", "\r", " ", "\t", "\r\n", "\x0c", "\x85", "\u2028", "text "]
FENCES = ["```\n", "```json\n", "\n```\n", "\n```", "  ```", "\n```json\r\n", "\n{}\n```", "```", "`", "``", "` `", "````", "```[1]\n"]  # fmt: skip
ANSWERS = st.lists(st.one_of(map(st.sampled_from, (VALUES, SCRAPS, BLANKS, FENCES))), max_size=14).map("".join)

FITS: dict[str, Callable[[Any], bool]] = {
    "any": lambda _: True,
    "an object": lambda value: isinstance(value, dict),
    "a list": lambda value: isinstance(value, list),
    "with a key": lambda value: isinstance(value, dict) and "a" in value,
    "not empty": bool,
}


def begin() -> IncrementalParser:
    return IncrementalParser(PLAIN)


def search(
    pieces: list[str], fits: Callable[[Any], bool], begin: Callable[[], IncrementalParser] = begin
) -> JSONFinder:
    """Search in an answer, to its end."""
    search = JSONFinder(begin, fits)
    for piece in pieces:
        search.feed(piece)
    search.end()
    return search


def found(pieces: list[str], fits: Callable[[Any], bool], begin: Callable[[], IncrementalParser] = begin) -> str:
    done = search(pieces, fits, begin)
    return repr(done.so_far()) if done.found else "nothing"


def found_in_the_whole(text: str, fits: Callable[[Any], bool]) -> str:
    for candidate in candidates(text):
        value = json.loads(candidate)
        if isinstance(value, dict | list) and fits(value):
            return repr(value)
    return "nothing"


@MANY
@given(ANSWERS, CUTS, st.sampled_from(list(FITS)), st.booleans())
@example('{"a": 1}\n[\n```\n{}\n```', None, "any", False)  # the line of a bracket that is none has an end
@example("[]\n```\n`{}\n```", [], "any", False)
@example("[]\n```\n``{}\n```", [], "any", False)
@example("[]\n```\n``\n{}\n```", [], "any", False)
@example("[]\n[\nt```\n{}\n```", None, "any", False)
@example('[1\n` ```\n{"a": 1}', [], "any", False)
@example('{}\n[\n\r```\n{"a": 1}\n```', None, "any", False)
@example('{}\n[\r\n```\n{"a": 1}\n```', None, "any", False)
@example('{}\n``` [\n{"a": 1}\n```', [], "any", False)
@example('{}\n``` {"a"\n{"a": 1}\n```', [], "any", False)
@example('{}\n``` [note]\n{"a": 1}\n```', [], "any", False)
@example('{}\n```\n\x0c{"a": 1}\n```', [], "any", False)
@example('{}\n```\n{"a": 1}\x0c\n```', [], "any", False)
@example("[tr[]", None, "any", False)
def test_what_is_found_is_what_is_found_in_the_whole(
    text: str, places: list[int] | None, fits: str, tildes: bool
) -> None:
    if tildes:
        text = text.replace("~", "-").replace("`", "~")
    assume(
        "```" not in text or "~~~" not in text
    )  # a fence that is not closed has none inside; that is seen at its end
    assume(not is_string(text))
    assert found(cut(text, places), FITS[fits]) == found_in_the_whole(text, FITS[fits])


def is_string(text: str) -> bool:
    """Whether a text as a whole is one JSON string; what stands in that is no JSON to the reader of the whole."""
    try:
        return isinstance(json.loads(text.strip()), str)
    except ValueError:
        return False


@MANY
@given(ANSWERS | st.text(alphabet='[]{}",:1 `~\n\\nt', max_size=30) | st.text(), CUTS, st.sampled_from(list(FITS)))
def test_what_is_found_and_seen_does_not_depend_on_the_cuts(text: str, places: list[int] | None, fits: str) -> None:
    whole, cut_up = search([text], FITS[fits]), search(cut(text, places), FITS[fits])
    assert (cut_up.found, cut_up.certain) == (whole.found, whole.certain)
    assert repr(cut_up.so_far(word=word_so_far)) == repr(whole.so_far(word=word_so_far))


class Whole:
    """A place that looks into nothing, or only into objects down to a level; the rest is read from its text."""

    def __init__(self, looked_into: int) -> None:
        self.looked_into = looked_into
        self.grows = bool(looked_into)

    def open(self, first: str) -> ContainerBuilder | None:
        return Fields(Whole(self.looked_into - 1)) if self.looked_into and first == "{" else None

    def string(self, text: str) -> str:
        return text

    def parse(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            raise InvalidJSON(str(error)) from None


class Fields:
    """An object whose value is read from its text when it is closed."""

    key = None

    def __init__(self, inner: Whole) -> None:
        self.inner = inner

    def handler_for(self, key: str | None) -> Whole:
        return self.inner

    def add(self, value: Any) -> None:
        pass

    def view(self) -> Callable[[Any], Any]:
        return lambda last: last

    def close(self, text: Callable[[], str]) -> Any:
        return json.loads(text())


@MANY
@given(ANSWERS, CUTS, st.sampled_from(list(FITS)), st.integers(0, 2))
@example("Here: [  1]", [], "any", 0)
@example("Here: {  }", [], "any", 1)
@example('{"a": "\\\n```\n{}\n```', [], "any", 0)
@example('[1, oops\n```\n{"a": 1}\n```', [], "any", 0)
@example("[" * 300 + "]" * 300 + " {}", [], "any", 0)
@example("[text [1, 2]", [], "any", 0)
@example("[1 x] {}", [], "any", 0)
@example('{"a": 1,}', None, "any", 0)
def test_the_same_is_found_where_it_is_taken_whole(text: str, places: list[int] | None, fits: str, level: int) -> None:
    pieces = cut(text, places)
    assert found(pieces, FITS[fits], lambda: IncrementalParser(Whole(level))) == found(pieces, FITS[fits])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", "nothing"),
        ("The answer is 5.", "nothing"),
        ('{"a": 1}', {"a": 1}),
        ('Here you are: {"a": 1}. Anything else?', {"a": 1}),
        ('Here [1] and [note], {name}, [x] and [true story]: {"a": 1}', {"a": 1}),
        ('First {"b": 0}, then {"a": 1}, then {"a": 2}', {"a": 1}),
        ('Draft: {"a": 0}\n```json\n{"a": 1}\n```\n', {"a": 1}),
        ('{"a": 0}\n  ```json\n\n \t{"a": 1}\r\n \n\t```', {"a": 1}),
        ('{"a": 0}\n~~~\n{"a": 1}\n~~~\n', {"a": 1}),
        ('{"a": 0}\n```\n{"a": 1}\n~~~\n', {"a": 0}),
        ('{"a": 0}\n```\n{"a": 1}\n', {"a": 0}),
        ('{"a": 0}\n```\nSee {"a": 1}\n```\n', {"a": 0}),
        ('{"a": 0}\n```\n{"a": 1}!\n```\n', {"a": 0}),
        ('{"a": 0}\n```\n{"a": 1}\n{"a": 2}\n```\n', {"a": 0}),
        ('{"a": 0}\n```\n{"b": 1}\n```\n', {"a": 0}),
        ('{"a": 0}\n```\n{"b": 1}\n```\n```\n{"a": 1}\n```', {"a": 1}),
        ('{"a": 0} ```\n{"a": 1}\n```', {"a": 0}),
        ('```{"a": 1}```', {"a": 1}),
        ('```json\n{"a": "```"}\n```', {"a": "```"}),
        ('```\nsome code {\n```\n{"a": 1}', {"a": 1}),
        ('First [1, oops] then {"a": 1}', {"a": 1}),
        ('First {"a": {"a": 1}, oops}', "nothing"),
        ('First {"b": "never closed\n```json\n{"a": 1}\n```', {"a": 1}),
        ('First [1, 2\n```json\n{"a": 1}\n```', {"a": 1}),
        ('First [1, 2 x {"a": 0}\n```json\n{"a": 1}\n```', {"a": 1}),
        ("Too deep: " + "[" * 201 + "]" * 201 + '{"a": 1}', {"a": 1}),
    ],
)
def test_the_first_that_fits_in_a_fence_or_else_anywhere_counts(text: str, value: Any) -> None:
    for size in (1, 2, 3, 1000):
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        assert found(pieces, FITS["with a key"]) == (value if value == "nothing" else repr(value))


def seen_while(pieces: list[str], fits: Callable[[Any], bool] = FITS["with a key"]) -> list[tuple[Any, bool]]:
    """Give what is seen after each piece, and whether it is a whole one that fits; then the same at the end."""
    growing = JSONFinder(begin, fits)
    seen: list[tuple[Any, bool]] = []
    for piece in pieces:
        growing.feed(piece)
        seen.append((growing.so_far(), growing.found))
    growing.end()
    return [*seen, (growing.so_far(), growing.found)]


def test_it_is_seen_before_it_is_complete() -> None:
    assert seen_while(["Here", ": {", ' "a":', " [1", ", 2", "]", "} ", "bye"]) == [
        (ABSENT, False),
        (ABSENT, False),
        ({}, False),
        ({"a": []}, False),
        ({"a": [1]}, False),
        ({"a": [1, 2]}, False),
        ({"a": [1, 2]}, True),
        ({"a": [1, 2]}, True),
        ({"a": [1, 2]}, True),
    ]


def test_numbers_and_words_are_seen_early_where_that_is_asked_for() -> None:
    growing = JSONFinder(begin, bool)
    growing.feed("Here: [12")
    assert growing.so_far() == []
    assert growing.so_far(word=word_so_far) == [12]


def test_a_word_in_brackets_is_not_shown_before_it_is_known_to_be_json() -> None:
    assert [value for value, _ in seen_while(["[", "t", "r", "u", "e", "]"], FITS["a list"])] == [
        *[ABSENT] * 4,
        [],
        [True],
        [True],
    ]
    assert [value for value, _ in seen_while(["[", "t", "r", "y", "]"], FITS["a list"])] == [ABSENT] * 6


def test_what_turns_out_to_be_broken_is_not_shown_any_more() -> None:
    assert seen_while(['{"a": 1', ', "b": 2', " oops", '} {"a"', ": 3}"]) == [
        ({}, False),
        ({"a": 1}, False),
        (ABSENT, False),
        ({}, False),
        ({"a": 3}, True),
        ({"a": 3}, True),
    ]
    assert seen_while(["[1, ", "oops", ", 2"]) == [([1], False), (ABSENT, False), (ABSENT, False), (ABSENT, False)]


def test_what_fits_stays_while_others_come() -> None:
    assert seen_while(['{"a": 1}', ' {"a": 2', "} [", "oops"])[1:] == [({"a": 1}, True)] * 4


def test_what_does_not_fit_is_shown_until_another_begins() -> None:
    assert seen_while(['{"b": 1}', " and ", "{", '"a": 2}']) == [
        ({"b": 1}, False),
        ({"b": 1}, False),
        ({"b": 1}, False),
        ({"a": 2}, True),
        ({"a": 2}, True),
    ]


def test_a_fence_that_follows_takes_precedence() -> None:
    assert seen_while(['{"a": 1}\n```json', "\n", ' {"a"', ": 2", "}\n", "``", "`"]) == [
        ({"a": 1}, True),
        ({"a": 1}, True),
        ({}, False),
        ({}, False),
        ({"a": 2}, True),
        ({"a": 2}, True),
        ({"a": 2}, True),
        ({"a": 2}, True),
    ]


@pytest.mark.parametrize("rest", [["!"], ["\n"], ["\n", "~~~"], [" {}"], ["\n`"], ["\n``` "]])
def test_a_fence_that_turns_out_to_be_none_or_is_never_closed_is_taken_back(rest: list[str]) -> None:
    *_, inside, _, end = seen_while(['{"a": 1}\n```\n', '{"b": 2', "}", "".join(rest)])
    assert inside == ({"b": 2}, False)
    assert end == ({"a": 1}, True)


def test_after_a_fence_with_what_fits_nothing_can_change_any_more() -> None:
    growing = JSONFinder(begin, FITS["with a key"])
    for piece in ("```\n", '{"a": 1}', "\n", "``"):
        growing.feed(piece)
        assert not growing.certain
    growing.feed('` and {"a": 2}')
    assert growing.certain
    growing.feed('\n```\n{"a": 3}\n```')
    growing.end()
    assert (growing.so_far(), growing.found) == ({"a": 1}, True)


def test_the_same_value_is_given_again_and_again() -> None:
    growing = JSONFinder(begin, FITS["with a key"])
    growing.feed('{"a": [1]} and')
    first = growing.so_far()
    growing.feed(" more")
    assert growing.so_far() is first
    assert growing.parser is not None
    assert growing.parser.value is first


@pytest.mark.parametrize("broken", ["[1 x] ", '{"a" x} ', "[note] ", "[1 x]\n"])
def test_after_a_thousand_broken_ones_only_a_fence_counts(broken: str) -> None:
    for times, expected in ((999, "{'a': 1}"), (1000, "nothing")):
        text = broken * times + '{"a": 1}'
        assert found([text], bool) == found(list(text), bool) == found_in_the_whole(text, bool) == expected
    text = broken * 2000 + '\n```\n{"a": 1}\n```'
    assert found([text], bool) == found(list(text), bool) == found_in_the_whole(text, bool) == "{'a': 1}"


# Linear

HOSTILE = ["[", "{", "[{", '{"a":', '["', '["\\"', "[1,", "[t", "[x", "[1 x]", '["a",x]', "[ ", '"', "{}", "[]x", "[note] ", "```\n", "```\n[t\n", "~~~\n```\n", "```\n\n", "```\n{}\n```\n", "[1x\n```\n", "[\n", "`", "`\n", "\n", "[1x\n   ", '[1x "']  # fmt: skip


def work(do: Callable[[], object]) -> int:
    """Count the calls that are made, and the characters that are put together or fed once more."""
    counted = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")
        if event == "return" and frame.f_code is ChunkedText.part.__code__:
            counted += len(argument or "")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        do()
    finally:
        sys.setprofile(before)
    return counted


@pytest.mark.parametrize("start", ["", "[1x ", "```\n"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_work_grows_with_the_text_whatever_is_in_it(hostile: str, start: str) -> None:
    def read(length: int, size: int, place: Any) -> None:
        text = start + hostile * (length // len(hostile))
        search(
            [text[at : at + size] for at in range(0, len(text), size)],
            FITS["with a key"],
            lambda: IncrementalParser(place),
        )

    for size, place in ((4, PLAIN), (100_000, PLAIN), (100_000, Whole(0))):
        once, twice, thrice = (work(lambda: read(length, size, place)) for length in (2_000, 4_000, 6_000))
        assert thrice - twice <= 1.2 * (twice - once) + 1000
