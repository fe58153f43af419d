"""The events of an answer that is being written: the same for every cut, and enough to rebuild the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from declarai_like import stream
from declarai_like._output.types.partials import as_json
from declarai_like._output.types.root import AnswerSpec
from declarai_like._output.views.transducers import Events
from declarai_like.messages import LLMResponse, ResponseText, ToolCallDelta, Usage
from declarai_like.stream import (
    ElementCompleted,
    FieldCompleted,
    FieldGrew,
    FieldStarted,
    Finished,
    ReasoningDelta,
    Restarted,
    TextDelta,
    ToolCalled,
    UsageReported,
)
from tests._output.feeds import FieldFeed
from tests._output.json_texts import CUTS, cut
from tests._output.typed_answers import CLEAN, PLAIN, TYPES, answers, one_shot, same, spec
from tests.conftest import examples

SOME = settings(max_examples=examples(250), suppress_health_check=[HealthCheck.filter_too_much])


def events_of(type_: Any, pieces: Iterable[str]) -> tuple[list[Any], int]:
    """Return the events that were not withdrawn, and the number of restarts."""
    reader = FieldFeed(type_)
    events: list[Any] = []
    restarts = 0
    for is_withdrawn, new in [*map(reader.feed, pieces), reader.end()]:
        if is_withdrawn:
            restarts += 1
            events = []
        events += new
    return events, restarts


def joined(events: list[Any]) -> list[Any]:
    """Return the events, with successive deltas of a string joined."""
    result: list[Any] = []
    for event in events:
        last = result[-1] if result else None
        if isinstance(event, FieldGrew) and isinstance(last, FieldGrew) and last.path == event.path:
            result[-1] = FieldGrew(event.path, last.delta + event.delta)
        else:
            result.append(event)
    return result


def rebuilt(events: list[Any]) -> Any:
    """Rebuild an answer as JSON from the events of its leaves, and from the start of its objects and lists."""
    parts: dict[Any, dict[Any, Any]] = {}
    texts: dict[Any, str] = {}
    values: dict[Any, Any] = {}
    for event in events:
        if isinstance(event, FieldStarted):
            parts[event.path] = {}
            if event.path:
                parts[event.path[:-1]][event.path[-1]] = event.path
        elif isinstance(event, FieldGrew):
            texts[event.path] = texts.get(event.path, "") + event.delta
        else:
            values[event.path] = event.value

    def value(path: Any) -> Any:
        if path in texts:
            assert texts[path] == values[path]
            return texts[path]
        if not parts[path]:
            return values[path]
        children = {key: value(child) for key, child in parts[path].items()}
        return list(children.values()) if set(map(type, children)) == {int} else children

    return value(())


# For all types, answers and cuts


@pytest.mark.slow
@pytest.mark.parametrize("name", TYPES)
@settings(max_examples=examples(8))
@given(st.data(), CUTS)
def test_the_events_are_the_same_for_every_cut(name: str, data: st.DataObject, cuts: list[int] | None) -> None:
    text = data.draw(answers(name))
    at_once = events_of(spec(name), [text])[0]
    assert same_events(joined(events_of(spec(name), cut(text, cuts))[0]), joined(at_once))


def same_events(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(
        type(a) is type(b) and a.path == b.path and same(getattr(a, "value", ""), getattr(b, "value", ""))
        for a, b in zip(one, other, strict=True)
    )


@SOME
@given(st.sampled_from(sorted(PLAIN)), st.data(), CUTS)
def test_the_answer_can_be_rebuilt_from_the_events(name: str, data: st.DataObject, cuts: list[int] | None) -> None:
    text = data.draw(answers(name, is_clean=True))
    is_valid, value = one_shot(name, text)
    assume(is_valid)
    assert rebuilt(events_of(spec(name), cut(text, cuts))[0]) == as_json(value)


@SOME
@given(st.sampled_from(CLEAN), st.data(), CUTS)
def test_each_value_begins_grows_and_ends_inside_the_one_that_it_is_in(
    name: str, data: st.DataObject, cuts: list[int] | None
) -> None:
    text = data.draw(answers(name, is_clean=True))
    is_valid, value = one_shot(name, text)
    assume(is_valid)
    events, restarts = events_of(spec(name), cut(text, cuts))
    assert restarts == 0
    begun: set[Any] = set()
    ended: set[Any] = set()
    for event in events:
        path = event.path
        assert not any(path[:length] in ended for length in range(len(path) + 1))
        if isinstance(event, FieldStarted):
            assert path not in begun
            assert not path or path[:-1] in begun
            begun.add(path)
        else:
            assert path in begun
        if isinstance(event, FieldCompleted | ElementCompleted):
            ended.add(path)
    if events:  # a scalar that is the answer has none
        assert same(events[-1].value, value)
        assert events[-1].path == ()


# Single events


class Hero(BaseModel):
    name: Annotated[str, Field(min_length=3)]
    age: int | None = None
    powers: list[str] = []


def test_all_events_of_an_object_are_reported_in_order() -> None:
    pieces = ['{"name": "T', 'hor", "age": 3, "other": {"a": 1}, "pow', 'ers": ["thu', 'nder"]', "}"]
    thor = Hero(name="Thor", age=3, powers=["thunder"])
    reader = FieldFeed(Hero)
    assert [reader.feed(piece) for piece in pieces] == [
        (False, [FieldStarted(()), FieldStarted(("name",)), FieldGrew(("name",), "T")]),
        (
            False,
            [
                FieldGrew(("name",), "hor"),
                FieldCompleted(("name",), "Thor"),
                FieldStarted(("age",)),
                FieldCompleted(("age",), 3),
            ],
        ),
        (False, [FieldStarted(("powers",)), FieldStarted(("powers", 0)), FieldGrew(("powers", 0), "thu")]),
        (
            False,
            [
                FieldGrew(("powers", 0), "nder"),
                ElementCompleted(("powers", 0), "thunder"),
                FieldCompleted(("powers",), ["thunder"]),
            ],
        ),
        (False, [FieldCompleted((), thor)]),
    ]


@pytest.mark.parametrize(
    ("type_", "text", "events"),
    [
        (list[int], '{"value": [1]}', [FieldStarted(()), FieldStarted((0,)), ElementCompleted((0,), 1), FieldCompleted((), [1])]),
        (list[int], '{"why": ["x"], "value": [], "x": {}}', [FieldStarted(()), FieldCompleted((), [])]),
        (list[int], "[]", [FieldStarted(()), FieldCompleted((), [])]),
        (int, '{"value": 5}', [FieldStarted(()), FieldCompleted((), 5)]),
        (int, '{"value": "five"}', []),
        (Hero | None, '{"name": 1, "age": 5, "x": [', [FieldStarted(()), FieldStarted(("age",)), FieldCompleted(("age",), 5)]),
        (dict[int, int] | None, "{}", [FieldStarted(()), FieldCompleted((), {})]),
        (set[int], "[1, 1]", [FieldStarted(()), FieldStarted((0,)), ElementCompleted((0,), 1), FieldStarted((1,)), ElementCompleted((1,), 1), FieldCompleted((), {1})]),
        (dict[int, int], '{"01": 1, "x": 2}', [FieldStarted(()), FieldStarted(("01",)), FieldCompleted(("01",), 1)]),
        (list[Any], '[{"a": true}]', [FieldStarted(()), FieldStarted((0,)), FieldStarted((0, "a")), FieldCompleted((0, "a"), True), ElementCompleted((0,), {"a": True}), FieldCompleted((), [{"a": True}])]),
    ],
    ids=["wrapped", "other keys", "no wrapper", "number", "invalid", "object without its wrapper", "empty", "set", "keys", "any"],
)  # fmt: skip
def test_the_events_of(type_: Any, text: str, events: list[Any]) -> None:
    assert events_of(type_, [text])[0] == events_of(type_, text)[0] == events


def test_a_value_that_is_not_valid_is_not_completed() -> None:
    assert events_of(list[Hero], ['[{"name": "x", "age": 5}, {"name": "Ann"}]'])[0] == [
        FieldStarted(()),
        FieldStarted((0,)),
        FieldStarted((0, "name")),
        FieldGrew((0, "name"), "x"),
        FieldStarted((0, "age")),
        FieldCompleted((0, "age"), 5),
        FieldStarted((1,)),
        FieldStarted((1, "name")),
        FieldGrew((1, "name"), "Ann"),
        FieldCompleted((1, "name"), "Ann"),
        ElementCompleted((1,), Hero(name="Ann")),
    ]


class Cat(BaseModel):
    kind: Literal["cat"]
    name: str


class Fish(BaseModel):
    kind: Literal["fish"]
    name: int


def test_of_a_union_a_field_is_reported_when_its_type_is_known() -> None:
    reader = FieldFeed(list[Annotated[Cat | Fish, Field(discriminator="kind")]])
    assert [
        reader.feed(piece)[1] for piece in ('[{"name": "12", ', '"kind": "cat"', "}", ', {"kind": "cat", "name": "T')
    ] == [
        [FieldStarted(()), FieldStarted((0,))],
        [
            FieldStarted((0, "name")),
            FieldCompleted((0, "name"), "12"),
            FieldStarted((0, "kind")),
            FieldCompleted((0, "kind"), "cat"),
        ],
        [ElementCompleted((0,), Cat(kind="cat", name="12"))],
        [
            FieldStarted((1,)),
            FieldStarted((1, "kind")),
            FieldCompleted((1, "kind"), "cat"),
            FieldStarted((1, "name")),
            FieldGrew((1, "name"), "T"),
        ],
    ]


# Hidden objects


class Named(BaseModel):
    note: str = ""
    name: Annotated[str | None, stream.not_null]
    inner: Named | None = None


NOTE = [FieldStarted((0, "note")), FieldGrew((0, "note"), "a"), FieldCompleted((0, "note"), "a")]


def test_of_a_hidden_object_events_wait_until_it_appears() -> None:
    reader = FieldFeed(list[Named])
    pieces = [
        '[{"note": "a',
        '", "inner": {"note": "b", ',
        '"name": "B"}, ',
        '"name": "',
        "A",
        '"}',
        ', {"note": "c"}]',
    ]
    b = Named(note="b", name="B")
    assert [reader.feed(piece) for piece in pieces] == [
        (False, [FieldStarted(())]),
        (False, []),
        (False, []),
        (
            False,
            [
                FieldStarted((0,)),
                *NOTE,
                FieldStarted((0, "inner")),
                FieldStarted((0, "inner", "note")),
                FieldGrew((0, "inner", "note"), "b"),
                FieldCompleted((0, "inner", "note"), "b"),
                FieldStarted((0, "inner", "name")),
                FieldGrew((0, "inner", "name"), "B"),
                FieldCompleted((0, "inner", "name"), "B"),
                FieldCompleted((0, "inner"), b),
                FieldStarted((0, "name")),
            ],
        ),
        (False, [FieldGrew((0, "name"), "A")]),
        (False, [FieldCompleted((0, "name"), "A"), ElementCompleted((0,), Named(note="a", name="A", inner=b))]),
        (False, []),
    ]


def test_a_hidden_object_that_is_complete_and_valid_appears() -> None:
    events = events_of(list[Named], ['[{"note": "a", "name": null}]'])[0]
    assert events == [
        FieldStarted(()),
        FieldStarted((0,)),
        *NOTE,
        FieldStarted((0, "name")),
        FieldCompleted((0, "name"), None),
        ElementCompleted((0,), Named(note="a", name=None)),
        FieldCompleted((), [Named(note="a", name=None)]),
    ]


def test_of_a_hidden_object_that_is_not_valid_there_are_no_events() -> None:
    events = events_of(list[Named], ['[{"note": "a", "name": 5}, {"name": "B"}]'])[0]
    assert [event.path for event in events] == [(), (1,), (1, "name"), (1, "name"), (1, "name"), (1,)]


class Tag(BaseModel):
    id: Annotated[int, stream.done, stream.not_null]
    text: Annotated[str, stream.done]


def test_a_value_that_appears_only_when_complete_does_not_grow() -> None:
    reader = FieldFeed(Tag)
    assert [reader.feed(piece)[1] for piece in ('{"text": "a', 'b", "id": 1', "2}")] == [
        [],
        [],
        [
            FieldStarted(()),
            FieldStarted(("text",)),
            FieldCompleted(("text",), "ab"),
            FieldStarted(("id",)),
            FieldCompleted(("id",), 12),
            FieldCompleted((), Tag(id=12, text="ab")),
        ],
    ]


# Text around the JSON


def test_json_that_turns_out_not_to_be_the_answer_is_withdrawn() -> None:
    reader = FieldFeed(list[Hero])
    assert reader.feed("see [1] ") == (False, [FieldStarted(()), *[]])
    assert reader.feed('in: [{"name": "Ann"}]') == (
        True,
        [
            FieldStarted(()),
            FieldStarted((0,)),
            FieldStarted((0, "name")),
            FieldGrew((0, "name"), "Ann"),
            FieldCompleted((0, "name"), "Ann"),
            ElementCompleted((0,), Hero(name="Ann")),
            FieldCompleted((), [Hero(name="Ann")]),
        ],
    )
    assert reader.end() == (False, [])


def test_broken_json_is_withdrawn_at_once() -> None:
    reader = FieldFeed(list[int])
    assert reader.feed("[1, 2") == (False, [FieldStarted(()), FieldStarted((0,)), ElementCompleted((0,), 1)])
    assert reader.feed(" and so on]") == (True, [])
    assert reader.feed(". [3]")[0] is False


def test_an_answer_that_was_found_is_withdrawn_only_for_one_that_is_certain() -> None:
    three = [FieldStarted(()), FieldStarted((0,)), ElementCompleted((0,), 3), FieldCompleted((), [3])]
    reader = FieldFeed(list[int])
    assert reader.feed("For instance [1]:\n")[1][-1] == FieldCompleted((), [1])
    assert reader.feed("```\n[2]") == (False, [])
    assert reader.feed(" or so\n```\n") == (False, [])
    assert reader.feed("```\n[3]\n") == (False, [])
    assert reader.feed("```") == (True, three)
    assert reader.feed("\n[4]") == (False, [])
    assert reader.end() == (False, [])
    assert events_of(list[int], ["[1]\n", "```\n[3]\n"])[0][-1] == FieldCompleted((), [1])
    assert events_of(list[int], ["[1]\n```\n[3]\n```"]) == (three, 0)


# All events, from chunks


USAGE = Usage(1, 2, 3)


def chunk(response_text: ResponseText, delta: str, **more: Any) -> LLMResponse:
    """Return the next chunk of a stream."""
    response_text.pieces.append(delta)
    response_text.length += len(delta)
    return LLMResponse(response_text, delta, **more)


def all_events(type_: Any, chunks: list[LLMResponse], result: Any) -> list[Any]:
    """Return all events of a stream of chunks."""
    events = Events[Any](AnswerSpec(type_), lambda: result, lambda: chunks[-1])
    return [event for each in chunks for event in events.feed(each)] + [*events.end()]


def test_the_chunks_of_a_text_become_events() -> None:
    text = ResponseText()
    call = ToolCallDelta(0, "id", "search", "{")
    chunks = [
        chunk(text, "", reasoning="Hm."),
        chunk(text, "Hel"),
        chunk(text, "lo", tool_calls=(call,)),
        chunk(text, "", finish_reason="stop", usage=USAGE),
    ]
    assert all_events(str, chunks, "Hello") == [
        ReasoningDelta("Hm."),
        TextDelta("Hel"),
        TextDelta("lo"),
        ToolCalled(call),
        UsageReported(USAGE),
        Finished("Hello", "stop", USAGE),
    ]


def test_each_delta_of_a_typed_answer_is_followed_by_its_events() -> None:
    text = ResponseText()
    chunks = [chunk(text, "[1"), chunk(text, "]", finish_reason="stop")]
    assert all_events(list[int], chunks, [1]) == [
        TextDelta("[1"),
        FieldStarted(()),
        TextDelta("]"),
        FieldStarted((0,)),
        ElementCompleted((0,), 1),
        FieldCompleted((), [1]),
        Finished([1], "stop", None),
    ]


def test_another_attempt_starts_again() -> None:
    first, second = ResponseText(), ResponseText(attempt=2, restart_reason="not valid")
    chunks = [chunk(first, '["x"]'), chunk(second, "["), chunk(second, "]", finish_reason="stop")]
    assert all_events(list[int], chunks, []) == [
        TextDelta('["x"]'),
        FieldStarted(()),
        Restarted("not valid", 2),
        TextDelta("["),
        TextDelta("]"),
        FieldStarted(()),
        FieldCompleted((), []),
        Finished([], "stop", None),
    ]


def test_json_that_is_withdrawn_yields_restarted_in_the_same_attempt() -> None:
    text = ResponseText()
    chunks = [chunk(text, "As in [x, [1], "), chunk(text, '[{"a": '), chunk(text, "1}]", finish_reason="stop")]
    reason = "the JSON so far turned out not to be the answer"
    assert all_events(list[dict[str, int]], chunks, [{"a": 1}]) == [
        TextDelta("As in [x, [1], "),
        FieldStarted(()),
        TextDelta('[{"a": '),
        Restarted(reason, 1),
        FieldStarted(()),
        FieldStarted((0,)),
        TextDelta("1}]"),
        FieldStarted((0, "a")),
        FieldCompleted((0, "a"), 1),
        ElementCompleted((0,), {"a": 1}),
        FieldCompleted((), [{"a": 1}]),
        Finished([{"a": 1}], "stop", None),
    ]


def test_repeated_usage_is_reported_when_it_changes() -> None:
    text = ResponseText()
    more = Usage(1, 3, 4)
    chunks = [chunk(text, "a", usage=USAGE), chunk(text, "b", usage=USAGE), chunk(text, "c", usage=more)]
    assert all_events(str, chunks, "abc") == [
        TextDelta("a"),
        UsageReported(USAGE),
        TextDelta("b"),
        TextDelta("c"),
        UsageReported(more),
        Finished("abc", None, more),
    ]


def test_an_error_of_the_stream_is_raised() -> None:
    fail: Callable[[Exception], Any] = Events[str](AnswerSpec(str), str, lambda: LLMResponse("")).fail
    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())
