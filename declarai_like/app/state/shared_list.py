"""Lists that grow from state to state without being copied."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from .frozen import FrozenList, of_frozen


class SharedList:
    """The first so many values of a store that other, later states add to.

    Values are only ever added to the store, behind the last one, so whoever knows how many are theirs sees
    the same for ever. Where somebody else has gone on from here already, a store of one's own is begun.
    """

    __slots__ = ("_length", "_lock", "_store", "_view")

    def __init__(self, store: list[Any], lock: threading.Lock | None = None) -> None:
        self._store = store
        self._length = len(store)
        self._lock = lock or threading.Lock()
        self._view: FrozenList | None = None

    def appended(self, values: Sequence[Any]) -> SharedList:
        """Give this list with frozen values behind it."""
        with self._lock:
            if len(self._store) == self._length:
                self._store.extend(values)
                return SharedList(self._store, self._lock)
        return SharedList([*self._store[: self._length], *values])

    def view(self) -> FrozenList:
        """Give the list itself; it is made when it is first asked for."""
        if self._view is None:
            self._view = of_frozen(self._store[: self._length])
        return self._view
