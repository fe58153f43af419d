"""Blocking code in async code: calls and iterators that run in worker threads."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import Any, TypeVar

R = TypeVar("R")
T = TypeVar("T")

_END: Any = object()


async def in_thread(function: Callable[[], R]) -> R:
    """Call a function in a worker thread and return its result, which may be a coroutine."""
    import anyio.to_thread

    # In a tuple, as trio raises a TypeError if a thread returns a coroutine
    (result,) = await anyio.to_thread.run_sync(lambda: (function(),))
    return result


async def items_in_threads(start: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """Yield the items of a blocking iterator, which runs in worker threads. A generator is closed at the end."""
    import anyio.to_thread

    # One context for all items: each call of `run_sync` would copy the context, and what the iterator sets in a
    # context variable would be lost with the next item
    context = contextvars.copy_context()
    # `close` may come while a thread still runs the iterator; a generator that runs cannot be closed, so it waits
    running = threading.Lock()
    iterator: Iterator[T] | None = None

    def next_item() -> T:
        nonlocal iterator
        with running:
            if iterator is None:
                iterator = context.run(start)
            # With a default: a StopIteration cannot be set on a future, so it must not leave the thread
            return context.run(next, iterator, _END)

    def close() -> None:
        with running:
            if isinstance(iterator, Generator):
                context.run(iterator.close)

    try:
        while (item := await anyio.to_thread.run_sync(next_item)) is not _END:
            yield item
    finally:
        with anyio.CancelScope(shield=True):  # also in a cancelled task: the generator may hold resources
            await anyio.to_thread.run_sync(close)
