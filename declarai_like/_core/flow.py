"""One algorithm, two worlds: a flow is a generator that asks, emits and returns; drivers run it.

A flow is an ordinary generator. What it yields is either an *ask* (an `Effect`: something that only the
outside world can do, answered with its result) or an *emit* (anything else: an item for whoever
reads the flow). What it returns is its result. Flows compose with ``yield from``.

An ask knows how to be performed twice, blocking and async; a flow is written once. A `Driver` runs one
flow in either world. What a flow opens (`Open`) the drive closes, when the flow ends, fails, is
cancelled or is left: so a flow needs no cleanup of its own, and cannot forget it.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    import anyio

T = TypeVar("T")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


class Effect(Generic[R_co]):
    """Something that only the outside world can do. A flow gets its result, or its error, back.

    No abstract base class: drives ask of everything that a flow yields whether it is one, and of an
    abstract class that takes ten times as long.
    """

    tracked = False  # whether a resource begins or ends with it

    def run(self) -> R_co:
        """Do it, and give what came of it, in blocking code."""
        raise NotImplementedError

    async def arun(self) -> R_co:
        """Do it, and give what came of it, in async code."""
        raise NotImplementedError

    def abort(self) -> None:
        """End the performing that is under way in another thread or task, where that can be done."""


Flow: TypeAlias = Generator[Effect[Any] | T, Any, R]
"""A flow that emits ``T`` and returns ``R``."""


class Resource(Protocol):
    """What a flow can open. Closing twice is allowed and does nothing.

    One that has an ``is_idle``, which is true, waits for nothing when it is closed.
    """

    def close(self) -> None: ...

    async def aclose(self) -> None: ...


Res = TypeVar("Res", bound=Resource)


class Open(Effect[Res]):
    """An ask whose result is a resource: the drive closes it at the latest when the flow is over."""

    tracked = True


class Close(Effect[None]):
    """Close a resource before the flow is over."""

    tracked = True

    def __init__(self, resource: Resource) -> None:
        self.resource = resource

    def run(self) -> None:
        self.resource.close()

    async def arun(self) -> None:
        await self.resource.aclose()


class Own(Open[Res]):
    """Give a resource that is there already to the drive, which closes it when the flow is over."""

    def __init__(self, resource: Res) -> None:
        self._resource = resource

    def run(self) -> Res:
        return self._resource

    async def arun(self) -> Res:
        return self._resource


class Subflow(Effect[R]):
    """Run another flow, as ``yield from`` does: its asks and emits are those of this one, its result is the answer.

    What it emits does not go through the flows around it, one after the other; so it may be deep inside of them.
    """

    def __init__(self, flow: Flow[Any, R]) -> None:
        self.flow = flow


class Finalizer:
    """A resource that runs another flow when it is closed: what is to be done when a flow is left before its end.

    A flow that is being closed can ask for nothing any more; this one can.

    Attributes:
        flow: begins that flow; None when there is nothing to be done any more.
    """

    def __init__(self, flow: Callable[[], Flow[Any, Any]] | None) -> None:
        self.flow = flow

    @property
    def is_idle(self) -> bool:
        return self.flow is None

    def close(self) -> None:
        flow, self.flow = self.flow, None
        if flow is not None:
            run(flow())

    async def aclose(self) -> None:
        flow, self.flow = self.flow, None
        if flow is not None:
            await arun(flow())


class InEventLoop(Effect[bool]):
    """Ask in which world the flow is run."""

    def run(self) -> bool:
        return False

    async def arun(self) -> bool:
        return True


class Sleep(Effect[None]):
    """Wait for some seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._aborted = threading.Event()
        self._scope: anyio.CancelScope | None = None

    def run(self) -> None:
        self._aborted.wait(self.seconds)

    async def arun(self) -> None:
        import anyio

        with anyio.CancelScope() as self._scope:
            await anyio.sleep(self.seconds)

    def abort(self) -> None:
        self._aborted.set()
        if self._scope is not None:
            self._scope.cancel()


def perform(request: Effect[R]) -> Generator[Effect[R], Any, R]:
    """Ask with a typed answer: ``answer = yield from ask(...)``."""
    answer: R = yield request
    return answer


def discard_items(flow: Flow[Any, R]) -> Flow[Any, R]:
    """Run a flow inside of another, and pass over what it emits."""
    try:
        got: Any = next(flow)
        while True:
            if not isinstance(got, Effect):
                got = next(flow)
                continue
            asked: Effect[Any] = got  # pyright: ignore[reportUnknownVariableType]  (its result is not known here)
            try:
                answer = (yield from discard_items(asked.flow)) if isinstance(asked, Subflow) else (yield asked)
            except Exception as error:  # the flow decides what its failed ask means
                got = flow.throw(error)
            else:
                got = flow.send(answer)
    except StopIteration as stop:
        return cast("R", stop.value)


_Step: TypeAlias = Callable[[Any], Any]


class Driver(Generic[T, R]):
    """One run of one flow, in one world: by `items` or by `aitems`, whichever is iterated first."""

    def __init__(self, flow: Flow[T, R]) -> None:
        self._flow = flow
        self._flows: list[Flow[Any, Any]] = [flow]  # that one, and those inside of it
        self._opened: list[Resource] = []
        self._current: Effect[Any] | None = None
        self._aborted = False
        self.result: R  # what the flow returned, once it has
        self.finished = False
        """Whether the flow came to its end by itself."""

    def items(self) -> Generator[T, None, None]:  # noqa: PLR0915  (functions would cost each emit a call)
        """Run the flow, blocking, and give what it emits."""
        flow = self._flow
        send, throw = cast("tuple[_Step, _Step]", (flow.send, flow.throw))
        step, value = send, cast("Any", None)
        outer: list[tuple[_Step, _Step]] = []  # the flows that the running one is inside of
        try:
            while True:
                try:
                    got: Any = step(value)
                except StopIteration as stop:
                    if not outer:
                        self.result, self.finished = stop.value, True
                        return
                    send, throw = outer.pop()
                    step, value = send, stop.value
                    continue
                except Exception as error:
                    if not outer:
                        raise
                    send, throw = outer.pop()
                    step, value = throw, error
                    continue
                if not isinstance(got, Effect):
                    step, value = send, None
                    yield got
                    continue
                asked: Effect[Any] = got  # pyright: ignore[reportUnknownVariableType]  (its result is not known here)
                if isinstance(asked, Subflow):
                    outer.append((send, throw))
                    send, throw = self._enter(asked)
                    step, value = send, None
                    continue
                self._current = asked
                try:
                    step, value = send, asked.run()
                except Exception as error:  # the flow decides what its failed ask means
                    step, value = throw, error
                else:
                    if asked.tracked:
                        self._track(asked, value)
                if self._aborted:
                    return
        finally:
            self._leave()
            if self._opened:
                self._close()

    async def aitems(self) -> AsyncGenerator[T, None]:  # noqa: PLR0915  (as above)
        """Run the flow, async, and give what it emits."""
        flow = self._flow
        send, throw = cast("tuple[_Step, _Step]", (flow.send, flow.throw))
        step, value = send, cast("Any", None)
        outer: list[tuple[_Step, _Step]] = []  # the flows that the running one is inside of
        try:
            while True:
                try:
                    got: Any = step(value)
                except StopIteration as stop:
                    if not outer:
                        self.result, self.finished = stop.value, True
                        return
                    send, throw = outer.pop()
                    step, value = send, stop.value
                    continue
                except Exception as error:
                    if not outer:
                        raise
                    send, throw = outer.pop()
                    step, value = throw, error
                    continue
                if not isinstance(got, Effect):
                    step, value = send, None
                    yield got
                    continue
                asked: Effect[Any] = got  # pyright: ignore[reportUnknownVariableType]  (its result is not known here)
                if isinstance(asked, Subflow):
                    outer.append((send, throw))
                    send, throw = self._enter(asked)
                    step, value = send, None
                    continue
                self._current = asked
                try:
                    step, value = send, await asked.arun()
                except Exception as error:  # the flow decides what its failed ask means
                    step, value = throw, error
                else:
                    if asked.tracked:
                        self._track(asked, value)
                if self._aborted:
                    return
        finally:
            self._leave()
            if self._opened:
                await self._aclose()

    def abort(self) -> None:
        """End a run that is under way in another thread or task: with the ask that it waits for, if that can be ended."""
        self._aborted = True
        if self._current is not None:
            self._current.abort()

    def _track(self, performed: Any, value: Any) -> None:
        if not isinstance(performed, Close):
            self._opened.append(value)
        elif performed.resource in self._opened:
            self._opened.remove(performed.resource)

    def _enter(self, inner: Subflow[Any]) -> tuple[_Step, _Step]:
        self._flows.append(inner.flow)
        return inner.flow.send, inner.flow.throw

    def _leave(self) -> None:
        """Close the flows, the inmost first."""
        while self._flows:
            self._flows.pop().close()

    def _close(self) -> None:
        """Close what was opened, the last first; each of it, also where closing one fails."""
        try:
            self._opened.pop().close()
        finally:
            if self._opened:
                self._close()

    async def _aclose(self) -> None:
        while self._opened and getattr(self._opened[-1], "is_idle", False):
            self._opened.pop().close()
        if not self._opened:
            return
        import anyio

        with anyio.CancelScope(shield=True):  # a cancelled task still owes the connection its end
            await self._aclose_each()

    async def _aclose_each(self) -> None:
        try:
            await self._opened.pop().aclose()
        finally:
            if self._opened:
                await self._aclose_each()


def run(flow: Flow[Any, R]) -> R:
    """Run a flow to its result, blocking; what it emits is passed over."""
    driver = Driver(flow)
    for _ in driver.items():
        pass
    return driver.result


async def arun(flow: Flow[Any, R]) -> R:
    """Run a flow to its result, async; what it emits is passed over."""
    driver = Driver(flow)
    async for _ in driver.aitems():
        pass
    return driver.result
