"""Elements of a list that is being written: each is yielded with its last character, or raises if it is invalid."""

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
from declarai_like._output.views.transducers import Elements
from declarai_like.errors import Attempt, ConfigurationError, InvalidElement, OutputError
from declarai_like.messages import LLMResponse, ResponseText
from tests._output.feeds import ElementFeed
from tests._output.json_texts import CUTS, cut
from tests._output.typed_answers import TYPES, answers, one_shot, same, spec
from tests.conftest import examples

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
SOME = settings(max_examples=examples(300), suppress_health_check=[HealthCheck.filter_too_much])
PROSE = st.sampled_from(
    ["{}", "{}", "Sure:\n```json\n{}\n```\nDone.", "See [note] and [2nd]: {}.", "{} [[[", 'It is {{"a": [1]}} or {}']
)


def elements(type_: Any, pieces: Any, **how: Any) -> tuple[list[Any], ElementFeed]:
    """Return all elements, and their feed."""
    reader = ElementFeed(type_, **how)
    return [element for piece in pieces for element in reader.feed(piece)], reader


# For all types, answers and cuts


@SOME
@given(st.sampled_from(LIKE_LISTS), st.data(), CUTS, PROSE)
def test_the_elements_are_those_of_the_complete_list(
    name: str, data: st.DataObject, cuts: list[int] | None, prose: str
) -> None:
    text = prose.format(data.draw(answers(name, is_clean=True)))
    is_valid, value = one_shot(name, text)
    assume(is_valid)
    found, reader = elements(spec(name), cut(text, cuts))
    expected = list(getattr(value, "root", value) or [])
    if name == "named tuple":  # its defaults are not elements of the answer
        expected = expected[: len(found)]
    assert same(found, expected)
    assert reader.failure is None


def judged(name: str, text: str) -> Iterator[tuple[bool, Any]]:
    """Yield for each element of a JSON list whether it is valid, and its value or else its index."""
    values = json.loads(text)
    values = values["value"] if isinstance(values, dict) else values
    assume(isinstance(values, list))
    for index, element in enumerate(values):
        is_valid, alone = one_shot(name, json.dumps([element]))
        yield is_valid, alone[0] if is_valid else index


@SOME
@given(st.sampled_from(sorted(set(LISTS) - {"left out"})), st.data(), CUTS)
def test_elements_that_are_not_valid_are_named_after_the_good_ones_or_collected(
    name: str, data: st.DataObject, cuts: list[int] | None
) -> None:
    text = data.draw(answers(name, is_clean=True))
    verdicts = list(judged(name, text))
    good = [value for is_valid, value in verdicts if is_valid]
    bad = [index for is_valid, index in verdicts if not is_valid]
    found, reader = elements(spec(name), cut(text, cuts), collect=True)
    reader.end()
    assert same(found, good)
    assert [error.index for error in reader.errors] == bad
    found, reader = elements(spec(name), cut(text, cuts))
    failure = reader.failure or reader.end()
    if not bad:
        assert failure is None
        assert same(found, good)
    elif bad[0] == 0:  # the list may be prose; that is known later
        assert failure is None or failure.index == 0
    else:
        assert same(found, good[: bad[0]])
        assert failure is not None
        assert failure.index == bad[0]


def ends(text: str) -> list[int]:
    """Return the position after which each element of a JSON list is known to be complete."""
    index, found = text.index("[") + 1, []
    while True:
        while text[index] in " \n,":
            index += 1
        if text[index] == "]":
            return found
        value, index = json.JSONDecoder().raw_decode(text, index)
        found.append(index + (1 if isinstance(value, int | float) or value is None else 0))


@SOME
@given(st.sampled_from([*LIKE_LISTS[:-6], "endless tuple"]), st.data())
def test_each_element_comes_with_its_last_character(name: str, data: st.DataObject) -> None:
    text = data.draw(answers(name, is_clean=True))
    assume(one_shot(name, text)[0] and name != "left out")
    reader = ElementFeed(spec(name))
    came = [end for end, char in enumerate(text, 1) for _ in reader.feed(char)]
    assert came == ends(text)


# Elements of all kinds


class Hero(BaseModel):
    name: Annotated[str, Field(min_length=3)]
    age: int = 0


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


def elements_per_piece(type_: Any, *pieces: str) -> list[list[Any]]:
    """Return the new elements of each piece."""
    reader = ElementFeed(type_)
    return [reader.feed(piece) for piece in pieces]


@pytest.mark.parametrize(
    "before", ["", '{"value": ', '{"why": ["x", {"value": [1]}], "value": '], ids=["list", "wrapped", "other keys"]
)
def test_an_element_is_yielded_as_soon_as_it_is_complete(before: str) -> None:
    assert elements_per_piece(list[Hero], before, '[{"name": "Thor"', "}", ', {"name": "Loki", "age": 5', "0}]") == [
        [],
        [],
        [Hero(name="Thor")],
        [],
        [Hero(name="Loki", age=50)],
    ]


def test_numbers_and_literals_are_complete_with_the_character_after_them() -> None:
    assert elements_per_piece(list[int | None], "[1", "2", ", ", "null", "]") == [[], [], [12], [], [None]]
    assert elements_per_piece(list[float], "[1.", "5e1", "0\n", ",2]") == [[], [], [1.5e10], [2.0]]


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
    assert elements_per_piece(tuple[int, str, Hero], '[1, "a"', ', {"name": "Thor"}') == [[1, "a"], [Hero(name="Thor")]]
    assert elements_per_piece(set[int], "[1, 1, 2]") == [[1, 1, 2]]
    assert elements_per_piece(tuple[int, int], "[1, 2, ", "3, 4]") == [
        [1, 2],
        [3, 4],
    ]  # too many: the error comes at the end
    assert elements_per_piece(tuple[int, ...], "[1, 2]") == [[1, 2]]
    assert elements_per_piece(list[Any], '[{"a": [1]}, nu', "ll]") == [[{"a": [1]}], [None]]


def test_marks_and_constraints_of_the_list_do_not_delay_its_elements() -> None:
    assert elements_per_piece(Annotated[list[int], stream.done], "[1, ") == [[1]]
    assert elements_per_piece(Annotated[list[int], Field(min_length=3)], "[1, ") == [[1]]
    assert elements_per_piece(list[Annotated[Hero, stream.done]], '[{"name": "Thor"}') == [[Hero(name="Thor")]]


def test_an_iterator_is_a_list_of_its_elements() -> None:
    assert elements_per_piece(AnswerSpec(OutputType(Iterator[int])), "[1, ", "2]") == [[1], [2]]


@pytest.mark.parametrize("type_", [str, int, dict[str, int], Hero, list[int] | list[str]], ids=str)
def test_a_type_that_is_not_a_list_is_refused(type_: Any) -> None:
    with pytest.raises(
        ConfigurationError,
        match="^the return type of a stream that is read with items\\(\\) must be a list, tuple or set, got ",
    ):
        ElementFeed(type_)


# Invalid elements


def test_an_element_that_is_not_valid_is_named_with_its_index_and_reason() -> None:
    found, reader = elements(list[Hero], '[{"name": "Thor"}, {"name": "X", "age": "old"}, {"name": "Loki"}]')
    assert found == [Hero(name="Thor")]
    failure = reader.failure
    assert failure is not None
    assert failure.index == 1
    reason = (
        "name: String should have at least 3 characters (got 'X')\n"
        "age: Input should be a valid integer, unable to parse string as an integer (got 'old')"
    )
    assert str(failure) == f"element 1 of a list[Hero] is not valid:\n{reason}"
    assert failure.attempts == (Attempt('{"name": "X", "age": "old"}', reason),)
    assert reader.feed(", 1]") == []


def test_the_good_elements_of_the_same_piece_come_before_the_error() -> None:
    assert elements_per_piece(list[int], '[1, 2, "x", 3') == [[1, 2]]


def test_a_first_element_that_is_not_valid_is_named_at_the_end_as_it_may_be_prose() -> None:
    found, reader = elements(list[Hero], ['[{"name": "X"}, {"name": "Thor"}]'])
    assert found == []
    assert reader.failure is None
    failure = reader.end()
    assert failure is not None
    assert failure.index == 0


def test_of_several_lists_the_longest_is_to_blame() -> None:
    _, reader = elements(list[Hero], '[1] and [{"name": "X"}] and [2]')
    failure = reader.end()
    assert failure is not None
    assert failure.text == '{"name": "X"}'


def test_with_collect_they_are_skipped_and_recorded() -> None:
    reader = ElementFeed(list[int], collect=True)
    assert [reader.feed(piece) for piece in ('["x", ', "1, ", '"y", 2]')] == [[], [1], [2]]
    assert [(error.index, error.text) for error in reader.errors] == [(0, '"x"'), (2, '"y"')]
    assert reader.failure is None
    _, reader = elements(list[int], '["x", "y"]', collect=True)
    assert reader.errors == []
    assert reader.end() is None
    assert [error.index for error in reader.errors] == [0, 1]


def test_an_element_that_is_not_json_is_an_invalid_element() -> None:
    found, reader = elements(list[Hero], '[{"name": "Thor"}, {"name": "Loki" "age": 5}, {"name": "Ann"}]')
    assert found == [Hero(name="Thor")]
    assert "Invalid JSON" in str(reader.failure)


def test_a_list_that_breaks_off_keeps_its_elements() -> None:
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
def test_lists_without_a_valid_element_are_passed_over(before: str) -> None:
    text = before + '[{"name": "Thor"}, {"name": "Loki"}] or [{"name": "Odin"}]'
    for pieces in ([text], list(text)):
        found, _ = elements(list[Hero], pieces)
        assert found == [Hero(name="Thor"), Hero(name="Loki")]


def test_the_first_list_with_a_valid_element_counts_even_before_a_fence() -> None:
    # An element cannot be withdrawn, and waiting for a later fence would mean waiting for the end
    assert elements_per_piece(list[int], "[1]\n", "```\n[2]\n```") == [[1], []]
    assert elements_per_piece(list[int], "[1]\n```\n[2]\n```") == [[1]]


@example(3000)
@given(st.integers(0, 40))
def test_many_lists_that_do_not_count_are_passed_over(count: int) -> None:
    text = "[1] " * count + '[{"name": "Thor"}]'
    found, reader = elements(list[Hero], cut(text, [7, 99, 500]))
    assert reader.candidate_count <= 2
    assert found == [Hero(name="Thor")]


# Chunks


def chunks(*texts: str, attempt: int = 1) -> list[LLMResponse]:
    """Return the chunks of one attempt."""
    response_text = ResponseText(attempt=attempt)
    result = []
    for text in texts:
        response_text.pieces.append(text)
        response_text.length += len(text)
        result.append(LLMResponse(response_text, text))
    return result


def always(attempt: int) -> bool:
    return True


def test_a_stream_of_chunks_becomes_its_elements() -> None:
    view = Elements[int](AnswerSpec(list[int]), always)
    assert [list(view.feed(chunk)) for chunk in chunks("[1, ", "2", "", "]")] == [[1], [], [], [2]]
    assert list(view.end()) == []


def test_an_element_that_is_not_valid_is_raised_after_the_good_ones() -> None:
    view = Elements[int](AnswerSpec(list[int]), always)
    [chunk] = chunks('[1, 2, "x"]')
    found = []
    with pytest.raises(InvalidElement, match="^element 2 of a list"):
        for element in view.feed(chunk):
            found.append(element)
    assert found == [1, 2]


def test_another_attempt_starts_again_and_only_the_committed_attempt_is_yielded() -> None:
    attempts: list[int] = []

    def commit(attempt: int) -> bool:
        attempts.append(attempt)
        return attempt == 2

    view = Elements[int](AnswerSpec(list[int]), commit)
    pieces = [*chunks("[1, ", "2, "), *chunks("[3, ", "4]", attempt=2)]
    assert [list(view.feed(chunk)) for chunk in pieces] == [[], [], [3], [4]]
    assert attempts == [1, 1, 2, 2]


def test_nothing_is_committed_to_before_there_is_an_element() -> None:
    view = Elements[int](AnswerSpec(list[int]), lambda attempt: math.isnan(attempt))
    assert [list(view.feed(chunk)) for chunk in chunks("Sure: ", "[", "1")] == [[], [], []]


def failed(view: Elements[Any], error: Exception) -> Exception:
    with pytest.raises(type(error)) as raised:
        list(view.fail(error))
    return raised.value


def test_when_the_answer_is_not_valid_the_invalid_element_is_raised() -> None:
    mismatch = OutputError("not valid", attempts=(Attempt('["x"]', "no"),))
    view = Elements[int](AnswerSpec(list[int]), always)
    list(view.feed(chunks('["x"]')[0]))
    blamed = failed(view, mismatch)
    assert isinstance(blamed, InvalidElement)
    assert blamed.index == 0
    assert blamed.__cause__ is mismatch
    view = Elements[int](AnswerSpec(list[int]), always)
    assert failed(view, mismatch) is mismatch
    list(view.feed(chunks("prose")[0]))
    assert failed(view, mismatch) is mismatch
    assert type(failed(view, ZeroDivisionError())) is ZeroDivisionError
    again = InvalidElement("no", index=1, attempts=mismatch.attempts)
    assert failed(view, again) is again


def test_with_a_list_of_errors_they_are_added_to_it_and_not_raised() -> None:
    errors: list[InvalidElement] = []
    view = Elements[int](AnswerSpec(list[int]), always, errors)
    feed: Callable[[LLMResponse], Any] = view.feed
    assert [list(feed(chunk)) for chunk in chunks('["x", ', '1, "y", ', "2]")] == [[], [1], [2]]
    assert [error.index for error in errors] == [0, 2]
    assert list(view.fail(OutputError("no", attempts=(Attempt("", ""),)))) == []
