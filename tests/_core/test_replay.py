"""Replays: several readers of one run."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from declarai_like._core.flow import Effect, Flow
from declarai_like._core.replay import Replay


class Wait(Effect[None]):
    """Wait until an event is set, but not for ever."""

    def __init__(self, entered: threading.Event, go_on: threading.Event) -> None:
        self._entered, self._go_on = entered, go_on

    def run(self) -> None:
        self._entered.set()
        self._go_on.wait(0.2)


def test_a_second_thread_waits_for_the_one_that_reads_and_gets_the_same_items() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def flow() -> Flow[Sequence[str], None]:
        yield Wait(entered, go_on)
        yield ["one", "two"]

    replay = Replay(flow())
    first: list[str] = []
    thread = threading.Thread(target=lambda: first.extend(replay))
    thread.start()
    assert entered.wait(20)
    second = list(replay)  # while the other thread is in the middle of the run
    thread.join(20)
    assert first == second == ["one", "two"]
