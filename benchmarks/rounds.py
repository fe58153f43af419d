"""Measuring in rounds: all contenders in turn, again and again, so that the machine's moods meet them all."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

from process import ABSENT, READY, Process

MICRO = 1e6


@dataclass(frozen=True)
class Workload:
    """One method of a contender: a number of chunks, how often in one measurement, and how many at once."""

    method: str
    chunks: int
    times: int = 1
    at_once: int = 1

    def __str__(self) -> str:
        return f"{self.method}, {self.chunks:,} chunks"


@dataclass
class Figure:
    """What one contender took for one workload: microseconds for each answer, one value for each round.

    Where it failed or was left out, it took for ever.
    """

    values: list[float] = field(default_factory=list)
    servers: list[float] = field(default_factory=list)  # what the server took for the same
    error: str = ""
    rounds: int = 0  # in which it was measured, where that is not each one
    expected: float = 0.0  # what it would take, in seconds, where that is too long to be tried

    @property
    def median(self) -> float:
        return statistics.median(self.values) if self.values and not self.error else math.inf

    @property
    def minimum(self) -> float:
        return min(self.values) if self.values and not self.error else math.inf


Figures = dict[tuple[str, Workload], Figure]
"""By the contender's name and the workload. A contender that is not installed has none."""


def measure(jobs: list[tuple[str, Workload]], rounds: int) -> Figures:
    """Run each job once a round. A contender that fails is not asked for that workload again."""
    figures: Figures = {}
    with ExitStack() as stack:
        server = stack.enter_context(Process("server.py"))
        workers = {name: stack.enter_context(Process("worker.py", name, server.first)) for name in _names(jobs)}
        jobs = ready(jobs, workers, figures)
        for name, method in dict.fromkeys((name, workload.method) for name, workload in jobs):
            workers[name].ask(method, 10, 1, 1)  # opens the connection, and imports what comes late
        for number in range(rounds):
            for place, (name, workload) in enumerate(jobs):
                say(f"round {number + 1} of {rounds}, {place + 1} of {len(jobs)}: {name}, {workload}")
                figure = figures.setdefault((name, workload), Figure())
                if not figure.error:
                    _measure_once(figure, server, workers[name], workload)
    say("")
    return figures


def ready(
    jobs: list[tuple[str, Workload]], workers: dict[str, Process], figures: Figures
) -> list[tuple[str, Workload]]:
    """Give the jobs that can be done, and note of the others why they cannot, unless they are not installed."""
    broken = {name: worker.first for name, worker in workers.items() if worker.first not in (READY, ABSENT)}
    figures.update({job: Figure(error=broken[job[0]]) for job in jobs if job[0] in broken})
    return [job for job in jobs if workers[job[0]].first == READY]


def memory(names: Iterable[str], sizes: Iterable[int]) -> dict[tuple[str, int], float]:
    """Give the bytes by which the memory grows at most while a stream is read, each in a fresh process."""
    peaks: dict[tuple[str, int], float] = {}
    with Process("server.py") as server:
        for name in names:
            for size in sizes:
                say(f"memory: {name}, {size:,} chunks")
                with Process("worker.py", name, server.first) as worker:
                    worker.ask("stream", 10, 1, 1)
                    peaks[name, size] = worker.ask("memory", size, 1, 1)
    say("")
    return peaks


def _measure_once(figure: Figure, server: Process, worker: Process, workload: Workload) -> None:
    server_began = server.ask()
    taken = worker.ask(workload.method, workload.chunks, workload.times, workload.at_once)
    if isinstance(taken, dict):
        figure.error = taken["error"]
        return
    figure.values.append(taken / workload.times * MICRO)
    figure.servers.append((server.ask() - server_began) / workload.times * MICRO)


def _names(jobs: list[tuple[str, Workload]]) -> list[str]:
    return list(dict.fromkeys(name for name, _ in jobs))


def say(progress: str) -> None:
    """Show what is going on, in one line of stderr."""
    print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)
