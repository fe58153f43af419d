"""How an application's flow uses a persister: methods that block and methods that are awaited, in both worlds."""

from __future__ import annotations

from typing import Generic, TypeVar

from ...errors import PersistenceFailed
from ...memory.asks import Call

R_co = TypeVar("R_co", covariant=True)


class PersisterCall(Call[R_co], Generic[R_co]):
    """Call a persister's method, which may be blocking or async.

    It runs where a memory's method would: see `declarai_like.memory.Call`.

    Raises:
        PersistenceFailed: the method failed. An error that is none of this library's is its cause.
    """

    def _failed(self, error: Exception) -> Exception:
        name: str = getattr(self._function, "__qualname__", None) or repr(self._function)
        return PersistenceFailed(f"the persister's {name} failed: {type(error).__name__}: {error}")
