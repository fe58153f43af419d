"""Partials, elements and events of a task's stream, from the HTTP response to the reader, sync and async."""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

import declarai_like as declarai
from declarai_like import errors, stream
from declarai_like.errors import ConfigurationError, InvalidElement, OutputError, StreamClosed
from declarai_like.stream import ElementCompleted, Finished, Restarted, TextDelta, UsageReported
from declarai_like.testing import Raw, Reply, Script
from tests.conftest import World


class Hero(BaseModel):
    name: Annotated[str, Field(min_length=3)]
    born: int


TONY, THOR = Hero(name="Tony Stark", born=1970), Hero(name="Thor", born=964)
GOOD = '{"value": [{"name": "Tony Stark", "born": 1970}, {"name": "Thor", "born": 964}]}'
BAD_SECOND = '{"value": [{"name": "Tony Stark", "born": 1970}, {"name": "Thor", "born": "long ago"}]}'
BAD_FIRST = '{"value": [{"name": "X", "born": 1}, {"name": "Thor", "born": 964}]}'


def heroes(*replies: Any, **settings: Any) -> Any:
    """Return a task that streams a list of heroes, from an offline model with these replies."""

    @declarai.offline(list(replies)).task(streaming=True, **settings)
    def heroes(movie: str) -> list[Hero]:
        """List the heroes of the movie"""

    return heroes


def cut(text: str, after: int) -> Raw:
    """Return a reply that streams the first characters of ``text``, and then breaks."""
    delta = {"choices": [{"index": 0, "delta": {"content": text[:after]}}]}
    return Raw([f"data: {json.dumps(delta)}\n\n".encode()], cut=True)


def read_all(world: World, view: Any) -> list[Any]:
    """Read a view to its end. Return its items, and the error that ended it, if there was one."""
    items: list[Any] = []

    async def collect() -> None:
        async with view:
            async for item in view:
                items.append(item)

    try:
        if world.name == "blocking":
            for item in view:
                items.append(item)
        else:
            world.run(collect)
    except errors.DeclaraiError as error:
        items.append(error)
    return items


def test_partials_fill_in_and_the_last_one_is_the_result(world):
    answer = heroes(GOOD)("Avengers")
    received = read_all(world, answer.partials())
    assert [str(partial) for partial in dict.fromkeys(map(str, received))] == [
        "[PartialHero()]",
        "[PartialHero(name='Tony')]",
        "[PartialHero(name='Tony Stark')]",
        "[Hero(name='Tony Stark', born=1970)]",
        "[Hero(name='Tony Stark', born=1970), PartialHero()]",
        "[Hero(name='Tony Stark', born=1970), PartialHero(name='Thor')]",
        "[Hero(name='Tony Stark', born=1970), Hero(name='Thor', born=964)]",
    ]
    assert received[-1] == answer.result() == [TONY, THOR]
    complete = [partial[0] for partial in received if len(partial) and isinstance(partial[0], Hero)]
    assert len(complete) > 3
    assert all(hero is complete[0] for hero in complete)


def test_each_view_reads_the_complete_stream_from_one_request(world):
    script = Script([GOOD])

    @declarai.offline(script).task(streaming=True)
    def heroes(movie: str) -> list[Hero]:
        """List the heroes of the movie"""

    answer = heroes("Avengers")
    assert read_all(world, answer.items()) == [TONY, THOR]
    assert read_all(world, answer.partials())[-1] == [TONY, THOR]
    assert read_all(world, answer.events())[-1].value == [TONY, THOR]
    assert "".join(read_all(world, answer.deltas())) == GOOD
    assert read_all(world, heroes.llm_stream_response.items()) == [TONY, THOR]
    assert len(script.calls) == 1


@pytest.mark.slow
def test_what_was_recorded_can_be_read_when_the_stream_is_gone():
    task = heroes(BAD_FIRST, GOOD)
    list(task("Avengers"))
    gc.collect()
    again = task.llm_stream_response
    assert list(again.items()) == [TONY, THOR]
    assert [event.attempt for event in again.events() if isinstance(event, Restarted)] == [2]


def test_a_plain_text_grows_and_is_a_partial_too(world):
    @declarai.offline(["one two three"]).task(streaming=True)
    def count() -> str:
        """Count"""

    answer = count()
    assert [str(partial) for partial in read_all(world, answer.partials())] == ["one", "one two", "one two three"]
    events = read_all(world, answer.events())
    assert [event for event in events if not isinstance(event, TextDelta)] == [
        UsageReported(answer.usage),
        Finished("one two three", "stop", answer.usage),
    ]


def test_a_number_in_a_sentence_is_the_last_partial(world):
    @declarai.offline(["The answer is 5."], output="prompt").task(streaming=True)
    def rank() -> int:
        """Rank it"""

    assert read_all(world, rank().partials()) == [5]


def test_an_answer_that_is_not_valid_is_requested_again_and_the_partials_start_again(world):
    answer = heroes(BAD_SECOND, GOOD)("Avengers")
    lengths = [len(partial) for partial in read_all(world, answer.partials())]
    assert sorted(lengths) != lengths
    assert answer.result() == [TONY, THOR]


def test_events_say_that_the_answer_starts_again_and_why(world):
    answer = heroes(BAD_SECOND, GOOD)("Avengers")
    events = read_all(world, answer.events())
    (again,) = [event for event in events if isinstance(event, Restarted)]
    assert again.attempt == 2
    assert again.reason.startswith("value.1.born: Input should be a valid integer")
    before, after = events[: events.index(again)], events[events.index(again) :]
    assert [event.value for event in before if isinstance(event, ElementCompleted)] == [TONY]
    assert [event.value for event in after if isinstance(event, ElementCompleted)] == [TONY, THOR]
    assert "".join(event.delta for event in after if isinstance(event, TextDelta)) == GOOD
    assert events[-1] == Finished([TONY, THOR], "stop", answer.usage)


def test_without_retries_the_views_end_with_the_error(world):
    for view in ("partials", "events"):
        received = read_all(world, getattr(heroes(BAD_SECOND, retries=0)("Avengers"), view)())
        assert isinstance(received[-1], OutputError)
        assert not any(isinstance(event, Finished) for event in received)


def test_a_dropped_connection_restarts_the_events_where_that_is_wanted(world):
    answer = heroes(cut(GOOD, 30), GOOD, restart_on={errors.StreamInterrupted})("Avengers")
    events = read_all(world, answer.events())
    (again,) = [event for event in events if isinstance(event, Restarted)]
    assert "the connection" in again.reason
    assert events[-1].value == [TONY, THOR]


def test_elements_are_yielded_before_the_answer_has_ended(world):
    first, error = read_all(world, heroes(cut(GOOD, 50))("Avengers").items())
    assert first == TONY
    assert isinstance(error, errors.StreamInterrupted)


def test_an_element_that_is_not_valid_is_named_after_the_good_ones_and_nothing_is_requested_again(world):
    script = Script([BAD_SECOND, GOOD])

    @declarai.offline(script).task(streaming=True)
    def heroes(movie: str) -> list[Hero]:
        """List the heroes of the movie"""

    first, error = read_all(world, heroes("Avengers").items())
    assert first == TONY
    assert isinstance(error, InvalidElement)
    assert error.index == 1
    assert str(error).startswith("element 1 of a list[Hero] is not valid:\nborn: Input should be a valid integer")
    assert len(script.calls) == 1


def test_a_first_element_that_is_not_valid_is_requested_again_before_anything_is_yielded(world):
    assert read_all(world, heroes(BAD_FIRST, GOOD)("Avengers").items()) == [TONY, THOR]


def test_without_retries_a_first_element_that_is_not_valid_is_named(world):
    (error,) = read_all(world, heroes(BAD_FIRST, retries=0)("Avengers").items())
    assert isinstance(error, InvalidElement)
    assert error.index == 0


def test_elements_that_are_not_valid_can_be_collected(world):
    for reply, good, index in ((BAD_SECOND, TONY, 1), (BAD_FIRST, THOR, 0)):
        items = heroes(reply)("Avengers").items(on_error="collect")
        assert read_all(world, items) == [good]
        assert [error.index for error in items.errors] == [index]
        assert read_all(world, items) == [good], "again, from the buffer"
        assert len(items.errors) == 1


def test_a_collected_list_without_valid_elements_has_only_errors(world):
    items = heroes('{"value": [{"name": "X"}, 5]}', retries=0)("Avengers").items(on_error="collect")
    assert read_all(world, items) == []
    assert [error.index for error in items.errors] == [0, 1]


@pytest.mark.slow
def test_a_list_that_breaks_off_raises_after_its_good_elements(world):
    first, error = read_all(
        world, heroes('{"value": [{"name": "Thor", "born": 964}, {"na', retries=0)("Avengers").items()
    )
    assert first == THOR
    assert isinstance(error, OutputError)
    assert not isinstance(error, InvalidElement)


def test_collecting_does_not_hide_a_list_that_breaks_off(world):
    items = heroes('{"value": [{"name": "Thor", "born": 964}, {"na', retries=0)("Avengers").items(on_error="collect")
    assert isinstance(read_all(world, items)[-1], OutputError)


def test_an_iterator_is_yielded_element_by_element(world):
    script = Script([GOOD, GOOD, GOOD])
    model = declarai.offline(script)

    @model.task
    def each(movie: str) -> Iterator[Hero]:
        """List the heroes of the movie"""

    @model.task
    def each_too(movie: str) -> Iterable[Hero]:
        """List the heroes of the movie"""

    @model.task
    async def each_later(movie: str) -> AsyncIterator[Hero]:
        """List the heroes of the movie"""

    for task in (each, each_too, each_later):
        assert read_all(world, task("Avengers")) == [TONY, THOR]
        assert task.llm_response.response == GOOD
        assert read_all(world, task.llm_stream_response) == [TONY, THOR]
    assert "## Answer (list[Hero])" in each.compile("Avengers")[-1].content
    assert len(script.calls) == 3


def test_an_iterator_with_streaming_returns_the_stream(world):
    @declarai.offline([GOOD]).task(streaming=True)
    def each(movie: str) -> Iterator[Hero]:
        """List the heroes of the movie"""

    answer = each("Avengers")
    assert read_all(world, answer.items()) == [TONY, THOR]
    assert answer.result() == [TONY, THOR]


def test_a_model_that_streams_hands_out_an_iterator_all_the_same():
    @declarai.offline([GOOD], stream=True).task
    def each(movie: str) -> Iterator[Hero]:
        """List the heroes of the movie"""

    assert list(each("Avengers")) == [TONY, THOR]


def test_next_continues_and_a_loop_starts_at_its_position():
    items = heroes(GOOD)("Avengers").items()
    assert next(items) == TONY
    assert list(items) == [THOR]
    assert list(items) == [TONY, THOR]
    with pytest.raises(StopIteration):
        (next(items), next(items), next(items))
    assert next(items) == TONY


@pytest.mark.anyio
async def test_anext_continues_and_a_loop_starts_at_its_position():
    async with heroes(GOOD)("Avengers").items() as items:
        assert await anext(items) == TONY
        assert [hero async for hero in items] == [THOR]
        assert [hero async for hero in items] == [TONY, THOR]


def test_a_view_that_is_closed_closes_the_stream(world):
    for view in ("partials", "items", "events"):
        answer = heroes(GOOD)("Avengers")

        async def leave() -> None:
            async with getattr(answer, view)() as opened_view:
                async for _ in opened_view:
                    break

        if world.name == "blocking":
            with getattr(answer, view)() as opened_view:
                next(iter(opened_view))
        else:
            world.run(leave)
        with pytest.raises(StreamClosed):
            answer.result()


def test_a_stream_that_keeps_nothing_can_be_read_once(world):
    answer = heroes(GOOD, replay=False)("Avengers")
    assert read_all(world, answer.partials())[-1] == [TONY, THOR]
    assert isinstance(read_all(world, answer.partials())[-1], errors.StreamInUse)


def test_elements_are_available_for_lists_only():
    @declarai.offline([]).task(streaming=True)
    def hero(movie: str) -> Hero:
        """Name the hero"""

    with pytest.raises(
        ConfigurationError,
        match=r"^the return type of a stream that is read with items\(\) must be a list, tuple or set, got Hero$",
    ):
        hero("Avengers").items()
    with pytest.raises(ConfigurationError, match="^on_error must be one of 'raise', 'collect', got 'skip'$"):
        heroes()("Avengers").items(on_error="skip")


def test_the_marks_are_in_the_stream_module(world):
    class Order(BaseModel):
        number: Annotated[str, stream.done, stream.not_null]
        note: Annotated[str, stream.with_state]

    @declarai.offline(['{"number": "A-17", "note": "by hand"}']).task(streaming=True)
    def order(letter: str) -> Order:
        """Extract the order"""

    answer = order("...")
    received = read_all(world, answer.partials())
    assert list(dict.fromkeys(map(str, received))) == [
        "PartialOrder(number='A-17', note=StreamState(None, 'pending'))",
        "PartialOrder(number='A-17', note=StreamState('by', 'incomplete'))",
        "PartialOrder(number='A-17', note=StreamState('by hand', 'complete'))",
    ]
    assert answer.result() == Order(number="A-17", note="by hand")


def test_numbers_can_be_shown_early(world):
    reply = Reply(chunks=['{"value": [1', "25", "0, tr", "ue]}"])

    @declarai.offline([reply]).task(streaming=True)
    def values() -> list[Any]:
        """List values"""

    answer = values()
    assert [str(partial) for partial in read_all(world, answer.partials())] == ["[]", "[]", "[1250]", "[1250, True]"]
    early = [str(partial) for partial in read_all(world, answer.partials(early=True))]
    assert early == ["[1]", "[125]", "[1250, True]", "[1250, True]"]
