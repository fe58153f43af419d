"""A flow calls a memory's methods, blocking and async ones, in sync and async code."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

import anyio
import anyio.to_thread
import pytest

from declarai_like import memory
from declarai_like._core.flow import Flow, arun, run
from declarai_like.errors import MemoryFailed, Timeout
from tests.conftest import World
from tests.databases import drive, output_of, run_script


def calling(function: Any, *args: Any) -> Flow[Any, Any]:
    return (yield memory.MemoryCall(function, *args))


class Threads:
    """Its methods return the thread that they run in."""

    def blocking(self) -> int:
        return threading.get_ident()

    async def waiting(self) -> int:
        await anyio.lowlevel.checkpoint()
        return threading.get_ident()

    def later(self) -> Any:
        """A blocking method that returns an awaitable."""
        return self.waiting()


def test_every_kind_of_method_returns_its_result(world: World) -> None:
    for function in (Threads().blocking, Threads().waiting, Threads().later):
        assert isinstance(drive(world, calling(function)), int)


@pytest.mark.anyio
async def test_a_blocking_method_does_not_run_in_the_event_loops_thread() -> None:
    assert await arun(calling(Threads().blocking)) != threading.get_ident()
    assert await arun(calling(Threads().waiting)) == threading.get_ident()
    assert await arun(calling(Threads().later)) == threading.get_ident()


@pytest.mark.anyio
async def test_an_instant_method_needs_no_thread() -> None:
    class Instant(Threads):
        instant = True

    assert await arun(calling(Instant().blocking)) == threading.get_ident()
    assert memory.InMemory().instant
    assert not memory.File("unused").instant


def test_blocking_code_runs_all_async_methods_in_one_loop_in_another_thread() -> None:
    async def loop() -> Any:
        return asyncio.get_running_loop()

    first, second = run(calling(loop)), run(calling(loop))
    assert first is second
    assert first.is_running()
    threads = {run(calling(Threads().waiting)), run(calling(Threads().later))}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_blocking_calls_of_async_methods_do_not_wait_for_each_other() -> None:
    met = threading.Barrier(2, timeout=10)

    async def meet() -> int:
        return await anyio.to_thread.run_sync(met.wait)

    results: list[int] = []
    other = threading.Thread(target=lambda: results.append(run(calling(meet))))
    other.start()
    results.append(run(calling(meet)))
    other.join()
    assert sorted(results) == [0, 1]


@pytest.mark.anyio
async def test_a_cancelled_task_finishes_an_append_that_has_started() -> None:
    started, may_end = threading.Event(), threading.Event()
    log: list[str] = []

    def append() -> None:
        started.set()
        may_end.wait(10)
        log.append("appended")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(arun, calling(append))
        await anyio.to_thread.run_sync(started.wait)
        tasks.cancel_scope.cancel()
        threading.Timer(0.02, may_end.set).start()
    assert log == ["appended"]


class Failing:
    """A memory whose methods all fail, each with another error."""

    def load(self) -> Any:
        raise KeyError("no such table")

    async def append(self, messages: Any) -> None:
        raise OSError("disk full")

    def clear(self) -> None:
        raise Timeout("too slow", limit=3)


def test_an_error_of_a_users_memory_is_a_memory_failed_with_its_cause(world: World) -> None:
    with pytest.raises(MemoryFailed, match=r"^the memory's Failing.load failed: KeyError: 'no such table'$") as caught:
        drive(world, calling(Failing().load))
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(MemoryFailed, match=r"^the memory's Failing.append failed: OSError: disk full$"):
        drive(world, calling(Failing().append, []))


def test_an_error_of_this_library_is_raised_unchanged(world: World) -> None:
    with pytest.raises(Timeout, match="^too slow$"):
        drive(world, calling(Failing().clear))


FORKS = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads, of which newer versions of Python warn
from declarai_like import Message, memory
from declarai_like._core.flow import run

class Own:
    async def load(self):
        return [Message("user", "hi")]

def load():
    return (yield memory.MemoryCall(Own().load))

assert run(load()) == [Message("user", "hi")]
child = os.fork()
if child == 0:
    assert run(load()) == [Message("user", "hi")]
    sys.exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_its_own_loop_and_both_processes_end() -> None:
    output_of(run_script(FORKS))
