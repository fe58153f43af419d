"""Flows and their drives: one generator, run in both worlds."""

from __future__ import annotations

import gc
import threading
import time
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
    """A resource that writes down what happens to it."""

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


def both(test: Callable[[Callable[..., Any]], None]) -> Callable[..., None]:
    """Run a test with each way of collecting what a flow emits and gives."""

    def sync(flow: Flow[Any, Any]) -> tuple[list[Any], Any]:
        drive = Driver(flow)
        return list(drive.items()), drive.result

    def make_async(backend: str) -> Callable[..., Any]:
        async def collect(flow: Flow[Any, Any]) -> tuple[list[Any], Any]:
            drive = Driver(flow)
            return [item async for item in drive.aitems()], drive.result

        return lambda flow: anyio.run(collect, flow, backend=backend)

    ways = {"blocking": sync, "asyncio": make_async("asyncio"), "trio": make_async("trio")}
    return pytest.mark.parametrize("collect", ways.values(), ids=ways)(test)


@both
def test_a_flow_asks_emits_and_returns(collect: Callable[..., Any]) -> None:
    def flow() -> Flow[str, int]:
        four = yield from perform(Twice(2))
        yield f"so far {four}"
        eight = yield Twice(four)
        yield f"so far {eight}"
        return eight + 1

    assert collect(flow()) == (["so far 4", "so far 8"], 9)


@both
def test_a_failed_ask_is_raised_in_the_flow_which_may_go_on(collect: Callable[..., Any]) -> None:
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


@both
def test_what_a_flow_opens_is_closed_at_its_end_in_reverse_order(collect: Callable[..., Any]) -> None:
    log: list[str] = []

    def flow() -> Flow[None, None]:
        yield OpenDoor("a", log)
        yield OpenDoor("b", log)
        log.append("end")

    collect(flow())
    assert log == ["open a", "open b", "end", "close b", "close a"]


@both
def test_what_a_flow_closes_itself_is_closed_once(collect: Callable[..., Any]) -> None:
    log: list[str] = []

    def flow() -> Flow[None, None]:
        door = yield OpenDoor("a", log)
        yield Close(door)
        log.append("end")

    collect(flow())
    assert log == ["open a", "close a", "end"]


@both
def test_an_error_closes_what_was_opened_and_comes_after_what_was_emitted(collect: Callable[..., Any]) -> None:
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


def test_leaving_early_ends_the_flow_and_closes_at_once() -> None:
    log: list[str] = []
    for item in Driver(endless(log)).items():
        if item == 3:
            break
    assert log == ["open a", "flow ended", "close a"]


@pytest.mark.anyio
async def test_leaving_early_async_ends_the_flow_and_closes_at_the_aclose() -> None:
    log: list[str] = []
    items = Driver(endless(log)).aitems()
    assert [await anext(items), await anext(items)] == [0, 1]
    await items.aclose()
    assert log == ["open a", "flow ended", "close a"]


@pytest.mark.anyio
async def test_a_cancelled_drive_closes_what_its_flow_opened() -> None:
    log: list[str] = []

    def flow() -> Flow[int, None]:
        yield OpenDoor("a", log)
        yield Sleep(60)

    with anyio.move_on_after(0.01):
        await arun(flow())
    assert log == ["open a", "close a"]


def test_run_gives_the_result_and_passes_over_what_is_emitted() -> None:
    def flow() -> Flow[str, int]:
        yield "nobody looks"
        return (yield Twice(21))

    assert run(flow()) == 42
    assert anyio.run(arun, flow()) == 42


def test_a_run_can_be_ended_from_another_thread_while_it_sleeps_and_goes_no_further() -> None:
    log: list[str] = []

    def flow() -> Flow[str, None]:
        try:
            yield Sleep(60)
            yield "awake"
        finally:
            log.append("left")

    drive = Driver(flow())
    threading.Timer(0.05, drive.abort).start()
    began = time.monotonic()
    assert list(drive.items()) == []
    assert (drive.finished, log) == (False, ["left"])
    assert time.monotonic() - began < 30


def test_a_drive_that_was_never_started_leaves_nothing_behind() -> None:
    log: list[str] = []
    Driver(endless(log))
    gc.collect()
    assert log == []


# Flows inside of flows


@both
def test_an_inner_flow_asks_and_emits_as_if_it_was_the_outer_one(collect: Callable[..., Any]) -> None:
    def inmost(number: int) -> Flow[str, int]:
        yield f"{number}"
        return (yield from perform(Twice(number)))

    def inner(number: int) -> Flow[str, int]:
        yield "before"
        got = yield Subflow(inmost(number))
        yield "after"
        return got

    def outer() -> Flow[str, int]:
        first = yield Subflow(inner(2))
        second = yield from inner(3)
        return first + second

    assert collect(outer()) == (["before", "2", "after", "before", "3", "after"], 10)


@both
def test_an_error_of_an_inner_flow_is_raised_in_the_outer_one_which_may_go_on(collect: Callable[..., Any]) -> None:
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


def test_leaving_ends_the_inner_flow_before_the_outer_one() -> None:
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

    emits = Driver(outer()).items()
    assert next(emits) == "one"
    emits.close()
    assert log == ["open door", "inner", "outer", "close door"]


@both
def test_a_quiet_flow_asks_and_what_it_emits_is_passed_over(collect: Callable[..., Any]) -> None:
    def inner() -> Flow[str, int]:
        yield "unheard"
        return (yield from perform(Twice(4)))

    def middle() -> Flow[str, int]:
        yield "unheard"
        try:
            yield Fail()
        except KeyError:
            pass
        return (yield Subflow(inner()))

    def outer() -> Flow[str, int]:
        yield "heard"
        return (yield from discard_items(middle()))

    assert collect(outer()) == (["heard"], 8)


def test_an_error_of_a_quiet_flow_is_raised() -> None:
    def inner() -> Flow[str, None]:
        yield Fail()

    with pytest.raises(KeyError):
        run(discard_items(inner()))


def leaving_flow(log: list[str], *then: Effect[Any]) -> Flow[str, str]:
    def leave() -> Flow[Any, None]:
        log.append(f"left with {(yield Twice(5))}")

    leaving = yield from perform(Own(Finalizer(leave)))
    yield "one"
    for each in then:
        yield each
    leaving.flow = None
    return "whole"


def test_what_is_to_be_done_when_a_flow_is_left_can_ask() -> None:
    log: list[str] = []
    emits = Driver(leaving_flow(log)).items()
    next(emits)
    emits.close()
    assert log == ["left with 10"]
    assert run(leaving_flow(log)) == "whole"
    assert log == ["left with 10"]


@pytest.mark.anyio
async def test_what_is_to_be_done_when_a_flow_is_left_can_ask_in_a_cancelled_task() -> None:
    log: list[str] = []

    def flow() -> Flow[str, str]:
        yield Subflow(leaving_flow(log, Sleep(10)))
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


def test_where_closing_one_fails_the_others_are_closed_as_well() -> None:
    log: list[str] = []

    def flow() -> Flow[str, None]:
        for door in (OpenDoor("a", log), OpenStuck("b", log), OpenDoor("c", log)):
            yield door

    with pytest.raises(RuntimeError, match="b is stuck"):
        run(flow())
    assert log == ["open a", "open b", "open c", "close c", "close b", "close a"]
