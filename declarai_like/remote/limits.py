"""How long a stream may take: three limits, and the clock that measures them."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields

from ..errors import ConfigurationError
from .errors import ConnectTimeout, GapTimeout, RemoteTimeout, TotalTimeout


@dataclass(frozen=True, slots=True)
class Limits:
    """Three limits in seconds; None means no limit. Each has its own error.

    Attributes:
        connect: until the connection stands (`ConnectTimeout`).
        gap: between two pieces of the answer, and until the first one (`GapTimeout`). What the reader does between two
            reads is not counted.
        total: for the whole stream, by the clock on the wall (`TotalTimeout`).
    """

    connect: float | None
    gap: float | None
    total: float | None

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if value is not None and not (isinstance(value, int | float) and value > 0):
                raise ConfigurationError(
                    f"the time limit {limit.name!r} is {value!r}; it takes a number of seconds above 0, or None for no limit"
                )


class Clock:
    """The clock of one stream."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._ends = None if limits.total is None else time.monotonic() + limits.total

    @property
    def has_end(self) -> bool:
        """Whether there is a limit for the whole."""
        return self._ends is not None

    def left(self) -> float | None:
        """Give how many seconds a wait that begins now may take.

        Raises:
            TotalTimeout: there is no time left.
        """
        until_end = self._until_end()
        if until_end is not None and until_end <= 0:
            raise self.expired()
        return _shorter(self._limits.gap, until_end)

    def left_to_connect(self) -> float | None:
        """Give how many seconds the connection may take."""
        return _shorter(self._limits.connect, self._until_end())

    def expired(self, *, connecting: bool = False) -> RemoteTimeout:
        """Give the error for the limit that has passed."""
        until_end, total = self._until_end(), self._limits.total
        if total is not None and until_end is not None and until_end <= 0:
            return TotalTimeout(f"the stream took longer than total ({total:g} s)", limit=total)
        if connecting:
            limit = self._limits.connect or 0.0
            return ConnectTimeout(f"no connection came to stand within connect ({limit:g} s)", limit=limit)
        limit = self._limits.gap or 0.0
        return GapTimeout(f"nothing came from the server within gap ({limit:g} s)", limit=limit)

    def _until_end(self) -> float | None:
        return None if self._ends is None else self._ends - time.monotonic()


def _shorter(one: float | None, other: float | None) -> float | None:
    given = [limit for limit in (one, other) if limit is not None]
    return min(given, default=None)
