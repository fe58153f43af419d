"""Append-only lists that states share, so that appending to a long list does not copy it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from .frozen import FrozenList, of_frozen


class SharedList:
    """The first values of a buffer, to which later states append.

    Values are only added at the end of the buffer, so a list that knows its own length never changes. Only one list can
    append in place: the one that ends where the buffer ends. Any other copies its values to a new buffer.
    """

    __slots__ = ("_buffer", "_length", "_lock", "_view")

    def __init__(self, buffer: list[Any], lock: threading.Lock | None = None) -> None:
        self._buffer = buffer
        self._length = len(buffer)
        self._lock = lock or threading.Lock()
        self._view: FrozenList | None = None

    def appended(self, values: Sequence[Any]) -> SharedList:
        """Return this list with frozen values appended."""
        # The lock covers the check and the extension: two threads must not both append in place to the same buffer.
        with self._lock:
            if len(self._buffer) == self._length:
                self._buffer.extend(values)
                return SharedList(self._buffer, self._lock)
        return SharedList([*self._buffer[: self._length], *values])

    def view(self) -> FrozenList:
        """Return the values as a list, which is made on first use."""
        if self._view is None:
            self._view = of_frozen(self._buffer[: self._length])
        return self._view
