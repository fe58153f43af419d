"""A hook that saves the application after each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._core.flow import Effect
from ...errors import Cancelled
from ..events import StepEnded

if TYPE_CHECKING:
    from ..persistence import Persister, Status


class SavingHook:
    """Saves each step at its end: a completed one with its new state, any other one with the state before it."""

    def __init__(self, persister: Persister) -> None:
        self._persister = persister

    def on_event(self, event: object) -> Effect[None] | None:
        if not isinstance(event, StepEnded):
            return None
        from ..persistence import PersisterCall

        error = event.exception
        status: Status = "completed" if error is None else "cancelled" if isinstance(error, Cancelled) else "failed"
        return PersisterCall(
            self._persister.save,
            event.partition_key,
            event.app_id,
            event.sequence_id,
            event.action.name,
            event.state,
            status,
        )
