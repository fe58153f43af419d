"""Streaming actions: their items, their ends, and the time at which the state changes, in sync and async code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import declarai_like as declarai
from declarai_like.app import AsyncStreamingAction, Final, State, StreamingAction, create_action, streaming_action
from declarai_like.app.events import StreamEnded, StreamItem
from declarai_like.errors import ActionError
from tests.app.worlds import END, AppWorld, EventRecorder, builder, counter, in_each_world, items_of, streamer

# The ways to write the same function: ten items, a result, and a state


def item_and_none(state: State) -> Iterator[Any]:
    for index in range(10):
        yield {"item": f"say {index}"}, None
    yield {"answer": "say"}, state.append(said="say")


def bare(state: State) -> Iterator[Any]:
    for index in range(10):
        yield {"item": f"say {index}"}
    yield {"answer": "say"}, state.append(said="say")


def mixed(state: State) -> Iterator[Any]:
    for index in range(5):
        yield {"item": f"say {index}"}
        if index < 5:
            yield {"item": f"say {index + 5}"}, None
    yield {"answer": "say"}, state.append(said="say")


def returned(state: State) -> Any:
    for index in range(10):
        yield {"item": f"say {index}"}
    return {"answer": "say"}, state.append(said="say")


def returned_after_pairs(state: State) -> Any:
    for index in range(10):
        yield {"item": f"say {index}"}, None
    return {"answer": "say"}, state.append(said="say")


def finally_yielded(state: State) -> Iterator[Any]:
    for index in range(10):
        yield {"item": f"say {index}"}
    yield Final({"answer": "say"}, state.append(said="say"))


def finally_returned(state: State) -> Any:
    for index in range(10):
        yield {"item": f"say {index}"}
    return Final({"answer": "say"}, state.append(said="say"))


DIALECTS = [item_and_none, bare, finally_yielded]
RETURNING = [returned, returned_after_pairs, finally_returned]
"""An async generator cannot be written so."""


def in_dialect(world: AppWorld, dialect: Callable[..., Any]) -> Any:
    if dialect in RETURNING:
        return streaming_action([], ["said"])(dialect)
    return world.streaming(writes=["said"])(dialect)


ENDED = ["StreamEnded say 10", "StepEnded say", "RunEnded"]
TOLD = ["RunStarted", "StepStarted say", "StreamStarted say", *(f"StreamItem say {n}" for n in range(10)), *ENDED]


@pytest.mark.parametrize("dialect", [*DIALECTS, *RETURNING])
@in_each_world
async def test_case_31_32_ten_items_and_then_the_result_and_the_state_in_all_dialects(
    world: AppWorld, dialect: Callable[..., Any]
) -> None:
    recorder = EventRecorder()
    app = builder(say=in_dialect(world, dialect), recorder=recorder).build()
    ran, items = await world.stream(app, ["say"])
    assert (ran.name, items.container.action) == ("say", ran)
    for item in items_of("say", 10):
        assert await items.next() == item
        assert dict(app.state) == {}
    assert await items.next() is END
    assert list(app.state["said"]) == ["say"]
    result, state = await items.get()
    assert result == {"answer": "say"}
    assert state == app.state
    assert recorder.lines == TOLD


@in_each_world
async def test_case_31_items_come_one_by_one_as_the_action_yields_them(world: AppWorld) -> None:
    made: list[int] = []

    @world.streaming(writes=["done"])
    def count(state: State) -> Iterator[Any]:
        for index in range(3):
            made.append(index)
            yield {"index": index}, None
        yield {}, state.update(done=True)

    _, items = await world.stream(builder(count).build(), "count")
    assert made == []
    for index in range(3):
        assert await items.next() == {"index": index}
        assert made == [*range(index + 1)]
    await items.close()


@in_each_world
async def test_case_32_both_forms_of_items_may_be_mixed(world: AppWorld) -> None:
    _, items = await world.stream(builder(say=in_dialect(world, mixed)).build(), "say")
    assert sorted(item["item"] for item in await items.read()) == [f"say {index}" for index in range(10)]
    assert (await items.get())[0] == {"answer": "say"}


@pytest.mark.parametrize("plain", [False, True])
@in_each_world
async def test_case_32_a_state_alone_may_be_returned(world: AppWorld, plain: bool) -> None:
    @streaming_action([], ["said"])
    def say(state: State) -> Any:
        if not plain:
            yield {"item": 1}
        return state.update(said=1)

    app = builder(say).build()
    _, items = await world.stream(app, "say")
    assert await items.read() == ([] if plain else [{"item": 1}])
    assert await items.get() == ({}, app.state)
    assert app.state["said"] == 1


# 33, 34: wrong items and ends


@in_each_world
async def test_case_33_a_result_that_is_not_a_dict_is_refused(world: AppWorld) -> None:
    @world.streaming()
    def say(state: State) -> Iterator[Any]:
        yield {"item": 1}, None
        yield "text", state

    app = builder(say).build()
    _, items = await world.stream(app, "say")
    assert await items.next() == {"item": 1}
    with pytest.raises(ActionError, match="the result of the action 'say' must be a mapping of str to values, got str"):
        await items.next()
    assert app.prior_step is None


@in_each_world
async def test_case_33_an_end_without_a_state_is_refused_with_an_example(world: AppWorld) -> None:
    def bare_items(state: State) -> Iterator[Any]:
        yield {"item": 1}

    def pairs(state: State) -> Iterator[Any]:
        yield {"item": 1}, None
        yield {"answer": 1}, None

    def final(state: State) -> Iterator[Any]:
        yield Final({"answer": 1})

    for function in (bare_items, pairs, final):
        app = builder(say=world.streaming(writes=["answer"])(function)).build()
        for call in (world.step(app), read(world, app)):
            with pytest.raises(ActionError, match=r"'say' ended without a state.*\n?.*state\.update\("):
                await call
        assert (app.prior_step, dict(app.state)) == (None, {})


async def read(world: AppWorld, app: Any) -> Any:
    return await (await world.stream(app, "say"))[1].get()


@in_each_world
async def test_case_33_nothing_comes_after_the_end(world: AppWorld) -> None:
    def twice(state: State) -> Iterator[Any]:
        yield {"answer": 1}, state
        yield {"answer": 2}, state

    def item(state: State) -> Iterator[Any]:
        yield {"answer": 1}, state
        yield {"item": 2}, None

    class Late(StreamingAction):
        reads: Any = []
        writes: Any = []

        def stream_run(self, state: State, **run_kwargs: Any) -> Any:
            yield Final({})
            yield {"item": 1}

        def update(self, result: Any, state: State) -> State:
            return state

    for say in (world.streaming()(twice), world.streaming()(item), Late()):
        with pytest.raises(ActionError, match="the streaming action 'say' yielded a value after its end"):
            await read(world, builder(say=say).build())


@pytest.mark.parametrize("wrong", ["text", 17, None, ["list"], b"bytes", (1, 2, 3), ("a", "b"), State()], ids=repr)
@in_each_world
async def test_case_34_an_item_that_is_not_a_dict_a_pair_or_a_chunk_is_refused(world: AppWorld, wrong: Any) -> None:
    @world.streaming()
    def say(state: State) -> Iterator[Any]:
        yield {"item": 1}
        yield wrong
        yield {}, state

    app = builder(say).build()
    _, items = await world.stream(app, "say")
    assert await items.next() == {"item": 1}
    message = (
        "an item of the streaming action 'say' must be a dict|the streaming action 'say' yielded a tuple of . values"
    )
    with pytest.raises(ActionError, match=f"^({message})"):
        await items.next()


# 35: get


@in_each_world
async def test_case_35_get_reads_the_remaining_items_and_returns_the_same_each_time(world: AppWorld) -> None:
    app = builder(streamer(world)).build()
    _, items = await world.stream(app, "stream")
    assert await items.take(3) == items_of("stream", 3)
    first = await items.get()
    assert (first[0], list(first[1]["said"])) == ({"answer": "stream"}, ["stream"])
    assert (await items.get())[0] is first[0]
    assert (await items.get())[1] is first[1]
    assert await items.read() == []
    assert await items.next() is END


# 36: streaming actions that are not streamed


@pytest.mark.parametrize("dialect", [*DIALECTS, *RETURNING])
@in_each_world
async def test_case_36_run_returns_the_result_of_a_streaming_action(
    world: AppWorld, dialect: Callable[..., Any]
) -> None:
    for call in ("step", "run", "iterate", "before another"):
        recorder = EventRecorder()
        app = builder(say=in_dialect(world, dialect), count=counter(world), recorder=recorder).build()
        if call == "before another":
            await (await world.stream(app, "count"))[1].get()
        elif call == "step":
            assert (await world.step(app))[1] == {"answer": "say"}
        elif call == "run":
            assert (await world.run(app, halt_after="say"))[1] == {"answer": "say"}
        else:
            assert (await world.iterate(app, halt_after="say"))[0][1] == {"answer": "say"}
        assert list(app.state["said"]) == ["say"]
        assert recorder.lines[:3] == ["RunStarted", "StepStarted say", "StepEnded say"]
        assert not [line for line in recorder.lines if line.startswith("Stream")]


@pytest.mark.parametrize("keys", [0, 1, 2, 3])
@in_each_world
async def test_case_36_items_may_have_any_number_of_keys(world: AppWorld, keys: int) -> None:
    item: dict[str, int] = {f"key{index}": index for index in range(keys)}

    @world.streaming()
    def say(state: State) -> Iterator[Any]:
        yield item
        yield {"answer": 1}, state

    assert (await world.step(builder(say).build()))[1] == {"answer": 1}
    assert await (await world.stream(builder(say).build(), "say"))[1].read() == [item]


# 37-40: classes


class Says(StreamingAction):
    """An action that yields ten items and a result, and records its calls."""

    reads: Any = []
    writes: Any = ["said"]

    def __init__(self) -> None:
        self.updated: list[Any] = []
        self.made: list[int] = []

    def items(self) -> Iterator[Any]:
        for index in range(10):
            self.made.append(index)
            yield {"item": f"say {index}"}

    def update(self, result: Any, state: State) -> State:
        self.updated.append(result)
        return state.append(said=result["answer"])


class Returns(Says):
    def stream_run(self, state: State, **run_kwargs: Any) -> Any:
        yield from self.items()
        return {"answer": "say"}


class ReturnsFinal(Says):
    def stream_run(self, state: State, **run_kwargs: Any) -> Any:
        yield from self.items()
        return Final({"answer": "say"})


class YieldsFinal(Says):
    def stream_run(self, state: State, **run_kwargs: Any) -> Any:
        yield from self.items()
        yield Final({"answer": "say"})


class YieldsLast(Says):
    def stream_run(self, state: State, **run_kwargs: Any) -> Any:
        yield from self.items()
        yield {"answer": "say"}


class AsyncYieldsFinal(Says, AsyncStreamingAction):
    async def stream_run(self, state: State, **run_kwargs: Any) -> Any:
        for item in self.items():
            yield item
        yield Final({"answer": "say"})


class AsyncYieldsLast(Says):
    async def stream_run(self, state: State, **run_kwargs: Any) -> Any:
        for item in self.items():
            yield item
        yield {"answer": "say"}


PROMPT = [Returns, ReturnsFinal, YieldsFinal, AsyncYieldsFinal]
HOLDING = [YieldsLast, AsyncYieldsLast]


def skip_if_async_is_impossible(world: AppWorld, kind: type[Says]) -> None:
    if create_action(kind(), "say").is_async and not world.in_event_loop:
        pytest.skip("async actions need an event loop")


@pytest.mark.parametrize("kind", [*PROMPT, *HOLDING])
@in_each_world
async def test_case_37_a_class_yields_ten_items_and_its_update_gets_the_result(
    world: AppWorld, kind: type[Says]
) -> None:
    skip_if_async_is_impossible(world, kind)
    recorder, say = EventRecorder(), kind()
    app = builder(say=say, recorder=recorder).build()
    _, items = await world.stream(app, ["say"])
    assert await items.read() == items_of("say", 10)
    result, state = await items.get()
    assert (result, list(state["said"]), state) == ({"answer": "say"}, ["say"], app.state)
    assert say.updated == [{"answer": "say"}]
    assert recorder.lines == TOLD


@pytest.mark.parametrize("kind", PROMPT)
@in_each_world
async def test_case_38_each_item_is_handed_out_before_the_next_one_is_made(world: AppWorld, kind: type[Says]) -> None:
    skip_if_async_is_impossible(world, kind)
    say = kind()
    _, items = await world.stream(builder(say=say).build(), "say")
    for index in range(10):
        assert await items.next() == {"item": f"say {index}"}
        assert say.made == [*range(index + 1)]
    await items.close()


@pytest.mark.parametrize("kind", HOLDING)
@in_each_world
async def test_case_38_where_the_last_item_is_the_result_one_is_held_back(world: AppWorld, kind: type[Says]) -> None:
    skip_if_async_is_impossible(world, kind)
    say = kind()
    _, items = await world.stream(builder(say=say).build(), "say")
    assert await items.next() == {"item": "say 0"}
    assert say.made == [0, 1]
    await items.close()


@pytest.mark.parametrize("kind", [*PROMPT, *HOLDING])
@in_each_world
async def test_case_39_run_returns_the_result_of_a_streaming_class(world: AppWorld, kind: type[Says]) -> None:
    skip_if_async_is_impossible(world, kind)
    recorder = EventRecorder()
    app = builder(say=kind(), recorder=recorder).build()
    _, result, state = await world.step(app)
    assert (result, list(state["said"])) == ({"answer": "say"}, ["say"])
    assert recorder.lines == ["RunStarted", "StepStarted say", "StepEnded say", "RunEnded"]


def test_case_39_whether_a_class_is_async_is_seen_from_stream_run() -> None:
    assert create_action(AsyncYieldsLast(), "say").is_async
    assert create_action(AsyncYieldsFinal(), "say").is_async
    assert not create_action(YieldsLast(), "say").is_async


@in_each_world
async def test_case_40_a_stream_without_items_and_result_is_refused_and_update_is_not_called(world: AppWorld) -> None:
    updated: list[Any] = []

    class Nothing(StreamingAction):
        reads: Any = []
        writes: Any = []

        def stream_run(self, state: State, **run_kwargs: Any) -> Any:
            yield from ()

        def update(self, result: Any, state: State) -> State:
            updated.append(result)
            return state

    class NothingLater(Nothing):
        async def stream_run(self, state: State, **run_kwargs: Any) -> Any:
            for item in ():
                yield item

    app = builder(say=NothingLater() if world.actions_are_async else Nothing()).build()
    for call in (world.step(app), read(world, app)):
        with pytest.raises(
            ActionError, match="'say' ended without a result; return it from stream_run, or yield Final"
        ):
            await call
    assert updated == []


@in_each_world
async def test_case_40_a_function_without_items_and_end_is_refused(world: AppWorld) -> None:
    @world.streaming()
    def say(state: State) -> Iterator[Any]:
        yield from ()

    with pytest.raises(ActionError, match="'say' ended without a state"):
        await read(world, builder(say).build())


@in_each_world
async def test_case_40_a_stream_of_a_result_alone_has_no_items(world: AppWorld) -> None:
    @world.streaming(writes=["said"])
    def say(state: State) -> Iterator[Any]:
        yield {"answer": 1}, state.update(said=1)

    recorder = EventRecorder()
    app = builder(say, recorder=recorder).build()
    _, items = await world.stream(app, "say")
    assert await items.read() == []
    assert (await items.get())[0] == {"answer": 1}
    assert [event.items_streamed for event in recorder.of(StreamEnded)] == [0]


# Streams of tasks, inside of actions


def texts(items: list[Any]) -> list[Any]:
    """Return the texts of chunks, without the empty ones of the first and the last chunk, and dicts as they are."""
    return [item if isinstance(item, dict) else item.delta for item in items if isinstance(item, dict) or item.delta]


def talker(world: AppWorld, *, is_async: bool) -> Any:
    """Return a streaming task of an offline model."""
    gpt = declarai.offline(["I am Tony", "I am Thor"])
    if is_async:

        @gpt.task(streaming=True)
        async def say_later(name: str) -> str:
            """Introduce yourself"""

        return say_later

    @gpt.task(streaming=True)
    def say(name: str) -> str:
        """Introduce yourself"""

    return say


@in_each_world
async def test_a_yielded_task_stream_is_forwarded_and_its_result_is_sent_back(
    world: AppWorld,
) -> None:
    say = talker(world, is_async=world.actions_are_async)
    recorder = EventRecorder()
    if world.actions_are_async:

        @streaming_action([], ["said"])
        async def talk(state: State) -> Any:
            first = yield say("Tony")
            yield {"between": first}
            second = yield say("Thor")
            yield {"answer": second}, state.update(said=[first, second])

    else:

        @streaming_action([], ["said"])
        def talk(state: State) -> Any:
            first = yield say("Tony")
            yield {"between": first}
            second = yield say("Thor")
            yield {"answer": second}, state.update(said=[first, second])

    app = builder(talk, recorder=recorder).build()
    _, items = await world.stream(app, "talk")
    read = await items.read()
    assert texts(read) == ["I", " am", " Tony", {"between": "I am Tony"}, "I", " am", " Thor"]
    assert (await items.get())[0] == {"answer": "I am Thor"}
    assert list(app.state["said"]) == ["I am Tony", "I am Thor"]
    assert [(event.item_index, event.item) for event in recorder.of(StreamItem)] == [*enumerate(read)]
    assert [event.items_streamed for event in recorder.of(StreamEnded)] == [len(read)]


@in_each_world
async def test_the_items_of_a_yielded_from_task_stream_are_its_chunks(world: AppWorld) -> None:
    say = talker(world, is_async=world.actions_are_async)
    if world.actions_are_async:

        @streaming_action([], ["said"])
        async def talk(state: State) -> Any:
            text = ""
            async for chunk in say("Tony"):
                yield chunk
                text = chunk.response
            yield {"answer": text}, state.update(said=text)

    else:

        @streaming_action([], ["said"])
        def talk(state: State) -> Any:
            stream = say("Tony")
            yield from stream
            yield {"answer": stream.result()}, state.update(said=stream.result())

    app = builder(talk).build()
    _, items = await world.stream(app, "talk")
    assert texts(await items.read()) == ["I", " am", " Tony"]
    assert app.state["said"] == "I am Tony"


@in_each_world
async def test_a_task_stream_is_yielded_by_a_class_too_and_may_be_run_unstreamed(world: AppWorld) -> None:
    say = talker(world, is_async=world.actions_are_async)

    class Talk(Says):
        def stream_run(self, state: State, **run_kwargs: Any) -> Any:
            text = yield say("Tony")
            yield Final({"answer": text})

    class TalkLater(Says):
        async def stream_run(self, state: State, **run_kwargs: Any) -> Any:
            text = yield say("Tony")
            yield Final({"answer": text})

    made = builder(say=TalkLater() if world.actions_are_async else Talk())
    _, items = await world.stream(made.build(), "say")
    assert texts(await items.read()) == ["I", " am", " Tony"]
    assert (await items.get())[0] == {"answer": "I am Tony"}
    assert (await world.step(made.build()))[1] == {"answer": "I am Thor"}


@in_each_world
async def test_a_task_stream_that_an_action_passes_on_is_closed_when_the_action_is_left(world: AppWorld) -> None:
    say = talker(world, is_async=world.actions_are_async)
    streams: list[Any] = []

    def opened() -> Any:
        streams.append(say("Tony"))
        return streams[-1]

    if world.actions_are_async:

        @streaming_action([], [])
        async def talk(state: State) -> Any:
            yield opened()
            yield {}, state

    else:

        @streaming_action([], [])
        def talk(state: State) -> Any:
            yield opened()
            yield {}, state

    app = builder(talk).build()
    _, items = await world.stream(app, "talk")
    assert texts(await items.take(2)) == ["I"]
    await items.close()
    assert app.prior_step is None
    with pytest.raises(declarai.errors.StreamClosed):
        if world.in_event_loop:
            await streams[0].aresult()
        else:
            streams[0].result()


@in_each_world
async def test_a_task_stream_that_fails_fails_the_action_with_its_error(world: AppWorld) -> None:
    def broken(messages: Any) -> Any:
        raise RuntimeError("the user's script")

    gpt = declarai.offline(broken)
    if world.actions_are_async:

        @gpt.task(streaming=True)
        async def say_later() -> str:
            """Introduce yourself"""

        @streaming_action([], [])
        async def talk(state: State) -> Any:
            yield {"item": 1}
            yield say_later()
            yield {}, state

    else:

        @gpt.task(streaming=True)
        def say() -> str:
            """Introduce yourself"""

        @streaming_action([], [])
        def talk(state: State) -> Any:
            yield {"item": 1}
            yield say()
            yield {}, state

    recorder = EventRecorder()
    app = builder(talk, recorder=recorder).build()
    _, items = await world.stream(app, "talk")
    assert await items.next() == {"item": 1}
    with pytest.raises(Exception, match=".") as raised:
        await items.next()
    assert recorder.of(StreamEnded)[0].exception is raised.value
    assert app.prior_step is None
