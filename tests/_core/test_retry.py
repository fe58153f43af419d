"""Retries: what a policy of tenacity is told about the attempts of one run."""

from __future__ import annotations

from tenacity import RetryCallState, Retrying, stop_after_attempt, wait_incrementing

from declarai_like._core.retry import Retry


def test_a_policy_is_told_the_attempts_errors_and_pauses_as_by_tenacity() -> None:
    seen: list[tuple[int, str, float, float, float]] = []

    def note(state: RetryCallState) -> None:
        assert state.outcome is not None
        assert state.next_action is not None
        seen.append(
            (
                state.attempt_number,
                str(state.outcome.exception()),
                state.upcoming_sleep,
                state.next_action.sleep,
                state.idle_for,
            )
        )

    policy = Retrying(stop=stop_after_attempt(3), wait=wait_incrementing(start=1, increment=2), before_sleep=note)
    retry = Retry(policy)
    pauses: list[float] = []
    while True:
        number = retry.start_attempt()
        if retry.is_exhausted(ValueError(f"error {number}")):
            break
        pauses.append(retry.pause().seconds)
    assert (number, pauses) == (3, [1, 3])
    assert seen == [(1, "error 1", 1, 1, 1), (2, "error 2", 3, 3, 4)]


def test_one_policy_serves_two_runs_at_once() -> None:
    policy = Retrying(stop=stop_after_attempt(2))
    first, second = Retry(policy), Retry(policy)
    assert (first.start_attempt(), second.start_attempt()) == (1, 1)
    assert not first.is_exhausted(ValueError())
    assert not second.is_exhausted(ValueError())
    assert (first.start_attempt(), second.start_attempt()) == (2, 2)
    assert first.is_exhausted(ValueError())
