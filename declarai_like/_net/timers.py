"""The clock of a call, which measures what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import ConnectTimeout, FirstTokenTimeout, IdleTimeout, Timeout, TotalTimeout
from .timeouts import Timeouts


class CallTimer:
    """The clock of one call. It measures what the call waits for; the consumer's own time is its own."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self._ends = None if timeouts.total is None else time.monotonic() + timeouts.total
        self._limit = timeouts.first_token  # of the phase that the call is in
        self._expired: Callable[[], Timeout] = self._first_token_expired
        self._begun = False  # whether content has come
        self.waited = 0.0
        """The seconds that were waited since content came last, or since the attempt began."""
        self._since: float | None = None

    def begin_attempt(self) -> None:
        """A request is about to be sent: the limit is ``first_token``."""
        self._limit, self._expired, self.waited = self.timeouts.first_token, self._first_token_expired, 0.0
        self._begun = False

    def on_content(self) -> None:
        """Content has come: from now on the limit is ``idle``, counted anew."""
        self.waited = 0.0
        if not self._begun:
            self._begun = True
            self._limit, self._expired = self.timeouts.idle, self._idle_expired

    def allow(self, seconds: float) -> None:
        """All has come; what is still to be read may take this long."""
        self._limit, self._expired, self.waited = seconds, self._idle_expired, 0.0

    def start(self) -> float | None:
        """A wait begins; it may take this many seconds.

        Raises:
            Timeout: there is no time left at all.
        """
        self._since = time.monotonic()
        left = None if self._limit is None else self._limit - self.waited
        if self._ends is not None:
            until_end = self._ends - self._since
            left = until_end if left is None else min(left, until_end)
        if left is not None and left <= 0:
            raise self.expired()
        return left

    def stop(self) -> None:
        """The wait is over."""
        if self._since is not None:
            self.waited += time.monotonic() - self._since
            self._since = None

    def has_time_for(self, seconds: float) -> bool:
        """Whether a pause of this length would end before the total limit."""
        return self._ends is None or time.monotonic() + seconds < self._ends

    def expired(self) -> Timeout:
        """Give the error for the limit that has passed."""
        self.stop()
        total = self.timeouts.total
        if total is not None and not self.has_time_for(0):
            return TotalTimeout(f"the call took longer than timeouts.total ({total:g} s)", limit=total)
        return self._expired()

    def connect_expired(self) -> Timeout:
        """Give the error for a connection that did not come to stand in time."""
        if not self.has_time_for(0):
            return self.expired()
        limit = self.timeouts.connect or 0.0
        return ConnectTimeout(f"no connection came to stand within timeouts.connect ({limit:g} s)", limit=limit)

    def _first_token_expired(self) -> Timeout:
        limit = self.timeouts.first_token or 0.0
        return FirstTokenTimeout(
            f"nothing of the answer came within timeouts.first_token ({limit:g} s) of the request", limit=limit
        )

    def _idle_expired(self) -> Timeout:
        limit = self.timeouts.idle or 0.0
        return IdleTimeout(f"no new content came within timeouts.idle ({limit:g} s)", limit=limit)
