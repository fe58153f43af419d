"""Measure applications, the steps of which stream, beside Burr: one command, one run."""

from __future__ import annotations

import math

import app_report as report
import capped
import options
import page
from app_part import PACKAGES, part
from app_report import APPENDS, BURR, ROWS, STEPS, STREAMS
from app_wanted import wanted
from rounds import Workload

ITEMS = [1_000, 10_000, 50_000]
NUMBER = 2_000
HISTORIES = [1, 10_000]


def main() -> None:
    asked = options.ask(options.parser(__doc__, quick="fewer rounds, and no streams above 10,000 items", peers="Burr"))
    number = asked.rounds
    items = ITEMS[:2] if asked.quick else ITEMS
    sizes = {
        **{row.method: items for rows in STREAMS.values() for row in rows},
        **{row.method: [NUMBER] for row in STEPS},
        **{row.method: HISTORIES for row in APPENDS},
    }
    rows = [row for row in ROWS if not (asked.no_peers and row.name == BURR)]
    jobs = [(row.name, Workload(row.method, size)) for row in rows for size in sizes[row.method]]
    figures = capped.measure(jobs, number, math.inf)  # nothing takes so long that it has to be left out

    tables = [
        *(
            report.streams(
                f"Items of a streaming step, {world}", figures, [row for row in of_world if row in rows], items
            )
            for world, of_world in STREAMS.items()
        ),
        report.steps(figures, NUMBER),
        report.appends(figures, HISTORIES),
    ]
    verdict = wanted(figures, sizes=items, steps=NUMBER, history=HISTORIES[-1])
    print(f"Each figure is the median of {number} rounds, and in brackets the best.", end="\n\n")
    print(*(table.text() for table in [*tables, verdict]), ", ".join(page.versions(PACKAGES)), sep="\n\n")
    if asked.markdown:
        page.write("app", part(tables, verdict, command=asked.command, rounds=number), asked.markdown)


if __name__ == "__main__":
    main()
