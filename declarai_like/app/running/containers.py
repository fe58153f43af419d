"""Containers of a streaming step: its items and, at the end, its result and the next state."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from ..actions.actions import Action
from ..state.state import S_co, State

if TYPE_CHECKING:
    from typing import Self

Outcome: TypeAlias = tuple[Any, State[S_co]]
"""A result and the next state."""


@dataclass(slots=True)
class StepReady:
    """Yielded by a flow before an action streams; ``state`` is the one before it."""

    action: Action
    state: State


@dataclass(slots=True)
class StepDone:
    """Yielded by a flow after an action has streamed, if another action may follow."""

    result: Any
    state: State


class _Container(Generic[S_co]):
    """The state of a stream, for both containers.

    Attributes:
        action: the action that streams.
    """

    def __init__(self, ready: StepReady, outcome: Callable[[], tuple[Any, Any, State]] | None) -> None:
        """Make a container.

        Args:
            ready: the action, and the state before it.
            outcome: returns the result of the call at its end. None for one step of several: a `StepDone` among the
                items is then its end, and the items after it belong to other steps.
        """
        self.action = ready.action
        self._before = ready.state
        self._outcome = outcome
        self._owns_call = outcome is not None
        self._final: Outcome[S_co] | None = None
        self._error: BaseException | None = None

    def _end(self, done: StepDone | None = None) -> None:
        if done is not None:
            self._final = done.result, done.state
        elif self._outcome is not None:
            _, result, state = self._outcome()
            self._final = result, state

    def _fail(self, error: BaseException) -> None:
        self._error = error

    def _close_early(self) -> None:
        self._final = None, self._before

    @property
    def _has_ended(self) -> bool:
        return self._final is not None or self._error is not None

    def _get(self) -> Outcome[S_co]:
        if self._error is not None:
            raise self._error
        assert self._final is not None
        return self._final

    def __repr__(self) -> str:
        return f"<items of {self.action!r}, {'ended' if self._has_ended else 'open'}>"


class StreamingResultContainer(_Container[S_co], Iterator[Any]):
    """The items of a streaming step, for ``for`` and ``next``; `get` returns its result and the next state.

    Leaving a ``for`` loop early, and `close`, end the call: the action's generator is closed, and the application
    returns to its state before the call.

    Raises:
        ApplicationError: while it is read: inputs are missing, or the action returned or yielded a wrong value.
        Exception: while it is read: the action raised it.
    """

    def __init__(
        self,
        ready: StepReady,
        items: Generator[Any, None, None],
        outcome: Callable[[], tuple[Any, Any, State]] | None = None,
    ) -> None:
        super().__init__(ready, outcome)
        self._items = items

    @classmethod
    def pass_through(cls, action: Action, result: Any, state: State) -> Self:
        """Return a container without items, for a step that has ended."""
        container = cls(StepReady(action, state), (_ for _ in ()))
        container._final = result, state
        return container

    def __next__(self) -> Any:
        if self._has_ended:
            raise StopIteration
        try:
            item = next(self._items)
        except StopIteration:
            self._end()
            raise
        except BaseException as error:
            self._fail(error)
            raise
        if type(item) is StepDone:
            self._end(item)
            raise StopIteration
        return item

    def __iter__(self) -> Iterator[Any]:
        try:
            if self._has_ended:
                return
            if self._owns_call:
                yield from self._items  # without a look at each item; the loop below then finds no more
            for item in self._items:
                if type(item) is StepDone:
                    self._end(item)
                    return
                yield item
            self._end()
        except GeneratorExit:  # the for loop was left, and Python closes its iterator
            if self._owns_call:
                self.close()
            raise
        except BaseException as error:
            self._fail(error)
            raise

    def get(self) -> Outcome[S_co]:
        """Read the remaining items, and return the result and the next state.

        For a stream that was closed early these are None and the state before it.

        Raises:
            Exception: the action raised it; it is raised at each call.
        """
        if not self._has_ended:
            for _ in self:
                pass
        return self._get()

    def close(self) -> None:
        """Close the stream. When this returns, the action's ``finally`` blocks have run."""
        if not self._has_ended:
            self._close_early()
            self._items.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncStreamingResultContainer(_Container[S_co], AsyncIterator[Any]):
    """The items of a streaming step, for ``async for``; ``await`` `get` returns its result and the next state.

    `aclose`, and leaving an ``async with`` block, end the call: the action's generator is closed, and the application
    returns to its state before the call. Leaving an ``async for`` loop early is not enough: without a reference left,
    asyncio closes the generator at a later time.

    Raises:
        ApplicationError: while it is read: inputs are missing, or the action returned or yielded a wrong value.
        Exception: while it is read: the action raised it.
    """

    def __init__(
        self,
        ready: StepReady,
        items: AsyncGenerator[Any, None],
        outcome: Callable[[], tuple[Any, Any, State]] | None = None,
    ) -> None:
        super().__init__(ready, outcome)
        self._items = items

    @classmethod
    def pass_through(cls, action: Action, result: Any, state: State) -> Self:
        """Return a container without items, for a step that has ended."""
        container = cls(StepReady(action, state), _no_items())
        container._final = result, state
        return container

    async def __anext__(self) -> Any:
        if self._has_ended:
            raise StopAsyncIteration
        try:
            item = await self._items.__anext__()
        except StopAsyncIteration:
            self._end()
            raise
        except BaseException as error:
            self._fail(error)
            raise
        if type(item) is StepDone:
            self._end(item)
            raise StopAsyncIteration
        return item

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def get(self) -> Outcome[S_co]:
        """Read the remaining items, and return the result and the next state, as the sync ``get``."""
        async for _ in self:
            pass
        return self._get()

    async def aclose(self) -> None:
        """Close the stream. When this returns, the action's ``finally`` blocks have run."""
        if not self._has_ended:
            self._close_early()
            await self._items.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


async def _no_items() -> AsyncGenerator[Any, None]:
    return
    yield  # makes it an async generator
