"""The page of the documentation that shows the runs: a head, and parts that are each written by a command."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import truth
from process import ABSENT
from table import Table, read

import declarai_like as declarai

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
PARTS = {
    "text": "benchmarks/run.py",
    "typed": "benchmarks/partials.py",
    "app": "benchmarks/applications.py",
    "frames": "benchmarks/frames.py",
    "serving": "benchmarks/serving.py",
    "install": "benchmarks/installs.py",
}
"""The parts in their order, and what writes them."""

_HEAD = """\
# Benchmarks

What this library costs, beside the least that is possible and beside other libraries. First comes
[what it amounts to](#the-table-of-truth), then the parts from which that is taken: streams of text, typed answers that
fill in as they arrive, applications, the steps of which stream, typed streams between processes, answers that are served
to many clients, and what it takes to install and import. Each part comes from one run of one command, and begins with
what is wanted and whether that run has it.

`make bench` installs the other libraries and prints the same tables. `python benchmarks/all.py --markdown` runs all parts
in turn, and writes this page.

"""
_PART = "<!-- {name}: from here on written by {script} -->\n\n{text}\n\n<!-- end of {name} -->\n"


def write(name: str, text: str, page: Path) -> None:
    """Put a part in the place of the one that was there, and renew the head; the other parts stay as they are."""
    _write({**_parts(page), name: text.strip()}, page)


def renew(page: Path, old: list[str]) -> None:
    """Write the head anew. ``old`` are parts that were not measured with the others."""
    parts = _parts(page)
    _write(parts, page, [name for name in old if name in parts])


def tables(page: Path, part: str) -> list[Table]:
    """Give the tables of a part, if it is there."""
    return read(_parts(page).get(part, ""))


def truths(page: Path) -> list[Table]:
    """Give the tables of the head."""
    return read(page.read_text().partition("<!--")[0])


def machine() -> str:
    """Say what the run had."""
    return f"This run had Python {platform.python_version()} and {os.cpu_count()} cores."


def versions(packages: list[str]) -> list[str]:
    """Give the versions of this library and of the packages."""
    return [f"declarai-like {declarai.__version__}", *(f"{package} {_version(package)}" for package in packages)]


def fill(form: str, tables: list[Table], wanted: Table, packages: list[str], **about: object) -> str:
    """Write a part: a form with places for what all parts have, and for what is only in this one."""
    return form.format(
        machine=machine(),
        wanted=wanted.markdown(),
        missed=missed(wanted),
        tables="\n\n".join(table.markdown() for table in tables),
        versions="\n".join(f"- {line}" for line in versions(packages)),
        **about,
    )


def missed(wanted: Table) -> str:
    """Say which of the things that are wanted the run has not."""
    lines = [f"{row[0]} (wanted {row[1]}, measured {row[2]})" for row in wanted.rows if row[3] == "MISSED"]
    return f"This run misses: {'; '.join(lines)}." if lines else "This run has all that is wanted."


def _parts(page: Path) -> dict[str, str]:
    found = re.findall(r"<!-- (\w+): .*? -->\n\n(.*?)\n\n<!-- end of \1 -->\n", page.read_text(), re.DOTALL)
    return {name: text for name, text in found if name in PARTS}


def _write(parts: dict[str, str], page: Path, old: list[str] | None = None) -> None:
    ordered = {name: parts[name] for name in PARTS if name in parts}
    head = _HEAD + truth.section(ordered, old or [])
    written = [_PART.format(name=name, script=PARTS[name], text=text) for name, text in ordered.items()]
    page.write_text("\n".join([head, *written]))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ABSENT
