"""The events of an application, in the order in which they are emitted to hooks, tracing and persistence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from .actions.actions import Action
    from .state.state import State


@dataclass(slots=True)
class Event:
    """The base class of events.

    Attributes:
        app_id: the id of the application.
        partition_key: the key of its owner.
        sequence_id: the number of the step, from 0; of a run, that of its first step.
    """

    hook: ClassVar[str]
    """The name of the method of hooks for this event."""

    is_end: ClassVar[bool] = False
    """True for the end of a stream, step or run, which every hook receives, also after another hook has failed."""

    app_id: str
    partition_key: str
    sequence_id: int


@dataclass(slots=True)
class RunStarted(Event):
    """A call of ``run``, ``step``, ``stream_result`` or the like has started; ``method`` is its name."""

    hook = "pre_run_execute_call"
    method: str
    state: State


@dataclass(slots=True)
class StepStarted(Event):
    """An action is about to run, with these inputs."""

    hook = "pre_run_step"
    action: Action
    state: State
    inputs: Mapping[str, Any]


@dataclass(slots=True)
class StreamStarted(Event):
    """The action is about to stream. Times are in seconds since the epoch, as of ``time.time()``."""

    hook = "pre_start_stream"
    action: Action
    stream_initialize_time: float


@dataclass(slots=True)
class StreamItem(Event):
    """The action has yielded an item; ``item_index`` counts from 0. The reader receives the item after the hooks.

    Times are as in `StreamStarted`.
    """

    hook = "post_stream_item"
    action: Action
    item: Any
    item_index: int
    stream_initialize_time: float
    first_stream_item_start_time: float


@dataclass(slots=True)
class StreamEnded(Event):
    """The stream has ended after this number of items; ``exception`` is set if it ended early."""

    hook = "post_end_stream"
    is_end = True
    action: Action
    items_streamed: int
    exception: BaseException | None


@dataclass(slots=True)
class StepEnded(Event):
    """The action has run. ``state`` is the application's state now: after an exception the one before the step."""

    hook = "post_run_step"
    is_end = True
    action: Action
    state: State
    result: Any
    exception: BaseException | None


@dataclass(slots=True)
class RunEnded(Event):
    """The call has ended, its stream included."""

    hook = "post_run_execute_call"
    is_end = True
    method: str
    state: State
    exception: BaseException | None


EVENTS: tuple[type[Event], ...] = (
    RunStarted,
    StepStarted,
    StreamStarted,
    StreamItem,
    StreamEnded,
    StepEnded,
    RunEnded,
)
"""All event classes."""
