"""Retries in flows: a tenacity policy decides when to stop and how long to wait, the flow does the rest.

tenacity's own loops are sync or async and keep their state on the policy. Here the policy is only consulted, with a
state for each run. So one policy serves sync and async code, and many runs at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .flow import Sleep

if TYPE_CHECKING:
    from tenacity import BaseRetrying


class Retry:
    """The attempts of one run, and the decisions of a policy about them.

    ::

        retry = Retry(policy)
        while True:
            attempt = retry.start_attempt()
            try:
                return (yield from ...)
            except SomeError as error:
                if retry.is_exhausted(error):
                    raise
            yield retry.pause()
    """

    def __init__(self, policy: BaseRetrying) -> None:
        from tenacity import RetryCallState

        self.seconds = 0.0
        """The seconds to wait before the next attempt."""
        self._policy = policy
        self._state = RetryCallState(policy, fn=None, args=(), kwargs={})

    def start_attempt(self) -> int:
        """Start an attempt and return its number, from 1."""
        if self._state.outcome is not None:
            self._state.prepare_for_next_attempt()
        self._policy.before(self._state)
        return self._state.attempt_number

    def is_exhausted(self, error: Exception) -> bool:
        """True if the attempt that failed with this error was the last one."""
        # The order of these calls is that of tenacity's own loop: a stop policy may read the upcoming sleep
        # (`stop_before_delay`), and callbacks read the outcome
        state, policy = self._state, self._policy
        state.set_exception((type(error), error, error.__traceback__))
        policy.after(state)
        self.seconds = state.upcoming_sleep = float(policy.wait(state))
        return bool(policy.stop(state))

    def pause(self) -> Sleep:
        """Return the effect that waits before the next attempt."""
        from tenacity import RetryAction

        state, seconds = self._state, self.seconds
        state.next_action = RetryAction(seconds)
        state.idle_for += seconds
        if self._policy.before_sleep is not None:
            self._policy.before_sleep(state)
        return Sleep(seconds)
