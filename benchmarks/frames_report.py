"""Tables of typed streams: how many items a second are written and read, and what a large one takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from process import ABSENT
from rounds import MICRO, Figure, Figures, Workload
from table import Table

FLOOR = "frames_contenders:Floor"
OURS = "frames_contenders:Ours"
TRUSS = "frames_contenders:Truss"
KINDS = {"token": "a text", "words": "a list of two words", "segment": "a text and three numbers"}
CUTS = {
    "blocks": "64 KiB pieces",
    "frames": "a frame in each piece",
    "whole": "one big piece",
    "bits": "16-byte pieces",
}
ENCODE, DECODE, MEMORY = 5.0, 2.5, 2.0
"""What is wanted: times truss in items a second, and times the size of a large item."""


@dataclass(frozen=True)
class Row:
    """A line of a table: a contender's method, and the one of truss that does the same."""

    name: str
    method: str
    title: str
    truss: str

    @property
    def promise(self) -> str:
        return self.title.removeprefix("declarai_like, ")


ENCODES = [
    Row(FLOOR, "encode", "pydantic's to_json alone", "encode"),
    Row(OURS, "encode", "declarai_like", "encode"),
    Row(TRUSS, "encode", "truss", "encode"),
]
DECODES = [
    Row(FLOOR, "decode", "pydantic's validate_json alone", "adecode_blocks"),
    *(
        Row(name, f"{method}_{cut}", f"{title}, {said}", f"adecode_{cut}")
        for cut, said in CUTS.items()
        for name, method, title in (
            (OURS, "adecode", "declarai_like, async"),
            (OURS, "decode", "declarai_like, sync"),
            (TRUSS, "adecode", "truss, async"),
        )
    ),
]
LARGES = [Row(FLOOR, "", "pydantic alone", ""), Row(OURS, "", "declarai_like", ""), Row(TRUSS, "", "truss", "")]


def jobs(number: int, megabytes: int) -> list[tuple[str, Workload]]:
    """Give what is measured in rounds."""
    small = [(row.name, Workload(f"{kind}_{row.method}", number)) for kind in KINDS for row in (*ENCODES, *DECODES)]
    large = [(row.name, Workload(f"large_{way}", megabytes)) for way in ("encode", "decode") for row in LARGES]
    return [*small, *large]


def memory_jobs(megabytes: int) -> list[tuple[str, Workload]]:
    """Give what is measured once, for it is always the same."""
    return [(row.name, Workload("memory", megabytes)) for row in LARGES if row.name != FLOOR]


def small(title: str, figures: Figures, rows: list[Row], number: int) -> Table:
    """Compare the small items that are written or read in a second."""
    table = Table(title, ["thousand items a second"], [])
    for said in KINDS.values():
        table.head += [said, "to truss"]
    for row in rows:
        cells = [_cells(figures, row, kind, number) for kind in KINDS]
        if any(pair[0] for pair in cells):
            table.rows.append([row.title, *(cell for pair in cells for cell in pair)])
        for kind, said in KINDS.items():
            figure = figures.get((row.name, Workload(f"{kind}_{row.method}", number)))
            table.notes += [f"{row.title}, {said}: failed, {figure.error}."] if figure and figure.error else []
    return table


def large(figures: Figures, megabytes: int) -> Table:
    """Compare what an item of many megabytes takes."""
    table = Table(
        f"An item of {megabytes} MB", ["", "written, MB/s", "read, MB/s", "memory to read it, times its size"], []
    )
    for row in LARGES:
        found = [figures.get((row.name, Workload(f"large_{way}", megabytes))) for way in ("encode", "decode")]
        memory = figures.get((row.name, Workload("memory", megabytes)))
        cells = [_speed(figure, megabytes * MICRO, ",.0f") for figure in found]
        table.rows.append([row.title, *cells, f"{times_size(memory, megabytes):.2f}" if memory else "-"])
        table.notes += [f"{row.title}: failed, {figure.error}." for figure in found if figure and figure.error]
    return table


def wanted(figures: Figures, number: int, megabytes: int) -> Table:
    """Compare each promise with the run; median and minimum both have to keep it, with each kind of item.

    Where truss is not installed, there is nothing to compare with, and only what needs no other is told.
    """
    table = Table("Wanted and measured", ["wanted", "limit", "measured", ""], [])
    for row in (*ENCODES, *DECODES):
        if row.name != OURS:
            continue
        doing, limit = ("writing", ENCODE) if row in ENCODES else (f"reading {row.promise}", DECODE)
        medians, minima = zip(*(ratios(figures, row, kind, number) for kind in KINDS), strict=True)
        if not any(map(math.isnan, medians)):
            measured = f"{min(medians):.2f} ({min(minima):.2f})"
            met = min(*medians, *minima) >= limit
            table.rows.append([f"{doing}: times truss", f"at least {limit:g}", measured, _verdict(met)])
    memory = times_size(figures[OURS, Workload("memory", megabytes)], megabytes)
    what = f"memory to read {megabytes} MB: times its size"
    table.rows.append([what, f"at most {MEMORY:g}", f"{memory:.2f}", _verdict(round(memory, 2) <= MEMORY)])
    return table


def ratios(figures: Figures, row: Row, kind: str, number: int) -> tuple[float, float]:
    """Give how many times as fast as truss it is, of the medians and of the minima."""
    figure = figures.get((row.name, Workload(f"{kind}_{row.method}", number)))
    truss = figures.get((TRUSS, Workload(f"{kind}_{row.truss}", number)))
    if not (figure and truss and figure.values and truss.values):
        return math.nan, math.nan
    return truss.median / figure.median, truss.minimum / figure.minimum


def times_size(figure: Figure, megabytes: int) -> float:
    return figure.median / (megabytes * MICRO)


def _cells(figures: Figures, row: Row, kind: str, number: int) -> list[str]:
    of_medians, of_minima = ratios(figures, row, kind, number)
    ratio = "-" if math.isnan(of_medians) else f"{of_medians:.2f} ({of_minima:.2f})"
    return [_speed(figures.get((row.name, Workload(f"{kind}_{row.method}", number))), number * 1000, ",.0f"), ratio]


def _speed(figure: Figure | None, amount: float, form: str) -> str:
    """Give how much is done in a second, of the median and of the best."""
    if figure is None or not figure.values:
        return ABSENT if figure is None else "failed"
    return f"{amount / figure.median:{form}} ({amount / figure.minimum:{form}})"


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"
