"""Measures typed streams in the environment of this process, and answers with the figures."""

from __future__ import annotations

import math
import platform
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

import capped
from frames_report import jobs, memory_jobs
from process import ABSENT, READY, Process, reply
from rounds import Figure, say

PACKAGES = ["truss", "pydantic", "pydantic-core"]


def main(rounds: str, number: str, megabytes: str, *left_out: str) -> None:
    wanted = [job for job in jobs(int(number), int(megabytes)) if job[0] not in left_out]
    figures = capped.measure(wanted, int(rounds), math.inf)  # nothing takes so long that it has to be left out
    for name, workload in memory_jobs(int(megabytes)):
        if name not in left_out:
            say(f"memory: {name}, {workload}")
            with Process("worker.py", name) as worker:
                if worker.first == READY:
                    worker.ask("large_decode", workload.chunks, 1, 1)  # makes the bytes
                    figures[name, workload] = Figure([worker.ask(workload.method, workload.chunks, 1, 1)])
    say("")
    reply(
        {
            "python": platform.python_version(),
            "versions": [f"{package} {_version(package)}" for package in PACKAGES],
            "figures": [(name, asdict(workload), asdict(figure)) for (name, workload), figure in figures.items()],
        }
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ABSENT


if __name__ == "__main__":
    main(*sys.argv[1:])
