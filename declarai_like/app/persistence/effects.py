"""How an application's flow uses a persister."""

from __future__ import annotations

from typing import Generic, TypeVar

from ..._core.method_calls import MethodCall
from ...errors import PersistenceFailed

R_co = TypeVar("R_co", covariant=True)


class PersisterCall(MethodCall[R_co], Generic[R_co]):
    """Call a persister's method, which may be blocking or async, as a memory's methods are called.

    Raises:
        PersistenceFailed: the method failed. An error that is none of this library's is its cause.
    """

    owner = "persister"
    failure = PersistenceFailed
