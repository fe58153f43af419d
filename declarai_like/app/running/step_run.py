"""One step of an application on its way, and what is told of it."""

from __future__ import annotations

import logging
import time
from typing import Any

from ..._core.flow import Effect, Flow, Subflow
from ...errors import Cancelled
from ..actions.actions import Action
from ..actions.results import Final
from ..events import StepEnded, StreamEnded, StreamItem, StreamStarted
from ..hooks.hooks import Hooks
from ..state.state import State
from .action_run import ActionRun

log = logging.getLogger("declarai_like")


class StepRun:
    """Tells what happens to one step, in this order: it starts, its stream starts, items, its stream ends, it ends.

    Attributes:
        action: the action that runs.
        running: that action on its way.
    """

    running: ActionRun | None = None

    def __init__(self, hooks: Hooks, about: tuple[str, str, int], action: Action, before: State) -> None:
        self._hooks = hooks
        self._about = about
        self.action = action
        self._before = before
        self._streams = False

    def streamed(self) -> Flow[Any, tuple[Any, State]]:
        """Run the action, and emit its items."""
        assert self.running is not None
        self._streams = True
        started = time.time()
        yield from self._hooks.emit(StreamStarted, *self._about, self.action, started)
        items = yield from self.running.begin()
        final: Final = yield Subflow(self._told(items, started) if self._hooks.has_listeners(StreamItem) else items)
        return self.running.end(final)

    def _told(self, items: Flow[Any, Final], started: float) -> Flow[Any, Final]:
        """Tell of each item before it is emitted."""
        index, first = 0, 0.0
        (app_id, key, number), action, tell = self._about, self.action, self._hooks.emit_event
        try:
            got: Any = next(items)
            while True:
                if isinstance(got, Effect):
                    asked: Effect[Any] = got  # pyright: ignore[reportUnknownVariableType]  (its result is not known here)
                    try:
                        answer = yield asked
                    except Exception as error:  # the flow decides what its failed ask means
                        got = items.throw(error)
                    else:
                        got = items.send(answer)
                    continue
                first = first or time.time()
                if asks := tell(StreamItem(app_id, key, number, action, got, index, started, first)):
                    yield from asks
                yield got
                index += 1
                got = next(items)
        except StopIteration as stop:
            final: Final = stop.value
            return final

    def ended(self, result: Any, after: State) -> Flow[Any, None]:
        """Tell that it has ended well. It has ended also where a hook fails now."""
        if self._streams:
            try:
                yield from self._hooks.emit(StreamEnded, *self._about, self.action, self._count, None)
            except Exception as error:
                yield from self._hooks.emit_failure(error, StepEnded, *self._about, self.action, after, result, None)
                raise
        yield from self._hooks.emit(StepEnded, *self._about, self.action, after, result, None)

    def failed(self, error: Exception) -> Flow[Any, None]:
        """Close what is open, and tell that it has failed."""
        app_id, _, number = self._about
        error.add_note(f"It comes from the action {self.action.name!r}, step {number} of the application {app_id!r}.")
        log.warning("the action %r of the application %r failed: %r", self.action.name, app_id, error)
        return self._given_up(error)

    def left(self) -> Flow[Any, None]:
        """Close what is open, and tell that it was left before its end."""
        return self._given_up(Cancelled(f"the action {self.action.name!r} was left before its end"))

    def _given_up(self, error: Exception) -> Flow[Any, None]:
        try:
            if self.running is not None:
                yield from self.running.left()
        finally:
            if self._streams:
                yield from self._hooks.emit_failure(error, StreamEnded, *self._about, self.action, self._count, error)
            yield from self._hooks.emit_failure(error, StepEnded, *self._about, self.action, self._before, None, error)

    @property
    def _count(self) -> int:
        return self.running.count if self.running else 0
