"""JSON in a growing answer: the finder finds the same as in the complete answer, for any cut."""

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
from declarai_like._output.incremental.plain import PLAIN, parse_early
from declarai_like._output.jsontext import candidates
from declarai_like.errors import InvalidJSON
from tests._output.json_texts import CUTS, cut
from tests.conftest import examples

MANY = settings(max_examples=examples(2000))

VALUES = ['{"a": 1}', '{"b": [1, 2]}', "[1, 2]", "[]", "{}", '[{"a": 1}, {"b": "```"}]', '{"c": "~~~"}', "[NaN, -1]", "[true]"]  # fmt: skip
SCRAPS = ["{", "}", "[", "]", '"a"', '{"a": ', '"', "\\", ":", ",", "1", "12.5", "null", "-", "tru", "nope", "[note]", "[1x", '{"a"', "[1, 2", '["a', '{"a\\', "[\n", "{\n", "[ ", '{"a": 1,}', "\\u00", '"x y"']  # fmt: skip
BLANKS = ["\n", "\n", "\n", "\r", " ", "\t", "\r\n", "\x0c", "\x85", "\u2028", "text "]
FENCES = ["```\n", "```json\n", "\n```\n", "\n```", "  ```", "\n```json\r\n", "\n{}\n```", "```", "`", "``", "` `", "````", "```[1]\n"]  # fmt: skip
ANSWERS = st.lists(st.one_of(map(st.sampled_from, (VALUES, SCRAPS, BLANKS, FENCES))), max_size=14).map("".join)

VALID: dict[str, Callable[[Any], bool]] = {
    "any": lambda _: True,
    "an object": lambda value: isinstance(value, dict),
    "a list": lambda value: isinstance(value, list),
    "with a key": lambda value: isinstance(value, dict) and "a" in value,
    "not empty": bool,
}


def new_parser() -> IncrementalParser:
    return IncrementalParser(PLAIN)


def find(
    pieces: list[str], is_valid: Callable[[Any], bool], new_parser: Callable[[], IncrementalParser] = new_parser
) -> JSONFinder:
    """Return the finder at the end of an answer."""
    finder = JSONFinder(new_parser, is_valid)
    for piece in pieces:
        finder.feed(piece)
    finder.end()
    return finder


def found(
    pieces: list[str], is_valid: Callable[[Any], bool], new_parser: Callable[[], IncrementalParser] = new_parser
) -> str:
    finder = find(pieces, is_valid, new_parser)
    return repr(finder.value_so_far()) if finder.found else "nothing"


def found_in_complete_text(text: str, is_valid: Callable[[Any], bool]) -> str:
    for candidate in candidates(text):
        value = json.loads(candidate)
        if isinstance(value, dict | list) and is_valid(value):
            return repr(value)
    return "nothing"


@MANY
@given(ANSWERS, CUTS, st.sampled_from(list(VALID)), st.booleans())
@example('{"a": 1}\n[\n```\n{}\n```', None, "any", False)  # a newline after a bracket that does not begin JSON
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
def test_the_same_is_found_as_in_the_complete_text(
    text: str, cuts: list[int] | None, is_valid: str, tildes: bool
) -> None:
    if tildes:
        text = text.replace("~", "-").replace("`", "~")
    # Inside a fence that is never closed, the complete text has fences of the other kind. That is known at the end.
    assume("```" not in text or "~~~" not in text)
    assume(not is_string(text))
    assert found(cut(text, cuts), VALID[is_valid]) == found_in_complete_text(text, VALID[is_valid])


def is_string(text: str) -> bool:
    """Return True if the complete text is one JSON string: then text inside the string is not JSON."""
    try:
        return isinstance(json.loads(text.strip()), str)
    except ValueError:
        return False


@MANY
@given(ANSWERS | st.text(alphabet='[]{}",:1 `~\n\\nt', max_size=30) | st.text(), CUTS, st.sampled_from(list(VALID)))
def test_what_is_found_and_shown_does_not_depend_on_the_cuts(text: str, cuts: list[int] | None, is_valid: str) -> None:
    at_once, cut_up = find([text], VALID[is_valid]), find(cut(text, cuts), VALID[is_valid])
    assert (cut_up.found, cut_up.certain) == (at_once.found, at_once.certain)
    assert repr(cut_up.value_so_far(early=parse_early)) == repr(at_once.value_so_far(early=parse_early))


class RawHandler:
    """Handler that opens objects down to a level, and reads the rest as raw text."""

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self.grows = bool(levels)

    def open(self, bracket: str) -> ContainerBuilder | None:
        return RawBuilder(RawHandler(self.levels - 1)) if self.levels and bracket == "{" else None

    def string(self, text: str) -> str:
        return text

    def parse(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            raise InvalidJSON(str(error)) from None


class RawBuilder:
    """Builder of an object whose value is parsed from its text at its end."""

    key = None

    def __init__(self, element: RawHandler) -> None:
        self.element = element

    def handler_for(self, key: str | None) -> RawHandler:
        return self.element

    def add(self, value: Any) -> None:
        pass

    def view(self) -> Callable[[Any], Any]:
        return lambda last: last

    def close(self, text: Callable[[], str]) -> Any:
        return json.loads(text())


@MANY
@given(ANSWERS, CUTS, st.sampled_from(list(VALID)), st.integers(0, 2))
@example("Here: [  1]", [], "any", 0)
@example("Here: {  }", [], "any", 1)
@example('{"a": "\\\n```\n{}\n```', [], "any", 0)
@example('[1, oops\n```\n{"a": 1}\n```', [], "any", 0)
@example("[" * 300 + "]" * 300 + " {}", [], "any", 0)
@example("[text [1, 2]", [], "any", 0)
@example("[1 x] {}", [], "any", 0)
@example('{"a": 1,}', None, "any", 0)
def test_the_same_is_found_if_it_is_read_as_raw_text(
    text: str, cuts: list[int] | None, is_valid: str, level: int
) -> None:
    pieces = cut(text, cuts)
    assert found(pieces, VALID[is_valid], lambda: IncrementalParser(RawHandler(level))) == found(
        pieces, VALID[is_valid]
    )


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
def test_the_first_valid_json_in_a_fence_or_else_anywhere_counts(text: str, value: Any) -> None:
    for size in (1, 2, 3, 1000):
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        assert found(pieces, VALID["with a key"]) == (value if value == "nothing" else repr(value))


def values_while(pieces: list[str], is_valid: Callable[[Any], bool] = VALID["with a key"]) -> list[tuple[Any, bool]]:
    """Return the value after each piece, and whether it is complete and valid; then the same at the end."""
    finder = JSONFinder(new_parser, is_valid)
    values: list[tuple[Any, bool]] = []
    for piece in pieces:
        finder.feed(piece)
        values.append((finder.value_so_far(), finder.found))
    finder.end()
    return [*values, (finder.value_so_far(), finder.found)]


def test_it_is_shown_before_it_is_complete() -> None:
    assert values_while(["Here", ": {", ' "a":', " [1", ", 2", "]", "} ", "bye"]) == [
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


def test_numbers_and_words_are_shown_early_if_requested() -> None:
    finder = JSONFinder(new_parser, bool)
    finder.feed("Here: [12")
    assert finder.value_so_far() == []
    assert finder.value_so_far(early=parse_early) == [12]


def test_a_literal_in_brackets_is_not_shown_before_it_is_known_to_be_json() -> None:
    assert [value for value, _ in values_while(["[", "t", "r", "u", "e", "]"], VALID["a list"])] == [
        *[ABSENT] * 4,
        [],
        [True],
        [True],
    ]
    assert [value for value, _ in values_while(["[", "t", "r", "y", "]"], VALID["a list"])] == [ABSENT] * 6


def test_what_turns_out_to_be_broken_is_not_shown_any_more() -> None:
    assert values_while(['{"a": 1', ', "b": 2', " oops", '} {"a"', ": 3}"]) == [
        ({}, False),
        ({"a": 1}, False),
        (ABSENT, False),
        ({}, False),
        ({"a": 3}, True),
        ({"a": 3}, True),
    ]
    assert values_while(["[1, ", "oops", ", 2"]) == [([1], False), (ABSENT, False), (ABSENT, False), (ABSENT, False)]


def test_a_valid_value_stays_while_others_follow() -> None:
    assert values_while(['{"a": 1}', ' {"a": 2', "} [", "oops"])[1:] == [({"a": 1}, True)] * 4


def test_an_invalid_value_is_shown_until_another_begins() -> None:
    assert values_while(['{"b": 1}', " and ", "{", '"a": 2}']) == [
        ({"b": 1}, False),
        ({"b": 1}, False),
        ({"b": 1}, False),
        ({"a": 2}, True),
        ({"a": 2}, True),
    ]


def test_a_fence_that_follows_takes_precedence() -> None:
    assert values_while(['{"a": 1}\n```json', "\n", ' {"a"', ": 2", "}\n", "``", "`"]) == [
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
def test_a_fence_that_turns_out_to_be_prose_or_is_never_closed_is_withdrawn(rest: list[str]) -> None:
    *_, inside, _, end = values_while(['{"a": 1}\n```\n', '{"b": 2', "}", "".join(rest)])
    assert inside == ({"b": 2}, False)
    assert end == ({"a": 1}, True)


def test_after_a_fence_with_a_valid_value_nothing_can_change() -> None:
    finder = JSONFinder(new_parser, VALID["with a key"])
    for piece in ("```\n", '{"a": 1}', "\n", "``"):
        finder.feed(piece)
        assert not finder.certain
    finder.feed('` and {"a": 2}')
    assert finder.certain
    finder.feed('\n```\n{"a": 3}\n```')
    finder.end()
    assert (finder.value_so_far(), finder.found) == ({"a": 1}, True)


def test_the_same_object_is_returned_each_time() -> None:
    finder = JSONFinder(new_parser, VALID["with a key"])
    finder.feed('{"a": [1]} and')
    first = finder.value_so_far()
    finder.feed(" more")
    assert finder.value_so_far() is first
    assert finder.parser is not None
    assert finder.parser.value is first


@pytest.mark.parametrize("broken", ["[1 x] ", '{"a" x} ', "[note] ", "[1 x]\n"])
def test_after_a_thousand_broken_ones_only_a_fence_counts(broken: str) -> None:
    for times, expected in ((999, "{'a': 1}"), (1000, "nothing")):
        text = broken * times + '{"a": 1}'
        assert found([text], bool) == found(list(text), bool) == found_in_complete_text(text, bool) == expected
    text = broken * 2000 + '\n```\n{"a": 1}\n```'
    assert found([text], bool) == found(list(text), bool) == found_in_complete_text(text, bool) == "{'a': 1}"


# Linear

HOSTILE = ["[", "{", "[{", '{"a":', '["', '["\\"', "[1,", "[t", "[x", "[1 x]", '["a",x]', "[ ", '"', "{}", "[]x", "[note] ", "```\n", "```\n[t\n", "~~~\n```\n", "```\n\n", "```\n{}\n```\n", "[1x\n```\n", "[\n", "`", "`\n", "\n", "[1x\n   ", '[1x "']  # fmt: skip


def work(do: Callable[[], object]) -> int:
    """Return the number of calls, plus the number of characters that are joined or read again."""
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


@pytest.mark.slow
@pytest.mark.parametrize("start", ["", "[1x ", "```\n"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_work_grows_with_the_text_whatever_is_in_it(hostile: str, start: str) -> None:
    def read(length: int, size: int, handler: Any) -> None:
        text = start + hostile * (length // len(hostile))
        find(
            [text[at : at + size] for at in range(0, len(text), size)],
            VALID["with a key"],
            lambda: IncrementalParser(handler),
        )

    for size, handler in ((4, PLAIN), (100_000, PLAIN), (100_000, RawHandler(0))):
        once, twice, thrice = (work(lambda: read(length, size, handler)) for length in (2_000, 4_000, 6_000))
        assert thrice - twice <= 1.2 * (twice - once) + 1000
