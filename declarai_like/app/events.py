"""What happens in an application, in order: one stream of events, for hooks, tracing and persistence alike."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from ..errors import ApplicationError
from ..flow import Ask, Flow

if TYPE_CHECKING:
    from .actions import Action
    from .state import State

OnHookError: TypeAlias = Literal["raise", "log"]


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
    """The action is about to stream. Times are of ``time.time()``."""

    hook = "pre_start_stream"
    action: Action
    stream_initialize_time: float


@dataclass(slots=True)
class StreamItem(Event):
    """The action has given an item, the one with this index, from 0. The reader gets it next."""

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

Handler: TypeAlias = Callable[[Any], Any]
"""Is called with an event. What it gives is awaited, where it can be; an `Ask` is performed."""


class Hooks:
    """Tells events to hooks, in the order in which these were given, one after the other.

    A hook is a function of an event, or an object. An object has an ``on_event``, or methods that are named as
    `Event.hook` says (``pre_run_step``, ``post_stream_item``, ...); these are called with the event's fields as
    keywords. All may be async.

    Raises:
        ApplicationError: a hook is neither.
    """

    def __init__(self) -> None:
        self._handlers: dict[type[Event], list[tuple[Handler, OnHookError]]] = {kind: [] for kind in EVENTS}
        self._is_async: list[str] = []  # the hooks that need an event loop

    def add(self, hook: Any, on_error: OnHookError = "raise") -> None:
        named = {kind: method for kind in EVENTS if (method := getattr(hook, kind.hook, None)) is not None}
        if named:
            for kind, method in named.items():
                self._add(kind, _by_keywords(kind, method), method, on_error)
            return
        handler = getattr(hook, "on_event", hook)
        if not callable(handler):
            methods = ", ".join(kind.hook for kind in EVENTS)
            raise ApplicationError(
                f"{hook!r} is no hook: it is a function of an event, or has a method on_event or one of {methods}"
            )
        for kind in EVENTS:
            self._add(kind, handler, handler, on_error)

    def _add(self, kind: type[Event], handler: Handler, written: Any, on_error: OnHookError) -> None:
        self._handlers[kind].append((handler, on_error))
        if _is_async(written):
            self._is_async.append(getattr(written, "__qualname__", repr(written)))

    def wants(self, kind: type[Event]) -> bool:
        """Whether anybody wants to hear of such events."""
        return bool(self._handlers[kind])

    def check(self, *, in_event_loop: bool) -> None:
        """Refuse hooks that cannot be told in this world.

        Raises:
            ApplicationError: one is async, and the application is run blocking.
        """
        if self._is_async and not in_event_loop:
            raise ApplicationError(
                f"the hook {self._is_async[0]!r} is async, so the application runs in async code only: "
                "use arun, astep, astream_result and the like"
            )

    def tell(self, event: Event) -> Flow[Any, None]:
        """Tell an event. The first hook that fails keeps it from those after it, unless it says that something ended.

        Raises:
            Exception: what the first of them raised; the errors of others are noted on it.
        """
        failure: Exception | None = None
        for handler, on_error in self._handlers[type(event)]:
            try:
                answer = handler(event)
                if answer is None:
                    continue
                if isinstance(answer, Ask):
                    yield answer
                elif inspect.isawaitable(answer):
                    yield Await(answer)
            except Exception as error:
                if on_error == "log":
                    _log(event, error)
                    continue
                if not event.is_end:
                    raise
                if failure is not None:
                    failure.add_note(f"Another hook failed as well, at {type(event).__name__}: {error!r}")
                failure = failure or error
        if failure is not None:
            raise failure

    def tell_failure(self, event: Event, error: BaseException) -> Flow[Any, None]:
        """Tell of a failure; a hook that fails now does not hide it, but is noted on it."""
        try:
            yield from self.tell(event)
        except Exception as other:
            error.add_note(f"A hook failed as well, at {type(event).__name__}: {other!r}")


class Await(Ask[Any]):
    """Wait for something that can be awaited. Its hook or action was refused before where there is no event loop."""

    def __init__(self, awaitable: Any) -> None:
        self._awaitable = awaitable

    async def aperform(self) -> Any:
        return await self._awaitable


def _by_keywords(kind: type[Event], method: Callable[..., Any]) -> Handler:
    names = [field.name for field in dataclasses.fields(kind)]
    return partial(_call, method, names)


def _call(method: Callable[..., Any], names: Sequence[str], event: Event) -> Any:
    return method(**{name: getattr(event, name) for name in names})


def _is_async(handler: Any) -> bool:
    kind: type = handler.__class__
    of_object: Any = getattr(kind, "__call__", None)  # noqa: B004  (it is looked at, and not whether it is there)
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(of_object)


def _log(event: Event, error: Exception) -> None:
    import logging

    logging.getLogger("declarai_like").error("a hook failed at %s: %r", type(event).__name__, error, exc_info=error)
