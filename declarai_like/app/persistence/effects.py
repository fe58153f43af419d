"""The effect by which an application's flow calls a persister."""

from __future__ import annotations

from typing import Generic, TypeVar

from ..._core.method_calls import MethodCall
from ...errors import PersistenceFailed

R_co = TypeVar("R_co", covariant=True)


class PersisterCall(MethodCall[R_co], Generic[R_co]):
    """Call a persister's method, which may be blocking or async; it runs as a memory's methods do.

    Raises:
        PersistenceFailed: the method failed. An error from outside of this library is its cause.
    """

    owner = "persister"
    failure = PersistenceFailed
