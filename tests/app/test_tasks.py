"""Tasks and chats inside actions, and the timeline."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

import declarai_like as declarai
from declarai_like.app import ApplicationBuilder, StreamingAction, Timeline, action, streaming_action
from declarai_like.errors import ApplicationBusy, BadRequestError
from declarai_like.testing import Fault
from tests.app.worlds import AppWorld, EventRecorder, in_each_world


def app_of(**actions: Any) -> ApplicationBuilder:
    first, *rest = actions
    return (
        ApplicationBuilder()
        .with_actions(**actions)
        .with_transitions(*zip([first, *rest], rest, strict=False))
        .with_entrypoint(first)
    )


@in_each_world
async def test_an_action_may_handle_the_error_of_a_stream_that_it_passes_on(world: AppWorld) -> None:
    @declarai.offline([Fault(400), "well then"]).task(streaming=True)
    def say(question: str) -> str:
        """Answer the question"""

    @streaming_action(reads=[], writes=["answer"])
    def answer(state: Any) -> Any:
        try:
            text = yield say("this")
        except BadRequestError:
            text = yield say("that")
        yield {"answer": text}, state.update(answer=text)

    @streaming_action(reads=[], writes=["answer"])
    async def answer_later(state: Any) -> Any:
        try:
            text = yield say("this")
        except BadRequestError:
            text = yield say("that")
        yield {"answer": text}, state.update(answer=text)

    app = app_of(answer=answer_later if world.actions_are_async else answer).build()
    _, stream = await world.stream(app, "answer")
    assert [chunk.delta for chunk in await stream.read() if chunk.delta] == ["well", " then"]
    assert app.state["answer"] == "well then"


@in_each_world
async def test_an_error_that_no_action_handles_fails_the_step(world: AppWorld) -> None:
    @declarai.offline([Fault(400)]).task(streaming=True)
    def say(question: str) -> str:
        """Answer the question"""

    @world.streaming(writes=["answer"])
    def answer(state: Any) -> Any:
        text = yield say("this")
        yield {"answer": text}, state.update(answer=text)

    app = app_of(answer=answer).build()
    _, stream = await world.stream(app, "answer")
    for _ in range(2):
        try:
            await stream.get()
        except BadRequestError as error:
            assert "'answer'" in "".join(error.__notes__)
        else:
            raise AssertionError("it did not fail")


@in_each_world
async def test_a_chat_may_answer_in_an_action(world: AppWorld) -> None:
    @declarai.offline(["one", "two"]).chat(streaming=True)
    class Bot:
        """Be kind."""

    bot: Any = Bot()

    class Say(StreamingAction):
        reads = ()
        writes = ("said",)

        def stream_run(self, state: Any, message: str) -> Any:
            said = yield bot.send(message)
            return {"said": said}

        def update(self, result: Any, state: Any) -> Any:
            return state.append(said=result["said"])

    app = app_of(say=Say()).with_transitions(("say", "say")).build()
    for message, expected in (("hi", "one"), ("again", "two")):
        _, stream = await world.stream(app, "say", inputs={"message": message})
        chunks = await stream.read()
        assert chunks[-1].response == expected
    assert app.state["said"] == ["one", "two"]
    assert [message.content for message in bot] == ["hi", "one", "again", "two"]


@in_each_world
async def test_a_timeline_shows_each_step_and_when_its_first_item_came(world: AppWorld) -> None:
    timeline = Timeline()

    @world.action(writes=["n"])
    def begin(state: Any) -> Any:
        return state.update(n=1)

    @world.streaming(writes=["n"])
    def count(state: Any) -> Any:
        yield {"n": 1}
        yield {"n": 2}
        yield {}, state.update(n=2)

    @world.action()
    def fail(state: Any) -> Any:
        raise ValueError("no way")

    app = app_of(begin=begin, count=count, fail=fail).with_hooks(timeline).build()
    _, stream = await world.stream(app, "count")
    await stream.get()
    try:
        await world.step(app)
    except ValueError:
        pass
    lines = re.sub(r"\d+\.\d{3} s", "T", str(timeline)).splitlines()
    assert [re.sub(r"[ .=]{2,}", " ", line).strip() for line in lines] == [
        f"{'a' * world.in_event_loop}stream_result T",
        "0 begin T",
        "1 count T, 2 items, the first after T",
        f"{'a' * world.in_event_loop}step T",
        "2 fail T, ValueError: no way",
    ]
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(timeline)
    shown = console.export_text()
    assert "2 items, the first after" in shown
    assert "ValueError: no way" in shown
    timeline.clear()
    assert str(timeline) == ""


@in_each_world
async def test_a_timeline_that_is_cleared_in_a_run_lets_it_go_on_and_notes_the_next(world: AppWorld) -> None:
    timeline = Timeline()

    @world.streaming(writes=["n"])
    def count(state: Any) -> Any:
        yield {"n": 1}
        yield {"n": 2}
        yield {}, state.increment(n=1)

    app = app_of(count=count, again=count).with_hooks(timeline).build()
    _, stream = await world.stream(app, "count")
    await stream.next()
    timeline.clear()
    assert await stream.read() == [{"n": 2}]
    assert (app.state["n"], str(timeline)) == (1, "")
    await world.run(app)
    assert [line.split()[:2] for line in str(timeline).splitlines()][1] == ["1", "again"]


@in_each_world
async def test_a_timeline_of_several_applications_keeps_their_runs_apart(world: AppWorld) -> None:
    timeline = Timeline()

    @world.streaming(writes=["n"])
    def count(state: Any) -> Any:
        yield {"n": 1}
        yield {}, state.update(n=1)

    first = app_of(count=count).with_hooks(timeline).build()
    other = first.copy("other")
    _, stream = await world.stream(first, "count")
    await stream.next()
    await world.run(other)
    assert [line.endswith("open") for line in str(timeline).splitlines()] == [True, False, False, False]
    await stream.get()
    assert "open" not in str(timeline)
    assert str(timeline).count("1 items, the first after") == 1


@pytest.mark.parametrize("kind", ["RunStarted", "StepStarted"])
@in_each_world
async def test_a_timeline_keeps_its_records_if_an_earlier_hook_fails(world: AppWorld, kind: str) -> None:
    timeline, fails = Timeline(), False

    def first(event: Any) -> None:
        if fails and type(event).__name__ == kind:
            raise OSError("no way")

    @world.action()
    def stay(state: Any) -> Any:
        return state

    app = app_of(stay=stay, go=stay).with_hooks(first, timeline).build()
    await world.step(app)
    before, fails = str(timeline), True
    with pytest.raises(OSError, match="no way") as raised:
        await world.step(app)
    assert str(timeline).startswith(before)
    assert not any("IndexError" in note for note in getattr(raised.value, "__notes__", ()))


def test_an_item_of_a_wrong_type_is_an_error_with_the_expected_types() -> None:
    @streaming_action(reads=[], writes=[])
    def wrong(state: Any) -> Any:
        yield "text"

    app = app_of(wrong=wrong).build()
    _, stream = app.stream_result("wrong")
    try:
        stream.get()
    except ValueError as error:
        assert (
            "an item of the streaming action 'wrong' must be a dict, or an object such as a chunk of a stream, got str"
            in str(error)
        )
    else:
        raise AssertionError("it did not fail")


def test_a_declared_function_is_still_the_function() -> None:
    @action(reads=[], writes=["n"])
    def add(state: Any, n: int = 1) -> Any:
        """Add a number."""
        return state.increment(n=n)

    from declarai_like.app import State

    assert add(State({"n": 1}), n=2) == {"n": 3}
    assert add.bind(n=5)(State({"n": 1})) == {"n": 6}
    assert (add.__name__, add.__doc__) == ("add", "Add a number.")


# The state that one call leaves to the next


@pytest.mark.slow
@in_each_world
async def test_an_iteration_that_nobody_reads_on_does_not_block_the_application_for_ever(world: AppWorld) -> None:
    @world.action(writes=["n"])
    def count(state: Any) -> Any:
        return state.increment(n=1)

    app = app_of(count=count).with_transitions(("count", "count")).build()
    app._lock.unread_timeout = 0.3
    steps: Any = app.aiterate() if world.in_event_loop else app.iterate()
    _ = await anext(steps) if world.in_event_loop else next(steps)
    with pytest.raises(ApplicationBusy, match="its stream is not being read; finish reading it or close it"):
        await world.step(app)
    if world.in_event_loop:
        await steps.aclose()
    else:
        steps.close()
    await world.step(app)
    assert app.state["n"] == 2


@in_each_world
async def test_to_leave_a_container_that_is_over_does_not_end_the_iteration(world: AppWorld) -> None:
    @world.streaming(writes=["n"])
    def count(state: Any) -> Any:
        yield {"n": 1}
        yield {}, state.increment(n=1)

    app = app_of(one=count, two=count, three=count).build()
    seen: list[str] = []
    async for found, stream in world.stream_each(app):
        if world.in_event_loop:
            async with stream.container:
                seen += [found.name for _ in await stream.read()]
        else:
            with stream.container:
                seen += [found.name for _ in await stream.read()]
    assert seen == ["one", "two", "three"]
    assert app.state["n"] == 3


@in_each_world
async def test_hooks_hear_that_a_step_was_left_also_where_its_cleanup_fails(world: AppWorld) -> None:
    recorder = EventRecorder()

    @world.streaming(writes=["n"])
    def count(state: Any) -> Any:
        try:
            yield {"n": 1}
            yield {}, state.update(n=1)
        finally:
            raise RuntimeError("the cleanup failed")

    app = app_of(count=count).with_hooks(recorder).build()
    _, stream = await world.stream(app, "count")
    await stream.next()
    with pytest.raises(RuntimeError, match="the cleanup failed"):
        await (stream.container.aclose() if world.in_event_loop else closed(stream.container))
    assert [type(event).__name__ for event in recorder.events[-3:]] == ["StreamEnded", "StepEnded", "RunEnded"]


async def closed(container: Any) -> None:
    container.close()
