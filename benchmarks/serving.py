"""Measure what it costs to serve answers to many clients at once, beside endpoints that do less: one command, one run."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field

import options
import page
from process import Process
from rounds import say
from serving_part import part
from serving_server import APPS, BARE, OURS
from table import Table

CLIENTS = [100, 1_000]
SECONDS = 10
PER_SECOND = 20


@dataclass
class Served:
    """What a contender took for so many clients: one value for each round."""

    cpu: list[float] = field(default_factory=list)  # microseconds for an event
    late: list[float] = field(default_factory=list)  # seconds after the time at which the last word was due
    lost: int = 0

    @property
    def cost(self) -> float:
        return statistics.median(self.cpu)


Measured = dict[tuple[str, int], Served]


def measure(clients: list[int], rounds: int, seconds: int) -> Measured:
    """Let each contender serve in turn, round after round."""
    measured: Measured = {}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(Process("serving_server.py", name)) for name in APPS}
        readers = stack.enter_context(Process("serving_clients.py"))
        for server in servers.values():
            readers.ask(server.first[1], 20, 5, 0.01)  # imports what comes late
        for number in range(rounds):
            for count in clients:
                for name, server in servers.items():
                    say(f"round {number + 1} of {rounds}: {name}, {count:,} clients")
                    served = measured.setdefault((name, count), Served())
                    before, _ = server.ask("used")
                    took, came, lost = readers.ask(server.first[1], count, seconds * PER_SECOND, 1 / PER_SECOND)
                    after, _ = server.ask("used")
                    served.cpu.append((after - before) / came * 1e6)
                    served.late.append(took - seconds)
                    served.lost += int(lost)
    say("")
    return measured


def costs(measured: Measured, clients: list[int]) -> Table:
    head = ["CPU us for each event", *(part for count in clients for part in (f"{count:,} clients", "to bare"))]
    rows = []
    for name in APPS:
        cells = [name]
        for count in clients:
            served, floor = measured[name, count], measured[BARE, count]
            cells.append(f"{served.cost:.1f} ({min(served.cpu):.1f})")
            cells.append(f"{served.cost / floor.cost:.2f} ({min(served.cpu) / min(floor.cpu):.2f})")
        rows.append(cells)
    return Table("CPU of the server for each event", head, rows)


def arrivals(measured: Measured, clients: list[int]) -> Table:
    head = [
        "",
        *(part for count in clients for part in (f"{count:,} clients: lost", f"{count:,} clients: last one late by")),
    ]
    rows = []
    for name in APPS:
        cells = [name]
        for count in clients:
            served = measured[name, count]
            cells += [f"{served.lost:,}", f"{statistics.median(served.late):.2f} s ({min(served.late):.2f})"]
        rows.append(cells)
    return Table(f"{PER_SECOND} events a second to each client", head, rows)


def wanted(measured: Measured, clients: list[int]) -> Table:
    served = measured[OURS, clients[-1]]
    rows = [
        [f"events lost, {clients[-1]:,} clients", "at most 0", f"{served.lost:,}", "MISSED" if served.lost else "met"]
    ]
    return Table("Wanted and measured", ["wanted", "limit", "measured", ""], rows)


def main() -> None:
    asked = options.ask(options.parser(__doc__, quick="one round of 3 seconds", rounds=(3, 1)))
    rounds = asked.rounds
    seconds = 3 if asked.quick else SECONDS
    measured = measure(CLIENTS, rounds, seconds)
    tables = [costs(measured, CLIENTS), arrivals(measured, CLIENTS)]
    verdict = wanted(measured, CLIENTS)
    print(f"Each figure is the median of {rounds} rounds, and in brackets the best.", end="\n\n")
    print(*(table.text() for table in [*tables, verdict]), sep="\n\n")
    if asked.markdown:
        text = part(tables, verdict, command=asked.command, rounds=rounds, seconds=seconds)
        page.write("serving", text, asked.markdown)


if __name__ == "__main__":
    main()
