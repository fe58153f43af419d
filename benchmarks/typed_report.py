"""Tables of the typed streams: CPU seconds of an answer, and how they grow with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from process import ABSENT
from rounds import MICRO, Figure, Figures, Workload
from table import Table
from typed_answers import PIECE

OURS = "typed_contenders:Ours"
JITER = "typed_contenders:JiterAndPydantic"
PYDANTIC = "typed_contenders:Pydantic"
PEERS = {
    "typed_peers:Mirascope": "mirascope",
    "typed_peers:PydanticAI": "pydantic-ai, through its agent",
    "typed_peers:Instructor": "instructor",
    "typed_peers:LangChain": "langchain-core",
    "typed_peers:Magentic": "magentic",
}
_HAS_PARTIALS = [name for name in PEERS if "Magentic" not in name]
_HAS_ITEMS = [name for name in PEERS if "Magentic" in name or "Instructor" in name]


@dataclass(frozen=True)
class Row:
    """A line of a table: a contender's method."""

    name: str
    method: str
    title: str


_THE_OTHERS = {JITER: "jiter, then pydantic", PYDANTIC: "pydantic alone"}
PARTIALS = [
    Row(OURS, "partials", "declarai_like"),
    Row(OURS, "partials_read", "declarai_like, reading the last element's last field"),
    *(Row(name, "partials", title) for name, title in _THE_OTHERS.items()),
    *(Row(name, "partials", PEERS[name]) for name in _HAS_PARTIALS),
]
STRING = [
    Row(OURS, "string", "declarai_like"),
    Row(OURS, "string_read", "declarai_like, reading it"),
    *(Row(name, "string", title) for name, title in _THE_OTHERS.items()),
    *(Row(name, "string", PEERS[name]) for name in _HAS_PARTIALS),
]
ITEMS = [
    Row(OURS, "items", "declarai_like"),
    Row(OURS, "wrapped_items", 'declarai_like, in {"value": ...}'),
    *(Row(name, "items", PEERS[name]) for name in _HAS_ITEMS),
    *(Row(name, "wrapped_items", f'{PEERS[name]}, in {{"value": ...}}') for name in _HAS_ITEMS),
]
GROWTH = [
    Row(OURS, "partials", "a snapshot of a report at each piece"),
    Row(OURS, "partials_read", "the same, reading the last element's last field"),
    Row(OURS, "items", "elements of a list"),
    Row(OURS, "wrapped_items", 'elements of a list in {"value": ...}'),
    Row(OURS, "string", "a snapshot of one long string at each piece"),
]


def sizes(
    title: str, figures: Figures, rows: list[Row], workloads: list[int], *, quoted: Workload | None = None
) -> Table:
    """Compare the CPU seconds for answers of several sizes, and how they grow.

    ``quoted`` is the workload that tells whether elements with quotes inside of strings come through.
    """
    table = Table(title, ["CPU seconds", *map(kib, workloads), "growth"], [])
    if quoted:
        table.head.append("quotes in strings")
    for row in rows:
        found = [_figure(figures, row, size) for size in workloads]
        table.rows.append([row.title, *map(_seconds, found), _growth(found)])
        if quoted:
            table.rows[-1].append(_quotes(figures.get((row.name, quoted))))
        table.notes += _notes(row, found, workloads)
    return table


def pieces(title: str, figures: Figures, rows: list[Row], number: int) -> Table:
    """Compare what an answer of so many pieces takes."""
    table = Table(f"{title}: {number:,} pieces", ["CPU us", "an answer", "a piece", "to jiter, then pydantic"], [])
    for row in rows:
        figure = _figure(figures, row, number)
        table.notes += _notes(row, [figure], [number])
        if figure is None or figure.error or figure.expected:
            table.rows.append([row.title, _seconds(figure), "-", "-"])
            continue
        taken = f"{figure.median:,.0f} ({figure.minimum:,.0f})"
        of_medians, of_minima = ratios(figures, row, JITER, number)
        table.rows.append([row.title, taken, f"{figure.median / number:.1f}", f"{of_medians:.2f} ({of_minima:.2f})"])
    return table


def ratios(figures: Figures, row: Row, other: str, pieces: int) -> tuple[float, float]:
    """Give the ratios of a contender's median and minimum to those of another, for its partials."""
    figure, base = figures[row.name, Workload(row.method, pieces)], figures[other, Workload("partials", pieces)]
    return figure.median / base.median, figure.minimum / base.minimum


def doubling(figures: Figures, row: Row, workloads: list[int]) -> float:
    """Give by how much the time grows at most where the input is doubled.

    Of the minima, which say more about growth than medians do: a busy machine only ever adds.
    """
    minima = [figures[row.name, Workload(row.method, size)].minimum for size in workloads]
    return max(more / less for less, more in pairwise(minima)) if all(map(math.isfinite, minima)) else math.inf


def kib(pieces: int) -> str:
    """Name a size by its characters."""
    return f"{pieces * PIECE / 1024:.1f} KiB".replace(".0 ", " ")


def _figure(figures: Figures, row: Row, pieces: int) -> Figure | None:
    return figures.get((row.name, Workload(row.method, pieces)))


def _seconds(figure: Figure | None) -> str:
    if figure is None:
        return ABSENT
    if figure.error:
        return "failed"
    if figure.expected:
        return "left out"
    return f"{_short(figure.median / MICRO)} ({_short(figure.minimum / MICRO)})"


def _short(seconds: float) -> str:
    return f"{seconds:.3f}" if seconds < 1 else f"{seconds:.2f}" if seconds < 10 else f"{seconds:.1f}"


def _growth(found: list[Figure | None]) -> str:
    """Give by how much the time grows with the last doubling that was measured."""
    minima = [figure.minimum for figure in found if figure and math.isfinite(figure.minimum)]
    return f"{minima[-1] / minima[-2]:.2f}" if len(minima) > 1 else "-"


def _quotes(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    return "elements lost" if figure.error else "right"


def _notes(row: Row, found: list[Figure | None], workloads: list[int]) -> list[str]:
    """Say what is behind cells that are no full figure."""
    rounds = max(figure.rounds if figure else 0 for figure in found)
    about: list[str] = []
    for size, figure in zip(workloads, found, strict=True):
        if figure and figure.error:
            about.append(f"{kib(size)} failed, {figure.error}")
        elif figure and figure.expected:
            about.append(f"{kib(size)} would take about {figure.expected:.0f} s")
        elif figure and figure.rounds < rounds:
            about.append(f"{kib(size)} is of {figure.rounds} of {rounds} rounds")
    return [f"{row.title}: {'; '.join(about)}."] if about else []
