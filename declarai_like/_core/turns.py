"""One at a time, in the order of asking: threads, and the tasks of any event loop, wait in one queue."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import StreamClosed, StreamInUse
from .flow import Ask, Open

PATIENCE = 10.0  # seconds for which a turn may be held by a stream that nobody reads
_LOOK_AROUND = 0.25  # seconds after which one who waits looks whether anybody does


class Turns:
    """A queue for what only one may do at a time."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._lock = threading.Lock()
        self._turn: Turn | None = None
        self._waiting: deque[_Place] = deque()

    def take(self, is_moving: Callable[[], bool], *, waits: bool = True) -> TakeTurn:
        """Ask for a turn. ``is_moving`` says whether anybody is at what the turn is taken for."""
        return TakeTurn(self, is_moving, waits=waits)

    @property
    def is_moving(self) -> bool:
        """Whether somebody has the turn and makes use of it, or is about to."""
        turn = self._turn
        return turn is None or turn.is_moving()

    def take_free(self, is_moving: Callable[[], bool]) -> Turn | None:
        """Take the turn where nobody has it."""
        with self._lock:
            if self._turn is None:
                self._turn = Turn(self, is_moving)
                return self._turn
        return None

    def join(self, place: _Place) -> None:
        with self._lock:
            if self._turn is None:
                place.turn = self._turn = Turn(self, place.is_moving)
            else:
                self._waiting.append(place)

    def leave(self, place: _Place) -> None:
        """Give up a place; a turn that has come to it meanwhile is passed on."""
        with self._lock:
            if place in self._waiting:
                self._waiting.remove(place)
        if place.turn is not None:
            place.turn.close()

    def pass_on(self, turn: Turn) -> None:
        with self._lock:
            while self._turn is turn:
                if not self._waiting:
                    self._turn = None
                    return
                place = self._waiting.popleft()
                place.turn = self._turn = Turn(self, place.is_moving)
                try:
                    place.wake()
                except RuntimeError:  # the event loop that it waited in has ended
                    turn = place.turn


class Turn:
    """The right to go on. When it is closed, the next one has it.

    Attributes:
        owed: gives what is still to be done before that, if anything.
    """

    def __init__(self, turns: Turns, is_moving: Callable[[], bool]) -> None:
        self.is_moving = is_moving
        self.owed: Callable[[], Ask[Any] | None] = _nothing
        self._turns = turns

    @property
    def is_idle(self) -> bool:
        return self.owed is _nothing

    def settle(self) -> None:
        """Say that nothing is owed any more."""
        self.owed = _nothing

    def close(self) -> None:
        owed, self.owed = self.owed, _nothing
        try:
            if (last := owed()) is not None:
                last.perform()
        finally:
            self._turns.pass_on(self)

    async def aclose(self) -> None:
        owed, self.owed = self.owed, _nothing
        try:
            if (last := owed()) is not None:
                await last.aperform()
        finally:
            self._turns.pass_on(self)


def _nothing() -> None:
    return None


class _Place:
    """A place in the queue.

    Attributes:
        wake: called when the turn has come, in whatever thread the one before has ended.
        turn: that turn.
    """

    def __init__(self, is_moving: Callable[[], bool], wake: Callable[[], object]) -> None:
        self.is_moving = is_moving
        self.wake = wake
        self.turn: Turn | None = None


class TakeTurn(Open[Turn]):
    """Wait for a turn.

    Raises:
        StreamInUse: the turn is held by a stream that nobody has read for a while; or somebody has it, and this
            does not wait.
        StreamClosed: the waiting was aborted.
    """

    def __init__(self, turns: Turns, is_moving: Callable[[], bool], *, waits: bool) -> None:
        self._turns = turns
        self._waits = waits
        self._is_moving = is_moving
        self._wake: Callable[[], object] = _nothing
        self._is_aborted = False

    def perform(self) -> Turn:
        turn = self._turns.take_free(self._is_moving)
        if turn is not None:
            return turn
        woken = threading.Event()
        self._wake = woken.set
        place = _Place(self._is_moving, woken.set)
        self._turns.join(place)
        try:
            idle = 0.0
            while not self._is_over(place):
                woken.wait(_LOOK_AROUND)
                idle = self._idle(idle)
        except BaseException:
            self._turns.leave(place)
            raise
        assert place.turn is not None
        return place.turn

    async def aperform(self) -> Turn:
        turn = self._turns.take_free(self._is_moving)
        if turn is not None:
            return turn
        import anyio
        from anyio.lowlevel import current_token

        woken = anyio.Event()
        native: Any = current_token().native_token
        # An event of an event loop may be set in the loop's own thread only
        soon = getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon
        self._wake = lambda: soon(woken.set)
        place = _Place(self._is_moving, self._wake)
        self._turns.join(place)
        try:
            idle = 0.0
            while not self._is_over(place):
                with anyio.move_on_after(_LOOK_AROUND):
                    await woken.wait()
                idle = self._idle(idle)
        except BaseException:
            self._turns.leave(place)
            raise
        assert place.turn is not None
        return place.turn

    def abort(self) -> None:
        self._is_aborted = True
        self._wake()

    def _is_over(self, place: _Place) -> bool:
        if self._is_aborted:
            raise StreamClosed("the stream was closed while it waited for its turn")
        if place.turn is None and not self._waits:
            raise StreamInUse("somebody else has the turn")
        return place.turn is not None

    def _idle(self, seconds: float) -> float:
        """Count for how long nobody has been at what the turn is held for."""
        if self._turns.is_moving:
            return 0.0
        if seconds >= self._turns.patience:
            raise StreamInUse(
                "the answer before this one has not ended, and nobody reads it: read it to its end, or close it"
            )
        return seconds + _LOOK_AROUND
