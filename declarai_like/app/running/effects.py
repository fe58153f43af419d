"""The asks that run an action's own code: a call, or the next item of a generator, in either world."""

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
"""What comes of a generator that has ended; `Next.returned` has what it returned."""


class ActionCall(Effect[Any]):
    """Call a function, and wait for what it gives where that can be awaited.

    In an event loop, what is not async is called in a worker thread.
    """

    def __init__(self, name: str, context: ApplicationContext, function: Callable[[], Any], *, is_async: bool) -> None:
        self._name = name
        self._context = context
        self._function = function
        self._is_async = is_async

    def run(self) -> Any:
        given = self._call()
        if inspect.isawaitable(given):
            if inspect.iscoroutine(given):
                given.close()
            raise needs_event_loop(self._name)
        return given

    async def arun(self) -> Any:
        given: Any = None
        if not self._is_async:
            given = await in_thread(self._call)
            if not inspect.isawaitable(given):
                return given
        token = CURRENT.set(self._context)
        try:
            given = self._function() if self._is_async else given
            return await given if inspect.isawaitable(given) else given
        finally:
            CURRENT.reset(token)

    def _call(self) -> Any:
        token = CURRENT.set(self._context)
        try:
            return self._function()
        finally:
            CURRENT.reset(token)


class Next(Effect[Any]):
    """Ask a generator for its next item, again and again; `ENDED` when there is none.

    Attributes:
        sent: what the generator is given for the item that it gave last.
        thrown: an error that it is given instead.
        returned: what it returned.
    """

    sent: Any = None
    thrown: Exception | None = None
    returned: Any = None

    def __init__(self, context: ApplicationContext, generator: Any) -> None:
        # A generator has context variables of its own, as a task has: that is also quicker than to set one each time
        own = copy_context()
        own.run(CURRENT.set, context)
        self._run = own.run
        self._send: Callable[[Any], Any] = getattr(generator, "send", None) or _without_sending(generator.__next__)
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
    """Ask an async generator for its next item, as `Next` does."""

    sent: Any = None
    thrown: Exception | None = None
    returned: Any = None

    def __init__(self, context: ApplicationContext, generator: Any) -> None:
        self._context = context
        self._send: Callable[[Any], Any] = getattr(generator, "asend", None) or _without_sending(generator.__anext__)
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
    """Give an error to an iterator, which takes none."""
    raise error


class CloseGenerator(Effect[None]):
    """Close an action's generator: what its ``finally`` does is done when this is."""

    def __init__(self, generator: Generator[Any, Any, Any] | AsyncGenerator[Any, Any]) -> None:
        self._generator: Any = generator

    def run(self) -> None:
        if hasattr(self._generator, "close"):
            self._generator.close()

    async def arun(self) -> None:
        if hasattr(self._generator, "aclose"):
            await self._generator.aclose()
        elif hasattr(self._generator, "close"):
            await in_thread(self._generator.close)


def _without_sending(step: Callable[[], Any]) -> Callable[[Any], Any]:
    """Ask an iterator, which takes no values."""
    return lambda _: step()


def needs_event_loop(name: str) -> ActionError:
    return ActionError(
        f"the action {name!r} is async, so it runs in async code only: use arun, astep, astream_result and the like"
    )
