"""The table of truth: from the tables of all parts, where this library is first and where it is not."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from table import Table, read
from truth_things import THINGS, Thing

_HEAD = ["", "ours", "the best of the others", "who", "times as good", ""]
_SECTION = """\
## The table of truth

Of {all} things that are compared we are first in {ahead} and **not first in {behind}**. Each row is taken from a part
below, which says how it is measured. Where one of several sizes or kinds is named, it is the one that is worst for us.
"Times as good" is of the medians, and in brackets of the best figures; first is who is ahead in both, of all others that
do this work: libraries, and code that one could write instead. Floors, which do less than any library has to, are
not counted; the parts show them.
{old}
{tables}
"""


@dataclass
class Standing:
    """One thing: our cell beside the best of the others. The ratios are of the medians and of the best figures."""

    what: str
    ours: str = "-"
    others: str = "-"
    who: str = "not measured"
    ratios: tuple[float, float] | None = None

    @property
    def worst(self) -> float:
        return min(self.ratios) if self.ratios else math.inf

    def row(self) -> list[str]:
        times = "{} ({})".format(*map(_short, self.ratios)) if self.ratios else "-"
        verdict = ("first" if self.worst > 1 else "NOT FIRST") if self.ratios else "-"
        return [self.what, self.ours, self.others, self.who, times, verdict]


def section(parts: dict[str, str], old: list[str]) -> str:
    """Write the section in Markdown, from the texts of the parts; ``old`` are those of an earlier run."""
    found = {name: read(text) for name, text in parts.items()}
    rows = [standing.row() for thing in THINGS for standing in _standings(thing, found.get(thing.part, []))]
    groups = {verdict: [row for row in rows if row[-1] == verdict] for verdict in ("NOT FIRST", "first", "-")}
    tables = [
        Table("Where we are not first", _HEAD, groups["NOT FIRST"]),
        Table("Where we are first", _HEAD, groups["first"]),
        Table("Not compared", _HEAD, groups["-"]),
        _missed({_link(text): found[name] for name, text in parts.items()}),
    ]
    ahead, behind = len(groups["first"]), len(groups["NOT FIRST"])
    return _SECTION.format(
        all=ahead + behind,
        ahead=ahead,
        behind=behind,
        old=f"\nOf an earlier run than the rest: {', '.join(_link(parts[name]) for name in old)}.\n" if old else "",
        tables="\n\n".join(table.markdown() for table in tables if table.rows),
    )


def _missed(parts: dict[str, list[Table]]) -> Table:
    """Gather what the parts want and have not, and count the rest."""
    table, counted = Table("What is wanted and missed", ["", "part", "limit", "measured"], []), []
    for part, tables in parts.items():
        rows = [row for found in tables if found.title == "Wanted and measured" for row in found.rows]
        missed = [row for row in rows if row[3] == "MISSED"]
        table.rows += [[what, part, limit, measured] for what, limit, measured, _ in missed]
        counted.append(f"{len(rows) - len(missed)} of {len(rows)} in {part}")
    table.rows = table.rows or [["nothing", "-", "-", "-"]]
    table.notes = [f"What is wanted and met: {', '.join(counted)}."]
    return table


def _standings(thing: Thing, tables: list[Table]) -> Iterator[Standing]:
    """Compare each column that the thing names, or the one that is worst for us."""
    found = [
        _compare(thing, table, place)
        for table in tables
        if re.fullmatch(thing.table, table.title)
        for place, title in enumerate(table.head)
        if re.fullmatch(thing.columns, title)
    ]
    found = found or [Standing(f"{thing.what}: {thing.unit}")]
    yield from found if thing.each else [min(found, key=lambda standing: standing.worst)]


def _compare(thing: Thing, table: Table, place: int) -> Standing:
    rows = {row[0]: row for row in table.rows}
    what = f"{_where(thing, table, place)}: {thing.unit}"
    if thing.ours not in rows:
        return Standing(what)
    ours = rows[thing.ours][place]
    standing = Standing(what, ours, who="no other was measured")
    others = {name: row for name, row in rows.items() if re.fullmatch(thing.others, name) and _figures(row[place])}
    if not others:
        return standing
    figures = {name: _figures(row[place]) for name, row in others.items()}
    best = max if thing.more else min
    first = best(figures, key=lambda name: figures[name])
    theirs = [best(column) for column in zip(*figures.values(), strict=True)]
    standing.others, standing.who = others[first][place], _shown(thing.others, first)
    flaw = others[first][table.head.index(thing.flaw)] if thing.flaw else "right"
    standing.who += "" if flaw == "right" else f" ({flaw})"
    failed = 0.0 if thing.more else math.inf
    mine = _figures(ours) or (failed, failed)
    standing.ratios = tuple(_times(his, my, more=thing.more) for his, my in zip(theirs, mine, strict=True))
    return standing


def _times(theirs: float, ours: float, *, more: bool) -> float:
    """Give how many times as good ours is; where neither takes anything, they are equal."""
    better, worse = (ours, theirs) if more else (theirs, ours)
    return 1.0 if better == worse else better / worse if worse else math.inf


def _where(thing: Thing, table: Table, place: int) -> str:
    """Say what it is, and of which column or table, where there are several."""
    several = sum(bool(re.fullmatch(thing.columns, title)) for title in table.head) > 1
    where = _shown(thing.columns, table.head[place]) if several else table.title.partition(": ")[2]
    return f"{thing.what}, {where}" if where else thing.what


def _shown(pattern: str, name: str) -> str:
    found = re.fullmatch(pattern, name)
    return found[1] if found.re.groups else name


def _figures(cell: str) -> tuple[float, float] | None:
    """Give a cell's median and best; where it has one figure, both are that. Without a figure there is none."""
    found = re.match(r"([\d,.]+)[^(]*(?:\(([\d,.]+)\))?", cell)
    return tuple(float(figure.replace(",", "")) for figure in (found[1], found[2] or found[1])) if found else None


def _short(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.2f}"


def _link(part: str) -> str:
    title = re.search("^## (.+)", part, re.MULTILINE)[1]
    return f"[{title}](#{title.lower().replace(' ', '-')})"
