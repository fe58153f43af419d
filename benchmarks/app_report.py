"""Tables of applications: how fast steps and their streams are, and how long it takes to append to a history."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from app_contenders import APPENDED
from process import ABSENT
from rounds import MICRO, Figure, Figures, Workload
from table import Table

FLOOR = "app_contenders:Floor"
OURS = "app_contenders:Ours"
BURR = "app_contenders:Burr"


@dataclass(frozen=True)
class Row:
    """A line of a table: a contender's method, and the one of Burr that does the same."""

    name: str
    method: str
    title: str
    burr: str


def _streams(prefix: str, hook: str) -> list[Row]:
    stream, told = f"{prefix}stream", f"{prefix}stream_told"
    return [
        Row(FLOOR, stream, "the generator alone", stream),
        Row(OURS, stream, "declarai_like", stream),
        Row(BURR, stream, "burr", stream),
        Row(OURS, told, f"declarai_like, {hook} with a method for items", told),
        Row(OURS, f"{told}_events", f"declarai_like, {hook} as a function of events", told),
        Row(BURR, told, f"burr, {hook}", told),
    ]


STREAMS = {"sync": _streams("", "a hook"), "async": _streams("a", "an async hook")}
STEPS = [
    Row(name, method, f"{title}, {world}", method)
    for method, world in (("step", "sync"), ("astep", "async"))
    for name, title in ((OURS, "declarai_like"), (BURR, "burr"))
]
APPENDS = [
    Row(name, method, f"{title}{also}", method)
    for method, also in (("append", ""), ("append_read", ", and reading the last"))
    for name, title in ((OURS, "declarai_like"), (BURR, "burr"))
]
ROWS = [*STREAMS["sync"], *STREAMS["async"], *STEPS, *APPENDS]


def streams(title: str, figures: Figures, rows: list[Row], sizes: list[int]) -> Table:
    """Compare the items that come in a second, for streams of several sizes."""
    table = Table(title, ["thousand items a second"], [])
    for size in sizes:
        table.head += [f"{size:,} items", "to burr"]
    for row in rows:
        cells = [_cells(figures, row, size, lambda us, size=size: f"{size / us * 1000:,.0f}") for size in sizes]
        table.rows.append([row.title, *(cell for pair in cells for cell in pair)])
        table.notes += _failures(figures, row, sizes)
    return table


def steps(figures: Figures, number: int) -> Table:
    """Compare the steps that are taken in a second."""
    table = Table("Steps that do next to nothing", ["", "steps a second", "to burr"], [])
    for row in STEPS:
        table.rows.append([row.title, *_cells(figures, row, number, lambda us: f"{number / us * MICRO:,.0f}")])
        table.notes += _failures(figures, row, [number])
    return table


def appends(figures: Figures, histories: list[int]) -> Table:
    """Compare what it takes to append a message."""
    table = Table("A message more in a history", ["CPU us for each"], [])
    for length in histories:
        table.head += [f"after {length:,}", "to burr"]
    for row in APPENDS:
        cells = [_cells(figures, row, length, lambda us: f"{us / APPENDED:,.1f}") for length in histories]
        table.rows.append([row.title, *(cell for pair in cells for cell in pair)])
        table.notes += _failures(figures, row, histories)
    return table


def ratios(figures: Figures, row: Row, number: int) -> tuple[float, float]:
    """Give how many times as fast as Burr it is, of the medians and of the minima."""
    figure, burr = figures[row.name, Workload(row.method, number)], _figure(figures, BURR, row.burr, number)
    if not burr:
        return math.nan, math.nan
    return burr.median / figure.median, burr.minimum / figure.minimum


def _cells(figures: Figures, row: Row, number: int, shown: Callable[[float], str]) -> list[str]:
    figure = _figure(figures, row.name, row.method, number)
    if figure is None or not figure.values:
        return [ABSENT if figure is None else "failed" if figure.error else "left out", "-"]
    of_medians, of_minima = ratios(figures, row, number)
    ratio = "-" if math.isnan(of_medians) else f"{_short(of_medians)} ({_short(of_minima)})"
    return [f"{shown(figure.median)} ({shown(figure.minimum)})", ratio]


def _figure(figures: Figures, name: str, method: str, number: int) -> Figure | None:
    return figures.get((name, Workload(method, number)))


def _short(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.2f}"


def _failures(figures: Figures, row: Row, numbers: list[int]) -> list[str]:
    found = {number: _figure(figures, row.name, row.method, number) for number in numbers}
    return [
        f"{row.title}: {number:,} failed, {figure.error}."
        for number, figure in found.items()
        if figure and figure.error
    ]
