"""A run as a timeline: how long each step took, when its first item came, and how it ended."""

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
    began: float
    ended: float | None = None
    first_item: float | None = None
    items: int = 0
    exception: BaseException | None = None


@dataclass
class _RunRows:
    method: str
    began: float
    ended: float | None = None
    rows: list[_Row] = field(default_factory=list["_Row"])

    def row(self, number: int) -> _Row | None:
        """Give that of the step of this number; None where its beginning was not told, as an earlier hook failed."""
        return self.rows[-1] if self.rows and self.rows[-1].number == number else None


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
        self._runs: list[_RunRows] = []
        self._under_way: dict[tuple[str, str], _RunRows] = {}  # of each application, for there may be several

    def on_event(self, event: Any) -> None:
        """Note an event."""
        now, application = time.perf_counter(), (event.partition_key, event.app_id)
        if isinstance(event, RunStarted):
            self._under_way[application] = _RunRows(event.method, now)
            self._runs.append(self._under_way[application])
        elif (run := self._under_way.get(application)) is None:
            return  # its beginning was cleared, or not told
        elif isinstance(event, RunEnded):
            run.ended = now
            self._under_way.pop(application, None)  # a clear() may have come in between
        elif isinstance(event, StepStarted):
            run.rows.append(_Row(event.action.name, event.sequence_id, now))
        elif (row := run.row(event.sequence_id)) is not None:
            _note(row, event, now)

    def clear(self) -> None:
        """Forget what was noted; of a run that is under way no more is noted."""
        self._runs.clear()
        self._under_way.clear()

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


def _note(row: _Row, event: Any, now: float) -> None:
    if isinstance(event, StreamItem):
        row.items += 1
        row.first_item = row.first_item or now
    elif isinstance(event, StepEnded):
        row.ended, row.exception = now, event.exception


def _bar(run: _RunRows, row: _Row) -> str:
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
