"""The timer of one call: measures the time spent waiting for the provider against the limits of `Timeouts`."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import ConnectTimeout, FirstTokenTimeout, IdleTimeout, Timeout, TotalTimeout
from .timeouts import Timeouts


class CallTimer:
    """The timer of one call and all its attempts.

    Each read of the network is enclosed by `start` and `stop`, and only the time between them counts for the limits
    ``first_token`` and ``idle``. So a slow consumer cannot cause a timeout. ``total`` is wall-clock time since the
    timer was created.

    A call goes through phases with one limit each: ``first_token`` after `begin_attempt`, ``idle`` after the first
    `on_content`, the limit of `allow` at the end.

    Attributes:
        waited: the seconds of waiting since the last content, or since the phase began.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.waited = 0.0
        self._deadline = None if timeouts.total is None else time.monotonic() + timeouts.total
        self._limit = timeouts.first_token  # of the current phase
        self._limit_error: Callable[[], Timeout] = self._first_token_expired
        self._has_content = False
        self._wait_start: float | None = None

    def begin_attempt(self) -> None:
        """Start the phase before the first content, with the limit ``first_token``."""
        self._limit, self._limit_error, self.waited = self.timeouts.first_token, self._first_token_expired, 0.0
        self._has_content = False

    def on_content(self) -> None:
        """Record that content arrived: the limit is ``idle``, measured from here."""
        self.waited = 0.0
        if not self._has_content:
            self._has_content = True
            self._limit, self._limit_error = self.timeouts.idle, self._idle_expired

    def allow(self, seconds: float) -> None:
        """Start the last phase: the content is complete, and the rest of the body may take this long."""
        self._limit, self._limit_error, self.waited = seconds, self._idle_expired, 0.0

    def start(self) -> float | None:
        """Start a wait and return the seconds that it may take; None means no limit.

        Raises:
            Timeout: a limit has passed already.
        """
        self._wait_start = time.monotonic()
        left = None if self._limit is None else self._limit - self.waited
        if self._deadline is not None:
            until_deadline = self._deadline - self._wait_start
            left = until_deadline if left is None else min(left, until_deadline)
        if left is not None and left <= 0:
            raise self.expired()
        return left

    def stop(self) -> None:
        """End a wait. Calling it twice is allowed."""
        if self._wait_start is not None:
            self.waited += time.monotonic() - self._wait_start
            self._wait_start = None

    def has_time_for(self, seconds: float) -> bool:
        """True if a pause of this length ends before the total limit."""
        return self._deadline is None or time.monotonic() + seconds < self._deadline

    def expired(self) -> Timeout:
        """Return the error for the limit that has passed.

        The transport only knows that a wait was too long. If the total limit has passed as well, that is the error: it
        was the shorter one, and no attempt can follow.
        """
        self.stop()
        total = self.timeouts.total
        if total is not None and not self.has_time_for(0):
            return TotalTimeout(f"the call took longer than {total:g} s (timeouts.total)", limit=total)
        return self._limit_error()

    def connect_expired(self) -> Timeout:
        """Return the error for a connection that was not established in time."""
        if not self.has_time_for(0):
            return self.expired()
        limit = self.timeouts.connect or 0.0
        return ConnectTimeout(f"could not connect within {limit:g} s (timeouts.connect)", limit=limit)

    def _first_token_expired(self) -> Timeout:
        limit = self.timeouts.first_token or 0.0
        return FirstTokenTimeout(
            f"the answer did not begin within {limit:g} s of the request (timeouts.first_token)", limit=limit
        )

    def _idle_expired(self) -> Timeout:
        limit = self.timeouts.idle or 0.0
        return IdleTimeout(f"no new content arrived within {limit:g} s (timeouts.idle)", limit=limit)
