"""One at a time, in the order of asking: threads, and the tasks of any event loop, wait in one queue."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import StreamClosed, StreamInUse
from .flow import Effect, Open

UNREAD_TIMEOUT = 10.0  # seconds for which a turn may be held by a stream that nobody reads
_POLL_INTERVAL = 0.25  # seconds after which one who waits looks whether anybody does


class FairLock:
    """A queue for what only one may do at a time."""

    def __init__(self, unread_timeout: float = UNREAD_TIMEOUT) -> None:
        self.unread_timeout = unread_timeout
        self._lock = threading.Lock()
        self._lease: Lease | None = None
        self._waiting: deque[_Waiter] = deque()

    def acquire(self, is_active: Callable[[], bool], *, waits: bool = True) -> Acquire:
        """Ask for a turn. ``is_moving`` says whether anybody is at what the turn is taken for."""
        return Acquire(self, is_active, waits=waits)

    @property
    def is_active(self) -> bool:
        """Whether somebody has the turn and makes use of it, or is about to."""
        lease = self._lease
        return lease is None or lease.is_active()

    def try_acquire(self, is_active: Callable[[], bool]) -> Lease | None:
        """Take the turn where nobody has it."""
        with self._lock:
            if self._lease is None:
                self._lease = Lease(self, is_active)
                return self._lease
        return None

    def enqueue(self, place: _Waiter) -> None:
        with self._lock:
            if self._lease is None:
                place.lease = self._lease = Lease(self, place.is_active)
            else:
                self._waiting.append(place)

    def withdraw(self, place: _Waiter) -> None:
        """Give up a place; a turn that has come to it meanwhile is passed on."""
        with self._lock:
            if place in self._waiting:
                self._waiting.remove(place)
        if place.lease is not None:
            place.lease.close()

    def hand_over(self, lease: Lease) -> None:
        with self._lock:
            while self._lease is lease:
                if not self._waiting:
                    self._lease = None
                    return
                place = self._waiting.popleft()
                place.lease = self._lease = Lease(self, place.is_active)
                try:
                    place.wake()
                except RuntimeError:  # the event loop that it waited in has ended
                    lease = place.lease


class Lease:
    """The right to go on. When it is closed, the next one has it.

    Attributes:
        owed: gives what is still to be done before that, if anything.
    """

    def __init__(self, lock: FairLock, is_active: Callable[[], bool]) -> None:
        self.is_active = is_active
        self.on_release: Callable[[], Effect[Any] | None] = _nothing
        self._lock = lock

    @property
    def is_idle(self) -> bool:
        return self.on_release is _nothing

    def disarm(self) -> None:
        """Say that nothing is owed any more."""
        self.on_release = _nothing

    def close(self) -> None:
        owed, self.on_release = self.on_release, _nothing
        try:
            if (last := owed()) is not None:
                last.run()
        finally:
            self._lock.hand_over(self)

    async def aclose(self) -> None:
        owed, self.on_release = self.on_release, _nothing
        try:
            if (last := owed()) is not None:
                await last.arun()
        finally:
            self._lock.hand_over(self)


def _nothing() -> None:
    return None


class _Waiter:
    """A place in the queue.

    Attributes:
        wake: called when the turn has come, in whatever thread the one before has ended.
        turn: that turn.
    """

    def __init__(self, is_active: Callable[[], bool], wake: Callable[[], object]) -> None:
        self.is_active = is_active
        self.wake = wake
        self.lease: Lease | None = None


class Acquire(Open[Lease]):
    """Wait for a turn.

    Raises:
        StreamInUse: the turn is held by a stream that nobody has read for a while; or somebody has it, and this
            does not wait.
        StreamClosed: the waiting was aborted.
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
        place = _Waiter(self._is_active, woken.set)
        self._lock.enqueue(place)
        try:
            idle = 0.0
            while not self._is_over(place):
                woken.wait(_POLL_INTERVAL)
                idle = self._idle(idle)
        except BaseException:
            self._lock.withdraw(place)
            raise
        assert place.lease is not None
        return place.lease

    async def arun(self) -> Lease:
        lease = self._lock.try_acquire(self._is_active)
        if lease is not None:
            return lease
        import anyio
        from anyio.lowlevel import current_token

        woken = anyio.Event()
        native: Any = current_token().native_token
        # An event of an event loop may be set in the loop's own thread only
        soon = getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon
        self._wake = lambda: soon(woken.set)
        place = _Waiter(self._is_active, self._wake)
        self._lock.enqueue(place)
        try:
            idle = 0.0
            while not self._is_over(place):
                with anyio.move_on_after(_POLL_INTERVAL):
                    await woken.wait()
                idle = self._idle(idle)
        except BaseException:
            self._lock.withdraw(place)
            raise
        assert place.lease is not None
        return place.lease

    def abort(self) -> None:
        self._is_aborted = True
        self._wake()

    def _is_over(self, place: _Waiter) -> bool:
        if self._is_aborted:
            raise StreamClosed("the stream was closed while it waited for its turn")
        if place.lease is None and not self._waits:
            raise StreamInUse("somebody else has the turn")
        return place.lease is not None

    def _idle(self, seconds: float) -> float:
        """Count for how long nobody has been at what the turn is held for."""
        if self._lock.is_active:
            return 0.0
        if seconds >= self._lock.unread_timeout:
            raise StreamInUse(
                "the answer before this one has not ended, and nobody reads it: read it to its end, or close it"
            )
        return seconds + _POLL_INTERVAL
