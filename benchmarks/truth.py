"""The table of truth says where this library is first and where it is not, compared with all that does the same work."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from table import Column, Pair, Row, Table, markdown, shown

_HEAD = ["", "ours", "best of the others", "who", "times as good", ""]


@dataclass(frozen=True)
class Comparison:
    """Our cell beside the best of the others, and how many times as good it is, if both were measured."""

    what: str
    ours: str
    others: str = "-"
    who: str = "none was measured"
    ratios: Pair | None = None

    @property
    def worst(self) -> float:
        return min(self.ratios) if self.ratios else math.inf

    @property
    def verdict(self) -> str:
        return ("first" if self.worst > 1 else "NOT FIRST") if self.ratios else "not compared"

    def row(self) -> list[str]:
        return [self.what, self.ours, self.others, self.who, shown(self.ratios) if self.ratios else "-", self.verdict]


def comparisons(tables: Iterable[Table]) -> Iterator[Comparison]:
    """Compare each row of ours with the others of its group, in each column or in the one that is worst for us."""
    for table in tables:
        for row in (row for row in table.rows if row.kind == "ours"):
            rivals = [rival for rival in table.rows if rival.kind in ("other", "peer") and rival.group == row.group]
            for some in [[rival] for rival in rivals] if table.apart else [rivals]:
                found = [_compared(table, row, column, some) for column in table.compared()]
                yield from found if table.each else [min(found, key=lambda comparison: comparison.worst)]


def name(table: Table, row: Row, column: Column) -> str:
    """Return the name of a comparison."""
    return f"{table.title}{row.also}, {column.title}: {column.unit.name}"


def section(tables: dict[str, list[Table]]) -> str:
    """Return the table of truth in Markdown, and the targets that are missed. The tables are given by part."""
    found = [comparison for of_part in tables.values() for comparison in comparisons(of_part)]
    titles = {"NOT FIRST": "Where we are not first", "first": "Where we are first", "not compared": "Not compared"}
    rows = {verdict: [each.row() for each in found if each.verdict == verdict] for verdict in titles}
    behind, ahead, _ = map(len, rows.values())
    counted = f"Of {ahead + behind} comparisons, we are first in {ahead} and **not first in {behind}**."
    shown = [markdown(title, _HEAD, rows[verdict]) for verdict, title in titles.items() if rows[verdict]]
    return "\n\n".join([counted, *shown, *_targets(tables)])


def _targets(tables: dict[str, list[Table]]) -> Iterator[str]:
    """Yield the targets that are missed, and how many are met and not compared."""
    lines = {part: [line for table in of_part for line in table.verdicts()] for part, of_part in tables.items()}
    verdicts = {part: [line[3] for line in of_part] for part, of_part in lines.items()}
    missed = [line[:3] for of_part in lines.values() for line in of_part if line[3] == "MISSED"]
    yield markdown("Targets that are missed", ["", "target", "measured"], missed or [["none", "-", "-"]])
    met = (f"{of_part.count('met')} of {len(of_part)} in {part}" for part, of_part in verdicts.items())
    yield f"Targets that are met: {', '.join(met)}."
    if unknown := sum(of_part.count("not compared") for of_part in verdicts.values()):
        yield f"Targets that are not compared: {unknown}."


def _compared(table: Table, row: Row, column: Column, rivals: list[Row]) -> Comparison:
    what, ours = name(table, row, column), table.cell(row, column)
    pairs = {rival: pair for rival in rivals if (pair := table.pair(rival, column))}
    if not pairs or table.figure(row, column) is None:
        return Comparison(what, ours)
    best = max if column.unit.more else min
    first = best(pairs, key=pairs.__getitem__)
    theirs = [best(numbers) for numbers in zip(*pairs.values(), strict=True)]
    failed = 0.0 if column.unit.more else math.inf
    mine = table.pair(row, column) or (failed, failed)
    ratios = [_times(our, their, more=column.unit.more) for our, their in zip(mine, theirs, strict=True)]
    flaws = [f" ({other.flaw})" for other in table.columns if table.cell(first, other) == other.flaw]
    return Comparison(what, ours, table.cell(first, column), first.name + "".join(flaws), (ratios[0], ratios[1]))


def _times(ours: float, theirs: float, *, more: bool) -> float:
    """Return how many times as good our number is. Two numbers that are both 0 are equal."""
    better, worse = (ours, theirs) if more else (theirs, ours)
    return 1.0 if better == worse else better / worse if worse else math.inf
