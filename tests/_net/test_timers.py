"""The timer of a call: which limit holds when, and what counts as waiting."""

from __future__ import annotations

import pytest

from declarai_like._net.timeouts import Timeouts
from declarai_like._net.timers import CallTimer
from declarai_like.errors import FirstTokenTimeout, IdleTimeout, TotalTimeout

LIMITS = Timeouts(connect=1, first_token=30, idle=20)


def test_each_phase_has_its_own_limit_and_its_own_error() -> None:
    timer = CallTimer(LIMITS)
    assert timer.start() == 30
    assert isinstance(timer.expired(), FirstTokenTimeout)
    timer.on_content()
    assert timer.start() == 20
    assert isinstance(timer.expired(), IdleTimeout)
    timer.allow(5)
    assert timer.start() == 5


def test_waiting_uses_up_a_limit_until_content_arrives() -> None:
    timer = CallTimer(LIMITS)
    timer.on_content()
    timer.waited = 15.0
    assert timer.start() == 5
    timer.on_content()
    assert timer.start() == 20


def test_a_wait_after_the_limit_is_an_error_at_once() -> None:
    timer = CallTimer(LIMITS)
    timer.waited = 30.0
    with pytest.raises(FirstTokenTimeout, match="30 s"):
        timer.start()


def test_each_attempt_has_the_whole_limit_for_its_first_token() -> None:
    timer = CallTimer(LIMITS)
    timer.on_content()
    timer.waited = 15.0
    timer.begin_attempt()
    assert timer.start() == 30
    assert isinstance(timer.expired(), FirstTokenTimeout)


def test_only_the_time_between_start_and_stop_counts() -> None:
    timer = CallTimer(LIMITS)
    timer.start()
    timer.stop()
    waited = timer.waited
    assert waited > 0
    timer.stop()
    assert timer.waited == waited


def test_a_wait_ends_at_the_total_limit_if_that_is_shorter() -> None:
    left = CallTimer(Timeouts(first_token=30, total=10)).start()
    assert left is not None
    assert 0 < left <= 10
    assert CallTimer(Timeouts(first_token=30, total=1000)).start() == 30


def test_after_the_total_limit_that_is_the_error() -> None:
    timer = CallTimer(Timeouts(first_token=30, total=1e-9))
    with pytest.raises(TotalTimeout):
        timer.start()
    assert isinstance(timer.connect_expired(), TotalTimeout)
    assert not timer.has_time_for(0)


def test_a_pause_must_end_before_the_total_limit() -> None:
    timer = CallTimer(Timeouts(total=10))
    assert timer.has_time_for(5)
    assert not timer.has_time_for(10)


def test_without_limits_a_wait_has_no_end() -> None:
    timer = CallTimer(Timeouts(connect=None, first_token=None, idle=None))
    assert timer.start() is None
    assert timer.has_time_for(1e9)
