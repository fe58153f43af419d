"""A list that is being written, element by element: each is handed out with its last character, and named if it does not fit."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, get_origin

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from declarai_like import stream
from declarai_like._output.output_type import OutputType
from declarai_like._output.types.root import AnswerSpec
from declarai_like._output.views.looks import Elements
from declarai_like._output.views.readers import ElementReader
from declarai_like.errors import Attempt, ConfigurationError, InvalidElement, OutputError
from declarai_like.messages import LLMResponse, ResponseText
from tests._output.json_texts import CUTS, cut
from tests._output.typed_answers import TYPES, answers, one_shot, same, spec

LISTS = sorted(name for name, type_ in TYPES.items() if get_origin(type_) is list)
LIKE_LISTS = [
    *LISTS,
    "tuple",
    "endless tuple",
    "sequence",
    "named tuple",
    "root model",
    "constrained list",
    "optional answer",
]
SOME = settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])
TALK = st.sampled_from(
    ["{}", "{}", "Sure:\n```json\n{}\n```\nDone.", "See [note] and [2nd]: {}.", "{} [[[", 'It is {{"a": [1]}} or {}']
)


def elements(type_: Any, pieces: Any, **how: Any) -> tuple[list[Any], ElementReader[Any]]:
    """Give all elements, and their reader."""
    reader = ElementReader[Any](type_, **how)
    return [element for piece in pieces for element in reader.feed(piece)], reader


# For all types, answers and cuts


@SOME
@given(st.sampled_from(LIKE_LISTS), st.data(), CUTS, TALK)
def test_the_elements_are_those_of_the_whole_list(
    name: str, data: st.DataObject, places: list[int] | None, talk: str
) -> None:
    text = talk.format(data.draw(answers(name, is_clean=True)))
    fits, whole = one_shot(name, text)
    assume(fits)
    found, reader = elements(spec(name), cut(text, places))
    expected = list(getattr(whole, "root", whole) or [])
    if name == "named tuple":  # its defaults are no elements of the answer
        expected = expected[: len(found)]
    assert same(found, expected)
    assert reader.failure is None


def judged(name: str, text: str) -> Iterator[tuple[bool, Any]]:
    """Give each element of a list in JSON: whether it fits, and its value, or else its index."""
    values = json.loads(text)
    values = values["value"] if isinstance(values, dict) else values
    assume(isinstance(values, list))
    for index, element in enumerate(values):
        fits, alone = one_shot(name, json.dumps([element]))
        yield fits, alone[0] if fits else index


@SOME
@given(st.sampled_from(sorted(set(LISTS) - {"left out"})), st.data(), CUTS)
def test_elements_that_do_not_fit_are_named_after_the_good_ones_or_collected(
    name: str, data: st.DataObject, places: list[int] | None
) -> None:
    text = data.draw(answers(name, is_clean=True))
    verdicts = list(judged(name, text))
    good = [value for fits, value in verdicts if fits]
    bad = [index for fits, index in verdicts if not fits]
    found, reader = elements(spec(name), cut(text, places), collect=True)
    reader.end()
    assert same(found, good)
    assert [flaw.index for flaw in reader.flaws] == bad
    found, reader = elements(spec(name), cut(text, places))
    failure = reader.failure or reader.end()
    if not bad:
        assert failure is None
        assert same(found, good)
    elif bad[0] == 0:  # it may be no element at all; what follows it says so
        assert failure is None or failure.index == 0
    else:
        assert same(found, good[: bad[0]])
        assert failure is not None
        assert failure.index == bad[0]


def ends(text: str) -> list[int]:
    """Give the place where each element of a list in JSON can be seen to be whole."""
    place, found = text.index("[") + 1, []
    while True:
        while text[place] in " \n,":
            place += 1
        if text[place] == "]":
            return found
        value, place = json.JSONDecoder().raw_decode(text, place)
        found.append(place + (1 if isinstance(value, int | float) or value is None else 0))


@SOME
@given(st.sampled_from([*LIKE_LISTS[:-6], "endless tuple"]), st.data())
def test_each_element_comes_with_its_last_character(name: str, data: st.DataObject) -> None:
    text = data.draw(answers(name, is_clean=True))
    assume(one_shot(name, text)[0] and name != "left out")
    reader = ElementReader[Any](spec(name))
    came = [place for place, sign in enumerate(text, 1) for _ in reader.feed(sign)]
    assert came == ends(text)


# Elements of all kinds


class Hero(BaseModel):
    name: Annotated[str, Field(min_length=3)]
    age: int = 0


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


def steps(type_: Any, *pieces: str) -> list[list[Any]]:
    """Give the elements that each piece brings."""
    reader = ElementReader[Any](type_)
    return [reader.feed(piece) for piece in pieces]


@pytest.mark.parametrize(
    "before", ["", '{"value": ', '{"why": ["x", {"value": [1]}], "value": '], ids=["list", "wrapped", "company"]
)
def test_an_element_is_handed_out_as_soon_as_it_is_whole(before: str) -> None:
    assert steps(list[Hero], before, '[{"name": "Thor"', "}", ', {"name": "Loki", "age": 5', "0}]") == [
        [],
        [],
        [Hero(name="Thor")],
        [],
        [Hero(name="Loki", age=50)],
    ]


def test_numbers_and_literals_are_whole_with_the_sign_behind_them() -> None:
    assert steps(list[int | None], "[1", "2", ", ", "null", "]") == [[], [], [12], [], [None]]
    assert steps(list[float], "[1.", "5e1", "0\n", ",2]") == [[], [], [1.5e10], [2.0]]


@pytest.mark.parametrize(
    "texts",
    [
        ['he said "hi", then left', "b"],
        ['say "x]', "e", "f"],
        ['a", "b', '"], ["', "\\", '\\"', "[{,]}"],
        ["", "é😀\n", "```"],
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_quotes_commas_and_brackets_in_texts_are_text(texts: list[str], indent: int | None) -> None:
    for text in (json.dumps(texts, indent=indent), json.dumps({"value": texts}, ensure_ascii=False, indent=indent)):
        assert elements(list[str], text)[0] == elements(list[str], [text])[0] == texts
    objects = [{"name": f"{text}..."} for text in texts]
    assert elements(list[Hero], json.dumps(objects))[0] == [Hero.model_validate(each) for each in objects]


def test_elements_of_unions() -> None:
    text = '[{"kind": "dog"}, 3, {"kind": "cat"}, [1]]'
    assert elements(list[Annotated[Cat | Dog, Field(discriminator="kind")] | int | list[int]], text)[0] == [
        Dog(kind="dog"),
        3,
        Cat(kind="cat"),
        [1],
    ]


def test_elements_of_tuples_and_sets() -> None:
    assert steps(tuple[int, str, Hero], '[1, "a"', ', {"name": "Thor"}') == [[1, "a"], [Hero(name="Thor")]]
    assert steps(set[int], "[1, 1, 2]") == [[1, 1, 2]]
    assert steps(tuple[int, int], "[1, 2, ", "3, 4]") == [[1, 2], [3, 4]]  # that they are too many, the end says
    assert steps(tuple[int, ...], "[1, 2]") == [[1, 2]]
    assert steps(list[Any], '[{"a": [1]}, nu', "ll]") == [[{"a": [1]}], [None]]


def test_marks_and_rules_of_the_list_do_not_hold_its_elements_back() -> None:
    assert steps(Annotated[list[int], stream.done], "[1, ") == [[1]]
    assert steps(Annotated[list[int], Field(min_length=3)], "[1, ") == [[1]]
    assert steps(list[Annotated[Hero, stream.done]], '[{"name": "Thor"}') == [[Hero(name="Thor")]]


def test_an_iterator_is_a_list_of_its_elements() -> None:
    assert steps(AnswerSpec(OutputType(Iterator[int])), "[1, ", "2]") == [[1], [2]]


@pytest.mark.parametrize("type_", [str, int, dict[str, int], Hero, list[int] | list[str]], ids=str)
def test_what_is_no_list_has_no_elements(type_: Any) -> None:
    with pytest.raises(ConfigurationError, match="^elements can be read of a list, tuple or set, and the answer is a "):
        ElementReader(type_)


# Elements that do not fit


def test_an_element_that_does_not_fit_is_named_with_its_index_and_reason() -> None:
    found, reader = elements(list[Hero], '[{"name": "Thor"}, {"name": "X", "age": "old"}, {"name": "Loki"}]')
    assert found == [Hero(name="Thor")]
    failure = reader.failure
    assert failure is not None
    assert failure.index == 1
    reason = (
        "name: String should have at least 3 characters (it was 'X')\n"
        "age: Input should be a valid integer, unable to parse string as an integer (it was 'old')"
    )
    assert str(failure) == f"element 1 of a list[Hero] does not fit:\n{reason}"
    assert failure.attempts == (Attempt('{"name": "X", "age": "old"}', reason),)
    assert reader.feed(", 1]") == []


def test_the_good_elements_of_the_same_piece_come_before_the_error() -> None:
    assert steps(list[int], '[1, 2, "x", 3') == [[1, 2]]


def test_a_first_element_that_does_not_fit_is_named_at_the_end_for_it_may_be_chatter() -> None:
    found, reader = elements(list[Hero], ['[{"name": "X"}, {"name": "Thor"}]'])
    assert found == []
    assert reader.failure is None
    failure = reader.end()
    assert failure is not None
    assert failure.index == 0
    assert not reader.has_given


def test_of_several_lists_the_longest_is_to_blame() -> None:
    _, reader = elements(list[Hero], '[1] and [{"name": "X"}] and [2]')
    failure = reader.end()
    assert failure is not None
    assert failure.text == '{"name": "X"}'


def test_with_collect_they_are_passed_over_and_kept() -> None:
    reader = ElementReader[Any](list[int], collect=True)
    assert [reader.feed(piece) for piece in ('["x", ', "1, ", '"y", 2]')] == [[], [1], [2]]
    assert [(flaw.index, flaw.text) for flaw in reader.flaws] == [(0, '"x"'), (2, '"y"')]
    assert reader.failure is None
    _, reader = elements(list[int], '["x", "y"]', collect=True)
    assert reader.flaws == []
    assert reader.end() is None
    assert [flaw.index for flaw in reader.flaws] == [0, 1]


def test_an_element_that_is_no_json_is_one_that_does_not_fit() -> None:
    found, reader = elements(list[Hero], '[{"name": "Thor"}, {"name": "Loki" "age": 5}, {"name": "Ann"}]')
    assert found == [Hero(name="Thor")]
    assert "Invalid JSON" in str(reader.failure)


def test_a_list_that_breaks_off_keeps_what_it_has_given() -> None:
    found, reader = elements(list[int], ["[1, 2, and so on] [3]"])
    assert found == [1, 2]
    assert reader.end() is None


def test_elements_that_a_type_leaves_out_are_left_out() -> None:
    found, reader = elements(spec("left out"), '["x", 1, "y", 2]')
    assert found == [1, 2]
    assert reader.failure is None


# The list that counts


@pytest.mark.parametrize(
    "before",
    [
        "see [1]: ",
        "[note] ",
        "[] ",
        "{} ",
        '{"value": [1]} ',
        '["a", [1]] ',
        "[1, two] ",
        "[{x}] ",
        "```\n[5]\n```\n",
        '{"a": 1}\n',
    ],
)
def test_lists_with_no_element_that_fits_are_passed_over(before: str) -> None:
    text = before + '[{"name": "Thor"}, {"name": "Loki"}] or [{"name": "Odin"}]'
    for pieces in ([text], list(text)):
        found, reader = elements(list[Hero], pieces)
        assert found == [Hero(name="Thor"), Hero(name="Loki")]
        assert reader.has_given


def test_the_first_list_with_an_element_that_fits_counts_even_before_a_fence() -> None:
    # It cannot be taken back: to wait for what may follow would be to wait for the end
    assert steps(list[int], "[1]\n", "```\n[2]\n```") == [[1], []]
    assert steps(list[int], "[1]\n```\n[2]\n```") == [[1]]


@example(3000)
@given(st.integers(0, 40))
def test_many_lists_that_do_not_count_are_passed_over(count: int) -> None:
    text = "[1] " * count + '[{"name": "Thor"}]'
    _, reader = elements(list[Hero], cut(text, [7, 99, 500]))
    assert len(reader._begun) <= 2
    assert reader.has_given


# Chunks


def chunks(*texts: str, attempt: int = 1) -> list[LLMResponse]:
    """Give the chunks of one attempt."""
    response_text = ResponseText(attempt=attempt)
    made = []
    for text in texts:
        response_text.pieces.append(text)
        response_text.length += len(text)
        made.append(LLMResponse(response_text, text))
    return made


def always(attempt: int) -> bool:
    return True


def test_a_stream_of_chunks_is_seen_as_its_elements() -> None:
    look = Elements[int](AnswerSpec(list[int]), always)
    assert [list(look.feed(chunk)) for chunk in chunks("[1, ", "2", "", "]")] == [[1], [], [], [2]]
    assert list(look.end()) == []


def test_an_element_that_does_not_fit_is_raised_after_the_good_ones() -> None:
    look = Elements[int](AnswerSpec(list[int]), always)
    [chunk] = chunks('[1, 2, "x"]')
    seen = []
    with pytest.raises(InvalidElement, match="^element 2 of a list"):
        for element in look.feed(chunk):
            seen.append(element)
    assert seen == [1, 2]


def test_another_attempt_begins_anew_and_only_the_one_that_is_committed_to_is_handed_out() -> None:
    asked: list[int] = []

    def commit(attempt: int) -> bool:
        asked.append(attempt)
        return attempt == 2

    look = Elements[int](AnswerSpec(list[int]), commit)
    pieces = [*chunks("[1, ", "2, "), *chunks("[3, ", "4]", attempt=2)]
    assert [list(look.feed(chunk)) for chunk in pieces] == [[], [], [3], [4]]
    assert asked == [1, 1, 2, 2]


def test_nothing_is_committed_to_before_there_is_an_element() -> None:
    look = Elements[int](AnswerSpec(list[int]), lambda attempt: math.isnan(attempt))
    assert [list(look.feed(chunk)) for chunk in chunks("Sure: ", "[", "1")] == [[], [], []]


def failed(look: Elements[Any], error: Exception) -> Exception:
    with pytest.raises(type(error)) as raised:
        list(look.fail(error))
    return raised.value


def test_when_the_answer_does_not_fit_the_element_that_is_to_blame_is_named() -> None:
    unfit = OutputError("it does not fit", attempts=(Attempt('["x"]', "no"),))
    look = Elements[int](AnswerSpec(list[int]), always)
    list(look.feed(chunks('["x"]')[0]))
    blamed = failed(look, unfit)
    assert isinstance(blamed, InvalidElement)
    assert blamed.index == 0
    assert blamed.__cause__ is unfit
    look = Elements[int](AnswerSpec(list[int]), always)
    assert failed(look, unfit) is unfit
    list(look.feed(chunks("no list")[0]))
    assert failed(look, unfit) is unfit
    assert type(failed(look, ZeroDivisionError())) is ZeroDivisionError
    again = InvalidElement("no", index=1, attempts=unfit.attempts)
    assert failed(look, again) is again


def test_with_a_list_for_flaws_they_are_put_there_and_are_no_error() -> None:
    flaws: list[InvalidElement] = []
    look = Elements[int](AnswerSpec(list[int]), always, flaws)
    feed: Callable[[LLMResponse], Any] = look.feed
    assert [list(feed(chunk)) for chunk in chunks('["x", ', '1, "y", ', "2]")] == [[], [1], [2]]
    assert [flaw.index for flaw in flaws] == [0, 2]
    assert list(look.fail(OutputError("no", attempts=(Attempt("", ""),)))) == []
