"""What this library promises of the speed of typed streams, and whether this run has it."""

from __future__ import annotations

from rounds import MICRO, Figures, Workload
from table import Table
from typed_report import GROWTH, ITEMS, JITER, OURS, PARTIALS, doubling, kib, ratios

PARTIALS_TIME, ITEMS_TIME, DOUBLING, SMALL = 0.5, 0.1, 2.2, 1.0


def wanted(figures: Figures, *, whole: int, chains: list[list[int]], small: int) -> Table:
    """Compare each promise with the run: the time of a whole answer, its growth along chains of doubling, small ones.

    Median and minimum both have to be within the limit; growth is of the minima.
    """
    table = Table("Wanted and measured", ["wanted", "limit", "measured", ""], [])

    def row(what: str, limit: str, measured: str, *, met: bool) -> None:
        table.rows.append([what, limit, measured, "met" if met else "MISSED"])

    for rows, limit in ((PARTIALS, PARTIALS_TIME), (ITEMS, ITEMS_TIME)):
        for ours in (entry for entry in rows if entry.name == OURS):
            figure = figures[OURS, Workload(ours.method, whole)]
            median, minimum = figure.median / MICRO, figure.minimum / MICRO
            what = f"{NAMES[ours.method]}: CPU s for {kib(whole)}"
            row(what, f"at most {limit:.1f}", f"{median:.3f} ({minimum:.3f})", met=max(median, minimum) <= limit)
    for ours in GROWTH:
        growth = max(doubling(figures, ours, chain) for chain in chains)
        what = f"{NAMES[ours.method]}: times as long for twice the input, up to {kib(chains[-1][-1])}"
        row(what, f"at most {DOUBLING:.1f}", f"{growth:.2f}", met=growth <= DOUBLING)
    for ours in (entry for entry in PARTIALS if entry.name == OURS):
        median, minimum = ratios(figures, ours, JITER, small)
        what = f"{NAMES[ours.method]}, {small} pieces: times jiter, then pydantic"
        row(what, f"at most {SMALL:.1f}", f"{median:.2f} ({minimum:.2f})", met=max(median, minimum) <= SMALL)
    return table


NAMES = {
    "partials": "partials",
    "partials_read": "partials that are read",
    "items": "elements",
    "wrapped_items": 'elements in {"value": ...}',
    "string": "partials of one string",
}
