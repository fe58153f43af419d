"""Flows and their drivers: one generator, run by sync and async code."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from declarai_like._core.flow import (
    Close,
    Driver,
    Effect,
    Finalizer,
    Flow,
    Open,
    Own,
    Sleep,
    Subflow,
    arun,
    discard_items,
    perform,
    run,
)


class Twice(Effect[int]):
    def __init__(self, number: int) -> None:
        self.number = number

    def run(self) -> int:
        return 2 * self.number

    async def arun(self) -> int:
        await anyio.lowlevel.checkpoint()
        return 2 * self.number


class Fail(Effect[None]):
    def run(self) -> None:
        raise KeyError("no")

    async def arun(self) -> None:
        raise KeyError("no")


class Door:
    """A resource that logs when it is opened and closed."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def close(self) -> None:
        self.log.append(f"close {self.name}")

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.log.append(f"close {self.name}")


class OpenDoor(Open[Door]):
    def __init__(self, name: str, log: list[str]) -> None:
        self.door = Door(name, log)

    def run(self) -> Door:
        self.door.log.append(f"open {self.door.name}")
        return self.door

    async def arun(self) -> Door:
        return self.run()


def each_mode(test: Callable[[Callable[..., Any]], None]) -> Callable[..., None]:
    """Run a test with each driver: blocking, asyncio and trio. ``collect`` returns a flow's items and result."""

    def sync(flow: Flow[Any, Any]) -> tuple[list[Any], Any]:
        driver = Driver(flow)
        return list(driver.items()), driver.result

    def make_async(backend: str) -> Callable[..., Any]:
        async def collect(flow: Flow[Any, Any]) -> tuple[list[Any], Any]:
            driver = Driver(flow)
            return [item async for item in driver.aitems()], driver.result

        return lambda flow: anyio.run(collect, flow, backend=backend)

    modes = {"blocking": sync, "asyncio": make_async("asyncio"), "trio": make_async("trio")}
    return pytest.mark.parametrize("collect", modes.values(), ids=modes)(test)


@each_mode
def test_a_flow_yields_effects_and_items_and_returns(collect: Callable[..., Any]) -> None:
    def flow() -> Flow[str, int]:
        four = yield from perform(Twice(2))
        yield f"so far {four}"
        eight = yield Twice(four)
        yield f"so far {eight}"
        return eight + 1

    assert collect(flow()) == (["so far 4", "so far 8"], 9)


@each_mode
def test_the_error_of_an_effect_is_raised_in_the_flow_which_may_continue(collect: Callable[..., Any]) -> None:
    def flow() -> Flow[str, str]:
        try:
            yield Fail()
        except KeyError as error:
            yield f"caught {error}"
        return (yield from other())

    def other() -> Flow[str, str]:
        yield Twice(1)
        return "end"

    assert collect(flow()) == (["caught 'no'"], "end")


@each_mode
def test_resources_are_closed_at_the_end_of_the_flow_in_reverse_order(collect: Callable[..., Any]) -> None:
    log: list[str] = []

    def flow() -> Flow[None, None]:
        yield OpenDoor("a", log)
        yield OpenDoor("b", log)
        log.append("end")

    collect(flow())
    assert log == ["open a", "open b", "end", "close b", "close a"]


@each_mode
def test_a_resource_that_the_flow_closes_is_closed_once(collect: Callable[..., Any]) -> None:
    log: list[str] = []

    def flow() -> Flow[None, None]:
        door = yield OpenDoor("a", log)
        yield Close(door)
        log.append("end")

    collect(flow())
    assert log == ["open a", "close a", "end"]


@each_mode
def test_an_error_closes_the_resources_and_comes_after_the_items(collect: Callable[..., Any]) -> None:
    log: list[str] = []

    def flow() -> Flow[str, None]:
        yield OpenDoor("a", log)
        yield "item"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        collect(flow())
    assert log == ["open a", "close a"]


def endless(log: list[str]) -> Flow[int, None]:
    try:
        yield OpenDoor("a", log)
        number = 0
        while True:
            yield number
            number += 1
    finally:
        log.append("flow ended")


def test_leaving_early_ends_the_flow_and_closes_its_resources() -> None:
    log: list[str] = []
    for item in Driver(endless(log)).items():
        if item == 3:
            break
    assert log == ["open a", "flow ended", "close a"]


@pytest.mark.anyio
async def test_aclose_ends_the_flow_and_closes_its_resources() -> None:
    log: list[str] = []
    items = Driver(endless(log)).aitems()
    assert [await anext(items), await anext(items)] == [0, 1]
    await items.aclose()
    assert log == ["open a", "flow ended", "close a"]


@pytest.mark.anyio
async def test_a_cancelled_run_closes_its_resources() -> None:
    log: list[str] = []

    def flow() -> Flow[int, None]:
        yield OpenDoor("a", log)
        yield Sleep(60)

    with anyio.move_on_after(0.01):
        await arun(flow())
    assert log == ["open a", "close a"]


def test_run_returns_the_result_and_drops_the_items() -> None:
    def flow() -> Flow[str, int]:
        yield "dropped"
        return (yield Twice(21))

    assert run(flow()) == 42
    assert anyio.run(arun, flow()) == 42


def test_a_sleeping_run_that_another_thread_aborts_goes_no_further() -> None:
    log: list[str] = []

    def flow() -> Flow[str, None]:
        try:
            yield Sleep(60)
            yield "awake"
        finally:
            log.append("left")

    driver = Driver(flow())
    threading.Timer(0.05, driver.abort).start()
    start = time.monotonic()
    assert list(driver.items()) == []
    assert (driver.finished, log) == (False, ["left"])
    assert time.monotonic() - start < 30


def test_a_driver_that_was_not_started_does_nothing() -> None:
    log: list[str] = []
    Driver(endless(log))
    gc.collect()
    assert log == []


# Subflows


@each_mode
def test_the_effects_and_items_of_a_subflow_are_those_of_the_outer_flow(collect: Callable[..., Any]) -> None:
    def innermost(number: int) -> Flow[str, int]:
        yield f"{number}"
        return (yield from perform(Twice(number)))

    def inner(number: int) -> Flow[str, int]:
        yield "before"
        result = yield Subflow(innermost(number))
        yield "after"
        return result

    def outer() -> Flow[str, int]:
        first = yield Subflow(inner(2))
        second = yield from inner(3)
        return first + second

    assert collect(outer()) == (["before", "2", "after", "before", "3", "after"], 10)


@each_mode
def test_the_error_of_a_subflow_is_raised_in_the_outer_flow_which_may_continue(collect: Callable[..., Any]) -> None:
    def inner() -> Flow[str, None]:
        yield "one"
        yield Fail()

    def outer() -> Flow[str, str]:
        try:
            yield Subflow(inner())
        except KeyError:
            yield "two"
        return "three"

    assert collect(outer()) == (["one", "two"], "three")


def test_leaving_early_ends_the_subflow_before_the_outer_flow() -> None:
    log: list[str] = []

    def inner() -> Flow[str, None]:
        try:
            yield "one"
        finally:
            log.append("inner")

    def outer() -> Flow[str, None]:
        yield from perform(OpenDoor("door", log))
        try:
            yield Subflow(inner())
        finally:
            log.append("outer")

    items = Driver(outer()).items()
    assert next(items) == "one"
    items.close()
    assert log == ["open door", "inner", "outer", "close door"]


@pytest.mark.slow
@each_mode
def test_a_finished_subflow_is_released_before_the_outer_flow_ends(collect: Callable[..., Any]) -> None:
    finished: weakref.WeakSet[Flow[str, None]] = weakref.WeakSet()

    def inner() -> Flow[str, None]:
        yield "item"

    def failing() -> Flow[str, None]:
        yield Fail()

    def outer() -> Flow[str, int]:
        for flow in (inner, failing):
            subflow = flow()
            finished.add(subflow)
            try:
                yield Subflow(subflow)
            except KeyError:
                pass
            del subflow
        yield Twice(1)  # the driver keeps its last effect
        gc.collect()
        return len(finished)

    assert collect(outer()) == (["item"], 0)


@each_mode
def test_discard_items_forwards_effects_and_drops_items(collect: Callable[..., Any]) -> None:
    def inner() -> Flow[str, int]:
        yield "dropped"
        return (yield from perform(Twice(4)))

    def middle() -> Flow[str, int]:
        yield "dropped"
        try:
            yield Fail()
        except KeyError:
            pass
        return (yield Subflow(inner()))

    def outer() -> Flow[str, int]:
        yield "kept"
        return (yield from discard_items(middle()))

    assert collect(outer()) == (["kept"], 8)


def test_discard_items_forwards_errors() -> None:
    def inner() -> Flow[str, None]:
        yield Fail()

    with pytest.raises(KeyError):
        run(discard_items(inner()))


def flow_with_finalizer(log: list[str], *effects: Effect[Any]) -> Flow[str, str]:
    def leave() -> Flow[Any, None]:
        log.append(f"left with {(yield Twice(5))}")

    finalizer = yield from perform(Own(Finalizer(leave)))
    yield "one"
    for effect in effects:
        yield effect
    finalizer.flow = None
    return "complete"


def test_a_finalizer_can_use_effects() -> None:
    log: list[str] = []
    items = Driver(flow_with_finalizer(log)).items()
    next(items)
    items.close()
    assert log == ["left with 10"]
    assert run(flow_with_finalizer(log)) == "complete"
    assert log == ["left with 10"]


@pytest.mark.anyio
async def test_a_finalizer_can_use_effects_in_a_cancelled_task() -> None:
    log: list[str] = []

    def flow() -> Flow[str, str]:
        yield Subflow(flow_with_finalizer(log, Sleep(10)))
        return "never"

    with anyio.move_on_after(0.05):
        await arun(flow())
    assert log == ["left with 10"]


class Stuck(Door):
    def close(self) -> None:
        super().close()
        raise RuntimeError(f"{self.name} is stuck")


class OpenStuck(OpenDoor):
    def __init__(self, name: str, log: list[str]) -> None:
        self.door = Stuck(name, log)


def test_if_closing_one_resource_fails_the_others_are_closed_too() -> None:
    log: list[str] = []

    def flow() -> Flow[str, None]:
        for door in (OpenDoor("a", log), OpenStuck("b", log), OpenDoor("c", log)):
            yield door

    with pytest.raises(RuntimeError, match="b is stuck"):
        run(flow())
    assert log == ["open a", "open b", "open c", "close c", "close b", "close a"]
