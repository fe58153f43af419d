"""Tables, for the terminal and in Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_WRITTEN = re.compile(r"^### (?P<title>.+)\n\n(?P<lines>(?:\|.*\|(?:\n|$))+)", re.MULTILINE)


@dataclass
class Table:
    """A title, a head, rows of as many cells (the first is a name, the others are figures), and notes."""

    title: str
    head: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        cells = [self.head, *self.rows]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.head))]
        lines = [self.title, *("  ".join(_align(row, widths)).rstrip() for row in cells)]
        lines.insert(2, "-" * (sum(widths) + 2 * len(widths) - 2))
        return "\n".join([*lines, *self.notes])

    def markdown(self) -> str:
        lines = [f"### {self.title}", "", _row(self.head), _row(["---", *["---:"] * (len(self.head) - 1)])]
        lines += [_row(row) for row in self.rows]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])


def read(page: str) -> list[Table]:
    """Give the tables of a page in Markdown, without their notes."""
    tables = []
    for written in _WRITTEN.finditer(page):
        head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in written["lines"].splitlines())
        tables.append(Table(written["title"], head, rows))
    return tables


def _align(row: list[str], widths: list[int]) -> list[str]:
    first, *others = (
        cell.ljust(width) if not place else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return [first, *others]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
