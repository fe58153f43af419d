"""Measure typed answers that fill in as they arrive, beside what other libraries do: one command, one run."""

from __future__ import annotations

import capped
import options
import page
import typed_report as report
from rounds import Workload
from typed_answers import PIECE
from typed_part import PACKAGES, part
from typed_report import GROWTH, ITEMS, PARTIALS, PEERS, STRING
from typed_wanted import wanted

SMALL, LARGE = 200, 20_000
WHOLE = [57 * 1024 // PIECE // shorter for shorter in (8, 4, 2, 1)]
LONG = [1024 * 1024 // PIECE // shorter for shorter in (16, 8, 4, 2, 1)]
QUOTED = Workload("quoted_items", SMALL)


def main() -> None:
    quick = "fewer rounds, no answers above 256 KiB, and nothing that is slow"
    asked = options.ask(options.parser(__doc__, quick=quick, peers="the other libraries"))
    number = asked.rounds
    long = LONG[:3] if asked.quick else LONG
    partials, string, items = (
        [row for row in rows if not (asked.no_peers and row.name in PEERS)] for rows in (PARTIALS, STRING, ITEMS)
    )
    measured: dict[tuple[str, str], list[int]] = {}
    for rows, sizes in ((partials, [SMALL, *WHOLE, LARGE]), (string, WHOLE), (items, WHOLE), (GROWTH, long)):
        for row in rows:
            measured.setdefault((row.name, row.method), []).extend(sizes)
    jobs = [(name, Workload(method, size)) for (name, method), sizes in measured.items() for size in sorted(sizes)]
    jobs += [(name, QUOTED) for name in dict.fromkeys(row.name for row in items)]
    longest = 10.0 if asked.quick else 60.0
    figures = capped.measure(jobs, number, longest)

    tables = [
        report.sizes("A snapshot at each piece", figures, partials, WHOLE),
        report.sizes("Elements as they are complete", figures, items, WHOLE, quoted=QUOTED),
        report.sizes("A snapshot of one long string at each piece", figures, string, WHOLE),
        report.sizes(f"This library, up to {report.kib(long[-1])}", figures, GROWTH, long),
        report.pieces("Small answers", figures, partials, SMALL),
        report.pieces("Large answers", figures, partials, LARGE),
    ]
    verdict = wanted(figures, whole=WHOLE[-1], chains=[WHOLE, long], small=SMALL)
    print(f"Each figure is the median of {number} rounds, and in brackets the minimum.", end="\n\n")
    print(*(table.text() for table in [*tables, verdict]), ", ".join(page.versions(PACKAGES)), sep="\n\n")
    if asked.markdown:
        text = part(tables, verdict, command=asked.command, rounds=number, longest=longest)
        page.write("typed", text, asked.markdown)


if __name__ == "__main__":
    main()
