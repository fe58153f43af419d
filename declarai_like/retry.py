"""Trying a flow again: a tenacity policy, run as a flow.

tenacity's policies are plain values (when to stop, how long to wait, what to try again), and its
``iter`` tells the next step without doing it; so one policy serves both worlds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .flow import Flow, Sleep

if TYPE_CHECKING:
    from tenacity import BaseRetrying

T = TypeVar("T")
R = TypeVar("R")


def retrying(policy: BaseRetrying, attempt: Callable[[], Flow[T, R]]) -> Flow[T, R]:
    """Run ``attempt()`` until the policy is content, and give its result.

    An attempt that has emitted something must not fail with an error that the policy retries: its
    reader would see the same things twice.
    """
    from tenacity import DoAttempt, DoSleep, RetryCallState

    policy = policy.copy()  # it counts on itself, and may be shared by many calls
    policy.begin()
    state = RetryCallState(policy, fn=None, args=(), kwargs={})
    while True:
        step: Any = policy.iter(retry_state=state)
        if isinstance(step, DoAttempt):
            try:
                state.set_result((yield from attempt()))
            except Exception as error:
                state.set_exception((type(error), error, error.__traceback__))
        elif isinstance(step, DoSleep):
            state.prepare_for_next_attempt()
            yield Sleep(float(step))
        else:
            return step  # type: ignore[no-any-return]
