"""Measuring what grows: each workload from its smallest size on, and never one that would take too long."""

from __future__ import annotations

import math
from contextlib import ExitStack

from process import Process
from rounds import MICRO, Figure, Figures, Workload, ready, say

_SHORTEST = 0.2  # seconds; shorter work is repeated in one measurement
OFTEN = 3  # measurements of shorter work in a round: what is short is seen more by the moods of a machine
_WARM = 5.0  # seconds; of longer work, the first time counts
_MOST = 1000  # repetitions


def measure(jobs: list[tuple[str, Workload]], rounds: int, longest: float) -> Figures:
    """Try each job once, which verifies what it gives and tells how long it takes; then run all in rounds.

    Work that is shorter than `_SHORTEST` is measured `OFTEN` times in each round.

    What is expected to take longer than ``longest`` seconds is left out, and what has taken half of that in all
    rounds together is not measured again. The jobs of a contender and method are in the order of their sizes.
    """
    figures: Figures = {}
    with ExitStack() as stack:
        names = dict.fromkeys(name for name, _ in jobs)
        workers = {name: stack.enter_context(Process("worker.py", name)) for name in names}
        jobs = ready(jobs, workers, figures)
        times: dict[tuple[str, Workload], int] = {}
        tried: dict[tuple[str, str], list[tuple[int, float]]] = {}
        for place, job in enumerate(jobs):
            name, workload = job
            say(f"trying {place + 1} of {len(jobs)}: {name}, {workload}")
            sizes = tried.setdefault((name, workload.method), [])
            taken = _try(figures.setdefault(job, Figure()), workers[name], workload, sizes, longest)
            times[job] = max(1, min(_MOST, math.ceil(_SHORTEST / max(taken, 1e-6))))
        for turn in range(rounds * OFTEN):
            number, again = divmod(turn, OFTEN)
            for place, job in enumerate(jobs):
                name, workload = job
                figure = figures[job]
                if again and times[job] == 1:
                    continue
                expected = turn if times[job] > 1 else number
                has_enough = len(figure.values) > expected or sum(figure.values) > longest / 2 * MICRO
                if not (figure.error or figure.expected or has_enough):
                    say(f"round {number + 1} of {rounds}, {place + 1} of {len(jobs)}: {name}, {workload}")
                    _measure_once(figure, workers[name], workload, times[job])
                    figure.rounds = number + 1
    say("")
    return figures


def _measure_once(figure: Figure, worker: Process, workload: Workload, times: int) -> None:
    taken = worker.ask(workload.method, workload.chunks, times, 1)
    if isinstance(taken, dict):
        figure.error = taken["error"]
    else:
        figure.values.append(taken / times * MICRO)


def _try(figure: Figure, worker: Process, workload: Workload, sizes: list[tuple[int, float]], longest: float) -> float:
    """Do it once, and give the seconds; where that would take too long, note how long."""
    expected = _expected(sizes, workload.chunks)
    if expected > longest:
        figure.expected = expected
        return expected
    taken = worker.ask(workload.method, workload.chunks, 1, 1)
    if isinstance(taken, dict):
        figure.error = taken["error"]
        return 0.0
    sizes.append((workload.chunks, taken))
    if taken > _WARM:
        figure.values.append(taken * MICRO)
        figure.rounds = 1
    return taken


def _expected(sizes: list[tuple[int, float]], size: int) -> float:
    """Give the seconds for a size from the two before it: growth goes on as it was, and is linear at least."""
    if not sizes:
        return 0.0
    last, taken = sizes[-1]
    power = 2.0
    if len(sizes) > 1:
        smaller, less = sizes[-2]
        power = max(1.0, math.log(taken / less) / math.log(last / smaller))
    return taken * (size / last) ** power
