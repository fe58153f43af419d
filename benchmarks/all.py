"""Measure all parts beside the floors and the other libraries, and say where this library is first: one command."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import traceback

import install
import results
from rounds import Figures, measure
from rows import SIZES, Part, parts

import declarai_like as declarai


def main() -> None:
    options = _options()
    failed = [name for name in options.only if not _run(name, options)]
    found = results.load()
    print(results.truth({name: result for name, result in found.items() if name in options.only}))
    print(f"\nAll tables are in {results.write_tables(found)}.")
    if options.page:
        results.write_page(found)
    sys.exit(f"not measured: {', '.join(failed)}" if failed else 0)


def _options() -> argparse.Namespace:
    names = list(parts())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller sizes, and nothing that is slow")
    parser.add_argument("--rounds", type=int, help="how often everything is measured")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="PART", help=", ".join(names))
    parser.add_argument("--no-peers", action="store_true", help="leave out the other libraries")
    parser.add_argument("--install", action="store_true", help="measure installed sizes, which downloads all libraries")
    parser.add_argument("--python", default=sys.executable, type=_program, help="of an environment that has truss")
    parser.add_argument("--page", action="store_true", help=f"write the main results into docs/{results.PAGE.name}")
    return parser.parse_args()


def _program(given: str) -> str:
    if not shutil.which(given):
        raise argparse.ArgumentTypeError(f"{given} is not a program")
    return given


def _run(name: str, options: argparse.Namespace) -> bool:
    """Measure a part and keep its result. If that fails, the result of the run before stays."""
    print(f"== {name}", file=sys.stderr)
    part = parts(quick=options.quick)[name]
    rounds = options.rounds or (max(1, part.rounds - 2) if options.quick else part.rounds)
    try:
        figures, versions = _measured(part, rounds, options)
    except Exception:
        traceback.print_exc()
        return False
    kept = results.load().get(name)
    sizes = {job: figure for job, figure in kept.figures.items() if job.contender == SIZES} if kept else {}
    listed = ", ".join(f"{package} {version}" for package, version in versions.items())
    about = f"Measured by `{_command()}` with {os.cpu_count()} cores and {rounds} rounds. Versions: {listed}."
    results.save(name, results.Result(about, options.quick, {**sizes, **figures}))
    return True


def _measured(part: Part, rounds: int, options: argparse.Namespace) -> tuple[Figures, dict[str, str]]:
    jobs = [job for table in part.tables for job in table.jobs(peers=not options.no_peers)]
    sizes = install.sizes(job for job in jobs if job.contender == SIZES) if options.install else {}
    in_rounds = [job for job in jobs if job.contender != SIZES]
    figures, versions = measure(in_rounds, rounds, part.longest, lambda name: _python(name, options.python))
    return {**sizes, **figures}, {"declarai-like": declarai.__version__, **versions}


def _python(contender: str, of_truss: str) -> str:
    """Return the interpreter of a contender. All codecs of frames run beside truss, in one environment."""
    return of_truss if contender.startswith("frames:") or "truss" in contender else sys.executable


def _command() -> str:
    """Return the command of this run, without the paths of this machine."""
    words = ["..." if before == "--python" else word for before, word in zip(sys.argv, sys.argv[1:], strict=False)]
    return shlex.join(["python", "benchmarks/all.py", *words])


if __name__ == "__main__":
    main()
