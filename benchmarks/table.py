"""A table is declared, and filled with figures: rows of contenders, columns of sizes, a base for ratios, and targets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rounds import Figure, Figures, Job

Pair: TypeAlias = tuple[float, float]
"""Of the medians, and of the best figures."""


@dataclass(frozen=True)
class Unit:
    """A way to count. `of` returns the number for microseconds and a size.

    Attributes:
        more: True if more is better.
        wall: True if the wall-clock time is counted.
        compared: True if the table of truth has such columns.
    """

    name: str
    of: Callable[[float, int], float]
    more: bool = False
    wall: bool = False
    compared: bool = True


@dataclass(frozen=True)
class Column:
    """A size and its work, in which ``{}`` is the work of the row. `flaw` is the meaning of a failure."""

    title: str
    size: int
    unit: Unit
    work: str = "{}"
    flaw: str = "failed"


@dataclass(frozen=True)
class Row:
    """A contender's line.

    Attributes:
        kind: "ours" is compared with each "other" and "peer" in the table of truth; "own" is ours, and not compared.
            A "floor" does less than a library has to. A "peer" is optional.
        also: the part of the title that is not the contender's name.
        group: only rows of one group are compared.
        targets: for instance "ratio <= 1.3; spread <= 0.1", of the measures in `MEASURES`.
    """

    kind: Literal["ours", "own", "floor", "other", "peer"]
    name: str
    contender: str
    work: str = ""
    also: str = ""
    group: str = ""
    targets: str = ""

    @property
    def title(self) -> str:
        return self.name + self.also


@dataclass(frozen=True)
class Table:
    """The declaration of a table, and its figures.

    Attributes:
        base: the contender that ratios are to, and `to` is its name.
        speed: True if a ratio is how many times as fast a row is, not how many times as long it takes.
        extra: the title of a last column of text, which `EXTRAS` fills.
        each: True if the table of truth has each column, and not only the worst for us.
        apart: True if the table of truth has each of the others in a row of its own.
        in_page: True if the page of the documentation shows the table.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    base: str = ""
    to: str = ""
    speed: bool = False
    extra: str = ""
    each: bool = False
    apart: bool = False
    in_page: bool = False
    figures: Figures = field(default_factory=dict)

    def jobs(self, *, peers: bool = True) -> list[Job]:
        rows = [row for row in self.rows if peers or row.kind != "peer"]
        return [_job(row, column) for column in self.columns for row in rows]

    def compared(self) -> list[Column]:
        return [column for column in self.columns if column.unit.compared]

    def figure(self, row: Row, column: Column) -> Figure | None:
        return self.figures.get(_job(row, column))

    def pair(self, row: Row, column: Column) -> Pair | None:
        """Return the two numbers of a cell, if it was measured."""
        figure = self.figure(row, column)
        if not figure or not math.isfinite(figure.median):
            return None
        counted = Figure(figure.walls) if column.unit.wall else figure
        return column.unit.of(counted.median, column.size), column.unit.of(counted.best, column.size)

    def ratio(self, row: Row, column: Column) -> Pair | None:
        """Return the ratios to the base in the row's group, if that was measured."""
        bases = [base for base in self.rows if base.contender == self.base and base.group == row.group]
        mine, base = self.figure(row, column), self.figure(bases[0], column) if bases else None
        if not mine or not base or not math.isfinite(base.median):
            return None
        less, more = (base, mine) if self.speed else (mine, base)
        return less.median / more.median, less.best / more.best

    def cell(self, row: Row, column: Column) -> str:
        figure, pair = self.figure(row, column), self.pair(row, column)
        if figure is None:
            return "not measured"
        return shown(pair) if pair else column.flaw if figure.error else "left out"

    def heads(self) -> list[str]:
        ratio = [f"to {self.to}"] if self.to else []
        titles = [title for column in self.columns for title in (column.title, *ratio)]
        return [self.columns[0].unit.name, *titles, *([self.extra] if self.extra else [])]

    def markdown(self) -> str:
        notes = [note for row in self.rows for note in self._notes(row)]
        table = markdown(self.title, self.heads(), [self._cells(row) for row in self.rows])
        return table + f"\n\n{' '.join(notes)}" * bool(notes)

    def verdicts(self) -> list[list[str]]:
        """Return a line for each target: what, limit, measured, and whether it is met."""
        targets = [(row, *target.split()) for row in self.rows for target in row.targets.split(";") if target]
        return [_verdict(self, *target) for target in targets]

    def _cells(self, row: Row) -> list[str]:
        cells = [row.title]
        for column in self.columns:
            ratio = self.ratio(row, column) if self.pair(row, column) else None
            cells += [self.cell(row, column), *([shown(ratio) if ratio else "-"] if self.to else [])]
        return [*cells, *([EXTRAS[self.extra](self, row)] if self.extra else [])]

    def _notes(self, row: Row) -> Iterator[str]:
        """Yield the reasons of cells that are not full figures."""
        found = [(column.title, figure) for column in self.columns if (figure := self.figure(row, column))]
        rounds = max((figure.rounds for _, figure in found), default=0)
        for title, figure in found:
            if figure.error:
                yield f"{row.title}, {title}: failed, {figure.error}."
            elif figure.expected:
                yield f"{row.title}, {title}: left out, because it would take about {figure.expected:.0f} s."
            elif figure.rounds < rounds:
                yield f"{row.title}, {title}: of {figure.rounds} of {rounds} rounds."


def markdown(title: str, head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join([f"### {title}", "", *(f"| {' | '.join(line)} |" for line in lines)])


def shown(numbers: tuple[float, ...]) -> str:
    """Return the median, and in brackets the best figure if that is another one."""
    first, *others = dict.fromkeys(f"{number:,.0f}" if number >= 100 else f"{number:.3g}" for number in numbers)
    return first + "".join(f" ({other})" for other in others)


def _verdict(table: Table, row: Row, measure: str, bound: str, limit: str) -> list[str]:
    """Compare the worst of what is measured with the limit. Medians and best figures both have to be within it."""
    names = {"ratio": f"times {table.to}", "value": table.compared()[-1].unit.name}
    name = names.get(measure.removeprefix("last_"), measure.replace("_", " "))
    what = f"{table.title}{row.also}: {name}"
    found = MEASURES[measure](table, row)
    if not found:
        return [what, f"{bound} {limit}", "-", "not compared"]
    worst = tuple((max if bound == "<=" else min)(column) for column in zip(*found, strict=True))
    within = [value <= float(limit) if bound == "<=" else value >= float(limit) for value in worst]
    measured = shown(worst) if all(map(math.isfinite, worst)) else "failed"
    return [what, f"{bound} {limit}", measured, "met" if all(within) else "MISSED"]


def _ratios(table: Table, row: Row) -> list[Pair]:
    return [ratio for column in table.compared() if (ratio := table.ratio(row, column))]


def _values(table: Table, row: Row) -> list[Pair]:
    return [table.pair(row, column) or (math.nan, math.nan) for column in table.compared()]


def _failures(table: Table, row: Row) -> list[tuple[float]]:
    return [(sum(table.pair(row, column) is None for column in table.columns),)]


def _growth(table: Table, row: Row) -> list[tuple[float]]:
    """Return the ratios of the time for twice a size to the time for this size."""
    bests = _bests(table, row)
    return [(bests[2 * size] / best,) for size, best in bests.items() if 2 * size in bests]


def _spread(table: Table, row: Row) -> list[tuple[float]]:
    """Return how far the most expensive size is above the cheapest, for each part of it. An opening is not counted."""
    bests = _bests(table, row)
    once = bests.pop(1, 0.0)
    parts = [(best - once) / size for size, best in bests.items()]
    return [(max(parts) / min(parts) - 1,)] if parts else []


def _bests(table: Table, row: Row) -> dict[int, float]:
    """Return the best figures by size. They show growth better than medians do: other work only ever adds time."""
    found = [(column.size, table.figure(row, column)) for column in table.columns]
    return {size: figure.best for size, figure in found if figure}


def _note(table: Table, row: Row) -> str:
    figure = table.figure(row, table.columns[0])
    return figure.note if figure and figure.note else "-"


def _last(found: list[tuple[float]]) -> str:
    measured = [number for (number,) in found if math.isfinite(number)]
    return shown(tuple(measured[-1:])) if measured else "-"


MEASURES: dict[str, Callable[[Table, Row], list[tuple[float, ...]]]] = {
    "ratio": _ratios,
    "last_ratio": lambda table, row: _ratios(table, row)[-1:],
    "value": _values,
    "last_value": lambda table, row: _values(table, row)[-1:],
    "failures": _failures,
    "growth": _growth,
    "spread": _spread,
    "imports_of_openai": lambda table, row: [(float(_note(table, row) == "yes"),)],
}
EXTRAS: dict[str, Callable[[Table, Row], str]] = {
    "growth": lambda table, row: _last(_growth(table, row)),
    "spread": lambda table, row: _last(_spread(table, row)),
    "openai is imported": _note,
    "packages, version": _note,
}


def _job(row: Row, column: Column) -> Job:
    return Job(row.contender, column.work.format(row.work), column.size)
