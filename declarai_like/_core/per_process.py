"""Lazily created resources of one process, such as connections and threads; safe to use after a fork."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """A lazily created resource, one per process (fork-safe). After `close` the next `get` creates another one.

    The resource is closed when this object is garbage-collected, and when the process ends.

    Web servers often fork after the application was created. A resource from before the fork belongs to the parent: a
    child must neither use nor close it. So the child keeps a reference to it and creates its own.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], object]) -> None:
        self._make = make
        self._close = close
        # With process ids; the last one is the newest, the others are of parent processes
        self._made: list[tuple[int, T]] = []
        self.renew_lock()
        _all.add(self)
        weakref.finalize(self, _close_own, self._made, close)

    def get(self) -> T:
        """Return the resource of this process; create it on the first call."""
        for process, made in self._made[-1:]:  # not by index: another thread may close it between a check and a read
            if process == os.getpid():
                return made
        with self._lock:
            if not _is_mine(self._made):
                self._made.append((os.getpid(), self._make()))
            return self._made[-1][1]

    def close(self) -> None:
        """Close the resource of this process, if there is one."""
        with self._lock:
            _close_own(self._made, self._close)

    def renew_lock(self) -> None:
        """Replace the lock in a forked process: if another thread of the parent held it, nothing would release it."""
        self._lock = threading.Lock()


def _is_mine(made: list[tuple[int, T]]) -> bool:
    return bool(made) and made[-1][0] == os.getpid()


def _close_own(made: list[tuple[int, T]], close: Callable[[T], object]) -> None:
    if _is_mine(made):
        close(made.pop()[1])


def _renew_locks() -> None:
    for each in _all:
        each.renew_lock()


_all: weakref.WeakSet[PerProcess[Any]] = weakref.WeakSet()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
