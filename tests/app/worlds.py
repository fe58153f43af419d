"""Helpers that run one test body in sync code and in event loops, there with async and with sync actions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing, closing
from typing import Any, Final

import anyio
import anyio.lowlevel
import pytest

from declarai_like.app import Application, ApplicationBuilder, State, action, streaming_action
from declarai_like.app.events import Event, RunEnded, StepEnded, StreamEnded, StreamItem

END: Final = object()
"""The result of `Streamed.next` at the end."""


class AppWorld:
    """One way to run applications. Its methods are awaited; without an event loop this never suspends.

    Attributes:
        in_event_loop: True calls the async methods (``arun``, ``astep``, ...).
        actions_are_async: True makes the actions of `action` and `streaming` async.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.backend = name.partition("-")[0]
        self.in_event_loop = name != "blocking"
        self.actions_are_async = name in ("asyncio", "trio")

    def run_test(self, body: Callable[..., Coroutine[Any, Any, None]], *args: Any, **kwargs: Any) -> None:
        body = functools.partial(body, *args, **kwargs)
        if self.in_event_loop:
            anyio.run(body, backend=self.backend)
            return
        coroutine = body()
        try:
            coroutine.send(None)
        except StopIteration:
            return
        coroutine.close()
        raise AssertionError("the blocking world waited")

    # Actions

    def made(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, or its async twin."""
        return later(function) if self.actions_are_async else function

    def action(self, reads: Sequence[str] = (), writes: Sequence[str] = (), tags: Sequence[str] = ()) -> Any:
        return lambda function: action([*reads], [*writes], [*tags])(self.made(function))

    def streaming(self, reads: Sequence[str] = (), writes: Sequence[str] = (), tags: Sequence[str] = ()) -> Any:
        return lambda function: streaming_action([*reads], [*writes], [*tags])(self.made(function))

    # Calls of an application

    async def build(self, builder: ApplicationBuilder) -> Application:
        return await builder.abuild() if self.in_event_loop else builder.build()

    async def step(self, app: Application, **settings: Any) -> Any:
        return await app.astep(**settings) if self.in_event_loop else app.step(**settings)

    async def run(self, app: Application, **settings: Any) -> Any:
        return await app.arun(**settings) if self.in_event_loop else app.run(**settings)

    async def iterate(self, app: Application, **settings: Any) -> list[Any]:
        if self.in_event_loop:
            return [step async for step in app.aiterate(**settings)]
        return list(app.iterate(**settings))

    async def stream(self, app: Application, halt_after: Any = (), **settings: Any) -> tuple[Any, Streamed]:
        if self.in_event_loop:
            found, container = await app.astream_result(halt_after, **settings)
            return found, Streamed(container)
        plain = app.stream_result(halt_after, **settings)
        return plain[0], Streamed(plain[1])

    async def stream_each(self, app: Application, **settings: Any) -> AsyncGenerator[tuple[Any, Streamed], None]:
        if self.in_event_loop:
            async with aclosing(app.astream_iterate(**settings)) as each:
                async for found, container in each:
                    yield found, Streamed(container)
        else:
            with closing(app.stream_iterate(**settings)) as plain:
                for found, items in plain:
                    yield found, Streamed(items)

    def __repr__(self) -> str:
        return self.name


class Streamed:
    """A sync or async container."""

    def __init__(self, container: Any) -> None:
        self.container = container
        self._is_async = hasattr(container, "__anext__")

    async def next(self) -> Any:
        """Return the next item; `END` at the end."""
        return await anext(self.container, END) if self._is_async else next(self.container, END)

    async def take(self, count: int) -> list[Any]:
        return [await self.next() for _ in range(count)]

    async def read(self, into: list[Any] | None = None) -> list[Any]:
        """Read all items with a loop."""
        items: list[Any] = [] if into is None else into
        if self._is_async:
            async for item in self.container:
                items.append(item)
        else:
            for item in self.container:
                items.append(item)
        return items

    async def get(self) -> Any:
        return await self.container.get() if self._is_async else self.container.get()

    async def close(self) -> None:
        if self._is_async:
            await self.container.aclose()
        else:
            self.container.close()

    async def leave_block_after(self, count: int) -> list[Any]:
        """Read this number of items in a ``with`` block, and leave the block."""
        if self._is_async:
            async with self.container:
                return await self.take(count)
        with self.container:
            return await self.take(count)


def in_each_world(body: Callable[..., Coroutine[Any, Any, None]]) -> Any:
    """Return a test of an async body, whose first argument is the `AppWorld`; the others are fixtures."""
    return _in_worlds(body, ["blocking", "asyncio", "trio", "asyncio-plain", "trio-plain"])


def in_each_loop(body: Callable[..., Coroutine[Any, Any, None]]) -> Any:
    """Return such a test, in event loops only."""
    return _in_worlds(body, ["asyncio", "trio", "asyncio-plain", "trio-plain"])


def _in_worlds(body: Callable[..., Coroutine[Any, Any, None]], names: list[str]) -> Any:
    @functools.wraps(body)
    def test(world: AppWorld, **fixtures: Any) -> None:
        world.run_test(body, world, **fixtures)

    return pytest.mark.parametrize("world", [AppWorld(name) for name in names], ids=repr)(test)


def later(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the async twin of a function, or of a generator function without a return value."""
    if inspect.isgeneratorfunction(function):

        async def twin(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            generator = function(*args, **kwargs)
            try:
                for item in generator:
                    await anyio.lowlevel.checkpoint()
                    yield item
            finally:
                generator.close()

    else:

        async def twin(*args: Any, **kwargs: Any) -> Any:
            await anyio.lowlevel.checkpoint()
            return function(*args, **kwargs)

    twin.__name__, twin.__qualname__ = function.__name__, function.__qualname__
    twin.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]  # read by inspect.signature
    return twin


class EventRecorder:
    """A hook that records events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def lines(self) -> list[str]:
        """A line for each event: its class, the action, the item; of failures the class of the error."""
        return [_line(event) for event in self.events]


def _line(event: Event) -> str:
    parts = [type(event).__name__]
    if (of := getattr(event, "action", None)) is not None:
        parts.append(of.name)
    if isinstance(event, StreamItem):
        parts.append(str(event.item_index))
    if isinstance(event, StreamEnded):
        parts.append(str(event.items_streamed))
    if isinstance(event, StreamEnded | StepEnded | RunEnded) and event.exception is not None:
        parts.append(type(event.exception).__name__)
    return " ".join(parts)


def builder(*actions: Any, recorder: Any = None, entrypoint: str | None = None, **named: Any) -> ApplicationBuilder:
    """Return a builder with these actions, one after the other."""
    names = [*(each.__name__ for each in actions), *named]
    made = ApplicationBuilder().with_actions(*actions, **named).with_entrypoint(entrypoint or names[0])
    made.with_transitions(*zip(names, names[1:], strict=False))
    return made if recorder is None else made.with_hooks(recorder)


def counter(world: AppWorld, name: str = "count") -> Any:
    """Return an action that adds one to ``count``, which is also its result."""

    def count(state: State) -> tuple[dict[str, Any], State]:
        new = state.increment(count=1)
        return {"count": new["count"]}, new

    return _named(world.action(["count"], ["count"]), count, name)


def streamer(world: AppWorld, name: str = "stream", items: int = 10) -> Any:
    """Return a streaming action of this number of items, and a result that it appends to ``said``."""

    def stream(state: State) -> Iterator[Any]:
        for index in range(items):
            yield {"item": f"{name} {index}"}, None
        yield {"answer": name}, state.append(said=name)

    return _named(world.streaming(["said"], ["said"]), stream, name)


def items_of(name: str, count: int) -> list[Any]:
    """Return the items of a `streamer`."""
    return [{"item": f"{name} {index}"} for index in range(count)]


def _named(declare: Any, function: Any, name: str) -> Any:
    function.__name__ = name
    return declare(function)
