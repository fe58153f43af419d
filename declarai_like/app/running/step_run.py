"""One run of a step: its action, and the events that it emits to hooks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
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
    """One run of a step, which emits its events in this order: step start, stream start, items, stream end, step end.

    `Machine` emits the step start, since it fails before an `ActionRun` exists if inputs are missing.

    Attributes:
        action: the action of the step.
        action_run: its run; None before it starts.
    """

    action_run: ActionRun | None = None

    def __init__(self, hooks: Hooks, ids: tuple[str, str, int], action: Action, before: State) -> None:
        self._hooks = hooks
        self._ids = ids
        self.action = action
        self._before = before
        self._streams = False

    def stream(self) -> Flow[Any, tuple[Any, State]]:
        """Run the action, yield its items, and return its result and the next state."""
        assert self.action_run is not None
        self._streams = True
        started = time.time()
        yield from self._hooks.emit(StreamStarted, *self._ids, self.action, started)
        on_item = self._item_handler(started) if self._hooks.has_listeners(StreamItem) else None
        items = yield from self.action_run.start_stream(on_item)
        final: Final = yield Subflow(items)
        return self.action_run.end_stream(final)

    def _item_handler(self, started: float) -> Callable[[Any, int], Iterable[Effect[Any]]]:
        """Return a function that emits the event of an item; its arguments are the item and its index."""
        first = 0.0
        (app_id, key, number), action, emit_event = self._ids, self.action, self._hooks.emit_event

        def on_item(item: Any, index: int) -> Iterable[Effect[Any]]:
            nonlocal first
            first = first or time.time()
            return emit_event(StreamItem(app_id, key, number, action, item, index, started, first))

        return on_item

    def end(self, result: Any, after: State) -> Flow[Any, None]:
        """Emit the end events of a completed step. The step counts as completed even if a hook fails here."""
        if self._streams:
            try:
                yield from self._hooks.emit(StreamEnded, *self._ids, self.action, self._count, None)
            except Exception as error:
                # Also then the end of the step must be emitted, since it is what saves the state.
                yield from self._hooks.emit_failure(error, StepEnded, *self._ids, self.action, after, result, None)
                raise
        yield from self._hooks.emit(StepEnded, *self._ids, self.action, after, result, None)

    def fail(self, error: Exception) -> Flow[Any, None]:
        """Close what is open, and emit the end events of a failed step."""
        app_id, _, number = self._ids
        error.add_note(f"Raised by the action {self.action.name!r}, step {number} of the application {app_id!r}.")
        log.warning("the action %r of the application %r failed: %r", self.action.name, app_id, error)
        return self._abandon(error)

    def close_early(self) -> Flow[Any, None]:
        """Close what is open, and emit the end events of a step that was closed early."""
        return self._abandon(Cancelled(f"the action {self.action.name!r} was closed before its end"))

    def _abandon(self, error: Exception) -> Flow[Any, None]:
        try:
            if self.action_run is not None:
                yield from self.action_run.close()
        finally:
            if self._streams:
                yield from self._hooks.emit_failure(error, StreamEnded, *self._ids, self.action, self._count, error)
            yield from self._hooks.emit_failure(error, StepEnded, *self._ids, self.action, self._before, None, error)

    @property
    def _count(self) -> int:
        return self.action_run.count if self.action_run else 0
