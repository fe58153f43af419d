"""What is opened when it is first needed, and belongs to one process: connections, threads."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Something that is made when it is first asked for, once in each process. After `close` it is made anew.

    It is closed too when nobody refers to this any more, and when the process ends.

    A web server often forks after the application was made. What was opened before is the parent's: a
    child must neither use it nor close it, so it is kept, and left alone.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], object]) -> None:
        self._make = make
        self._close = close
        self._made: list[tuple[int, T]] = []  # the last one is the newest; those before it are of other processes
        self.renew_lock()
        _all.add(self)
        weakref.finalize(self, _end, self._made, close)

    def get(self) -> T:
        for process, made in self._made[-1:]:
            if process == os.getpid():
                return made
        with self._lock:
            if not _is_mine(self._made):
                self._made.append((os.getpid(), self._make()))
            return self._made[-1][1]

    def close(self) -> None:
        with self._lock:
            _end(self._made, self._close)

    def renew_lock(self) -> None:
        """Take another lock: in a process that was forked, nobody is left to release one that was held."""
        self._lock = threading.Lock()


def _is_mine(made: list[tuple[int, T]]) -> bool:
    return bool(made) and made[-1][0] == os.getpid()


def _end(made: list[tuple[int, T]], close: Callable[[T], object]) -> None:
    if _is_mine(made):
        close(made.pop()[1])


def _renew_locks() -> None:
    for each in _all:
        each.renew_lock()


_all: weakref.WeakSet[PerProcess[Any]] = weakref.WeakSet()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
