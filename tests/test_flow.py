"""Flows and their drives: one generator, run in both worlds."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from declarai_like.flow import Ask, Close, Drive, Flow, Open, Sleep, arun, ask, run


class Twice(Ask[int]):
    def __init__(self, number: int) -> None:
        self.number = number

    def perform(self) -> int:
        return 2 * self.number

    async def aperform(self) -> int:
        await anyio.lowlevel.checkpoint()
        return 2 * self.number


class Fail(Ask[None]):
    def perform(self) -> None:
        raise KeyError("no")

    async def aperform(self) -> None:
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

    def perform(self) -> Door:
        self.door.log.append(f"open {self.door.name}")
        return self.door

    async def aperform(self) -> Door:
        return self.perform()


def both(test: Callable[[Callable[..., Any]], None]) -> Callable[..., None]:
    """Run a test with each way of collecting what a flow emits and gives."""

    def sync(flow: Flow[Any, Any]) -> tuple[list[Any], Any]:
        drive = Drive(flow)
        return list(drive.emits()), drive.result

    def make_async(backend: str) -> Callable[..., Any]:
        async def collect(flow: Flow[Any, Any]) -> tuple[list[Any], Any]:
            drive = Drive(flow)
            return [item async for item in drive.aemits()], drive.result

        return lambda flow: anyio.run(collect, flow, backend=backend)

    ways = {"blocking": sync, "asyncio": make_async("asyncio"), "trio": make_async("trio")}
    return pytest.mark.parametrize("collect", ways.values(), ids=ways)(test)


@both
def test_a_flow_asks_emits_and_returns(collect: Callable[..., Any]) -> None:
    def flow() -> Flow[str, int]:
        four = yield from ask(Twice(2))
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
    for item in Drive(endless(log)).emits():
        if item == 3:
            break
    assert log == ["open a", "flow ended", "close a"]


@pytest.mark.anyio
async def test_leaving_early_async_ends_the_flow_and_closes_at_the_aclose() -> None:
    log: list[str] = []
    items = Drive(endless(log)).aemits()
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

    drive = Drive(flow())
    threading.Timer(0.05, drive.abort).start()
    began = time.monotonic()
    assert list(drive.emits()) == []
    assert (drive.finished, log) == (False, ["left"])
    assert time.monotonic() - began < 30


def test_a_drive_that_was_never_started_leaves_nothing_behind() -> None:
    log: list[str] = []
    Drive(endless(log))
    gc.collect()
    assert log == []
