"""The effects that run an action's code: a call, and the next item of a generator, in sync and async code."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import copy_context
from typing import Any, Final

from ..._core.flow import Effect
from ..._core.threads import in_thread
from ...errors import ActionError
from .context import CURRENT, ApplicationContext

ENDED: Final = object()
"""The result of `Next` and `ANext` for a generator that has ended; ``returned`` then has its return value."""


class ActionCall(Effect[Any]):
    """Call a function, and await its result if it is awaitable.

    In an event loop, a function that is not async is called in a worker thread.
    """

    def __init__(self, name: str, context: ApplicationContext, function: Callable[[], Any], *, is_async: bool) -> None:
        self._name = name
        self._context = context
        self._function = function
        self._is_async = is_async

    def run(self) -> Any:
        returned = self._call()
        if inspect.isawaitable(returned):
            if inspect.iscoroutine(returned):
                returned.close()  # otherwise Python warns that it was never awaited
            raise needs_event_loop(self._name)
        return returned

    async def arun(self) -> Any:
        returned: Any = None
        if not self._is_async:
            returned = await in_thread(self._call)
            if not inspect.isawaitable(returned):
                return returned
        token = CURRENT.set(self._context)
        try:
            # A function that is not declared as async may still return an awaitable, which is awaited here.
            returned = self._function() if self._is_async else returned
            return await returned if inspect.isawaitable(returned) else returned
        finally:
            CURRENT.reset(token)

    def _call(self) -> Any:
        token = CURRENT.set(self._context)
        try:
            return self._function()
        finally:
            CURRENT.reset(token)


class Next(Effect[Any]):
    """Return the next item of a generator, each time that it is run; `ENDED` at the end.

    Attributes:
        sent: the value that is sent to the generator next, as the result of its ``yield``.
        thrown: an error that is thrown into it instead.
        returned: its return value, once it has ended.
    """

    sent: Any = None
    thrown: Exception | None = None
    returned: Any = None

    def __init__(self, context: ApplicationContext, generator: Any) -> None:
        # The generator runs in its own copy of the context, as a task does. That is also faster than setting a variable
        # for each item.
        copy = copy_context()
        copy.run(CURRENT.set, context)
        self._run = copy.run
        self._send: Callable[[Any], Any] = getattr(generator, "send", None) or _ignoring_value(generator.__next__)
        self._throw: Callable[[Any], Any] = getattr(generator, "throw", _raise)

    def run(self) -> Any:
        try:
            if self.sent is None and self.thrown is None:
                return self._run(self._send, None)
            sent, thrown, self.sent, self.thrown = self.sent, self.thrown, None, None
            return self._run(self._throw, thrown) if thrown else self._run(self._send, sent)
        except StopIteration as stop:
            self.returned = stop.value
            return ENDED

    async def arun(self) -> Any:
        return await in_thread(self.run)


class ANext(Effect[Any]):
    """Return the next item of an async generator, as `Next` does; it has no return value."""

    sent: Any = None
    thrown: Exception | None = None
    returned: Any = None

    def __init__(self, context: ApplicationContext, generator: Any) -> None:
        self._context = context
        self._send: Callable[[Any], Any] = getattr(generator, "asend", None) or _ignoring_value(generator.__anext__)
        self._throw: Callable[[Any], Any] = getattr(generator, "athrow", _raise)

    async def arun(self) -> Any:
        token = CURRENT.set(self._context)
        try:
            if self.sent is None and self.thrown is None:
                return await self._send(None)
            sent, thrown, self.sent, self.thrown = self.sent, self.thrown, None, None
            return await (self._throw(thrown) if thrown else self._send(sent))
        except StopAsyncIteration:
            return ENDED
        finally:
            CURRENT.reset(token)


def _raise(error: Exception) -> Any:
    """Raise the error: the ``throw`` of an iterator that is not a generator."""
    raise error


class CloseGenerator(Effect[None]):
    """Close an action's generator; its ``finally`` blocks have run when this returns."""

    def __init__(self, generator: Generator[Any, Any, Any] | AsyncGenerator[Any, Any]) -> None:
        self._generator: Any = generator

    def run(self) -> None:
        if hasattr(self._generator, "close"):
            self._generator.close()

    async def arun(self) -> None:
        if hasattr(self._generator, "aclose"):
            await self._generator.aclose()
        elif hasattr(self._generator, "close"):
            await in_thread(self._generator.close)  # its finally blocks may block


def _ignoring_value(function: Callable[[], Any]) -> Callable[[Any], Any]:
    """Return the ``send`` of an iterator that is not a generator: it ignores the value."""
    return lambda _: function()


def needs_event_loop(name: str) -> ActionError:
    """Return the error for an async action that is run from sync code."""
    return ActionError(
        f"the action {name!r} is async and needs an event loop; use arun, astep, astream_result or the like"
    )
