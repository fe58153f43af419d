"""A timeline of runs: the duration of each step, the time to its first item, and its outcome."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..events import RunEnded, RunStarted, StepEnded, StepStarted, StreamItem

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 40  # characters of the longest bar


@dataclass
class _Row:
    name: str
    number: int
    started: float
    ended: float | None = None
    first_item: float | None = None
    items: int = 0
    exception: BaseException | None = None


@dataclass
class _RunRows:
    method: str
    started: float
    ended: float | None = None
    rows: list[_Row] = field(default_factory=list["_Row"])

    def row(self, number: int) -> _Row | None:
        """Return the row of a step; None if a failing hook before this one has kept the step's start from it."""
        return self.rows[-1] if self.rows and self.rows[-1].number == number else None


class Timeline:
    """A hook that records the times of events. Print it as text, or with rich as a table.

    ::

        timeline = Timeline()
        app = ApplicationBuilder()....with_hooks(timeline).build()
        app.run(halt_after=["answer"])
        print(timeline)

    Times are in seconds.
    """

    def __init__(self) -> None:
        self._runs: list[_RunRows] = []
        # One run for each application, as several may share a timeline
        self._open: dict[tuple[str, str], _RunRows] = {}

    def on_event(self, event: Any) -> None:
        """Record an event."""
        now, application = time.perf_counter(), (event.partition_key, event.app_id)
        if isinstance(event, RunStarted):
            self._open[application] = _RunRows(event.method, now)
            self._runs.append(self._open[application])
        elif (run := self._open.get(application)) is None:
            return  # its start was cleared, or never received
        elif isinstance(event, RunEnded):
            run.ended = now
            self._open.pop(application, None)  # another thread may have called clear()
        elif isinstance(event, StepStarted):
            run.rows.append(_Row(event.action.name, event.sequence_id, now))
        elif (row := run.row(event.sequence_id)) is not None:
            _record(row, event, now)

    def clear(self) -> None:
        """Delete all records; the rest of an open run is not recorded."""
        self._runs.clear()
        self._open.clear()

    def __str__(self) -> str:
        """Return the timeline as text, with a bar for each step: ``.`` until its first item, ``=`` after it."""
        lines: list[str] = []
        for run in self._runs:
            lines.append(f"{run.method} {_seconds(run.started, run.ended)}")
            width = max((len(row.name) for row in run.rows), default=0)
            lines += [
                f"  {row.number:>3} {row.name:<{width}}  {_bar(run, row):<{WIDTH}}  {_summary(row)}".rstrip()
                for row in run.rows
            ]
        return "\n".join(lines)

    def __rich__(self) -> Table:
        """Return a table for rich."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None)
        for heading in ("", "action", ""):
            table.add_column(heading, no_wrap=True)
        table.add_column("", overflow="fold")
        for run in self._runs:
            table.add_row("", Text(run.method, "bold"), "", _seconds(run.started, run.ended))
            for row in run.rows:
                colour = "green" if row.exception is None else "red"
                table.add_row(str(row.number), Text(row.name), Text(_bar(run, row), colour), Text(_summary(row)))
        return table


def _record(row: _Row, event: Any, now: float) -> None:
    if isinstance(event, StreamItem):
        row.items += 1
        row.first_item = row.first_item or now
    elif isinstance(event, StepEnded):
        row.ended, row.exception = now, event.exception


def _bar(run: _RunRows, row: _Row) -> str:
    """Return the bar of a step, at its time within the run."""
    end = run.ended or time.perf_counter()
    scale = WIDTH / max(end - run.started, 1e-9)
    start, last = round((row.started - run.started) * scale), round(((row.ended or end) - run.started) * scale)
    first = last if row.first_item is None else round((row.first_item - run.started) * scale)
    waiting, streaming = (first - start, last - first) if row.first_item is not None else (0, last - start)
    return " " * start + "." * waiting + "=" * max(streaming, 1 - waiting)  # also a short step has one character


def _summary(row: _Row) -> str:
    parts = [_seconds(row.started, row.ended)]
    if row.first_item is not None:
        parts.append(f"{row.items} items, the first after {_seconds(row.started, row.first_item)}")
    if row.exception is not None:
        parts.append(f"{type(row.exception).__name__}: {row.exception}")
    return ", ".join(parts)


def _seconds(started: float, ended: float | None) -> str:
    return "open" if ended is None else f"{ended - started:.3f} s"
