"""What this library promises of its speed, and whether this run has it."""

from __future__ import annotations

from collections.abc import Iterator

from report import OURS, TWICE, UNKEPT, ratios, spread
from rounds import Figures, Workload
from table import Table

SYNC, ASYNC, FLAT, LINEAR = 1.3, 2.0, 0.10, 0.10
_OURS = {OURS: "cache kept", UNKEPT: "cache=False", TWICE: "two readers"}


def wanted(
    figures: Figures,
    streams: dict[str, tuple[Workload, list[Workload]]],
    concurrent: Workload,
    peaks: dict[tuple[str, int], float],
) -> Table:
    """Compare each promise with the run."""
    table = Table("Wanted and measured", ["wanted", "limit", "measured", ""], [])

    def row(what: str, limit: str, measured: str, *, met: bool) -> None:
        table.rows.append([what, limit, measured, "met" if met else "MISSED"])

    for what, limit, measured, of_minima in _ratios(figures, streams):
        row(what, f"at most {limit:.1f}", f"{measured:.2f} ({of_minima:.2f})", met=max(measured, of_minima) <= limit)
    for what, measured in _spreads(figures, streams):
        row(what, f"at most {FLAT:.0%}", f"{measured:.0%}", met=measured <= FLAT)
    error = figures[OURS, concurrent].error
    row(f"{concurrent.at_once:,} streams at once: all end without error", "all", error or "all", met=not error)
    each = [peak / size for (name, size), peak in peaks.items() if name == OURS]
    row(
        "memory for each chunk: difference between the sizes",
        f"at most {LINEAR:.0%}",
        f"{max(each) / min(each) - 1:.0%}",
        met=max(each) <= min(each) * (1 + LINEAR),
    )
    return table


def _ratios(
    figures: Figures, streams: dict[str, tuple[Workload, list[Workload]]]
) -> Iterator[tuple[str, float, float, float]]:
    """Give the worst ratios to the floor over all sizes, of the medians and of the minima.

    Both have to be within the limit: a busy moment of the floor makes its median dear, and ours look cheap.
    Two readers do the reading twice, and are not in this.
    """
    for (world, (_, sizes)), limit in zip(streams.items(), (SYNC, ASYNC), strict=True):
        for name in (OURS, UNKEPT):
            of_medians, of_minima = zip(*(ratios(figures, name, size) for size in sizes), strict=True)
            yield f"{world}, {_OURS[name]}: times the floor", limit, max(of_medians), max(of_minima)


def _spreads(figures: Figures, streams: dict[str, tuple[Workload, list[Workload]]]) -> Iterator[tuple[str, float]]:
    for world, (opening, sizes) in streams.items():
        for name in _OURS:
            yield f"{world}, {_OURS[name]}: spread over the sizes", spread(figures, name, opening, sizes)
