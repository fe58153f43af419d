"""Hooks: functions and objects that are called with the events of an application."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Literal, TypeAlias

from ..._core.flow import Effect, InEventLoop
from ...errors import ApplicationError
from ..events import EVENTS, Event, StreamItem

OnHookError: TypeAlias = Literal["raise", "log"]


Handler: TypeAlias = Callable[[Any], Any]
"""Is called with an event. What it gives is awaited, where it can be; an `Effect` is performed."""


class Hooks:
    """Tells events to hooks, in the order in which these were given, one after the other.

    A hook is a function of an event, or an object. An object has an ``on_event``, or methods that are named as
    `Event.hook` says (``pre_run_step``, ``post_stream_item``, ...); these are called with the event's fields as
    keywords. All may be async.
    """

    def __init__(self) -> None:
        self._handlers: dict[type[Event], list[tuple[Handler, OnHookError]]] = {kind: [] for kind in EVENTS}
        self._is_async: list[str] = []  # the hooks that need an event loop

    def add(self, hook: Any, on_error: OnHookError = "raise") -> None:
        """Add a hook; ``on_error`` says what becomes of its errors.

        Raises:
            ApplicationError: it is no hook, or there is no such way with its errors.
        """
        if on_error not in ("raise", "log"):
            raise ApplicationError(f"on_error of the hook {hook!r:.200} is {on_error!r:.200}; it is 'raise' or 'log'")
        named = {kind: method for kind in EVENTS if (method := getattr(hook, kind.hook, None)) is not None}
        if isinstance(hook, type) and (named or hasattr(hook, "on_event")):
            raise ApplicationError(f"{hook!r} is the class of a hook; give an instance of it")
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

    def has_listeners(self, kind: type[Event]) -> bool:
        """Whether anybody wants to hear of such events."""
        return bool(self._handlers[kind])

    def check(self) -> Iterator[Effect[Any]]:
        """Refuse hooks that cannot be told in this world.

        Raises:
            ApplicationError: one is async, and the application is run blocking.
        """
        if self._is_async and not (yield InEventLoop()):
            raise ApplicationError(
                f"the hook {self._is_async[0]!r} is async, so the application runs in async code only: "
                "use arun, astep, astream_result and the like"
            )

    def emit(self, kind: type[Event], *fields: Any) -> Iterable[Effect[Any]]:
        """Tell an event of this kind, where anybody wants to hear of it; with ``yield from``, as it may have to ask.

        The first hook that fails keeps it from those after it, unless it says that something has ended.

        Raises:
            Exception: what the first of them raised; the errors of others are noted on it.
        """
        return self.emit_event(kind(*fields)) if self._handlers[kind] else ()

    def emit_event(self, event: Event) -> Iterable[Effect[Any]]:
        """Tell an event that somebody wants to hear of."""
        return self._emit(event, self._handlers[type(event)], 0, None)

    def _emit(
        self, event: Event, handlers: Sequence[tuple[Handler, OnHookError]], first: int, failure: Exception | None
    ) -> Iterable[Effect[Any]]:
        """Tell the hooks from the first of these on. Where none has to be waited for, there is nothing to ask."""
        for place in range(first, len(handlers)):
            handler, on_error = handlers[place]
            try:
                answer = handler(event)
            except Exception as error:
                failure = _failed(event, error, on_error, failure)
                continue
            if answer is not None:
                return self._wait(event, handlers, place, answer, failure)
        if failure is not None:
            raise failure
        return ()

    def _wait(
        self,
        event: Event,
        handlers: Sequence[tuple[Handler, OnHookError]],
        place: int,
        answer: Any,
        failure: Exception | None,
    ) -> Iterator[Effect[Any]]:
        """Wait for what a hook has given, where that can be waited for, and tell those after it."""
        try:
            if isinstance(answer, Effect):
                yield answer
            elif inspect.isawaitable(answer):
                yield Await(answer)
        except Exception as error:
            failure = _failed(event, error, handlers[place][1], failure)
        yield from self._emit(event, handlers, place + 1, failure)

    def emit_failure(self, error: BaseException, kind: type[Event], *fields: Any) -> Iterator[Effect[Any]]:
        """Tell an event of a failure; a hook that fails now does not hide it, but is noted on it."""
        try:
            yield from self.emit(kind, *fields)
        except Exception as other:
            error.add_note(f"A hook failed as well, at {kind.__name__}: {other!r}")


class Await(Effect[Any]):
    """Wait for something that can be awaited. Its hook or action was refused before where there is no event loop."""

    def __init__(self, awaitable: Any) -> None:
        self._awaitable = awaitable

    async def arun(self) -> Any:
        return await self._awaitable


def _failed(event: Event, error: Exception, on_error: OnHookError, failure: Exception | None) -> Exception | None:
    """Give the failure to be raised when all have been told; at once, where nothing has ended."""
    if on_error == "log":
        _log(event, error)
        return failure
    if not event.is_end:
        raise error
    if failure is None:
        return error
    failure.add_note(f"Another hook failed as well, at {type(event).__name__}: {error!r}")
    return failure


def _by_keywords(kind: type[Event], method: Callable[..., Any]) -> Handler:
    if kind is StreamItem:
        return partial(_item_by_keywords, method)
    names = [field.name for field in dataclasses.fields(kind)]
    return partial(_call, method, names, attrgetter(*names))


def _item_by_keywords(method: Callable[..., Any], event: StreamItem) -> Any:
    """Do what `_call` does, for the events of which there are many."""
    return method(
        app_id=event.app_id,
        partition_key=event.partition_key,
        sequence_id=event.sequence_id,
        action=event.action,
        item=event.item,
        item_index=event.item_index,
        stream_initialize_time=event.stream_initialize_time,
        first_stream_item_start_time=event.first_stream_item_start_time,
    )


def _call(method: Callable[..., Any], names: Sequence[str], read: Callable[[Event], Any], event: Event) -> Any:
    return method(**dict(zip(names, read(event), strict=True)))


def _is_async(handler: Any) -> bool:
    kind: type = handler.__class__
    of_object: Any = getattr(kind, "__call__", None)  # noqa: B004  (it is looked at, and not whether it is there)
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(of_object)


def _log(event: Event, error: Exception) -> None:
    import logging

    logging.getLogger("declarai_like").error("a hook failed at %s: %r", type(event).__name__, error, exc_info=error)
