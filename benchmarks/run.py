"""Measure the speed beside the floor and other libraries: one command, one run, one set of tables."""

from __future__ import annotations

import options
import page
import report
import rounds
from report import CLIENT, CLIENT_KEPT, FLOOR, OURS, PEERS, TWICE, UNKEPT, WITH_TEXT
from rounds import Workload
from text_part import PACKAGES, part
from wanted import wanted


def main() -> None:
    asked = options.ask(options.parser(__doc__, quick="fewer rounds and shorter streams", peers="the other libraries"))
    number = asked.rounds
    sizes = [1_000, 10_000] if asked.quick else [1_000, 10_000, 50_000]
    peers = [] if asked.no_peers else PEERS
    streaming = [FLOOR, OURS, UNKEPT, TWICE, WITH_TEXT, CLIENT, *peers]
    basic = [FLOOR, OURS, CLIENT]
    worlds = {"sync": _streams("stream", sizes), "async": _streams("astream", sizes)}
    concurrent = Workload("astream", 50, times=1000, at_once=1000)
    calls = {"blocking": (Workload("whole", 10, times=200), 1), "async": (Workload("awhole", 10, times=200), 1)}

    jobs = [
        (name, workload) for opening, whole in worlds.values() for workload in (opening, *whole) for name in streaming
    ]
    jobs += [(name, workload) for workload in (concurrent, *(call for call, _ in calls.values())) for name in basic]
    figures = rounds.measure(jobs, number)
    peaks = rounds.memory(kept := [OURS, UNKEPT, CLIENT_KEPT], sizes[-2:])

    tables = [
        report.streams("Streaming text, sync", figures, streaming, *worlds["sync"]),
        report.streams("Streaming text, async over aiohttp", figures, streaming, *worlds["async"]),
        report.answers(
            "A thousand streams at once", figures, basic, {"per chunk, 50 in each stream": (concurrent, 50)}
        ),
        report.answers(
            "An answer that comes whole", figures, basic, {f"{world}, per call": call for world, call in calls.items()}
        ),
        report.memory(peaks, kept, sizes[-2:]),
    ]
    verdict = wanted(figures, worlds, concurrent, peaks)
    print(f"Each figure is the median of {number} rounds, and in brackets the minimum.", end="\n\n")
    print(*(table.text() for table in [*tables, verdict]), ", ".join(page.versions(PACKAGES)), sep="\n\n")
    if asked.markdown:
        page.write("text", part(tables, verdict, command=asked.command, rounds=number), asked.markdown)


def _streams(method: str, sizes: list[int]) -> tuple[Workload, list[Workload]]:
    """Give the workload that only opens a stream, and those of each size, short ones several times."""
    opening = Workload(method, 1, times=100)
    return opening, [Workload(method, size, times=max(1, 10_000 // size)) for size in sizes]


if __name__ == "__main__":
    main()
