"""Measure the speed beside the floor and other libraries: one command, one run, one set of tables."""

from __future__ import annotations

import argparse

import imports
import page
import report
import rounds
from report import CLIENT, CLIENT_KEPT, FLOOR, OURS, PEERS, TWICE, UNKEPT, WITH_TEXT
from rounds import Workload
from text_part import PACKAGES, part
from wanted import wanted

IMPORTS = {
    "import declarai_like": OURS,
    "import openai": CLIENT,
    **dict(
        zip(
            ["import magentic", "from mirascope import llm", "import pydantic_ai", "import langchain_openai"],
            PEERS,
            strict=True,
        )
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and shorter streams")
    parser.add_argument("--no-peers", action="store_true", help="leave out the other libraries")
    parser.add_argument("--rounds", type=int, help="how often each measurement is made (5, or 3 with --quick)")
    parser.add_argument("--markdown", action="store_true", help=f"write them into docs/{page.PAGE.name} as well")
    asked = parser.parse_args()

    number = asked.rounds or (3 if asked.quick else 5)
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
    statements = [statement for statement, name in IMPORTS.items() if name in streaming]
    imported = imports.import_times(statements, number)

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
        report.imports(imported, statements),
    ]
    verdict = wanted(figures, worlds, concurrent, peaks, imported["import declarai_like"])
    print(f"Each figure is the median of {number} rounds, and in brackets the minimum.", end="\n\n")
    print(*(table.text() for table in [*tables, verdict]), ", ".join(page.versions(PACKAGES)), sep="\n\n")
    if asked.markdown:
        options = " --quick" * asked.quick + " --no-peers" * asked.no_peers + f" --rounds {number}" * bool(asked.rounds)
        command = f"python benchmarks/run.py{options} --markdown"
        page.write("text", part(tables, verdict, command=command, rounds=number))


def _streams(method: str, sizes: list[int]) -> tuple[Workload, list[Workload]]:
    """Give the workload that only opens a stream, and those of each size, short ones several times."""
    opening = Workload(method, 1, times=100)
    return opening, [Workload(method, size, times=max(1, 10_000 // size)) for size in sizes]


if __name__ == "__main__":
    main()
