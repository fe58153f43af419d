"""The clock of a remote stream."""

from __future__ import annotations

import time

from .._net.timeouts import Timeouts
from .errors import ConnectTimeout, FirstTokenTimeout, IdleTimeout, RemoteTimeout, TotalTimeout


class StreamTimer:
    """Says how long each wait of one stream may take.

    Attributes:
        begun: whether the answer has: then ``idle`` limits each wait, before that ``first_token``.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self.begun = False
        self._timeouts = timeouts
        self._ends = None if timeouts.total is None else time.monotonic() + timeouts.total

    def left(self) -> float | None:
        """Give how many seconds a wait that begins now may take.

        Raises:
            TotalTimeout: there is no time left.
        """
        until_end = self._until_end()
        if until_end is not None and until_end <= 0:
            raise self.expired()
        return _shorter(self._timeouts.idle if self.begun else self._timeouts.first_token, until_end)

    def left_to_connect(self) -> float | None:
        """Give how many seconds the connection may take."""
        return _shorter(self._timeouts.connect, self._until_end())

    def expired(self, *, connecting: bool = False) -> RemoteTimeout:
        """Give the error for the limit that has passed."""
        timeouts, until_end = self._timeouts, self._until_end()
        if timeouts.total is not None and until_end is not None and until_end <= 0:
            return TotalTimeout(f"the stream took longer than total ({timeouts.total:g} s)", limit=timeouts.total)
        if connecting:
            limit = timeouts.connect or 0.0
            return ConnectTimeout(f"no connection came to stand within connect ({limit:g} s)", limit=limit)
        if not self.begun:
            limit = timeouts.first_token or 0.0
            return FirstTokenTimeout(f"the stream did not begin within first_token ({limit:g} s)", limit=limit)
        limit = timeouts.idle or 0.0
        return IdleTimeout(f"nothing came from the server within idle ({limit:g} s)", limit=limit)

    def _until_end(self) -> float | None:
        return None if self._ends is None else self._ends - time.monotonic()


def _shorter(one: float | None, other: float | None) -> float | None:
    given = [limit for limit in (one, other) if limit is not None]
    return min(given, default=None)
