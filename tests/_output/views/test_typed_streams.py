"""Typed answers through the whole path: partials, elements and events of a task's stream, in each world."""

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
    """Make a task that streams a list of heroes, from an offline model that plays these replies."""

    @declarai.offline(list(replies)).task(streaming=True, **settings)
    def heroes(movie: str) -> list[Hero]:
        """List the heroes of the movie"""

    return heroes


def cut(text: str, after: int) -> Raw:
    """Give a reply that streams so much of a text, and then breaks."""
    delta = {"choices": [{"index": 0, "delta": {"content": text[:after]}}]}
    return Raw([f"data: {json.dumps(delta)}\n\n".encode()], cut=True)


def look(world: World, view: Any) -> list[Any]:
    """Read a view to its end; give what came, and the error that it ended with, if any."""
    seen: list[Any] = []

    async def collect() -> None:
        async with view:
            async for item in view:
                seen.append(item)

    try:
        if world.name == "blocking":
            for item in view:
                seen.append(item)
        else:
            world.run(collect)
    except errors.DeclaraiError as error:
        seen.append(error)
    return seen


def test_partials_fill_in_and_the_last_one_is_the_result(world):
    answer = heroes(GOOD)("Avengers")
    seen = look(world, answer.partials())
    assert [str(partial) for partial in dict.fromkeys(map(str, seen))] == [
        "[PartialHero()]",
        "[PartialHero(name='Tony')]",
        "[PartialHero(name='Tony Stark')]",
        "[Hero(name='Tony Stark', born=1970)]",
        "[Hero(name='Tony Stark', born=1970), PartialHero()]",
        "[Hero(name='Tony Stark', born=1970), PartialHero(name='Thor')]",
        "[Hero(name='Tony Stark', born=1970), Hero(name='Thor', born=964)]",
    ]
    assert seen[-1] == answer.result() == [TONY, THOR]
    whole = [partial[0] for partial in seen if len(partial) and isinstance(partial[0], Hero)]
    assert len(whole) > 3
    assert all(hero is whole[0] for hero in whole)


def test_each_look_sees_the_whole_stream_from_one_request(world):
    script = Script([GOOD])

    @declarai.offline(script).task(streaming=True)
    def heroes(movie: str) -> list[Hero]:
        """List the heroes of the movie"""

    answer = heroes("Avengers")
    assert look(world, answer.items()) == [TONY, THOR]
    assert look(world, answer.partials())[-1] == [TONY, THOR]
    assert look(world, answer.events())[-1].value == [TONY, THOR]
    assert "".join(look(world, answer.deltas())) == GOOD
    assert look(world, heroes.llm_stream_response.items()) == [TONY, THOR]
    assert len(script.calls) == 1


def test_what_was_recorded_can_be_looked_at_when_the_stream_is_gone():
    task = heroes(BAD_FIRST, GOOD)
    list(task("Avengers"))
    gc.collect()
    again = task.llm_stream_response
    assert list(again.items()) == [TONY, THOR]
    assert [event.attempt for event in again.events() if isinstance(event, Restarted)] == [2]


def test_a_text_grows_and_is_a_partial_too(world):
    @declarai.offline(["one two three"]).task(streaming=True)
    def count() -> str:
        """Count"""

    answer = count()
    assert [str(partial) for partial in look(world, answer.partials())] == ["one", "one two", "one two three"]
    events = look(world, answer.events())
    assert [event for event in events if not isinstance(event, TextDelta)] == [
        UsageReported(answer.usage),
        Finished("one two three", "stop", answer.usage),
    ]


def test_a_number_that_stands_in_a_sentence_is_the_last_partial(world):
    @declarai.offline(["The answer is 5."], output="prompt").task(streaming=True)
    def rank() -> int:
        """Rank it"""

    assert look(world, rank().partials()) == [5]


def test_an_answer_that_does_not_fit_is_asked_for_again_and_the_partials_begin_anew(world):
    answer = heroes(BAD_SECOND, GOOD)("Avengers")
    lengths = [len(partial) for partial in look(world, answer.partials())]
    assert sorted(lengths) != lengths
    assert answer.result() == [TONY, THOR]


def test_events_say_that_the_answer_begins_anew_and_why(world):
    answer = heroes(BAD_SECOND, GOOD)("Avengers")
    events = look(world, answer.events())
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
        seen = look(world, getattr(heroes(BAD_SECOND, retries=0)("Avengers"), view)())
        assert isinstance(seen[-1], OutputError)
        assert not any(isinstance(event, Finished) for event in seen)


def test_a_dropped_connection_restarts_the_events_where_that_is_wanted(world):
    answer = heroes(cut(GOOD, 30), GOOD, restart_on={errors.StreamInterrupted})("Avengers")
    events = look(world, answer.events())
    (again,) = [event for event in events if isinstance(event, Restarted)]
    assert "the connection" in again.reason
    assert events[-1].value == [TONY, THOR]


def test_elements_are_handed_out_before_the_answer_has_ended(world):
    first, error = look(world, heroes(cut(GOOD, 50))("Avengers").items())
    assert first == TONY
    assert isinstance(error, errors.StreamInterrupted)


def test_an_element_that_does_not_fit_is_named_after_the_good_ones_and_nothing_is_asked_again(world):
    script = Script([BAD_SECOND, GOOD])

    @declarai.offline(script).task(streaming=True)
    def heroes(movie: str) -> list[Hero]:
        """List the heroes of the movie"""

    first, error = look(world, heroes("Avengers").items())
    assert first == TONY
    assert isinstance(error, InvalidElement)
    assert error.index == 1
    assert str(error).startswith("element 1 of a list[Hero] does not fit:\nborn: Input should be a valid integer")
    assert len(script.calls) == 1


def test_a_first_element_that_does_not_fit_is_asked_for_again_before_anything_is_handed_out(world):
    assert look(world, heroes(BAD_FIRST, GOOD)("Avengers").items()) == [TONY, THOR]


def test_without_retries_a_first_element_that_does_not_fit_is_named(world):
    (error,) = look(world, heroes(BAD_FIRST, retries=0)("Avengers").items())
    assert isinstance(error, InvalidElement)
    assert error.index == 0


def test_elements_that_do_not_fit_can_be_collected(world):
    for reply, good, index in ((BAD_SECOND, TONY, 1), (BAD_FIRST, THOR, 0)):
        items = heroes(reply)("Avengers").items(on_error="collect")
        assert look(world, items) == [good]
        assert [error.index for error in items.errors] == [index]
        assert look(world, items) == [good], "again, from the record"
        assert len(items.errors) == 1


def test_a_collected_list_in_which_nothing_fits_has_only_errors(world):
    items = heroes('{"value": [{"name": "X"}, 5]}', retries=0)("Avengers").items(on_error="collect")
    assert look(world, items) == []
    assert [error.index for error in items.errors] == [0, 1]


def test_a_list_that_breaks_off_raises_after_its_good_elements(world):
    first, error = look(world, heroes('{"value": [{"name": "Thor", "born": 964}, {"na', retries=0)("Avengers").items())
    assert first == THOR
    assert isinstance(error, OutputError)
    assert not isinstance(error, InvalidElement)


def test_collecting_does_not_hide_a_list_that_breaks_off(world):
    items = heroes('{"value": [{"name": "Thor", "born": 964}, {"na', retries=0)("Avengers").items(on_error="collect")
    assert isinstance(look(world, items)[-1], OutputError)


def test_an_iterator_is_handed_out_element_by_element(world):
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
        assert look(world, task("Avengers")) == [TONY, THOR]
        assert task.llm_response.response == GOOD
        assert look(world, task.llm_stream_response) == [TONY, THOR]
    assert "## Answer (list[Hero])" in each.compile("Avengers")[-1].content
    assert len(script.calls) == 3


def test_an_iterator_with_streaming_gives_the_stream(world):
    @declarai.offline([GOOD]).task(streaming=True)
    def each(movie: str) -> Iterator[Hero]:
        """List the heroes of the movie"""

    answer = each("Avengers")
    assert look(world, answer.items()) == [TONY, THOR]
    assert answer.result() == [TONY, THOR]


def test_a_model_that_streams_hands_out_an_iterator_all_the_same():
    @declarai.offline([GOOD], stream=True).task
    def each(movie: str) -> Iterator[Hero]:
        """List the heroes of the movie"""

    assert list(each("Avengers")) == [TONY, THOR]


def test_next_goes_on_and_a_loop_starts_where_it_stands():
    items = heroes(GOOD)("Avengers").items()
    assert next(items) == TONY
    assert list(items) == [THOR]
    assert list(items) == [TONY, THOR]
    with pytest.raises(StopIteration):
        (next(items), next(items), next(items))
    assert next(items) == TONY


@pytest.mark.anyio
async def test_anext_goes_on_and_a_loop_starts_where_it_stands():
    async with heroes(GOOD)("Avengers").items() as items:
        assert await anext(items) == TONY
        assert [hero async for hero in items] == [THOR]
        assert [hero async for hero in items] == [TONY, THOR]


def test_a_view_that_is_closed_closes_the_stream(world):
    for view in ("partials", "items", "events"):
        answer = heroes(GOOD)("Avengers")

        async def leave() -> None:
            async with getattr(answer, view)() as looked:
                async for _ in looked:
                    break

        if world.name == "blocking":
            with getattr(answer, view)() as looked:
                next(iter(looked))
        else:
            world.run(leave)
        with pytest.raises(StreamClosed):
            answer.result()


def test_a_stream_that_keeps_nothing_can_be_looked_at_once(world):
    answer = heroes(GOOD, replay=False)("Avengers")
    assert look(world, answer.partials())[-1] == [TONY, THOR]
    assert isinstance(look(world, answer.partials())[-1], errors.StreamInUse)


def test_elements_are_asked_for_of_lists_only():
    @declarai.offline([]).task(streaming=True)
    def hero(movie: str) -> Hero:
        """Who is the hero?"""

    with pytest.raises(
        ConfigurationError, match="elements can be read of a list, tuple or set, and the answer is a Hero"
    ):
        hero("Avengers").items()
    with pytest.raises(ConfigurationError, match="on_error is 'skip'; it is 'raise' or 'collect'"):
        heroes()("Avengers").items(on_error="skip")


def test_the_marks_stand_in_the_stream_module(world):
    class Order(BaseModel):
        number: Annotated[str, stream.done, stream.not_null]
        note: Annotated[str, stream.with_state]

    @declarai.offline(['{"number": "A-17", "note": "by hand"}']).task(streaming=True)
    def order(letter: str) -> Order:
        """What is ordered?"""

    answer = order("...")
    seen = look(world, answer.partials())
    assert list(dict.fromkeys(map(str, seen))) == [
        "PartialOrder(number='A-17', note=StreamState(None, 'pending'))",
        "PartialOrder(number='A-17', note=StreamState('by', 'incomplete'))",
        "PartialOrder(number='A-17', note=StreamState('by hand', 'complete'))",
    ]
    assert answer.result() == Order(number="A-17", note="by hand")


def test_numbers_can_be_shown_early(world):
    reply = Reply(chunks=['{"value": [1', "25", "0, tr", "ue]}"])

    @declarai.offline([reply]).task(streaming=True)
    def values() -> list[Any]:
        """Give values"""

    answer = values()
    assert [str(partial) for partial in look(world, answer.partials())] == ["[]", "[]", "[1250]", "[1250, True]"]
    early = [str(partial) for partial in look(world, answer.partials(early=True))]
    assert early == ["[1]", "[125]", "[1250, True]", "[1250, True]"]
