"""The page of the documentation that shows the runs: a head, and parts that are each written by a command."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from process import ABSENT
from table import Table

import declarai_like as declarai

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
PARTS = {
    "text": "benchmarks/run.py",
    "typed": "benchmarks/partials.py",
    "app": "benchmarks/applications.py",
    "frames": "benchmarks/frames.py",
    "serving": "benchmarks/serving.py",
}
"""The parts in their order, and what writes them."""

_HEAD = """\
# Benchmarks

What this library costs, beside the least that is possible and beside other libraries. There are five parts: streams of
text, typed answers that fill in as they arrive, applications, the steps of which stream, typed streams between
processes, and answers that are served to many clients. Each comes from one run of one command, and begins with what is wanted and whether that run has it.
`make bench` installs the other libraries and prints the same tables.
"""
_PART = "<!-- {name}: from here on written by {script} -->\n\n{text}\n\n<!-- end of {name} -->\n"


def write(name: str, text: str) -> None:
    """Put a part into the page in the place of the one that was there; the others stay as they are."""
    found = re.findall(r"<!-- (\w+): .*? -->\n\n(.*?)\n\n<!-- end of \1 -->\n", PAGE.read_text(), re.DOTALL)
    parts = {**dict(found), name: text.strip()}
    written = [_PART.format(name=part, script=PARTS[part], text=parts[part]) for part in PARTS if part in parts]
    PAGE.write_text("\n".join([_HEAD, *written]))


def machine() -> str:
    """Say what the run had."""
    return f"This run had Python {platform.python_version()} and {os.cpu_count()} cores."


def versions(packages: list[str]) -> list[str]:
    """Give the versions of this library and of the packages."""
    return [f"declarai-like {declarai.__version__}", *(f"{package} {_version(package)}" for package in packages)]


def missed(wanted: Table) -> str:
    """Say which of the things that are wanted the run has not."""
    lines = [f"{row[0]} (wanted {row[1]}, measured {row[2]})" for row in wanted.rows if row[3] == "MISSED"]
    return f"This run misses: {'; '.join(lines)}." if lines else "This run has all that is wanted."


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ABSENT
