"""A bounded cache of sessions in this process, with least-recently-used eviction."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Sessions(Generic[T]):
    """Keeps a value for each session, up to a maximum. Sessions with a running answer are never dropped."""

    def __init__(self, make: Callable[[str], T], max_sessions: int, is_active: Callable[[str], bool]) -> None:
        """``make`` returns the value of a new session."""
        self._make = make
        self._max_sessions = max_sessions
        self._is_active = is_active
        self._values: OrderedDict[str, T] = OrderedDict()  # least recently used first

    def get(self, session: str) -> T:
        """Return the value of a session, and keep it."""
        value = self._values[session] = self.peek(session)
        self._values.move_to_end(session)
        if len(self._values) > self._max_sessions:  # busy sessions may exceed the maximum for a while
            idle = [each for each in self._values if each != session and not self._is_active(each)]
            for oldest in idle[: len(self._values) - self._max_sessions]:
                del self._values[oldest]
        return value

    def peek(self, session: str) -> T:
        """Return the value of a session; that of a new session is not kept, so that reading cannot evict others."""
        value = self._values.get(session)
        return self._make(session) if value is None else value
