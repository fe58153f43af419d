"""Values of sessions in this process; the one that was not used for longest goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Sessions(Generic[T]):
    """Keeps something for each session. When there are too many, the one that was not used for longest is forgotten.

    Sessions that are at work are not.
    """

    def __init__(self, make: Callable[[str], T], most: int, is_at_work: Callable[[str], bool]) -> None:
        """``make`` makes what a new session has."""
        self._make = make
        self._most = most
        self._is_at_work = is_at_work
        self._kept: OrderedDict[str, T] = OrderedDict()

    def get(self, session: str) -> T:
        """Give what a session has, and keep it from now on."""
        kept = self._kept[session] = self.peek(session)
        self._kept.move_to_end(session)
        if len(self._kept) > self._most:
            idle = [each for each in self._kept if each != session and not self._is_at_work(each)]
            for oldest in idle[: len(self._kept) - self._most]:
                del self._kept[oldest]
        return kept

    def peek(self, session: str) -> T:
        """Give what a session has. What a new one would have is not kept."""
        kept = self._kept.get(session)
        return self._make(session) if kept is None else kept
