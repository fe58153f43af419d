"""Append-only lists that states share, so that appending to a long list does not copy it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from .frozen import FrozenList, of_frozen


class SharedList:
    """The first values of a store, to which later states append.

    Values are only added at the end of the store, so a list that knows its own length never changes. Only one list can
    append in place: the one that ends where the store ends. Any other copies its values to a new store.
    """

    __slots__ = ("_length", "_lock", "_store", "_view")

    def __init__(self, store: list[Any], lock: threading.Lock | None = None) -> None:
        self._store = store
        self._length = len(store)
        self._lock = lock or threading.Lock()
        self._view: FrozenList | None = None

    def appended(self, values: Sequence[Any]) -> SharedList:
        """Return this list with frozen values appended."""
        # The lock covers the check and the extension: two threads must not both append in place to the same store.
        with self._lock:
            if len(self._store) == self._length:
                self._store.extend(values)
                return SharedList(self._store, self._lock)
        return SharedList([*self._store[: self._length], *values])

    def view(self) -> FrozenList:
        """Return the values as a list, which is made on first use."""
        if self._view is None:
            self._view = of_frozen(self._store[: self._length])
        return self._view
