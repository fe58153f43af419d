"""A run as a timeline: how long each step took, when its first item came, and how it ended."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .events import RunEnded, RunStarted, StepEnded, StepStarted, StreamItem

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 40  # characters of the longest bar


@dataclass
class _Row:
    name: str
    number: int
    began: float
    ended: float | None = None
    first_item: float | None = None
    items: int = 0
    exception: BaseException | None = None


@dataclass
class _Run:
    method: str
    began: float
    ended: float | None = None
    rows: list[_Row] = field(default_factory=list["_Row"])


class Timeline:
    """A hook that notes when what happened. Print it: as text, or, with rich, as a table.

    ::

        timeline = Timeline()
        app = ApplicationBuilder()....with_hooks(timeline).build()
        app.run(halt_after=["answer"])
        print(timeline)

    Times are in seconds.
    """

    def __init__(self) -> None:
        self._runs: list[_Run] = []

    def on_event(self, event: Any) -> None:
        """Note an event."""
        now = time.perf_counter()
        if isinstance(event, RunStarted):
            self._runs.append(_Run(event.method, now))
        elif isinstance(event, RunEnded):
            self._runs[-1].ended = now
        elif isinstance(event, StepStarted):
            self._runs[-1].rows.append(_Row(event.action.name, event.sequence_id, now))
        elif isinstance(event, StreamItem):
            row = self._runs[-1].rows[-1]
            row.items += 1
            row.first_item = row.first_item or now
        elif isinstance(event, StepEnded):
            row = self._runs[-1].rows[-1]
            row.ended, row.exception = now, event.exception

    def clear(self) -> None:
        """Forget what was noted."""
        self._runs.clear()

    def __str__(self) -> str:
        """Write it as text, with a bar for each step: ``.`` until its first item, ``=`` from then on."""
        lines: list[str] = []
        for run in self._runs:
            lines.append(f"{run.method} {_seconds(run.began, run.ended)}")
            width = max((len(row.name) for row in run.rows), default=0)
            lines += [
                f"  {row.number:>3} {row.name:<{width}}  {_bar(run, row):<{WIDTH}}  {_said(row)}".rstrip()
                for row in run.rows
            ]
        return "\n".join(lines)

    def __rich__(self) -> Table:
        """Give a table for rich."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None)
        for heading in ("", "action", ""):
            table.add_column(heading, no_wrap=True)
        table.add_column("", overflow="fold")
        for run in self._runs:
            table.add_row("", Text(run.method, "bold"), "", _seconds(run.began, run.ended))
            for row in run.rows:
                colour = "green" if row.exception is None else "red"
                table.add_row(str(row.number), Text(row.name), Text(_bar(run, row), colour), Text(_said(row)))
        return table


def _bar(run: _Run, row: _Row) -> str:
    """Draw when a step ran, in the time of its run."""
    end = run.ended or time.perf_counter()
    scale = WIDTH / max(end - run.began, 1e-9)
    begin, last = round((row.began - run.began) * scale), round(((row.ended or end) - run.began) * scale)
    first = last if row.first_item is None else round((row.first_item - run.began) * scale)
    waiting, streaming = (first - begin, last - first) if row.first_item is not None else (0, last - begin)
    return " " * begin + "." * waiting + "=" * max(streaming, 1 - waiting)


def _said(row: _Row) -> str:
    parts = [_seconds(row.began, row.ended)]
    if row.first_item is not None:
        parts.append(f"{row.items} items, the first after {_seconds(row.began, row.first_item)}")
    if row.exception is not None:
        parts.append(f"{type(row.exception).__name__}: {row.exception}")
    return ", ".join(parts)


def _seconds(began: float, ended: float | None) -> str:
    return "not over" if ended is None else f"{ended - began:.3f} s"
