"""Run all parts in turn, and say where this library is first and where it is not: one command."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import options
import page

OF_ONE = {"python": ["frames", "install"], "install": ["install"]}
"""Options that are not for all parts."""


def main() -> None:
    parser = options.parser(__doc__, quick="a fast pass of each part")
    options.python(parser)
    parser.add_argument(
        "--install", action="store_true", help="measure installed sizes anew, which downloads all of them"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=page.PARTS,
        default=list(page.PARTS),
        metavar="PART",
        help=f"some of {', '.join(page.PARTS)}",
    )
    asked = parser.parse_args()
    if asked.markdown:
        broken = _run(asked, asked.markdown)
    else:
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
            broken = _run(asked, Path(shutil.copy(page.PAGE, folder)))
    sys.exit(bool(broken))


def _run(asked: argparse.Namespace, written: Path) -> list[str]:
    """Run the parts, write the head of the page, and give the parts that could not run."""
    broken = []
    for place, name in enumerate(asked.only):
        print(f"== {place + 1} of {len(asked.only)}: {page.PARTS[name]}", end="\n\n", flush=True)
        command = [sys.executable, Path(__file__).with_name(Path(page.PARTS[name]).name), *_options(asked, name)]
        run = subprocess.run([*command, "--markdown", written], check=False)
        if run.returncode:
            broken.append(name)
            print(f"{page.PARTS[name]} could not run; what it found before stays", file=sys.stderr)
        print()
    page.renew(written, [name for name in page.PARTS if name in broken or name not in asked.only])
    print("== The table of truth", *(table.text() for table in page.truths(written)), sep="\n\n")
    for name in broken:
        print(f"\n{page.PARTS[name]} could not run.")
    return broken


def _options(asked: argparse.Namespace, part: str) -> list[str]:
    given = {"quick": asked.quick, "rounds": asked.rounds, "python": asked.python, "install": asked.install}
    told = {name: value for name, value in given.items() if value and part in OF_ONE.get(name, page.PARTS)}
    return [word for name, value in told.items() for word in (f"--{name}", *([] if value is True else [str(value)]))]


if __name__ == "__main__":
    main()
