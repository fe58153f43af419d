"""When to try again, and how long to wait before: a tenacity policy, asked step by step.

tenacity's policies are plain values; here they are only asked, and the flow does what they say. So one
policy serves both worlds, and many runs at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .flow import Sleep

if TYPE_CHECKING:
    from tenacity import BaseRetrying


class Retry:
    """The attempts of one run, and what a policy says after each.

    ::

        retry = Retry(policy)
        while True:
            attempt = retry.begin()
            try:
                return (yield from ...)
            except SomeError as error:
                if retry.over(error):
                    raise
            yield retry.pause()
    """

    def __init__(self, policy: BaseRetrying) -> None:
        from tenacity import RetryCallState

        self.seconds = 0.0
        """How long to wait before the next attempt."""
        self._policy = policy
        self._state = RetryCallState(policy, fn=None, args=(), kwargs={})

    def begin(self) -> int:
        """Begin an attempt, and give its number, from 1."""
        if self._state.outcome is not None:
            self._state.prepare_for_next_attempt()
        self._policy.before(self._state)
        return self._state.attempt_number

    def is_exhausted(self, error: Exception) -> bool:
        """Whether the attempt that failed so was the last."""
        state, policy = self._state, self._policy
        state.set_exception((type(error), error, error.__traceback__))
        policy.after(state)
        self.seconds = state.upcoming_sleep = float(policy.wait(state))
        return bool(policy.stop(state))

    def pause(self) -> Sleep:
        """Give the pause before the next attempt."""
        from tenacity import RetryAction

        state, seconds = self._state, self.seconds
        state.next_action = RetryAction(seconds)
        state.idle_for += seconds
        if self._policy.before_sleep is not None:
            self._policy.before_sleep(state)
        return Sleep(seconds)
