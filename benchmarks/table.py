"""Tables, for the terminal and in Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field


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


def _align(row: list[str], widths: list[int]) -> list[str]:
    first, *others = (
        cell.ljust(width) if not place else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return [first, *others]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
