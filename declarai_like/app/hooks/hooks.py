"""Hooks of an application: functions and objects that are called with its events."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Literal, TypeAlias

from ..._core.checks import one_of, type_name, wrong_type
from ..._core.flow import Effect, InEventLoop
from ...errors import ApplicationError
from ..events import EVENTS, Event, StreamItem

OnHookError: TypeAlias = Literal["raise", "log"]


Handler: TypeAlias = Callable[[Any], Any]
"""Called with an event. An awaitable that it returns is awaited, and an `Effect` is run."""


class Hooks:
    """The registry of an application's hooks, which are called one after the other, in the order of registration.

    A hook is a function of an event, or an object. An object has either a method ``on_event``, or methods with the
    names of `Event.hook` (``pre_run_step``, ``post_stream_item``, ...), which are called with the event's fields as
    keyword arguments. All may be async.
    """

    def __init__(self) -> None:
        self._handlers: dict[type[Event], list[tuple[Handler, OnHookError]]] = {kind: [] for kind in EVENTS}
        self._async_hooks: list[str] = []  # the names of those that need an event loop

    def add(self, hook: Any, on_error: OnHookError = "raise") -> None:
        """Add a hook; ``on_error`` selects what happens to its errors.

        Raises:
            ApplicationError: it cannot be a hook, or ``on_error`` is unknown.
        """
        one_of(f"on_error of the hook {type_name(hook)}", on_error, ("raise", "log"), error=ApplicationError)
        methods = {kind: method for kind in EVENTS if (method := getattr(hook, kind.hook, None)) is not None}
        is_class = isinstance(hook, type) and (methods or hasattr(hook, "on_event"))
        handler = getattr(hook, "on_event", hook)
        if is_class or not (methods or callable(handler)):
            names = ", ".join(kind.hook for kind in EVENTS)
            expected = f"a function of an event, or an object with a method on_event or one of {names}"
            raise wrong_type("a hook", expected, hook, error=ApplicationError)
        if methods:
            for kind, method in methods.items():
                self._add(kind, _by_keywords(kind, method), method, on_error)
        else:
            for kind in EVENTS:
                self._add(kind, handler, handler, on_error)

    def _add(self, kind: type[Event], handler: Handler, function: Any, on_error: OnHookError) -> None:
        self._handlers[kind].append((handler, on_error))
        if _is_async(function):
            self._async_hooks.append(getattr(function, "__qualname__", repr(function)))

    def has_listeners(self, kind: type[Event]) -> bool:
        """True if a hook is registered for events of this class."""
        return bool(self._handlers[kind])

    def check(self) -> Iterator[Effect[Any]]:
        """Check that all hooks can run where the application runs.

        Raises:
            ApplicationError: one is async, and the application runs in sync code.
        """
        if self._async_hooks and not (yield InEventLoop()):
            raise ApplicationError(
                f"the hook {self._async_hooks[0]!r} is async and needs an event loop; "
                "use arun, astep, astream_result or the like"
            )

    def emit(self, kind: type[Event], *fields: Any) -> Iterable[Effect[Any]]:
        """Call the hooks for an event of this class. Use it with ``yield from``, since a hook may return an effect.

        After a hook has failed, the next ones are not called, unless the event is the end of a stream, step or run.

        Raises:
            Exception: the first failing hook raised it; errors of other hooks are added as notes.
        """
        return self.emit_event(kind(*fields)) if self._handlers[kind] else ()

    def emit_event(self, event: Event) -> Iterable[Effect[Any]]:
        """Call the hooks for an event, as `emit` does."""
        return self._emit(event, self._handlers[type(event)], 0, None)

    def _emit(
        self, event: Event, handlers: Sequence[tuple[Handler, OnHookError]], first: int, failure: Exception | None
    ) -> Iterable[Effect[Any]]:
        """Call the handlers from this index on, and return the effects to run, often none.

        This is not a generator: there is an event for each item, and most hooks have nothing to await.
        """
        for index in range(first, len(handlers)):
            handler, on_error = handlers[index]
            try:
                returned = handler(event)
            except Exception as error:
                failure = _handle_error(event, error, on_error, failure)
                continue
            if returned is not None:
                return self._wait(event, handlers, index, returned, failure)
        if failure is not None:
            raise failure
        return ()

    def _wait(
        self,
        event: Event,
        handlers: Sequence[tuple[Handler, OnHookError]],
        index: int,
        returned: Any,
        failure: Exception | None,
    ) -> Iterator[Effect[Any]]:
        """Await the value that a handler returned, if it is awaitable, and call the handlers after it."""
        try:
            if isinstance(returned, Effect):
                yield returned
            elif inspect.isawaitable(returned):
                yield Await(returned)
        except Exception as error:
            failure = _handle_error(event, error, handlers[index][1], failure)
        yield from self._emit(event, handlers, index + 1, failure)

    def emit_failure(self, error: BaseException, kind: type[Event], *fields: Any) -> Iterator[Effect[Any]]:
        """Call the hooks for an event of a failure; the error of a hook is added to it as a note."""
        try:
            yield from self.emit(kind, *fields)
        except Exception as other:
            error.add_note(f"A hook failed as well, at {kind.__name__}: {other!r}")


class Await(Effect[Any]):
    """Await an awaitable. It has no sync form: `Hooks.check` has rejected async hooks in sync code before."""

    def __init__(self, awaitable: Any) -> None:
        self._awaitable = awaitable

    async def arun(self) -> Any:
        return await self._awaitable


def _handle_error(event: Event, error: Exception, on_error: OnHookError, failure: Exception | None) -> Exception | None:
    """Log the error of a hook, raise it, or return the failure to raise after all hooks were called."""
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
    """Call as `_call` does, but faster: there is one such event for each item."""
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
    kind: type = handler.__class__  # an object may have an async __call__, which inspect does not look for
    method: Any = getattr(kind, "__call__", None)  # noqa: B004  (it is inspected; callable() would not do)
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(method)


def _log(event: Event, error: Exception) -> None:
    import logging

    logging.getLogger("declarai_like").error("a hook failed at %s: %r", type(event).__name__, error, exc_info=error)
