"""Blocking code in async code: a call that runs in a worker thread, and an iterator whose items are made there."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import Any, TypeVar

R = TypeVar("R")
T = TypeVar("T")

_END: Any = object()


async def in_thread(function: Callable[[], R]) -> R:
    """Call a function in a worker thread, and give what it gives, also where that can be awaited."""
    import anyio.to_thread

    # In a tuple, as trio lets no coroutine come out of a thread
    (given,) = await anyio.to_thread.run_sync(lambda: (function(),))
    return given


async def items_in_threads(begin: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """Give the items of an iterator that blocks, which runs in one context. A generator is closed at the end."""
    import anyio.to_thread

    context = contextvars.copy_context()
    # A task that is cancelled may leave its thread at work, and a generator that runs cannot be closed
    running = threading.Lock()
    iterator: Iterator[T] | None = None

    def step() -> T:
        nonlocal iterator
        with running:
            if iterator is None:
                iterator = context.run(begin)
            return context.run(next, iterator, _END)

    def close() -> None:
        with running:
            if isinstance(iterator, Generator):
                context.run(iterator.close)

    try:
        while (item := await anyio.to_thread.run_sync(step)) is not _END:
            yield item
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(close)
