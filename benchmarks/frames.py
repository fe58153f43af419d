"""Measure typed streams beside truss: one command, one run."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import frames_report as report
import page
from frames_part import part
from frames_report import TRUSS
from rounds import Figure, Workload

NUMBER, QUICK_NUMBER = 20_000, 5_000
MEGABYTES = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="of an environment that has truss (this one)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and shorter streams")
    parser.add_argument("--no-peers", action="store_true", help="leave out truss")
    parser.add_argument("--rounds", type=int, help="how often each measurement is made (5, or 3 with --quick)")
    parser.add_argument("--markdown", action="store_true", help=f"write them into docs/{page.PAGE.name} as well")
    asked = parser.parse_args()

    rounds = asked.rounds or (3 if asked.quick else 5)
    number = QUICK_NUMBER if asked.quick else NUMBER
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
        options = " --python ..." * (asked.python != sys.executable) + " --quick" * asked.quick
        options += " --no-peers" * asked.no_peers + f" --rounds {rounds}" * bool(asked.rounds)
        command = f"python benchmarks/frames.py{options} --markdown"
        text = part(
            tables, verdict, command=command, rounds=rounds, number=number, python=run["python"], versions=versions
        )
        page.write("frames", text)


if __name__ == "__main__":
    main()
