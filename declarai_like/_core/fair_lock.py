"""A fair lock for flows: threads and tasks of any event loop wait in one queue, first come, first served.

`threading.Lock` would block an event loop, and the locks of asyncio and anyio belong to one loop. Waiting times out if
the holder is a stream that is not being read, as it might hold the lock for ever.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import StreamClosed, StreamInUse
from .flow import Effect, Open

UNREAD_TIMEOUT = 10.0
"""The seconds for which waiting goes on while the holder of the lock is a stream without a reader."""

_POLL_INTERVAL = 0.25
"""The seconds between two checks of whether the holder of the lock is active."""


class FairLock:
    """A lock that is handed over in the order of the requests."""

    def __init__(self, unread_timeout: float = UNREAD_TIMEOUT) -> None:
        self.unread_timeout = unread_timeout
        self._lock = threading.Lock()  # guards the fields below; never held while waiting
        self._lease: Lease | None = None
        self._waiting: deque[_Waiter] = deque()

    def acquire(self, is_active: Callable[[], bool], *, waits: bool = True) -> Acquire:
        """Return the effect that acquires the lock.

        Args:
            is_active: called while others wait; True if the work under the lock goes on, False if it is a stream that
                is not being read.
            waits: False if a held lock is an error.
        """
        return Acquire(self, is_active, waits=waits)

    @property
    def is_active(self) -> bool:
        """True if the lock is free or its holder is active."""
        lease = self._lease
        return lease is None or lease.is_active()

    def try_acquire(self, is_active: Callable[[], bool]) -> Lease | None:
        """Acquire the lock if it is free; return None if it is held."""
        with self._lock:
            if self._lease is None:
                self._lease = Lease(self, is_active)
                return self._lease
        return None

    def enqueue(self, waiter: _Waiter) -> None:
        """Add a waiter to the queue. It gets its lease at once if the lock has become free since `try_acquire`."""
        with self._lock:
            if self._lease is None:
                waiter.lease = self._lease = Lease(self, waiter.is_active)
            else:
                self._waiting.append(waiter)

    def withdraw(self, waiter: _Waiter) -> None:
        """Remove a waiter that gave up. If it was given the lock at the same time, the next waiter gets it."""
        with self._lock:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
        if waiter.lease is not None:
            waiter.lease.close()

    def hand_over(self, lease: Lease) -> None:
        """Hand the lock over to the first waiter that can be woken; do nothing if the lease no longer holds it."""
        with self._lock:
            while self._lease is lease:
                if not self._waiting:
                    self._lease = None
                    return
                waiter = self._waiting.popleft()
                waiter.lease = self._lease = Lease(self, waiter.is_active)
                try:
                    waiter.wake()
                except RuntimeError:  # its event loop was closed while it waited: the next one
                    lease = waiter.lease


class Lease:
    """The held lock. Closing it hands the lock over to the next waiter.

    Attributes:
        is_active: see `FairLock.acquire`.
        on_release: called once, before the lock is handed over; the effect that it returns is run then.
    """

    def __init__(self, lock: FairLock, is_active: Callable[[], bool]) -> None:
        self.is_active = is_active
        self.on_release: Callable[[], Effect[Any] | None] = _nothing
        self._lock = lock

    @property
    def is_idle(self) -> bool:
        """True if closing does not wait, see `declarai_like._core.flow.Resource`."""
        return self.on_release is _nothing

    def disarm(self) -> None:
        """Cancel the release callback."""
        self.on_release = _nothing

    def close(self) -> None:
        on_release, self.on_release = self.on_release, _nothing
        try:
            if (effect := on_release()) is not None:
                effect.run()
        finally:
            self._lock.hand_over(self)

    async def aclose(self) -> None:
        on_release, self.on_release = self.on_release, _nothing
        try:
            if (effect := on_release()) is not None:
                await effect.arun()
        finally:
            self._lock.hand_over(self)


def _nothing() -> None:
    return None


class _Waiter:
    """An entry of the queue.

    Attributes:
        wake: called when the lock was handed over to it, in the thread of the previous holder.
        lease: the held lock, once it was handed over.
    """

    def __init__(self, is_active: Callable[[], bool], wake: Callable[[], object]) -> None:
        self.is_active = is_active
        self.wake = wake
        self.lease: Lease | None = None


class Acquire(Open[Lease]):
    """Acquire the lock, and wait for it if it is held.

    Raises:
        StreamInUse: the holder is a stream that was not read for a while; or the lock is held and this effect does not
            wait.
        StreamClosed: the effect was aborted.
    """

    def __init__(self, lock: FairLock, is_active: Callable[[], bool], *, waits: bool) -> None:
        self._lock = lock
        self._waits = waits
        self._is_active = is_active
        self._wake: Callable[[], object] = _nothing
        self._is_aborted = False

    def run(self) -> Lease:
        lease = self._lock.try_acquire(self._is_active)
        if lease is not None:
            return lease
        woken = threading.Event()
        self._wake = woken.set
        waiter = _Waiter(self._is_active, woken.set)
        self._lock.enqueue(waiter)
        try:
            idle = 0.0
            while not self._is_acquired(waiter):
                woken.wait(_POLL_INTERVAL)
                idle = self._idle_time(idle)
        except BaseException:
            self._lock.withdraw(waiter)
            raise
        assert waiter.lease is not None
        return waiter.lease

    async def arun(self) -> Lease:
        lease = self._lock.try_acquire(self._is_active)
        if lease is not None:
            return lease
        import anyio
        from anyio.lowlevel import current_token

        woken = anyio.Event()
        native: Any = current_token().native_token
        # The previous holder may be in another thread, where an event of this loop must not be set directly. The native
        # token is asyncio's loop or trio's TrioToken, which have the same method under two names.
        run_in_loop = getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon
        self._wake = lambda: run_in_loop(woken.set)
        waiter = _Waiter(self._is_active, self._wake)
        self._lock.enqueue(waiter)
        try:
            idle = 0.0
            while not self._is_acquired(waiter):
                with anyio.move_on_after(_POLL_INTERVAL):
                    await woken.wait()
                idle = self._idle_time(idle)
        except BaseException:
            self._lock.withdraw(waiter)
            raise
        assert waiter.lease is not None
        return waiter.lease

    def abort(self) -> None:
        self._is_aborted = True
        self._wake()

    def _is_acquired(self, waiter: _Waiter) -> bool:
        if self._is_aborted:
            raise StreamClosed("the stream was closed while it waited for the previous one to end")
        if waiter.lease is None and not self._waits:
            raise StreamInUse("the lock is held by another call")
        return waiter.lease is not None

    def _idle_time(self, seconds: float) -> float:
        """Return how long the holder has been inactive, given the time at the previous check.

        Polling is enough: a reader that stops reading sends no signal.
        """
        if self._lock.is_active:
            return 0.0
        if seconds >= self._lock.unread_timeout:
            raise StreamInUse(
                "a previous answer of this chat is still open and not being read; finish reading it or close() it"
            )
        return seconds + _POLL_INTERVAL
