"""The options that all parts have, and the command that a run is shown with."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import page

_ELSEWHERE = {"markdown": "", "python": "..."}
"""What a page says in the place of a path, which is this machine's own."""


def parser(
    description: str | None, *, quick: str, peers: str = "", rounds: tuple[int, int] = (5, 3)
) -> argparse.ArgumentParser:
    """Make a parser; the rounds are those of a full run and of a quick one. Without peers there are none to leave out."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--quick", action="store_true", help=quick)
    if peers:
        made.add_argument("--no-peers", action="store_true", help=f"leave out {peers}")
    full, short = rounds
    made.add_argument(
        "--rounds", type=int, help=f"how often each measurement is made ({full}, or {short} with --quick)"
    )
    made.add_argument(
        "--markdown",
        type=Path,
        nargs="?",
        const=page.PAGE,
        metavar="FILE",
        help=f"write the tables into docs/{page.PAGE.name} as well, or into another page",
    )
    made.set_defaults(full=full, short=short)
    return made


def python(parser: argparse.ArgumentParser) -> None:
    """Add the option for what is in an environment of its own."""
    about = "of an environment that has truss (this one)"
    parser.add_argument("--python", type=_program, default=sys.executable, metavar="PROGRAM", help=about)


def ask(asking: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the options; ``rounds`` is then a number, and ``command`` is what was asked."""
    asked = asking.parse_args()
    given = {name: value for name, value in vars(asked).items() if value != asking.get_default(name)}
    asked.command = " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *map(_said, given, given.values())])
    asked.rounds = asked.rounds or (asked.short if asked.quick else asked.full)
    return asked


def _program(given: str) -> str:
    if not shutil.which(given):
        raise argparse.ArgumentTypeError(f"there is no program {given}")
    return given


def _said(name: str, value: object) -> str:
    said = "" if value is True else _ELSEWHERE.get(name, str(value))
    return f"--{name.replace('_', '-')} {said}".rstrip()
