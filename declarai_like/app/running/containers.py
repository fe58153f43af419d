"""The items of a streaming step, and at its end the result and the state."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from ..actions.actions import Action
from ..state.state import S_co, State

if TYPE_CHECKING:
    from typing import Self

Outcome: TypeAlias = tuple[Any, State[S_co]]
"""A result, and the state after it."""


@dataclass(slots=True)
class StepReady:
    """An action is about to stream; ``state`` is the one before it."""

    action: Action
    state: State


@dataclass(slots=True)
class StepDone:
    """An action has streamed, and others may follow."""

    result: Any
    state: State


class _Container(Generic[S_co]):
    """What is known of a stream on its way.

    Attributes:
        action: the action that streams.
    """

    def __init__(self, ready: StepReady, outcome: Callable[[], tuple[Any, Any, State]] | None) -> None:
        """Without an ``outcome`` the stream's end is a `Done` among the items, and others follow."""
        self.action = ready.action
        self._before = ready.state
        self._outcome = outcome
        self._is_alone = outcome is not None
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

    def _leave(self) -> None:
        self._final = None, self._before

    @property
    def _is_over(self) -> bool:
        return self._final is not None or self._error is not None

    def _got(self) -> Outcome[S_co]:
        if self._error is not None:
            raise self._error
        assert self._final is not None
        return self._final

    def __repr__(self) -> str:
        return f"<items of {self.action!r}, {'over' if self._is_over else 'not over'}>"


class StreamingResultContainer(_Container[S_co], Iterator[Any]):
    """The items of a step that streams, for ``for`` and ``next``; `get` gives its result and the state.

    To leave a ``for`` loop early, or to `close`, is to leave the call: the action's generator is closed, and the
    application is as it was before the call.

    Raises:
        ApplicationError: to who reads it: the action gave what it may not.
        Exception: to who reads it: what the action raises.
    """

    def __init__(
        self,
        ready: StepReady,
        emits: Generator[Any, None, None],
        outcome: Callable[[], tuple[Any, Any, State]] | None = None,
    ) -> None:
        super().__init__(ready, outcome)
        self._emits = emits

    @classmethod
    def pass_through(cls, action: Action, result: Any, state: State) -> Self:
        """Give one without items, which has its result already."""
        container = cls(StepReady(action, state), (_ for _ in ()))
        container._final = result, state
        return container

    def __next__(self) -> Any:
        if self._is_over:
            raise StopIteration
        try:
            item = next(self._emits)
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
            if self._is_over:
                return
            if self._is_alone:
                yield from self._emits
            for item in self._emits:
                if type(item) is StepDone:
                    self._end(item)
                    return
                yield item
            self._end()
        except GeneratorExit:
            if self._is_alone:
                self.close()
            raise
        except BaseException as error:
            self._fail(error)
            raise

    def get(self) -> Outcome[S_co]:
        """Read what is left, and give the result and the state after it.

        Of a stream that was left early these are None and the state before it.

        Raises:
            Exception: what the action raised, each time.
        """
        if not self._is_over:
            for _ in self:
                pass
        return self._got()

    def close(self) -> None:
        """Leave the stream. When this returns, the action's own ``finally`` has run."""
        if not self._is_over:
            self._leave()
            self._emits.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncStreamingResultContainer(_Container[S_co], AsyncIterator[Any]):
    """The items of a step that streams, for ``async for``; ``await`` `get` for its result and the state.

    To `aclose`, or to leave an ``async with`` block, is to leave the call: the action's generator is closed, and the
    application is as it was before the call. To leave an ``async for`` loop early is not enough; what is then let
    go, asyncio closes when it gets to it.

    Raises:
        ApplicationError: to who reads it: the action gave what it may not.
        Exception: to who reads it: what the action raises.
    """

    def __init__(
        self,
        ready: StepReady,
        emits: AsyncGenerator[Any, None],
        outcome: Callable[[], tuple[Any, Any, State]] | None = None,
    ) -> None:
        super().__init__(ready, outcome)
        self._emits = emits

    @classmethod
    def pass_through(cls, action: Action, result: Any, state: State) -> Self:
        """Give one without items, which has its result already."""
        container = cls(StepReady(action, state), _nothing())
        container._final = result, state
        return container

    async def __anext__(self) -> Any:
        if self._is_over:
            raise StopAsyncIteration
        try:
            item = await self._emits.__anext__()
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
        """Read what is left, and give the result and the state after it, as the other container's ``get``."""
        async for _ in self:
            pass
        return self._got()

    async def aclose(self) -> None:
        """Leave the stream. When this returns, the action's own ``finally`` has run."""
        if not self._is_over:
            self._leave()
            await self._emits.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


async def _nothing() -> AsyncGenerator[Any, None]:
    return
    yield
