"""What this library promises of the speed of applications, and whether this run has it."""

from __future__ import annotations

import math

from app_report import APPENDS, OURS, STEPS, STREAMS, Row, ratios
from rounds import Figures, Workload
from table import Table

FASTER, APPENDING, TOLD = 1.5, 100.0, 100.0


def wanted(figures: Figures, *, sizes: list[int], steps: int, history: int) -> Table:
    """Compare each promise with the run; median and minimum both have to keep it, at each size.

    Where Burr is not installed, there is nothing to compare with, and only what needs no other is told.
    """
    table = Table("Wanted and measured", ["wanted", "limit", "measured", ""], [])
    promises: list[tuple[Row, list[int], float]] = [
        *((row, sizes, FASTER) for rows in STREAMS.values() for row in rows),
        *((row, [steps], FASTER) for row in STEPS),
        *((row, [history], APPENDING) for row in APPENDS),
    ]
    for row, numbers, limit in promises:
        if row.name != OURS:
            continue
        medians, minima = zip(*(ratios(figures, row, number) for number in numbers), strict=True)
        if not any(map(math.isnan, medians)):
            _row(table, f"{NAMES[row.method]}: times burr", limit, min(medians), min(minima))
    for row in STREAMS["async"]:
        if row.name == OURS and "told" in row.method:
            found = [(size, figures[OURS, Workload(row.method, size)]) for size in sizes]
            medians, minima = zip(
                *((size / figure.median * 1000, size / figure.minimum * 1000) for size, figure in found), strict=True
            )
            _row(table, f"{NAMES[row.method]}: thousand items a second", TOLD, min(medians), min(minima))
    return table


def _row(table: Table, what: str, limit: float, of_medians: float, of_minima: float) -> None:
    form = ",.0f" if limit >= 100 else ".2f"
    met = min(of_medians, of_minima) >= limit
    measured = f"{of_medians:{form}} ({of_minima:{form}})"
    table.rows.append([what, f"at least {limit:g}", measured, "met" if met else "MISSED"])


NAMES = {
    "stream": "sync stream",
    "stream_told": "sync stream, a hook's method",
    "stream_told_events": "sync stream, a hook of events",
    "astream": "async stream",
    "astream_told": "async stream, an async hook's method",
    "astream_told_events": "async stream, an async hook of events",
    "step": "sync step",
    "astep": "async step",
    "append": "append to a long history",
    "append_read": "append to a long history, and read the last",
}
