"""The fair lock: who gets it next, also when a waiter gives up."""

from __future__ import annotations

import anyio
import pytest

from declarai_like._core.fair_lock import Acquire, FairLock, Lease
from declarai_like.errors import StreamClosed, StreamInUse


def active() -> bool:
    return True


def acquire(lock: FairLock) -> Acquire:
    return lock.acquire(active)


@pytest.mark.anyio
async def test_a_lease_that_arrives_after_its_waiter_was_aborted_goes_to_the_next_waiter() -> None:
    lock = FairLock()
    held = acquire(lock).run()
    aborted, waiting = acquire(lock), acquire(lock)
    refused: list[StreamClosed] = []
    leases: list[Lease] = []

    async def give_up() -> None:
        try:
            await aborted.arun()
        except StreamClosed as error:
            refused.append(error)

    async def wait() -> None:
        leases.append(await waiting.arun())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(give_up)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            # Both before the waiter runs again: it gives up, and then it is handed the lock
            aborted.abort()
            held.close()
    assert len(refused) == len(leases) == 1
    leases[0].close()
    assert lock.try_acquire(active) is not None


@pytest.mark.anyio
async def test_a_lease_that_arrives_after_its_waiter_was_cancelled_frees_the_lock() -> None:
    lock = FairLock()
    held = acquire(lock).run()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(acquire(lock).arun)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
            held.close()
    assert lock.try_acquire(active) is not None


@pytest.mark.anyio
async def test_waiters_get_the_lock_in_the_order_of_their_requests() -> None:
    lock = FairLock()
    held = acquire(lock).run()
    order: list[int] = []

    async def wait(number: int) -> None:
        lease = await acquire(lock).arun()
        order.append(number)
        await lease.aclose()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(wait, number)
                await anyio.wait_all_tasks_blocked()
            held.close()
    assert order == [0, 1, 2, 3]


def test_a_lease_that_is_closed_twice_does_not_free_the_lock_of_the_next_holder() -> None:
    lock = FairLock()
    first = acquire(lock).run()
    first.close()
    second = acquire(lock).run()
    first.close()
    assert lock.try_acquire(active) is None
    second.close()
    assert lock.try_acquire(active) is not None


def test_the_lock_is_free_even_if_what_runs_at_its_release_fails() -> None:
    lock = FairLock()
    lease = acquire(lock).run()

    def fail() -> None:
        raise ValueError("not stored")

    lease.on_release = fail
    with pytest.raises(ValueError, match="not stored"):
        lease.close()
    assert lock.try_acquire(active) is not None


def test_a_caller_that_does_not_wait_gets_an_error_and_leaves_no_place_in_the_queue() -> None:
    lock = FairLock()
    held = acquire(lock).run()
    with pytest.raises(StreamInUse, match="held by another call"):
        lock.acquire(active, waits=False).run()
    held.close()
    assert lock.try_acquire(active) is not None
