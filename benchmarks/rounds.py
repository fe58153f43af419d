"""Measure contenders in rounds, each job in turn, so that a busy moment of the machine does not hit one contender only."""

from __future__ import annotations

import math
import statistics
import sys
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

from process import Process

MICRO = 1e6
_SHORTEST = 0.2  # seconds of wall-clock time; shorter work is repeated in one measurement
_OFTEN = 3  # measurements of shorter work in a round, because it varies more
_WARM = 5.0  # seconds; of longer work, the trial counts as the first measurement
_MOST = 1000  # repetitions


class Job(NamedTuple):
    """A contender, a method of it with words as its arguments, and a size."""

    contender: str
    work: str
    size: int


@dataclass
class Figure:
    """Microseconds for one answer, a value for each measurement; of memory and files, the bytes."""

    values: list[float] = field(default_factory=list)
    walls: list[float] = field(default_factory=list)  # the wall-clock time of the same measurements
    note: str = ""
    error: str = ""
    rounds: int = 0
    expected: float = 0.0  # seconds; set where it is too slow to be tried

    @property
    def median(self) -> float:
        return statistics.median(self.values) if self.values and not self.error else math.inf

    @property
    def best(self) -> float:
        return min(self.values) if self.values and not self.error else math.inf

    def add(self, answer: dict[str, object], times: int = 1, scale: float = MICRO) -> None:
        """Take a worker's answer: a measurement of so many repetitions, or an error."""
        self.error = answer.get("error", "")
        if not self.error:
            self.values.append(answer["cpu"] / times * scale)
            self.walls.append(answer.get("wall", 0.0) / times * scale)
            self.note = answer.get("note", "")


Figures = dict[Job, Figure]
"""A contender that is not installed has no figures."""


@dataclass
class _Run:
    """A job, its worker, and how often it is repeated in one measurement."""

    job: Job
    worker: Process
    figure: Figure
    times: int = 1

    def attempt(self, smaller: tuple[int, float], longest: float) -> tuple[int, float]:
        """Run the job once, unless that is expected to take too long. Return its size and its time.

        ``smaller`` is the size and the time of the largest job so far. The growth is expected to be quadratic.
        """
        size, taken = smaller
        expected = taken * (self.job.size / size) ** 2
        if expected > longest:
            self.figure.expected = expected
            return smaller
        answer = self.worker.ask(self.job.work, self.job.size, 1)
        if not taken and answer.get("wall", 0.0) < _WARM:  # the first job of its kind imports and connects
            answer = self.worker.ask(self.job.work, self.job.size, 1)
        taken = answer.get("wall", 0.0)
        self.times = max(1, min(_MOST, math.ceil(_SHORTEST / max(taken, 1 / MICRO))))
        if "error" in answer or taken > _WARM:
            self.figure.add(answer)
            self.figure.rounds = 1
        return self.job.size, taken

    def is_due(self, number: int, again: int, longest: float) -> bool:
        """True if the job has to be measured now. Long work is measured once a round, and not for ever."""
        figure = self.figure
        expected = number * _OFTEN + again if self.times > 1 else number
        has_enough = len(figure.values) > expected or sum(figure.values) > longest / 2 * MICRO
        return not (figure.error or figure.expected or has_enough or (again and self.times == 1))

    def measure(self, number: int) -> None:
        self.figure.add(self.worker.ask(self.job.work, self.job.size, self.times), self.times)
        self.figure.rounds = number + 1


def measure(
    jobs: Iterable[Job], rounds: int, longest: float, python: Callable[[str], str]
) -> tuple[Figures, dict[str, str]]:
    """Return the figures of all jobs, and the versions of what was measured.

    A job that is expected to take more than ``longest`` seconds is left out. ``python`` is the interpreter of a
    contender. Jobs of one contender are tried from the smallest size on, and a job that fails is not repeated.
    """
    ordered = sorted(dict.fromkeys(jobs), key=lambda job: job.size)
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(_worker(name, python)) for name in dict.fromkeys(job[0] for job in ordered)
        }
        firsts = {name: worker.first for name, worker in workers.items()}
        present = [job for job in ordered if "absent" not in firsts[job.contender]]
        figures = {job: Figure(error=firsts[job.contender].get("error", "")) for job in present}
        working = [(job, figure) for job, figure in figures.items() if not figure.error]
        _measure([_Run(job, workers[job[0]], figure) for job, figure in working if not _is_peak(job)], rounds, longest)
    for job in _shown("memory", [job for job, _ in working if _is_peak(job)]):
        with _worker(job.contender, python) as worker:
            figures[job].add(worker.ask(job.work, job.size, 1), scale=1)
    return figures, dict(ChainMap(*(first.get("versions", {}) for first in firsts.values())))


def _measure(runs: list[_Run], rounds: int, longest: float) -> None:
    tried: dict[tuple[str, str], tuple[int, float]] = {}
    for run in _shown("trial", runs):
        work = run.job[:2]
        tried[work] = run.attempt(tried.get(work, (1, 0.0)), longest)
    for number in range(rounds):
        for again in range(_OFTEN):
            due = [run for run in runs if run.is_due(number, again, longest)]
            for run in _shown(f"round {number + 1} of {rounds}", due):
                run.measure(number)


def _is_peak(job: Job) -> bool:
    """True if the job measures memory, which takes a fresh process."""
    return job.work.startswith("peak ")


def _worker(name: str, python: Callable[[str], str]) -> Process:
    return Process("process.py", name, python=python(name))


def _shown(title: str, things: list[_Run] | list[Job]) -> Iterator[_Run | Job]:
    """Yield each thing, and show the progress in one line of stderr."""
    for place, thing in enumerate(things):
        job = getattr(thing, "job", thing)
        print(f"\r\033[K{title}, {place + 1} of {len(things)}: {job}", end="", file=sys.stderr, flush=True)
        yield thing
    print("\r\033[K", end="", file=sys.stderr, flush=True)
