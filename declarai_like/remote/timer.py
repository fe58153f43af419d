"""The timer of a remote stream, for the limits of `Timeouts`."""

from __future__ import annotations

import time

from .._net.timeouts import Timeouts
from .errors import ConnectTimeout, FirstTokenTimeout, IdleTimeout, RemoteTimeout, TotalTimeout


class StreamTimer:
    """Determines how long each wait of one stream may take.

    Attributes:
        begun: True after the response has begun. ``idle`` then limits each wait; before, ``first_token`` does.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self.begun = False
        self._timeouts = timeouts
        self._deadline = None if timeouts.total is None else time.monotonic() + timeouts.total

    def remaining(self) -> float | None:
        """Return the number of seconds that a wait may take if it begins now; None means no limit.

        Raises:
            TotalTimeout: the total limit has passed.
        """
        until_end = self._until_deadline()
        if until_end is not None and until_end <= 0:
            raise self.expired()
        return _shorter(self._timeouts.idle if self.begun else self._timeouts.first_token, until_end)

    def remaining_to_connect(self) -> float | None:
        """Return the number of seconds that the connection may take; None means no limit."""
        return _shorter(self._timeouts.connect, self._until_deadline())

    def expired(self, *, connecting: bool = False) -> RemoteTimeout:
        """Return the error for the limit that has passed."""
        timeouts, until_end = self._timeouts, self._until_deadline()
        if timeouts.total is not None and until_end is not None and until_end <= 0:
            return TotalTimeout(
                f"the stream took longer than {timeouts.total:g} s (timeouts.total)", limit=timeouts.total
            )
        if connecting:
            limit = timeouts.connect or 0.0
            return ConnectTimeout(f"could not connect within {limit:g} s (timeouts.connect)", limit=limit)
        if not self.begun:
            limit = timeouts.first_token or 0.0
            return FirstTokenTimeout(f"the stream did not begin within {limit:g} s (timeouts.first_token)", limit=limit)
        limit = timeouts.idle or 0.0
        return IdleTimeout(f"nothing arrived from the server within {limit:g} s (timeouts.idle)", limit=limit)

    def _until_deadline(self) -> float | None:
        return None if self._deadline is None else self._deadline - time.monotonic()


def _shorter(one: float | None, other: float | None) -> float | None:
    limits = [limit for limit in (one, other) if limit is not None]
    return min(limits, default=None)
