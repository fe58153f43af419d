"""The events of an application, in the order in which they happen, for hooks, tracing and persistence alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from .actions.actions import Action
    from .state.state import State


@dataclass(slots=True)
class Event:
    """Something that happened.

    Attributes:
        app_id: in which application.
        partition_key: whose it is.
        sequence_id: the number of the step, from 0; of a run, that of its first step.
    """

    hook: ClassVar[str]
    """The method that a hook has for it."""

    is_end: ClassVar[bool] = False
    """Whether something has ended with it. Then every hook is told, also after one that failed."""

    app_id: str
    partition_key: str
    sequence_id: int


@dataclass(slots=True)
class RunStarted(Event):
    """A call of ``run``, ``step``, ``stream_result`` or the like has begun; ``method`` says which."""

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
    """The action is about to stream. Times are in seconds, of ``time.time()``."""

    hook = "pre_start_stream"
    action: Action
    stream_initialize_time: float


@dataclass(slots=True)
class StreamItem(Event):
    """The action has given an item, the one with this index, from 0. The reader gets it next.

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
    """The stream is over, after so many items; ``exception`` says what ended it early."""

    hook = "post_end_stream"
    is_end = True
    action: Action
    items_streamed: int
    exception: BaseException | None


@dataclass(slots=True)
class StepEnded(Event):
    """The action has run. ``state`` is that of the application now: after an exception the one from before."""

    hook = "post_run_step"
    is_end = True
    action: Action
    state: State
    result: Any
    exception: BaseException | None


@dataclass(slots=True)
class RunEnded(Event):
    """The call is over, also what it streamed."""

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
"""The kinds of events."""
