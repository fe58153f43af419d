"""Measure typed streams beside truss: one command, one run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import frames_report as report
import options
import page
from frames_part import part
from frames_report import TRUSS
from rounds import Figure, Workload

NUMBER, QUICK_NUMBER = 20_000, 5_000
MEGABYTES = 64


def main() -> None:
    parser = options.parser(__doc__, quick="fewer rounds, and shorter streams", peers="truss")
    options.python(parser)
    asked = options.ask(parser)
    rounds, number = asked.rounds, QUICK_NUMBER if asked.quick else NUMBER
    script = Path(__file__).with_name("frames_measured.py")
    told = [asked.python, script, rounds, number, MEGABYTES, *([TRUSS] if asked.no_peers else [])]
    run = json.loads(subprocess.run(list(map(str, told)), check=True, stdout=subprocess.PIPE).stdout)
    figures = {(name, Workload(**workload)): Figure(**figure) for name, workload, figure in run["figures"]}

    tables = [
        report.small("Writing small items", figures, report.ENCODES, number),
        report.small("Reading small items", figures, report.DECODES, number),
        report.large(figures, MEGABYTES),
    ]
    verdict = report.wanted(figures, number, MEGABYTES)
    versions = [*page.versions([]), *run["versions"]]
    print(f"Each figure is the median of {rounds} rounds, and in brackets the best.", end="\n\n")
    print(*(table.text() for table in [*tables, verdict]), ", ".join(versions), sep="\n\n")
    if asked.markdown:
        about = {"rounds": rounds, "number": number, "python": run["python"], "versions": versions}
        page.write("frames", part(tables, verdict, command=asked.command, **about), asked.markdown)


if __name__ == "__main__":
    main()
