"""Sans-I/O flows: generators that yield effects and output items, run by a sync or an async driver.

A *flow* is a plain generator that contains an algorithm once, for blocking and async code, and does no I/O. It yields:

* an *effect* (`Effect`): a description of I/O or waiting. The driver runs it and sends its result into the flow;
* anything else, which is an *item*: output for the caller of the driver.

What it returns is its result. Flows compose with ``yield from``::

    def download(url: str) -> Flow[bytes, int]:
        connection = yield from perform(Connect(url))  # an effect; its result is a resource (`Open`)
        size = 0
        while data := (yield from perform(Read(connection))):  # an effect: the driver reads
            size += len(data)
            yield data  # an item
        return size  # the result

A *driver* (`Driver`) runs one flow, once: in blocking code with `Driver.items`, in async code (asyncio or trio) with
`Driver.aitems`. An effect is therefore implemented twice, as `Effect.run` and `Effect.arun`; everything above it is
written once. A driver guarantees:

* Effects run one at a time, in the order in which they are yielded.
* The error of a failed effect is raised inside the flow, at its ``yield``, where ``except`` can handle it.
* The flow advances only when the caller asks for the next item; nothing is read ahead.
* Each resource that the flow opened (`Open`, `Own`) is closed when the flow returns, fails, is cancelled or is left
  early by the caller, in reverse order. So flows do not need cleanup code.

`run` and `arun` run a flow to its result and ignore its items.
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
    """A description of I/O or waiting, which the driver of a flow runs.

    The flow receives the result of a successful effect, or has the error of a failed one raised at its ``yield``.
    """

    # Not an abc.ABC: drivers call isinstance(x, Effect) for everything that a flow yields, and ABCMeta makes that
    # about ten times slower.

    tracked = False  # True if it opens or closes a resource, see Driver._track

    def run(self) -> R_co:
        """Run the effect in blocking code and return its result."""
        raise NotImplementedError

    async def arun(self) -> R_co:
        """Run the effect in async code and return its result."""
        raise NotImplementedError

    def abort(self) -> None:
        """Interrupt the effect while it runs in another thread or task. Not every effect can be interrupted."""


Flow: TypeAlias = Generator[Effect[Any] | T, Any, R]
"""A flow with items of type ``T`` and a result of type ``R``."""


class Resource(Protocol):
    """An object that a flow can open. Closing it twice is allowed; the second time does nothing.

    A resource may have an attribute ``is_idle``. While it is true, ``close()`` does not wait and may be called in async
    code.
    """

    def close(self) -> None: ...

    async def aclose(self) -> None: ...


Res = TypeVar("Res", bound=Resource)


class Open(Effect[Res]):
    """An effect whose result is a resource. The driver closes it when the flow is over, if it is still open."""

    tracked = True


class Close(Effect[None]):
    """Close a resource before the flow is over; the driver then no longer tracks it."""

    tracked = True

    def __init__(self, resource: Resource) -> None:
        self.resource = resource

    def run(self) -> None:
        self.resource.close()

    async def arun(self) -> None:
        await self.resource.aclose()


class Own(Open[Res]):
    """Hand an existing resource over to the driver, which closes it when the flow is over."""

    def __init__(self, resource: Res) -> None:
        self._resource = resource

    def run(self) -> Res:
        return self._resource

    async def arun(self) -> Res:
        return self._resource


class Subflow(Effect[R]):
    """Delegate to another flow, as ``yield from`` does: ``result = yield Subflow(flow)``.

    With ``yield from``, each item passes through every generator between the innermost flow and the driver, so n levels
    cost n resumptions an item. The driver keeps subflows on a stack and resumes the innermost one directly: the cost of
    an item does not depend on the depth. Use it for a flow that yields many items deep inside of others.
    """

    def __init__(self, flow: Flow[Any, R]) -> None:
        self.flow = flow


class Finalizer:
    """A resource that runs another flow when it is closed: cleanup that needs effects.

    A flow that is left early gets a `GeneratorExit`, after which a generator must not yield. So its own ``finally``
    cannot yield effects; the flow of a finalizer can.

    Attributes:
        flow: a function that returns the flow to run; None disarms the finalizer.
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
    """An effect whose result is True in async code, False in blocking code."""

    def run(self) -> bool:
        return False

    async def arun(self) -> bool:
        return True


class Sleep(Effect[None]):
    """Wait for a number of seconds."""

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


def perform(effect: Effect[R]) -> Generator[Effect[R], Any, R]:
    """Yield an effect and return its result, with its type: ``data = yield from perform(Read(connection))``.

    The type of a bare ``yield`` is Any, because one flow yields effects of many types.
    """
    result: R = yield effect
    return result


def discard_items(flow: Flow[Any, R]) -> Flow[Any, R]:
    """Run a flow inside another one and drop its items.

    It forwards effects by hand instead of with ``yield from``, so it also has to forward their errors.
    """
    try:
        yielded: Any = next(flow)
        while True:
            if not isinstance(yielded, Effect):
                yielded = next(flow)
                continue
            effect: Effect[Any] = yielded  # pyright: ignore[reportUnknownVariableType]  (its result is not known here)
            try:
                # The driver would hand out the items of a subflow, so it is run here
                result = (yield from discard_items(effect.flow)) if isinstance(effect, Subflow) else (yield effect)
            except Exception as error:  # the flow decides what a failed effect means
                yielded = flow.throw(error)
            else:
                yielded = flow.send(result)
    except StopIteration as stop:
        return cast("R", stop.value)


_Resume: TypeAlias = Callable[[Any], Any]
"""The ``send`` or the ``throw`` of a flow."""


class Driver(Generic[T, R]):
    """One run of one flow, sync or async: by `items` or by `aitems`, whichever is iterated first.

    Attributes:
        result: the flow's return value; set once ``finished`` is true.
        finished: True if the flow returned by itself, so it was neither left early nor aborted, and did not fail.
    """

    def __init__(self, flow: Flow[T, R]) -> None:
        self._flow = flow
        self._flows: list[Flow[Any, Any]] = [flow]  # the stack: that one, and the running subflows in it
        self._opened: list[Resource] = []
        self._current: Effect[Any] | None = None
        self._aborted = False
        self.result: R
        self.finished = False

    # The loop is written out twice, and in one function each. The two differ in one `await` and in how they close, but
    # a sync generator cannot await, and an async one cannot be run without an event loop. A shared core would be one
    # more generator, or a call, between the flow and each item; this is the hottest loop of the package, run for every
    # chunk of every stream. Change both copies together.

    def items(self) -> Generator[T, None, None]:  # noqa: PLR0915  (helper functions would cost a call for each item)
        """Run the flow in blocking code and yield its items."""
        flow = self._flow
        send, throw = cast("tuple[_Resume, _Resume]", (flow.send, flow.throw))
        resume, value = send, cast("Any", None)
        outer: list[tuple[_Resume, _Resume]] = []  # send and throw of the flows that wait for a subflow
        try:
            while True:
                try:
                    yielded: Any = resume(value)
                except StopIteration as stop:
                    if not outer:
                        self.result, self.finished = stop.value, True
                        return
                    send, throw = outer.pop()
                    self._flows.pop()
                    resume, value = send, stop.value
                    continue
                except Exception as error:
                    if not outer:
                        raise
                    send, throw = outer.pop()
                    self._flows.pop()
                    resume, value = throw, error
                    continue
                if not isinstance(yielded, Effect):
                    resume, value = send, None
                    yield yielded
                    continue
                effect: Effect[Any] = yielded  # pyright: ignore[reportUnknownVariableType]  (its result is not known)
                if isinstance(effect, Subflow):  # not run, but put on the stack: see `Subflow`
                    outer.append((send, throw))
                    send, throw = self._enter_subflow(effect)
                    resume, value = send, None
                    continue
                self._current = effect
                try:
                    resume, value = send, effect.run()
                except Exception as error:
                    # Into the flow, not to the caller: only the flow knows whether to retry, translate or fail.
                    # BaseException (KeyboardInterrupt, cancellation) is not for it to handle: that ends the run.
                    resume, value = throw, error
                else:
                    if effect.tracked:
                        self._track(effect, value)
                if self._aborted:  # also where the effect came to its end first: an aborted run goes no further
                    return
        finally:
            self._close_flows()
            if self._opened:
                self._close_opened()

    async def aitems(self) -> AsyncGenerator[T, None]:  # noqa: PLR0915  (as above)
        """Run the flow in async code and yield its items."""
        flow = self._flow
        send, throw = cast("tuple[_Resume, _Resume]", (flow.send, flow.throw))
        resume, value = send, cast("Any", None)
        outer: list[tuple[_Resume, _Resume]] = []  # send and throw of the flows that wait for a subflow
        try:
            while True:
                try:
                    yielded: Any = resume(value)
                except StopIteration as stop:
                    if not outer:
                        self.result, self.finished = stop.value, True
                        return
                    send, throw = outer.pop()
                    self._flows.pop()
                    resume, value = send, stop.value
                    continue
                except Exception as error:
                    if not outer:
                        raise
                    send, throw = outer.pop()
                    self._flows.pop()
                    resume, value = throw, error
                    continue
                if not isinstance(yielded, Effect):
                    resume, value = send, None
                    yield yielded
                    continue
                effect: Effect[Any] = yielded  # pyright: ignore[reportUnknownVariableType]  (its result is not known)
                if isinstance(effect, Subflow):
                    outer.append((send, throw))
                    send, throw = self._enter_subflow(effect)
                    resume, value = send, None
                    continue
                self._current = effect
                try:
                    resume, value = send, await effect.arun()
                except Exception as error:  # as in `items`
                    resume, value = throw, error
                else:
                    if effect.tracked:
                        self._track(effect, value)
                if self._aborted:
                    return
        finally:
            self._close_flows()
            if self._opened:
                await self._aclose_opened()

    def abort(self) -> None:
        """End the run from another thread or task; the effect that is running is interrupted if it can be."""
        self._aborted = True
        if self._current is not None:
            self._current.abort()

    def _track(self, effect: Any, result: Any) -> None:
        """Record a resource that was opened, or drop one that was closed."""
        if not isinstance(effect, Close):
            self._opened.append(result)
        elif effect.resource in self._opened:
            self._opened.remove(effect.resource)

    def _enter_subflow(self, subflow: Subflow[Any]) -> tuple[_Resume, _Resume]:
        self._flows.append(subflow.flow)
        return subflow.flow.send, subflow.flow.throw

    def _close_flows(self) -> None:
        """Close the flows, the innermost first, so that ``finally`` blocks run in the order of nested calls."""
        while self._flows:
            self._flows.pop().close()

    def _close_opened(self) -> None:
        """Close all resources, the last opened first, even if closing one of them fails."""
        try:
            self._opened.pop().close()
        finally:
            if self._opened:
                self._close_opened()

    async def _aclose_opened(self) -> None:
        # Idle resources are the usual case at the end of a call; they need neither a cancel scope nor a checkpoint
        while self._opened and getattr(self._opened[-1], "is_idle", False):
            self._opened.pop().close()
        if not self._opened:
            return
        import anyio

        # In a cancelled task every await fails at once; without the shield the connection would stay open
        with anyio.CancelScope(shield=True):
            await self._aclose_each()

    async def _aclose_each(self) -> None:
        try:
            await self._opened.pop().aclose()
        finally:
            if self._opened:
                await self._aclose_each()


def run(flow: Flow[Any, R]) -> R:
    """Run a flow in blocking code and return its result; its items are dropped."""
    driver = Driver(flow)
    for _ in driver.items():
        pass
    return driver.result


async def arun(flow: Flow[Any, R]) -> R:
    """Run a flow in async code and return its result; its items are dropped."""
    driver = Driver(flow)
    async for _ in driver.aitems():
        pass
    return driver.result
