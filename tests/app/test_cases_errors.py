"""Streams that fail, are closed early or overlap, and the hooks and persisters of these, in sync and async code."""

from __future__ import annotations

import contextvars
import gc
import logging
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from declarai_like.app import (
    Application,
    ApplicationBuilder,
    ApplicationContext,
    Final,
    InMemoryPersister,
    SQLitePersister,
    State,
    StreamingAction,
    streaming_action,
)
from declarai_like.app.events import (
    EVENTS,
    Event,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
    StreamEnded,
    StreamItem,
)
from declarai_like.errors import ApplicationBusy, ApplicationError, GraphError, PersistenceFailed, StateError
from tests.app.worlds import (
    END,
    AppWorld,
    EventRecorder,
    builder,
    counter,
    in_each_loop,
    in_each_world,
    items_of,
    streamer,
)

KINDS = ["function", "class"]


def falling(world: AppWorld, kind: str, happened: list[str], error: BaseException | None = None, after: int = 2) -> Any:
    """Return a streaming action that records its cleanup; with an error, it raises it after this number of items."""

    def items() -> Iterator[Any]:
        try:
            for index in range(10):
                if error is not None and index == after:
                    raise error
                yield {"item": index}
        finally:
            happened.append("cleaned up")

    if kind == "function":

        def say(state: State, prompt: str = "") -> Iterator[Any]:
            yield from items()
            yield {"answer": prompt}, state.append(said=prompt)

        return world.streaming(writes=["said"])(say)

    class Say(StreamingAction):
        reads: Any = []
        writes: Any = ["said"]

        def stream_run(self, state: State, prompt: str = "") -> Any:
            yield from items()
            yield Final({"answer": prompt})

        def update(self, result: Any, state: State) -> State:
            happened.append("updated")
            return state.append(said=result["answer"])

    class SayLater(Say):
        async def stream_run(self, state: State, prompt: str = "") -> Any:
            made = items()
            try:
                for item in made:
                    yield item
            finally:
                made.close()
            yield Final({"answer": prompt})

    return SayLater() if world.actions_are_async else Say()


# 49: an action that fails between its items


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("kind", KINDS)
@in_each_world
async def test_case_49_the_items_before_a_failure_are_delivered_and_then_the_error(
    world: AppWorld, kind: str, after: int
) -> None:
    recorder, happened, error = EventRecorder(), [], KeyError("the user's own")
    made = builder(counter(world), say=falling(world, kind, happened, error, after), recorder=recorder)
    app = made.with_state(said=["before"]).build()
    before = app.state
    _, items = await world.stream(app, ["say"])
    seen: list[Any] = []
    with pytest.raises(KeyError) as raised:
        await items.read(seen)
    assert raised.value is error
    assert seen == [{"item": index} for index in range(after)]
    assert recorder.lines[3:] == [
        "StepStarted say",
        "StreamStarted say",
        *(f"StreamItem say {index}" for index in range(after)),
        f"StreamEnded say {after} KeyError",
        "StepEnded say KeyError",
        "RunEnded KeyError",
    ]
    assert {event.exception for kind in (StreamEnded, RunEnded) for event in recorder.of(kind)} == {error}
    assert happened == ["cleaned up"]
    assert (app.state, app.prior_step) == (before, None)


@pytest.mark.parametrize("kind", KINDS)
@in_each_world
async def test_case_49_after_a_failure_get_raises_the_same_error_each_time_and_nothing_more_comes(
    world: AppWorld, kind: str
) -> None:
    error = KeyError("the user's own")
    app = builder(say=falling(world, kind, [], error)).build()
    _, items = await world.stream(app, ["say"])
    for _ in range(3):
        with pytest.raises(KeyError) as raised:
            await items.get()
        assert raised.value is error
    assert await items.next() is END


@in_each_world
async def test_case_49_an_action_may_end_itself_with_a_part_of_its_result(world: AppWorld) -> None:
    """An action can end with a partial result: it catches its error, and yields an end."""

    @world.streaming(writes=["said"])
    def say(state: State) -> Iterator[Any]:
        text = ""
        try:
            for word in ("I", "am"):
                text += word
                yield {"word": word}
            raise RuntimeError("the model is gone")
        except RuntimeError as error:
            yield {"answer": text, "error": str(error)}, state.update(said=text)

    app = builder(say).build()
    _, items = await world.stream(app, ["say"])
    assert await items.get() == ({"answer": "Iam", "error": "the model is gone"}, app.state)
    assert app.state["said"] == "Iam"


@in_each_world
async def test_case_49_after_a_failure_the_next_call_tries_again(world: AppWorld) -> None:
    errors = [RuntimeError("once")]

    @world.streaming(writes=["said"])
    def say(state: State, prompt: str) -> Iterator[Any]:
        yield {"word": prompt}
        if errors:
            raise errors.pop()
        yield {"answer": prompt}, state.update(said=prompt)

    app = builder(say).build()
    with pytest.raises(RuntimeError, match="once"):
        await (await world.stream(app, "say", inputs={"prompt": "old"}))[1].get()
    _, items = await world.stream(app, "say", inputs={"prompt": "new"})
    assert (await items.get())[0] == {"answer": "new"}


@in_each_world
async def test_case_49_a_failure_in_a_stream_takes_back_the_steps_before_it_in_the_same_call(world: AppWorld) -> None:
    error = RuntimeError("no")
    app = builder(counter(world), say=falling(world, "function", [], error)).build()
    _, items = await world.stream(app, "say")
    assert app.prior_step == "count"
    with pytest.raises(RuntimeError, match="no"):
        await items.read()
    assert (dict(app.state), app.prior_step) == ({}, None)


# 50: a reader that closes its stream early


@pytest.mark.parametrize("how", ["close", "block"])
@pytest.mark.parametrize("count", [0, 1, 10])
@pytest.mark.parametrize("kind", KINDS)
@in_each_world
async def test_case_50_a_stream_that_is_closed_early_is_cleaned_up_at_once_and_rolled_back(
    world: AppWorld, kind: str, count: int, how: str
) -> None:
    recorder, happened = EventRecorder(), []
    app = builder(counter(world), say=falling(world, kind, happened), recorder=recorder).build()
    before = app.state
    _, items = await world.stream(app, ["say"])
    if how == "block":
        read = await items.leave_block_after(count)
    else:
        read = await items.take(count)
        await items.close()
    assert read == [{"item": index} for index in range(count)]
    assert happened == (["cleaned up"] if count else [])
    assert (app.state, app.prior_step) == (before, None)
    assert await items.get() == (None, State({"count": 1}))
    assert await items.next() is END
    started = [
        "StepStarted say",
        "StreamStarted say",
        *(f"StreamItem say {index}" for index in range(count)),
        f"StreamEnded say {count} Cancelled",
        "StepEnded say Cancelled",
    ]
    assert recorder.lines[3:] == [*(started if count else []), "RunEnded Cancelled"]
    await items.close()
    assert recorder.lines[-1] == "RunEnded Cancelled"
    assert recorder.lines.count("RunEnded Cancelled") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_case_50_leaving_a_loop_early_closes_the_stream(kind: str) -> None:
    world, recorder, happened = AppWorld("blocking"), EventRecorder(), []
    app = builder(say=falling(world, kind, happened), recorder=recorder).build()
    _, container = app.stream_result("say")
    for item in container:
        if item == {"item": 1}:
            break
    assert happened == ["cleaned up"]
    assert recorder.lines[-3:] == ["StreamEnded say 2 Cancelled", "StepEnded say Cancelled", "RunEnded Cancelled"]
    assert container.get() == (None, State())
    assert list(container) == []


@in_each_world
async def test_case_50_an_error_of_the_reader_leaves_the_stream(world: AppWorld) -> None:
    recorder, happened = EventRecorder(), []
    app = builder(say=falling(world, "function", happened), recorder=recorder).build()
    _, items = await world.stream(app, ["say"])
    with pytest.raises(ZeroDivisionError):
        await divide_in_block(world, items)
    assert happened == ["cleaned up"]
    assert recorder.lines[-3:] == ["StreamEnded say 1 Cancelled", "StepEnded say Cancelled", "RunEnded Cancelled"]


async def divide_in_block(world: AppWorld, items: Any) -> None:
    if world.in_event_loop:
        async with items.container:
            await items.next()
            _ = 1 / 0
    with items.container:
        await items.next()
        _ = 1 / 0


@in_each_world
async def test_case_50_the_block_of_the_other_world_is_refused_and_the_stream_can_still_be_read(
    world: AppWorld,
) -> None:
    _, items = await world.stream(builder(streamer(world, items=2)).build(), "stream")
    wrong = AsyncExitStack().enter_async_context if not world.in_event_loop else ExitStack().enter_context
    with pytest.raises(TypeError, match="StreamingResultContainer' object does not support the .*context manager"):
        await wrong(items.container)
    assert await items.leave_block_after(2) == items_of("stream", 2)


@in_each_world
async def test_case_50_a_stream_that_is_closed_after_its_end_keeps_its_result(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(say=falling(world, "function", []), recorder=recorder).build()
    _, items = await world.stream(app, ["say"], inputs={"prompt": "hi"})
    result = await items.get()
    await items.close()
    assert await items.get() == result == ({"answer": "hi"}, app.state)
    assert recorder.lines[-1] == "RunEnded"


@in_each_world
async def test_case_50_an_iteration_over_streams_that_is_closed_early_keeps_completed_steps(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(streamer(world, "one"), streamer(world, "two"), recorder=recorder).build()
    each = world.stream_each(app)
    _, items = await anext(each)
    await items.get()
    ran, items = await anext(each)
    await items.take(3)
    await items.close()
    assert (ran.name, app.prior_step, list(app.state["said"])) == ("two", "one", ["one"])
    assert recorder.lines[-3:] == ["StreamEnded two 3 Cancelled", "StepEnded two Cancelled", "RunEnded Cancelled"]
    assert [ran.name async for ran, _ in world.stream_each(app)] == ["two"]
    await each.aclose()


@in_each_world
async def test_case_50_an_iteration_over_streams_that_is_left_in_the_middle_of_one_lets_others_go_on(
    world: AppWorld,
) -> None:
    recorder, happened = EventRecorder(), []
    app = builder(say=falling(world, "function", happened), recorder=recorder).with_overlap("refuse").build()
    async with aclosing(world.stream_each(app)) as each:
        async for _, items in each:
            await items.take(2)
            break
    assert happened == ["cleaned up"]
    assert recorder.lines[-3:] == ["StreamEnded say 2 Cancelled", "StepEnded say Cancelled", "RunEnded Cancelled"]
    assert (await world.step(app, inputs={"prompt": "new"}))[1] == {"answer": "new"}


@in_each_world
async def test_case_50_a_cleanup_that_fails_is_not_lost(world: AppWorld) -> None:
    recorder = EventRecorder()

    @world.streaming()
    def say(state: State) -> Iterator[Any]:
        try:
            yield {"item": 1}
            yield {}, state
        finally:
            raise OSError("the cleanup failed")

    app = builder(say, recorder=recorder).build()
    _, items = await world.stream(app, "say")
    await items.next()
    with pytest.raises(OSError, match="the cleanup failed"):
        await items.close()
    assert recorder.lines[-1].startswith("RunEnded")
    assert app.prior_step is None
    _, items = await world.stream(app, "say")  # its lock was released
    with pytest.raises(OSError, match="the cleanup failed"):
        await items.get()


# 51, 52: other threads and contexts


def test_case_51_each_item_may_be_read_in_another_thread_and_context() -> None:
    world, recorder = AppWorld("blocking"), EventRecorder()
    app = builder(streamer(world), recorder=recorder).build()
    _, container = app.stream_result("stream")
    seen: list[Any] = []
    for _ in range(11):
        thread = threading.Thread(target=contextvars.Context().run, args=(lambda: seen.append(next(container, END)),))
        thread.start()
        thread.join(5)
    assert seen == [*items_of("stream", 10), END]
    assert recorder.lines == TOLD
    assert list(container.get()[1]["said"]) == ["stream"]


TOLD = [
    "RunStarted",
    "StepStarted stream",
    "StreamStarted stream",
    *(f"StreamItem stream {index}" for index in range(10)),
    "StreamEnded stream 10",
    "StepEnded stream",
    "RunEnded",
]


@in_each_loop
async def test_case_51_each_item_may_be_read_in_another_task(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(streamer(world), recorder=recorder).build()
    _, items = await world.stream(app, "stream")
    seen: list[Any] = []

    async def one() -> None:
        seen.append(await items.next())

    for _ in range(11):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
    assert seen == [*items_of("stream", 10), END]
    assert recorder.lines == TOLD


@in_each_loop
async def test_case_51_a_blocking_container_is_read_from_a_thread_pool_as_a_web_server_does(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(streamer(AppWorld("blocking")), recorder=recorder).build()
    _, container = await anyio.to_thread.run_sync(lambda: app.stream_result("stream"))
    seen = [await anyio.to_thread.run_sync(next, container, END) for _ in range(11)]
    assert seen == [*items_of("stream", 10), END]
    assert recorder.lines == TOLD


@in_each_world
async def test_case_52_while_another_exception_is_handled_hooks_see_none(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(counter(world), streamer(world), recorder=recorder).build()
    try:
        raise RuntimeError("something else")
    except RuntimeError:
        _, items = await world.stream(app, "stream")
        await items.get()
    assert {event.exception for kind in (StepEnded, StreamEnded, RunEnded) for event in recorder.of(kind)} == {None}


# 53: tasks that are cancelled


@pytest.mark.parametrize("streams", [True, False])
@in_each_loop
async def test_case_53_a_task_that_is_cancelled_cleans_up_and_leaves_the_state_as_it_was(
    world: AppWorld, streams: bool
) -> None:
    recorder, happened, persister = EventRecorder(), [], InMemoryPersister()
    entered, go_on = anyio.Event(), threading.Event()
    outside: list[BaseException] = []

    @streaming_action([], ["said"])
    async def later(state: State) -> Any:
        try:
            yield {"item": 1}
            entered.set()
            await anyio.sleep(30)
            yield {}, state.update(said=1)
        finally:
            happened.append("cleaned up")

    @streaming_action([], ["said"])
    def plain(state: State) -> Iterator[Any]:
        try:
            yield {"item": 1}
            anyio.from_thread.run_sync(entered.set)
            go_on.wait(5)
            yield {"item": 2}
            yield {}, state.update(said=1)
        finally:
            happened.append("cleaned up")

    say = later if world.actions_are_async else plain
    made = builder(say=say, recorder=recorder).with_state(said=0).with_state_persister(persister)
    app = made.with_identifiers(app_id="chat").build()

    async def read() -> None:
        try:
            if streams:
                await (await world.stream(app, "say"))[1].read()
            else:
                await app.arun()
        except BaseException as error:
            outside.append(error)
            raise

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await entered.wait()
        tasks.cancel_scope.cancel()
        go_on.set()
    assert [isinstance(error, Exception) for error in outside] == [False]
    assert happened == ["cleaned up"]
    assert recorder.lines[-2:] == ["StepEnded say Cancelled", "RunEnded Cancelled"]
    assert recorder.lines.count("StepEnded say Cancelled") == 1
    assert (dict(app.state), app.prior_step) == ({"said": 0}, None)
    saved = persister.load("", "chat")
    assert saved is not None
    assert (saved.status, saved.position, dict(saved.state)) == ("cancelled", "say", {"said": 0})


@in_each_loop
async def test_case_53_a_reader_that_is_cancelled_between_two_items_leaves_the_stream_with_its_block(
    world: AppWorld,
) -> None:
    recorder, happened = EventRecorder(), []
    app = builder(say=falling(world, "function", happened), recorder=recorder).build()
    with anyio.CancelScope() as scope:
        _, items = await world.stream(app, "say")
        async with items.container:
            await items.next()
            scope.cancel()
            await anyio.sleep(30)
    assert happened == ["cleaned up"]
    assert recorder.lines[-3:] == ["StreamEnded say 1 Cancelled", "StepEnded say Cancelled", "RunEnded Cancelled"]


# 54, 55: the events of hooks


class Named:
    """A hook with methods for some of the events, which get the event's fields."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def pre_run_step(self, **fields: Any) -> None:
        self.seen.append(("pre_run_step", fields))

    def post_stream_item(self, *, item: Any, item_index: int, **fields: Any) -> None:
        self.seen.append(("post_stream_item", {"item": item, "item_index": item_index, **fields}))


@in_each_world
async def test_case_54_a_hook_may_have_methods_for_some_events_which_get_their_fields(world: AppWorld) -> None:
    hook = Named()
    app = builder(streamer(world, items=2), recorder=hook).with_identifiers(app_id="chat", partition_key="tony").build()
    await (await world.stream(app, "stream"))[1].get()
    assert [name for name, _ in hook.seen] == ["pre_run_step", "post_stream_item", "post_stream_item"]
    about = {"app_id": "chat", "partition_key": "tony", "sequence_id": 0}
    for _, fields in hook.seen:
        assert {key: fields[key] for key in about} == about
        assert fields["action"].name == "stream"
    assert [fields["item_index"] for _, fields in hook.seen[1:]] == [0, 1]
    assert set(hook.seen[1][1]) == {
        *about,
        "action",
        "item",
        "item_index",
        "stream_initialize_time",
        "first_stream_item_start_time",
    }


@in_each_world
async def test_case_54_hooks_are_called_one_after_the_other_before_the_reader_has_the_item(world: AppWorld) -> None:
    order: list[Any] = []
    recorder: list[Any] = []
    for name in ("first", "second"):
        recorder.append(note_items(order, name))
    app = builder(streamer(world, items=2)).with_hooks(*recorder).build()
    _, items = await world.stream(app, "stream")
    while (item := await items.next()) is not END:
        order.append(item["item"])
    assert order == ["first 0", "second 0", "stream 0", "first 1", "second 1", "stream 1"]


def note_items(order: list[Any], name: str) -> Any:
    def hook(event: Event) -> None:
        if isinstance(event, StreamItem):
            order.append(f"{name} {event.item_index}")

    return hook


@in_each_loop
async def test_case_54_async_hooks_get_the_same_events_in_the_same_order(world: AppWorld) -> None:
    recorder, later = EventRecorder(), EventRecorder()

    async def on_event(event: Event) -> None:
        await anyio.lowlevel.checkpoint()
        assert recorder.events[-1] is event
        later.events.append(event)

    app = builder(streamer(world), recorder=recorder).with_hooks(on_event).build()
    await (await world.stream(app, "stream"))[1].get()
    assert later.lines == recorder.lines == TOLD


@pytest.mark.parametrize("kind", ["function", "object", "method"])
def test_case_54_an_async_hook_in_a_blocking_run_is_a_clear_error_and_nothing_runs(kind: str) -> None:
    async def hook(event: Event) -> None: ...

    class WithOnEvent:
        async def on_event(self, event: Event) -> None: ...

    class WithMethod:
        async def post_run_step(self, **fields: Any) -> None: ...

    recorder = EventRecorder()
    made = {"function": hook, "object": WithOnEvent(), "method": WithMethod()}[kind]
    app = builder(streamer(AppWorld("blocking")), recorder=recorder).with_hooks(made).build()
    for call in (app.step, app.run, lambda: app.stream_result("stream"), lambda: next(app.iterate())):
        with pytest.raises(ApplicationError, match="the hook '.*' is async and needs an event loop; use arun"):
            call()  # type: ignore[no-untyped-call]  # of several signatures
    assert (recorder.lines, app.sequence_id) == ([], 0)


def test_case_54_a_wrong_hook_is_refused() -> None:
    message = (
        "^a hook must be a function of an event, or an object with a method on_event or one of pre_run.*, got int$"
    )
    with pytest.raises(ApplicationError, match=message):
        builder(streamer(AppWorld("blocking"))).with_hooks(17).build()


def test_case_54_the_class_of_a_hook_is_refused() -> None:
    for hook in (EventRecorder, Named):
        with pytest.raises(ApplicationError, match=f"^a hook must be .*, got the class {hook.__name__}$"):
            builder(streamer(AppWorld("blocking"))).with_hooks(hook).build()


@in_each_world
async def test_case_54_the_events_name_the_called_method(world: AppWorld) -> None:
    recorder, prefix = EventRecorder(), "a" if world.in_event_loop else ""
    app = builder(streamer(world), recorder=recorder).build()

    async def run() -> None:
        await world.run(app)

    async def step() -> None:
        await world.step(app)

    async def iterate() -> None:
        await world.iterate(app)

    async def stream_result() -> None:
        await (await world.stream(app, "stream"))[1].get()

    async def stream_iterate() -> None:
        async for _ in world.stream_each(app):
            pass

    calls = [run, step, iterate, stream_result, stream_iterate]
    for call in calls:
        app.reset_to_entrypoint()
        await call()
    for kind in (RunStarted, RunEnded):
        assert [event.method for event in recorder.of(kind)] == [prefix + call.__name__ for call in calls]


@in_each_world
async def test_case_55_a_run_ends_after_all_that_it_does_and_with_its_error(world: AppWorld) -> None:
    recorder, error = EventRecorder(), RuntimeError("no")
    app = builder(streamer(world), say=falling(world, "function", [], error), recorder=recorder).build()
    seen: list[str] = []
    with pytest.raises(RuntimeError, match="no"):
        async with aclosing(world.stream_each(app)) as each:
            async for _, items in each:
                await items.read()
                seen.append(recorder.lines[-1])
    assert seen == ["StepEnded stream"]
    assert [recorder.lines[0], recorder.lines[-1]] == ["RunStarted", "RunEnded RuntimeError"]
    assert recorder.events[-1].exception is error  # type: ignore[attr-defined]  # it is a RunEnded


@in_each_world
async def test_case_55_a_call_that_cannot_begin_leaves_nothing_behind(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(streamer(world), recorder=recorder).build()
    with pytest.raises(ApplicationError):
        await world.stream(app, "no such action")
    with pytest.raises(ApplicationError):
        await world.stream(app, "stream", inputs={"__context": 1})
    assert recorder.lines == []
    await (await world.stream(app, "stream"))[1].get()
    assert recorder.lines == TOLD


# 56: hooks that fail


def failing_at(kind: type[Event], after: int = 0, error: BaseException | None = None) -> Any:
    """A hook that fails at one event class."""
    left = [after]

    def hook(event: Event) -> None:
        if isinstance(event, kind):
            left[0] -= 1
            if left[0] == -1:
                raise error or OSError("the hook failed")

    return hook


@in_each_world
async def test_case_56_a_hook_that_fails_at_an_item_fails_the_stream_and_never_shortens_it(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(streamer(world), recorder=recorder).with_hooks(failing_at(StreamItem, after=2)).build()
    _, items = await world.stream(app, "stream")
    seen: list[Any] = []
    with pytest.raises(OSError, match="the hook failed"):
        await items.read(seen)
    assert seen == items_of("stream", 2)
    with pytest.raises(OSError, match="the hook failed"):
        await items.get()
    assert recorder.lines[-2:] == ["StepEnded stream OSError", "RunEnded OSError"]
    assert (dict(app.state), app.prior_step) == ({}, None)


@in_each_world
async def test_case_56_a_failing_hook_does_not_undo_a_completed_step(world: AppWorld) -> None:
    app = builder(streamer(world)).with_hooks(failing_at(RunEnded)).build()
    _, items = await world.stream(app, "stream")
    with pytest.raises(OSError, match="the hook failed"):
        await items.get()
    assert (list(app.state["said"]), app.prior_step) == (["stream"], "stream")


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("kind", [StreamEnded, StepEnded, RunEnded])
@in_each_world
async def test_case_56_a_hook_that_fails_at_an_end_does_not_keep_it_from_the_others(
    world: AppWorld, kind: type[Event], fails: bool
) -> None:
    recorder = EventRecorder()
    say = falling(world, "function", [], RuntimeError("no") if fails else None)
    app = builder(say=say).with_hooks(failing_at(kind), recorder).build()
    with pytest.raises((OSError, RuntimeError)):
        await (await world.stream(app, "say"))[1].get()
    ends = [type(event) for event in recorder.events if isinstance(event, StreamEnded | StepEnded | RunEnded)]
    assert ends == [StreamEnded, StepEnded, RunEnded]


@pytest.mark.parametrize("kind", EVENTS)
@in_each_world
async def test_case_56_after_a_failing_hook_the_next_hooks_are_called_at_an_end_only(
    world: AppWorld, kind: type[Event]
) -> None:
    recorder = EventRecorder()
    app = builder(streamer(world)).with_hooks(failing_at(kind), recorder).build()
    with pytest.raises(OSError, match="the hook failed"):
        await (await world.stream(app, "stream"))[1].get()
    assert bool(recorder.of(kind)) == (kind in (StreamEnded, StepEnded, RunEnded))


@pytest.mark.parametrize("kind", EVENTS[:-1])
@in_each_world
async def test_case_56_a_hook_that_fails_anywhere_fails_the_call_and_the_next_call_goes_well(
    world: AppWorld, kind: type[Event]
) -> None:
    app = builder(streamer(world)).with_hooks(failing_at(kind)).build()

    async def read() -> Any:
        return await (await world.stream(app, "stream"))[1].get()

    with pytest.raises(OSError, match="the hook failed"):
        await read()
    stays = kind in (StreamEnded, StepEnded)
    assert list(app.state.get("said", [])) == ["stream"] * stays
    app.reset_to_entrypoint()
    assert (await read())[0] == {"answer": "stream"}
    assert list(app.state["said"]) == ["stream"] * (1 + stays)


@pytest.mark.parametrize("kind", EVENTS)
@in_each_world
async def test_case_56_each_hook_gets_the_end_of_a_step_once(world: AppWorld, kind: type[Event]) -> None:
    """This holds even if one of them fails at that event."""
    recorder = EventRecorder()
    app = builder(streamer(world), recorder=recorder).with_hooks(failing_at(kind)).build()
    with pytest.raises(OSError, match="the hook failed"):
        await (await world.stream(app, "stream"))[1].get()
    assert len(recorder.of(StepEnded)) == len(recorder.of(StepStarted))
    assert len(recorder.of(RunEnded)) == len(recorder.of(RunStarted)) == 1


@pytest.mark.parametrize("kind", EVENTS)
@in_each_world
async def test_case_56_a_hook_that_may_fail_is_logged_and_the_call_goes_well(
    world: AppWorld, kind: type[Event], caplog: pytest.LogCaptureFixture
) -> None:
    app = builder(streamer(world)).with_hooks(failing_at(kind), on_error="log").build()
    with caplog.at_level(logging.ERROR, "declarai_like"):
        _, items = await world.stream(app, "stream")
        assert await items.read() == items_of("stream", 10)
    assert [record.getMessage() for record in caplog.records] == [
        f"a hook failed at {kind.__name__}: OSError('the hook failed')"
    ]
    assert list(app.state["said"]) == ["stream"]


@pytest.mark.parametrize("kind", [StreamEnded, StepEnded, RunEnded])
@in_each_world
async def test_case_56_a_hook_that_fails_at_a_failure_does_not_hide_it(world: AppWorld, kind: type[Event]) -> None:
    error = RuntimeError("the user's own")
    app = builder(say=falling(world, "function", [], error)).with_hooks(failing_at(kind)).build()
    with pytest.raises(RuntimeError) as raised:
        await (await world.stream(app, "say"))[1].get()
    assert raised.value is error
    assert error.__notes__[-1:] == [f"A hook failed as well, at {kind.__name__}: OSError('the hook failed')"]


# 59: calls that overlap


def answerer(world: AppWorld) -> Any:
    """Return a streaming action that repeats its prompt, word by word."""

    @world.streaming(writes=["said"])
    def answer(state: State, prompt: str) -> Iterator[Any]:
        for word in prompt.split():
            yield {"word": word}
        yield {"answer": prompt}, state.append(said=prompt)

    return answer


def chatting(world: AppWorld) -> ApplicationBuilder:
    return builder(answerer(world)).with_transitions(("answer", "answer"))


@in_each_loop
async def test_case_59_calls_that_overlap_are_answered_one_after_the_other_each_with_its_own(world: AppWorld) -> None:
    app = chatting(world).build()
    answers: dict[str, Any] = {}

    async def ask(prompt: str) -> None:
        _, items = await world.stream(app, "answer", inputs={"prompt": prompt})
        answers[prompt] = [item["word"] for item in await items.read()], (await items.get())[0]["answer"]

    async with anyio.create_task_group() as tasks:
        for index in range(5):
            tasks.start_soon(ask, f"prompt {index}")
    prompts = [f"prompt {index}" for index in range(5)]
    assert answers == {prompt: (prompt.split(), prompt) for prompt in prompts}
    assert sorted(app.state["said"]) == prompts
    assert app.sequence_id == 5


def test_case_59_threads_that_overlap_are_answered_one_after_the_other() -> None:
    app = chatting(AppWorld("blocking")).build()
    answers: dict[str, Any] = {}

    def ask(prompt: str) -> None:
        _, items = app.stream_result("answer", inputs={"prompt": prompt})
        answers[prompt] = [item["word"] for item in items]

    threads = [threading.Thread(target=ask, args=(f"prompt {index}",)) for index in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    prompts = [f"prompt {index}" for index in range(5)]
    assert answers == {prompt: prompt.split() for prompt in prompts}
    assert sorted(app.state["said"]) == prompts


@pytest.mark.slow
@in_each_world
async def test_case_59_a_call_while_a_stream_is_open_that_nobody_reads_is_refused_after_a_while(
    world: AppWorld,
) -> None:
    recorder = EventRecorder()
    app = chatting(world).with_hooks(recorder).build()
    app._lock.unread_timeout = 0.0
    _, items = await world.stream(app, "answer", inputs={"prompt": "one two"})
    assert await items.next() == {"word": "one"}
    for call in (world.step, world.run, world.iterate):
        with pytest.raises(
            ApplicationBusy,
            match="is busy with the action 'answer'; its stream is not being read; finish reading it or close it",
        ):
            await call(app, inputs={"prompt": "three"}, **({} if call == world.step else {"halt_after": "answer"}))
    assert await items.next() == {"word": "two"}
    assert (await items.get())[0] == {"answer": "one two"}
    assert recorder.lines.count("RunStarted") == 1
    assert (await world.step(app, inputs={"prompt": "three"}))[1] == {"answer": "three"}


@in_each_world
async def test_case_59_a_call_may_be_refused_at_once(world: AppWorld) -> None:
    app = chatting(world).with_overlap("refuse").build()
    _, items = await world.stream(app, "answer", inputs={"prompt": "one two"})
    await items.next()
    with pytest.raises(ApplicationBusy, match="is busy with the action 'answer'; wait until it has ended"):
        await world.stream(app, "answer", inputs={"prompt": "three"})
    assert (await items.get())[0] == {"answer": "one two"}
    assert (await world.step(app, inputs={"prompt": "three"}))[1] == {"answer": "three"}


@in_each_world
async def test_case_56_another_way_with_a_hooks_errors_is_refused(world: AppWorld) -> None:
    with pytest.raises(
        GraphError, match="^on_error of the hook EventRecorder must be one of 'raise', 'log', got 'Log'$"
    ):
        await world.build(builder(streamer(world)).with_hooks(EventRecorder(), on_error="Log"))  # type: ignore[arg-type]  # the mistake


@in_each_world
async def test_all_settings_that_are_wrong_are_listed_when_it_is_built(world: AppWorld) -> None:
    wrong: Any = builder(streamer(world))
    wrong.with_overlap("mix").with_identifiers(app_id=5, partition_key=6, sequence_id="x")
    wrong.with_hooks(7).with_state_persister(8).initialize_from(InMemoryPersister).with_graph(9)
    with pytest.raises(GraphError) as raised:
        await world.build(wrong)
    *settings, hook, saver, loader, graph = raised.value.problems
    assert settings == [
        "overlap must be one of 'queue', 'refuse', got 'mix'",
        "app_id must be a str, got int; did you mean '5'?",
        "partition_key must be a str, got int; did you mean '6'?",
        "sequence_id must be an integer, got str",
    ]
    assert hook.startswith("a hook must be a function of an event, or an object with a method on_event")
    assert hook.endswith(", got int")
    assert saver == "the persister of with_state_persister must be an object with a method save, got int"
    assert loader == (
        "the persister of initialize_from must be an object with a method load, got the class InMemoryPersister"
    )
    assert graph == "the graph of with_graph must be a Graph, got int; GraphBuilder() builds one"


@pytest.mark.parametrize("number", [True, 1.5])
def test_the_number_of_a_step_is_an_integer(number: Any) -> None:
    with pytest.raises(GraphError, match=f"^sequence_id must be an integer, got {type(number).__name__}$"):
        builder(streamer(AppWorld("blocking"))).with_identifiers(sequence_id=number).build()


def test_the_id_of_a_copy_is_a_str() -> None:
    wrong: Any = 5
    with pytest.raises(ApplicationError, match=r"^app_id must be a str, got int; did you mean '5'\?$"):
        builder(streamer(AppWorld("blocking"))).build().copy(wrong)


def test_case_59_other_ways_to_overlap_are_refused() -> None:
    with pytest.raises(GraphError, match="^overlap must be one of 'queue', 'refuse', got 'mix'$"):
        chatting(AppWorld("blocking")).with_overlap("mix").build()  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize("count", [0, 1, 2])
@in_each_world
async def test_case_59_after_a_stream_that_was_left_new_inputs_are_honoured(world: AppWorld, count: int) -> None:
    app = builder(counter(world), answerer(world)).with_transitions(("answer", "count")).build()
    _, items = await world.stream(app, "answer", inputs={"prompt": "old prompt"})
    await items.take(count)
    await items.close()
    assert (dict(app.state), app.prior_step) == ({}, None)
    _, items = await world.stream(app, "answer", inputs={"prompt": "new"})
    assert await items.read() == [{"word": "new"}]
    assert dict(app.state) == {"count": 1, "said": ["new"]}


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1])
def test_case_59_a_stream_that_is_forgotten_is_as_if_it_was_closed(count: int) -> None:
    recorder = EventRecorder()
    app = chatting(AppWorld("blocking")).with_hooks(recorder).with_overlap("refuse").build()
    _, items = app.stream_result("answer", inputs={"prompt": "old prompt"})
    for _ in range(count):
        next(items)
    del items
    gc.collect()
    assert recorder.lines[-1] == "RunEnded Cancelled"
    assert app.step(inputs={"prompt": "new"}) is not None
    assert list(app.state["said"]) == ["new"]


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1])
def test_case_59_an_async_stream_that_is_forgotten_is_closed_by_the_event_loop(count: int) -> None:
    world, recorder = AppWorld("asyncio"), EventRecorder()

    async def forget() -> None:
        app = chatting(world).with_hooks(recorder).build()
        app._lock.unread_timeout = 0.5
        _, items = await app.astream_result("answer", inputs={"prompt": "old prompt"})
        for _ in range(count):
            await anext(items)
        del items
        gc.collect()
        await app.astep(inputs={"prompt": "new"})
        assert list(app.state["said"]) == ["new"]

    world.run_test(forget)
    assert "RunEnded Cancelled" in recorder.lines


@in_each_world
async def test_case_59_an_action_cannot_run_its_own_application(world: AppWorld) -> None:
    @world.action()
    def again(state: State) -> State:
        context = ApplicationContext.get()
        assert context is not None
        context.application.step()
        return state

    app = builder(again).with_identifiers(app_id="chat").build()
    with pytest.raises(
        ApplicationBusy, match="the action 'again' cannot run its own application 'chat', which waits for it"
    ):
        await world.step(app)


@in_each_world
async def test_case_59_an_action_may_run_another_application(world: AppWorld) -> None:
    inner = builder(counter(AppWorld("blocking"))).build()

    @world.action(writes=["inner"])
    def outer(state: State) -> State:
        return state.update(inner=inner.run()[2]["count"])

    assert (await world.step(builder(outer).build()))[2]["inner"] == 1


# 60, 62: persisters


class Rows:
    """A persister that stores its rows in a list."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def save(self, *row: Any) -> None:
        partition_key, app_id, sequence_id, position, state, status = row
        self.rows.append((partition_key, app_id, sequence_id, position, dict(state), status))

    def load(self, partition_key: str, app_id: str | None = None, sequence_id: int | None = None) -> Any:
        return None

    def list_app_ids(self, partition_key: str) -> list[str]:
        return []


class AsyncRows(Rows):
    async def save(self, *row: Any) -> None:  # type: ignore[override]  # is async
        await anyio.lowlevel.checkpoint()
        super().save(*row)

    async def load(self, partition_key: str, app_id: str | None = None, sequence_id: int | None = None) -> Any:
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("persister", [Rows, AsyncRows])
@in_each_world
async def test_case_60_62_each_step_is_saved_as_it_ended_by_sync_and_async_persisters_in_each_world(
    world: AppWorld, persister: type[Rows]
) -> None:
    kept, errors = persister(), [RuntimeError("once")]

    @world.streaming(writes=["said"])
    def say(state: State) -> Iterator[Any]:
        yield {"item": 1}
        if errors:
            raise errors.pop()
        yield {}, state.update(said=1)

    made = builder(counter(world), say).with_identifiers("chat", "tony")
    app = await world.build(made.with_state_persister(kept).initialize_from(kept, default_entrypoint="count"))
    await world.step(app)
    with pytest.raises(RuntimeError, match="once"):
        await (await world.stream(app, "say"))[1].get()
    _, items = await world.stream(app, "say")
    await items.take(1)
    await items.close()
    await (await world.stream(app, "say"))[1].get()
    assert [row[2:] for row in kept.rows] == [
        (0, "count", {"count": 1}, "completed"),
        (1, "say", {"count": 1}, "failed"),
        (2, "say", {"count": 1}, "cancelled"),
        (3, "say", {"count": 1, "said": 1}, "completed"),
    ]
    assert {row[:2] for row in kept.rows} == {("tony", "chat")}


def chatty(world: AppWorld, persister: Any, app_id: str | None = "chat", **settings: Any) -> ApplicationBuilder:
    made = ApplicationBuilder().with_actions(counter(world, "one"), counter(world, "two"), streamer(world, items=1))
    made.with_transitions(("one", "two"), ("two", "stream")).with_identifiers(app_id)
    return made.with_state_persister(persister).initialize_from(persister, default_entrypoint="one", **settings)


@in_each_world
async def test_case_60_it_goes_on_after_the_step_that_was_completed(world: AppWorld) -> None:
    persister = InMemoryPersister()
    app = await world.build(chatty(world, persister, default_state={"count": 10}))
    assert (await world.run(app, halt_after="one"))[1] == {"count": 11}
    again = await world.build(chatty(world, persister, default_state={"count": 10}))
    assert (again.prior_step, again.sequence_id, dict(again.state)) == ("one", 1, {"count": 11})
    ran, result, _ = await world.step(again)
    assert (ran.name, result, again.sequence_id) == ("two", {"count": 12}, 2)


@in_each_world
async def test_case_60_a_step_that_failed_is_tried_again(world: AppWorld) -> None:
    persister, happened = InMemoryPersister(), []
    error = RuntimeError("no")
    for _ in range(2):
        made = builder(counter(world), say=falling(world, "function", happened, error)).with_identifiers("chat")
        app = ApplicationBuilder().with_graph(made.build().graph).with_identifiers("chat")
        app.with_state_persister(persister).initialize_from(persister, default_entrypoint="count")
        with pytest.raises(RuntimeError, match="no"):
            await world.run(await world.build(app))
    assert len(happened) == 2
    saved = persister.load("", "chat")
    assert saved is not None
    assert (saved.sequence_id, saved.status, dict(saved.state)) == (2, "failed", {"count": 1})


@in_each_world
async def test_case_60_it_may_begin_again_with_the_state_that_was_saved(world: AppWorld) -> None:
    persister = InMemoryPersister()
    await world.run(await world.build(chatty(world, persister)), halt_after="one")
    again = await world.build(chatty(world, persister, resume_at_next_action=False, override_state_values={"extra": 1}))
    ran, _, state = await world.step(again)
    assert (ran.name, dict(state)) == ("one", {"count": 2, "extra": 1})


@in_each_world
async def test_case_60_a_fork_takes_the_state_and_leaves_the_other_as_it_is(world: AppWorld) -> None:
    persister = InMemoryPersister()
    await world.run(await world.build(chatty(world, persister)), halt_after="two")
    fork = await world.build(chatty(world, persister, "fork", fork_from_app_id="chat", fork_from_sequence_id=0))
    assert (fork.uid, fork.sequence_id, fork.prior_step, dict(fork.state)) == ("fork", 0, "one", {"count": 1})
    await world.step(fork)
    of_chat, of_fork = persister.load("", "chat"), persister.load("", "fork")
    assert of_chat is not None
    assert of_fork is not None
    assert (of_chat.sequence_id, of_chat.position) == (1, "two")
    assert (of_fork.sequence_id, of_fork.position, dict(of_fork.state)) == (0, "two", {"count": 2})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fork_from_app_id": "chat"}, "the application 'chat' cannot be forked from itself"),
        ({"fork_from_sequence_id": 1}, "need fork_from_app_id"),
        ({"fork_from_partition_key": "tony"}, "need fork_from_app_id"),
    ],
)
@in_each_world
async def test_case_60_a_fork_needs_another_id(world: AppWorld, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ApplicationError, match=message):
        await world.build(chatty(world, InMemoryPersister(), **settings))


@in_each_world
async def test_case_60_an_application_that_was_never_saved_starts_with_the_defaults(world: AppWorld) -> None:
    made = chatty(world, InMemoryPersister(), fork_from_app_id="nobody", default_state={"count": 5})
    app = await world.build(made)
    assert (app.prior_step, dict(app.state)) == (None, {"count": 5})
    assert (await world.step(app))[0].name == "one"


@in_each_world
async def test_case_60_a_persister_that_gives_no_state_is_refused(world: AppWorld) -> None:
    class NoState(Rows):
        def load(self, partition_key: str, app_id: str | None = None, sequence_id: int | None = None) -> Any:
            class Found:
                state = None
                app_id = "chat"

            return Found()

    with pytest.raises(
        ApplicationError,
        match="loads for the application 'chat' must be a PersistedState with a State, or None, got None",
    ):
        await world.build(chatty(world, NoState()))


@pytest.mark.parametrize("given", [{"count": 1}, SimpleNamespace(state={"count": 1})])
@in_each_world
async def test_case_60_a_persister_that_gives_no_persisted_state_is_a_clear_error(world: AppWorld, given: Any) -> None:
    class Wrong(Rows):
        def load(self, *ids: Any) -> Any:
            return given

    with pytest.raises(
        ApplicationError,
        match="loads for the application 'chat' must be a PersistedState with a State, or None, got dict",
    ):
        await world.build(chatty(world, Wrong()))


@pytest.mark.parametrize("setting", ["default_state", "override_state_values"])
def test_case_60_the_states_of_initialize_from_are_values_by_name(setting: str) -> None:
    with pytest.raises(
        StateError, match=f"^{setting}: the values of a state must be a mapping of str to values, got list$"
    ):
        ApplicationBuilder().initialize_from(InMemoryPersister(), **{setting: ["a"]})  # type: ignore[arg-type]  # the mistake
    with pytest.raises(StateError, match=f"^{setting}: a key of a state must be a str, got int$"):
        ApplicationBuilder().initialize_from(InMemoryPersister(), **{setting: {1: 1}})  # type: ignore[arg-type]  # the mistake


@in_each_world
async def test_case_60_a_state_is_given_once(world: AppWorld) -> None:
    with pytest.raises(ApplicationError, match="with_state and initialize_from both set the state"):
        await world.build(chatty(world, InMemoryPersister()).with_state(count=1))


@in_each_world
async def test_case_60_a_persister_that_fails_is_not_silent(world: AppWorld) -> None:
    class Full(Rows):
        def save(self, *row: Any) -> None:
            raise OSError("the disk is full")

    app = builder(streamer(world, items=2)).with_state_persister(Full()).build()
    _, items = await world.stream(app, "stream")
    assert await items.take(2) == items_of("stream", 2)
    with pytest.raises(PersistenceFailed, match="the disk is full"):
        await items.get()
    assert (list(app.state["said"]), app.prior_step) == (["stream"], "stream")


@in_each_world
async def test_case_60_a_step_that_could_not_be_saved_has_happened_all_the_same(world: AppWorld) -> None:
    """As for a stream: the next save has the complete state."""

    class Full(Rows):
        def save(self, *row: Any) -> None:
            raise OSError("the disk is full")

    app = builder(counter(world)).with_state_persister(Full()).build()
    with pytest.raises(PersistenceFailed, match="the disk is full"):
        await world.step(app)
    assert (dict(app.state), app.prior_step) == ({"count": 1}, "count")


@in_each_world
async def test_case_62_a_database_needs_no_preparation(world: AppWorld, tmp_path: Path) -> None:
    path = tmp_path / "new" / "chat.db"
    path.parent.mkdir()
    app: Application = await world.build(chatty(world, SQLitePersister(path)))
    await world.run(app)
    again = await world.build(chatty(world, SQLitePersister(path)))
    assert (again.state, again.prior_step) == (app.state, "stream")


def test_case_62_an_application_may_be_made_in_one_world_and_run_in_the_other() -> None:
    blocking, later = AppWorld("blocking"), AppWorld("asyncio")
    made = anyio.run(chatty(blocking, AsyncRows()).abuild)
    assert made.run()[1] == {"answer": "stream"}
    app = chatty(later, AsyncRows()).build()

    async def read() -> None:
        assert (await app.arun())[1] == {"answer": "stream"}

    anyio.run(read)
