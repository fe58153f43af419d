"""Running an application: the order of its actions, its halts and its events, in sync and async code."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import anyio.lowlevel
import pytest
from pydantic import BaseModel

from declarai_like.app import Action, ApplicationBuilder, State, action, default, lmda, streaming_action, when
from declarai_like.app.events import (
    EVENTS,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
    StreamEnded,
    StreamItem,
    StreamStarted,
)
from declarai_like.errors import ActionError, ApplicationError, MissingKey, StateError
from tests.app.worlds import AppWorld, EventRecorder, builder, counter, in_each_loop, in_each_world, items_of, streamer


def failing(world: AppWorld, error: BaseException) -> Any:
    """Return an action that appends to a list of the state, also in place, and raises."""

    def fail(state: State) -> State:
        state.append(said="fail")
        raise error

    return world.action(["said"], ["said"])(fail)


def loop(world: AppWorld, recorder: Any, times: int = 10) -> ApplicationBuilder:
    """Return the builder of an application that counts, and then streams."""
    made = (
        ApplicationBuilder().with_actions(counter(world), streamer(world)).with_entrypoint("count").with_hooks(recorder)
    )
    return made.with_transitions(("count", "count", ~when(count=times)), ("count", "stream"))


# 21, 22: steps


@in_each_world
async def test_case_21_a_finished_application_has_no_next_action_and_no_step(world: AppWorld) -> None:
    app = builder(counter(world)).build()
    assert app.has_next_action()
    await world.step(app)
    assert not app.has_next_action()
    assert app.get_next_action() is None
    assert await world.step(app) is None


@in_each_world
async def test_case_22_a_step_returns_action_result_and_state_and_counts(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(counter(world, "one"), counter(world, "two"), recorder=recorder).build()
    assert (app.sequence_id, app.prior_step) == (0, None)
    ran, result, state = await world.step(app)
    assert (ran.name, result, state) == ("one", {"count": 1}, app.state)
    assert (app.sequence_id, app.prior_step) == (1, "one")
    ran, result, _ = await world.step(app)
    assert (ran.name, result, app.sequence_id, app.prior_step) == ("two", {"count": 2}, 2, "two")
    assert [event.sequence_id for event in recorder.of(StepStarted)] == [0, 1]
    assert [event.sequence_id for event in recorder.of(StepEnded)] == [0, 1]


@in_each_world
async def test_case_22_a_step_of_a_finished_application_emits_no_step_events(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(counter(world), recorder=recorder).build()
    await world.step(app)
    recorder.events.clear()
    assert await world.step(app) is None
    assert (app.sequence_id, app.prior_step) == (1, "count")
    assert recorder.lines == ["RunStarted", "RunEnded"]


def test_case_22_an_application_can_begin_at_another_number() -> None:
    recorder = EventRecorder()
    world = AppWorld("blocking")
    app = builder(counter(world), recorder=recorder).with_identifiers(sequence_id=7).build()
    app.step()
    assert (app.sequence_id, [event.sequence_id for event in recorder.events]) == (8, [7, 7, 7, 7])


@in_each_world
async def test_case_22_reset_to_entrypoint_begins_again_with_the_state_as_it_is(world: AppWorld) -> None:
    app = builder(counter(world, "one"), counter(world, "two")).build()
    await world.run(app)
    app.reset_to_entrypoint()
    await world.step(app)
    assert (app.prior_step, app.state["count"], app.sequence_id) == ("one", 3, 3)


# 23: an action that raises


@in_each_world
async def test_case_23_the_error_of_an_action_is_raised_and_the_state_is_as_before(world: AppWorld) -> None:
    recorder, error = EventRecorder(), KeyError("the user's own")
    app = builder(counter(world), failing(world, error), recorder=recorder).with_state(said=[]).build()
    before = (await world.step(app))[2]
    recorder.events.clear()
    with pytest.raises(KeyError) as raised:
        await world.step(app)
    assert raised.value is error
    assert recorder.lines == ["RunStarted", "StepStarted fail", "StepEnded fail KeyError", "RunEnded KeyError"]
    ended = recorder.of(StepEnded)[0]
    assert (ended.exception, ended.result, ended.state) == (error, None, before)
    assert (app.state, app.prior_step) == (before, "count")
    assert dict(app.state) == {"said": [], "count": 1}
    next_action = app.get_next_action()
    assert next_action is not None
    assert next_action.name == "fail"


@in_each_world
async def test_case_23_the_error_says_which_action_it_comes_from(
    world: AppWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """The action is named in the log, in a note of the exception, or in both."""
    error = KeyError("the user's own")
    with caplog.at_level(logging.DEBUG), pytest.raises(KeyError):
        await world.step(builder(failing(world, error)).build())
    assert "'fail'" in "".join([*getattr(error, "__notes__", ()), caplog.text])


@in_each_world
async def test_case_23_a_run_that_fails_keeps_the_steps_that_were_well(world: AppWorld) -> None:
    app = builder(counter(world), failing(world, RuntimeError("no"))).build()
    with pytest.raises(RuntimeError, match="no"):
        await world.run(app)
    assert (app.prior_step, dict(app.state)) == ("count", {"count": 1})


# 24-26: iterate and run


@in_each_world
async def test_case_24_iterate_yields_each_step_up_to_the_halt(world: AppWorld) -> None:
    app = builder(counter(world, "a"), counter(world, "b"), counter(world, "c")).build()
    steps = await world.iterate(app, halt_after=["b"])
    assert [(ran.name, result, dict(state)) for ran, result, state in steps] == [
        ("a", {"count": 1}, {"count": 1}),
        ("b", {"count": 2}, {"count": 2}),
    ]
    assert [ran.name for ran, _, _ in await world.iterate(app)] == ["c"]


def test_case_24_the_generators_value_is_what_run_returns() -> None:
    world = AppWorld("blocking")
    steps = builder(counter(world, "a"), counter(world, "b")).build().iterate(halt_after="a")
    step = next(steps)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value == step
    assert step[0].name == "a"


@in_each_world
async def test_case_24_an_iteration_that_is_left_keeps_the_steps_that_were_taken(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(counter(world, "a"), counter(world, "b"), recorder=recorder).build()
    if world.in_event_loop:
        later = app.aiterate()
        await anext(later)
        await later.aclose()
    else:
        steps = app.iterate()
        next(steps)
        steps.close()
    assert (app.prior_step, app.sequence_id) == ("a", 1)
    assert recorder.lines == ["RunStarted", "StepStarted a", "StepEnded a", "RunEnded Cancelled"]
    assert (await world.run(app))[0].name == "b"


@in_each_world
async def test_case_25_halt_before_returns_the_next_action_and_does_not_run_it(world: AppWorld) -> None:
    app = builder(counter(world, "a"), counter(world, "b"), counter(world, "c")).build()
    ran, result, state = await world.run(app, halt_before=["b"])
    assert (ran.name, result, dict(state), app.sequence_id) == ("b", None, {"count": 1}, 1)
    ran, result, state = await world.run(app, halt_before=["c"])
    assert (ran.name, result, dict(state), app.sequence_id) == ("c", None, {"count": 2}, 2)


@in_each_world
async def test_case_25_one_action_always_runs_and_before_wins_over_after(world: AppWorld) -> None:
    app = builder(counter(world, "a"), counter(world, "b")).build()
    ran, result, _ = await world.run(app, halt_before=["a", "b"], halt_after=["a"])
    assert (ran.name, result, app.prior_step) == ("b", None, "a")


@in_each_world
async def test_case_25_a_run_without_a_halt_goes_to_the_end(world: AppWorld) -> None:
    app = builder(counter(world, "a"), counter(world, "b")).build()
    ran, result, state = await world.run(app)
    assert (ran.name, result, dict(state)) == ("b", {"count": 2}, {"count": 2})
    assert await world.run(app) == (None, None, state)


@in_each_world
async def test_case_26_all_actions_of_a_run_get_the_inputs(world: AppWorld) -> None:
    def action_of(name: str) -> Any:
        def take(state: State, x: int, y: int = 0) -> State:
            return state.append(seen=(name, x, y))

        return world.action(writes=["seen"])(take)

    made = {"a": action_of("a"), "b": action_of("b")}
    app = builder(**made).build()
    await world.run(app, inputs={"x": 1, "y": 2})
    assert [tuple(each) for each in app.state["seen"]] == [("a", 1, 2), ("b", 1, 2)]


# 27, 28: halts


@pytest.mark.parametrize("call", ["run", "iterate", "stream", "stream_each"])
@in_each_world
async def test_case_27_all_unknown_names_are_listed_in_one_error_and_nothing_runs(world: AppWorld, call: str) -> None:
    recorder = EventRecorder()
    app = builder(counter(world), recorder=recorder).build()
    with pytest.raises(
        ApplicationError, match="cannot halt at the unknown action 'early', 'late'; the actions are 'count'"
    ):
        await called(world, app, call, halt_after=["late", "count"], halt_before=["early"])
    assert (app.sequence_id, recorder.lines) == (0, [])
    await world.run(app)


async def called(world: AppWorld, app: Any, call: str, **settings: Any) -> Any:
    if call == "stream_each":
        return [found async for found, _ in world.stream_each(app, **settings)]
    made = {"step": world.step, "run": world.run, "iterate": world.iterate, "stream": world.stream}
    return await made[call](app, **settings)


CALLS = ["iterate", "aiterate", "stream_iterate", "astream_iterate"]
"""The calls of both worlds that give what is read later."""


@pytest.mark.parametrize("call", CALLS)
def test_case_27_wrong_arguments_are_refused_when_the_call_is_made(call: str) -> None:
    app: Any = builder(counter(AppWorld("blocking"))).build()
    with pytest.raises(ApplicationError, match="cannot halt at the unknown action 'zz'; the actions are 'count'"):
        getattr(app, call)(halt_after="zz")
    with pytest.raises(ApplicationError, match="cannot halt at the unknown action 'zz'; the actions are 'count'"):
        getattr(app, call)(halt_before=["zz"])
    with pytest.raises(ActionError, match="the input '__x' begins with a double underscore"):
        getattr(app, call)(inputs={"__x": 1})
    assert app.sequence_id == 0


@pytest.mark.parametrize("call", ["run", "iterate", "stream", "stream_each"])
@in_each_world
async def test_case_27_a_wrong_name_is_shown_beside_the_names(world: AppWorld, call: str) -> None:
    count = counter(world)
    app = builder(count).build()
    for wrong, shown in ((count, "<action count>"), ([count, 5], "<action count>, 5"), (5, "5")):
        with pytest.raises(
            ApplicationError, match=f"cannot halt at the unknown action {shown}; the actions are 'count'"
        ):
            await called(world, app, call, halt_after=wrong)
    assert app.sequence_id == 0


@pytest.mark.parametrize("call", ["step", "run", "iterate", "stream", "stream_each"])
@in_each_world
async def test_case_30_inputs_are_values_by_name(world: AppWorld, call: str) -> None:
    app = builder(counter(world)).build()
    halts: dict[str, Any] = {} if call == "step" else {"halt_after": "count"}
    for wrong, message in (
        ("hello", "^inputs must be a mapping of str to values, got str$"),
        ([("a", 1)], "^inputs must be a mapping of str to values, got list$"),
        ({1: 2}, "^the name of an input must be a str, got int$"),
    ):
        with pytest.raises(ActionError, match=message):
            await called(world, app, call, **halts, inputs=wrong)
    assert app.sequence_id == 0


@in_each_world
async def test_the_repr_of_an_application_whose_next_action_is_unknown(world: AppWorld) -> None:
    def broken(state: Any) -> bool:
        raise RuntimeError("no answer")

    for condition, error in ((when(zz=1), MissingKey), (lmda(broken, "count"), RuntimeError)):
        made = ApplicationBuilder().with_actions(counter(world), streamer(world)).with_entrypoint("count")
        app = made.with_transitions(("count", "stream", condition)).with_identifiers(app_id="it").build()
        assert repr(app) == "<application it, step 0, next: count>"
        await world.step(app)
        assert repr(app) == f"<application it, step 1, next: unknown ({error.__name__})>"
        with pytest.raises(error):
            app.get_next_action()


@in_each_world
async def test_a_state_is_replaced_by_a_state_only(world: AppWorld) -> None:
    app = builder(counter(world)).with_state(count=1).build()
    wrong: Any = {"count": 5}
    with pytest.raises(
        StateError, match=r"^the state of update_state must be a State, got dict; .*app.state.update\(key=value\)"
    ):
        app.update_state(wrong)
    assert (await world.step(app))[1] == {"count": 2}
    app.update_state(app.state.update(count=5))
    assert dict(app.state) == {"count": 5}


@pytest.mark.parametrize("wrong", [{"a": 1}, 5, ["a"], BaseModel, int], ids=repr)
def test_the_first_state_is_values_a_state_or_a_model(wrong: Any) -> None:
    got = f"the class {wrong.__name__}" if isinstance(wrong, type) else type(wrong).__name__
    with pytest.raises(StateError) as raised:
        ApplicationBuilder().with_state(wrong)
    assert str(raised.value) == (
        f"the state of with_state must be a State or a pydantic model, got {got}; for a dict use with_state(**values)"
    )


@in_each_world
async def test_case_27_a_str_is_one_name(world: AppWorld) -> None:
    app = builder(counter(world, "one"), counter(world, "two")).build()
    assert (await world.run(app, halt_after="one"))[0].name == "one"
    app.reset_to_entrypoint()
    assert (await world.run(app, halt_before="two"))[0].name == "two"
    app.reset_to_entrypoint()
    assert (await world.stream(app, "one"))[0].name == "one"
    with pytest.raises(ApplicationError, match="cannot halt at the unknown action 'three'"):
        await world.run(app, halt_after="three")


@in_each_world
async def test_case_28_a_tag_halts_at_all_actions_that_have_it(world: AppWorld) -> None:
    def tagged(*tags: str) -> Any:
        return world.action(tags=tags)(lambda state: state)

    app = builder(a=tagged("loud"), b=tagged("quiet"), c=tagged("loud", "quiet")).build()
    assert [ran.name for ran, _, _ in await world.iterate(app, halt_after="@tag:quiet")] == ["a", "b"]
    assert (await world.stream(app, ["@tag:loud"]))[0].name == "c"
    app.reset_to_entrypoint()
    assert (await world.run(app, halt_before=["@tag:quiet"]))[0].name == "b"
    with pytest.raises(ApplicationError, match="no action has the tag 'silent'; the tags are 'loud', 'quiet'"):
        await world.run(app, halt_after="@tag:silent")


# 29: sync and async actions together


@in_each_loop
async def test_case_29_plain_and_async_actions_work_together(world: AppWorld) -> None:
    @action([], ["said"])
    def plain(state: State) -> State:
        return state.append(said="plain")

    @action([], ["said"])
    async def later(state: State) -> State:
        await anyio.lowlevel.checkpoint()
        return state.append(said="later")

    @streaming_action([], ["said"])
    def plain_stream(state: State) -> Iterator[Any]:
        yield {"item": 1}
        yield {}, state.append(said="plain stream")

    @streaming_action([], ["said"])
    async def later_stream(state: State) -> Any:
        await anyio.lowlevel.checkpoint()
        yield {"item": 1}
        yield {}, state.append(said="later stream")

    app = builder(plain, later, plain_stream, later_stream).build()
    await world.run(app)
    assert list(app.state["said"]) == ["plain", "later", "plain stream", "later stream"]


def test_case_29_an_async_action_in_a_blocking_run_is_a_clear_error() -> None:
    @action([], [])
    async def later(state: State) -> State:
        return state

    class Later(Action):
        reads: Any = []
        writes: Any = []

        async def run(self, state: State, **run_kwargs: Any) -> dict[str, Any]:
            return {}

        def update(self, result: Any, state: State) -> State:
            return state

    for made in (builder(later), builder(later=Later())):
        app = made.build()
        with pytest.raises(ActionError, match="the action 'later' is async and needs an event loop; use arun"):
            app.step()
        assert app.prior_step is None


@in_each_loop
async def test_case_29_a_blocking_action_does_not_block_the_event_loop(world: AppWorld) -> None:
    import threading

    import anyio

    released = threading.Event()

    @action([], [])
    def wait(state: State) -> State:
        assert released.wait(5)
        return state

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(builder(wait).build().arun)
        await anyio.lowlevel.checkpoint()
        released.set()


# 41-45: where streams halt


EXPECTED_TWO = [
    "RunStarted",
    "StepStarted one",
    "StepEnded one",
    "StepStarted two",
    "StreamStarted two",
    *(f"StreamItem two {index}" for index in range(10)),
    "StreamEnded two 10",
    "StepEnded two",
    "RunEnded",
]


@in_each_world
async def test_case_41_actions_before_the_streamed_one_run_and_emit_events_once(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(streamer(world, "one"), streamer(world, "two"), recorder=recorder).build()
    ran, items = await world.stream(app, ["two"])
    assert (ran.name, list(app.state["said"])) == ("two", ["one"])
    assert recorder.lines == EXPECTED_TWO[:3]  # the action has not started yet
    assert await items.read() == items_of("two", 10)
    result, state = await items.get()
    assert (result, list(state["said"])) == ({"answer": "two"}, ["one", "two"])
    assert recorder.lines == EXPECTED_TWO
    steps = [event.sequence_id for event in recorder.events if isinstance(event, StepStarted | StepEnded)]
    assert (steps, app.sequence_id) == ([0, 0, 1, 1], 2)


@in_each_world
async def test_case_42_ten_steps_and_then_a_stream(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = loop(world, recorder).build()
    ran, items = await world.stream(app, ["stream"])
    assert (ran.name, len(await items.read())) == ("stream", 10)
    assert [event.sequence_id for event in recorder.of(StepStarted)] == [*range(11)]
    assert [event.sequence_id for event in recorder.of(StepEnded)] == [*range(11)]
    counts = {kind: len(recorder.of(kind)) for kind in EVENTS}
    assert counts == {
        RunStarted: 1,
        StepStarted: 11,
        StreamStarted: 1,
        StreamItem: 10,
        StreamEnded: 1,
        StepEnded: 11,
        RunEnded: 1,
    }


@in_each_world
async def test_case_43_an_action_that_does_not_stream_has_run_and_has_no_items(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(counter(world, "one"), counter(world, "two"), recorder=recorder).build()
    ran, items = await world.stream(app, ["two"])
    assert (ran.name, app.prior_step) == ("two", "two")
    assert await items.read() == []
    assert await items.get() == ({"count": 2}, app.state)
    assert recorder.lines == [
        "RunStarted",
        *(f"{what} {name}" for name in ("one", "two") for what in ("StepStarted", "StepEnded")),
        "RunEnded",
    ]


@in_each_world
async def test_case_44_a_halt_before_the_stream_returns_the_action_and_no_items(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(counter(world), streamer(world), recorder=recorder).build()
    ran, items = await world.stream(app, (), halt_before=["stream"])
    assert (ran.name, app.prior_step, app.sequence_id) == ("stream", "count", 1)
    assert await items.read() == []
    assert await items.get() == (None, app.state)
    assert dict(app.state) == {"count": 1}
    assert recorder.lines == ["RunStarted", "StepStarted count", "StepEnded count", "RunEnded"]


@in_each_world
async def test_case_45_an_action_at_which_it_halts_before_and_after_is_streamed(world: AppWorld) -> None:
    app = builder(counter(world), streamer(world)).build()
    ran, items = await world.stream(app, ["stream"], halt_before=["stream"])
    assert (ran.name, await items.read()) == ("stream", items_of("stream", 10))
    app.reset_to_entrypoint()
    ran, items = await world.stream(app, ["count"], halt_before=["count"])
    assert (ran.name, (await items.get())[0]) == ("count", {"count": 2})


# 46: a graph that ends elsewhere


@in_each_world
async def test_case_46_the_last_action_of_a_graph_that_ends_elsewhere_runs_once(world: AppWorld) -> None:
    for last, result in ((counter(world, "last"), {"count": 2}), (streamer(world, "last"), {"answer": "last"})):
        recorder = EventRecorder()
        made = ApplicationBuilder().with_actions(counter(world), last, never=counter(world)).with_entrypoint("count")
        made.with_transitions(("count", "never", when(count=17)), ("count", "last", default)).with_hooks(recorder)
        app = made.build()
        ran, items = await world.stream(app, ["never"])
        assert (ran.name, app.sequence_id, app.prior_step) == ("last", 2, "last")
        assert await items.read() == []
        assert await items.get() == (result, app.state)
        assert recorder.lines.count("StepStarted last") == 1
        assert recorder.lines[-1] == "RunEnded"


# 47: iterating over streams


EXPECTED_EACH = [
    line
    for name in ("one", "two")
    for line in (
        f"StepStarted {name}",
        f"StreamStarted {name}",
        *(f"StreamItem {name} {index}" for index in range(10)),
        f"StreamEnded {name} 10",
        f"StepEnded {name}",
    )
]


@pytest.mark.parametrize("count", [0, 1, 9, 10, None])
@in_each_world
async def test_case_47_each_step_is_completed_once_however_much_of_it_is_read(
    world: AppWorld, count: int | None
) -> None:
    recorder, states = EventRecorder(), []
    app = builder(streamer(world, "one"), streamer(world, "two"), recorder=recorder).build()
    seen: dict[str, list[Any]] = {}
    async for ran, items in world.stream_each(app):
        seen[ran.name] = await (items.read() if count is None else items.take(count))
        states.append((ran.name, items))
    assert seen == {name: items_of(name, 10 if count is None else count) for name in ("one", "two")}
    assert recorder.lines == ["RunStarted", *EXPECTED_EACH, "RunEnded"]
    assert list(app.state["said"]) == ["one", "two"]
    assert [(name, (await items.get())[0]) for name, items in states] == [
        ("one", {"answer": "one"}),
        ("two", {"answer": "two"}),
    ]


@in_each_world
async def test_case_47_a_loop_over_a_container_that_is_left_early_does_not_end_the_iteration(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(streamer(world, "one"), streamer(world, "two"), recorder=recorder).build()
    names = []
    async for ran, items in world.stream_each(app):
        names.append(ran.name)
        if world.in_event_loop:
            async for _ in items.container:
                break
        else:
            for _ in items.container:
                break
    assert names == ["one", "two"]
    assert recorder.lines == ["RunStarted", *EXPECTED_EACH, "RunEnded"]


@in_each_world
async def test_case_47_it_halts_as_run_does_and_yields_steps_that_do_not_stream(world: AppWorld) -> None:
    made = builder(counter(world), streamer(world, "one"), streamer(world, "two"))
    app = made.build()
    results = {ran.name: await items.get() async for ran, items in world.stream_each(app, halt_after="one")}
    assert {name: result for name, (result, _) in results.items()} == {"count": {"count": 1}, "one": {"answer": "one"}}
    assert app.prior_step == "one"
    app.reset_to_entrypoint()
    names = [ran.name async for ran, _ in world.stream_each(app, halt_before=["two"])]
    assert (names, app.prior_step) == (["count", "one"], "one")


@in_each_world
async def test_case_47_the_state_of_a_container_is_the_one_after_its_step(world: AppWorld) -> None:
    app = builder(streamer(world, "one"), streamer(world, "two")).build()
    kept = [items async for _, items in world.stream_each(app)]
    assert [list((await items.get())[1]["said"]) for items in kept] == [["one"], ["one", "two"]]


# 48: applications that cannot be streamed


@in_each_world
async def test_case_48_without_a_next_action_there_is_nothing_to_stream(world: AppWorld) -> None:
    app = builder(streamer(world)).with_identifiers(app_id="chat").build()
    await world.run(app)
    with pytest.raises(
        ApplicationError, match="the application 'chat' cannot stream a result: it does not have a next action"
    ):
        await world.stream(app, ["stream"])
    app.reset_to_entrypoint()
    assert len(await (await world.stream(app, ["stream"]))[1].read()) == 10


def test_case_48_an_async_action_cannot_be_streamed_blocking_and_says_so() -> None:
    app = builder(streamer(AppWorld("asyncio"))).build()
    _, items = app.stream_result("stream")
    with pytest.raises(ActionError, match="the action 'stream' is async.* astream_result"):
        items.get()
    assert app.prior_step is None


# 61: the events that a tracker would log


@in_each_world
async def test_case_61_the_events_of_a_stream_have_its_times_and_its_number_of_items(world: AppWorld) -> None:
    recorder = EventRecorder()
    app = builder(streamer(world, items=3), recorder=recorder).build()
    await (await world.stream(app, "stream"))[1].get()
    started, ended = recorder.of(StreamStarted)[0], recorder.of(StreamEnded)[0]
    items = recorder.of(StreamItem)
    first = {event.first_stream_item_start_time for event in items}
    assert {event.stream_initialize_time for event in items} == {started.stream_initialize_time}
    assert len(first) == 1
    assert first.pop() >= started.stream_initialize_time > 0
    assert (ended.items_streamed, ended.exception) == (3, None)
    assert [(event.item, event.item_index) for event in items] == [
        (item, index) for index, item in enumerate(items_of("stream", 3))
    ]


@in_each_world
async def test_case_61_an_error_before_the_stream_is_in_the_events_and_never_hidden(world: AppWorld) -> None:
    recorder, error = EventRecorder(), RuntimeError("before the stream")
    app = builder(failing(world, error), streamer(world), recorder=recorder).build()
    with pytest.raises(RuntimeError) as raised:
        await world.stream(app, "stream")
    assert raised.value is error
    assert recorder.lines == ["RunStarted", "StepStarted fail", "StepEnded fail RuntimeError", "RunEnded RuntimeError"]
    assert (app.prior_step, dict(app.state)) == (None, {})
