"""The effect by which a chat's flow calls a memory."""

from __future__ import annotations

from typing import Generic, TypeVar

from .._core.method_calls import MethodCall
from ..errors import MemoryFailed

R_co = TypeVar("R_co", covariant=True)


class MemoryCall(MethodCall[R_co], Generic[R_co]):
    """Call a memory's method, which may be blocking or async.

    In async code a blocking method runs in a worker thread, unless the memory is ``instant``. In blocking code an async
    method runs in an event loop in a thread, the same one for all calls.

    Raises:
        MemoryFailed: the method failed. An error from outside of this library is its cause.
    """

    owner = "memory"
    failure = MemoryFailed
