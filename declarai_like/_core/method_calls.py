"""The effect that calls a blocking or async method of a user's object, for instance a memory, in sync or async code."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutinefunction
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ..errors import DeclaraiError
from .flow import Effect
from .per_process import PerProcess
from .threads import in_thread

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

R_co = TypeVar("R_co", covariant=True)


class MethodCall(Effect[R_co], Generic[R_co]):
    """Call a method, which may be blocking or async.

    In async code a blocking method runs in a worker thread. It runs to its end, even if the task is cancelled. If its
    object has a true attribute ``instant``, it is called directly.

    In blocking code an async method runs in an asyncio event loop in a background thread.

    Attributes:
        owner: the kind of object in error messages, for instance ``memory``.
        failure: the class of the error if the method fails. An error of this library is raised unchanged.
    """

    owner: ClassVar[str]
    failure: ClassVar[type[DeclaraiError]]

    def __init__(self, function: Callable[..., R_co | Awaitable[R_co]], *args: Any) -> None:
        self._function = function
        self._args = args

    def run(self) -> R_co:
        try:
            result = self._function(*self._args)
            # One loop for all calls: an object keeps its connections between calls, and they belong to one loop
            return _loop_thread.get().portal.call(_wait_for, result) if isawaitable(result) else result
        except DeclaraiError:
            raise
        except Exception as error:  # a user's code may raise anything
            raise self._failed(error) from error

    async def arun(self) -> R_co:
        function = self._function
        result: Any
        try:
            if iscoroutinefunction(function) or getattr(getattr(function, "__self__", None), "instant", False):
                result = function(*self._args)
            else:
                result = await in_thread(lambda: function(*self._args))
            answer: R_co = await result if isawaitable(result) else result
            return answer
        except DeclaraiError:
            raise
        except Exception as error:  # as above
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> DeclaraiError:
        name: str = getattr(self._function, "__qualname__", None) or repr(self._function)
        return self.failure(f"the {self.owner}'s {name} failed: {type(error).__name__}: {error}")


async def _wait_for(result: Awaitable[R_co]) -> R_co:
    return await result


class _LoopThread:
    """An event loop in a daemon thread, until it is closed or the process ends."""

    # Not anyio's start_blocking_portal: in a forked process it waits for ever for a thread that only the parent has.

    def __init__(self) -> None:
        from concurrent.futures import Future

        self._portal: Future[BlockingPortal] = Future()
        self._thread = threading.Thread(target=self._run, name="declarai-methods", daemon=True)
        self._thread.start()
        self.portal = self._portal.result()

    def close(self) -> None:
        self.portal.call(self.portal.stop)
        self._thread.join()

    def _run(self) -> None:
        import anyio

        try:
            anyio.run(self._serve)
        except BaseException as error:  # a waiting `__init__` would hang, so it gets the error
            if self._portal.done():
                raise
            self._portal.set_exception(error)

    async def _serve(self) -> None:
        from anyio.from_thread import BlockingPortal

        async with BlockingPortal() as portal:
            self._portal.set_result(portal)
            await portal.sleep_until_stopped()


_loop_thread = PerProcess(_LoopThread, _LoopThread.close)
