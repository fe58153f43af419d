"""Make small changes to the code, one at a time, each of which a test must catch: ``make mutants``.

The list is ``mutants.toml`` beside this file. Each mutant names a file of the package, a text that stands there exactly
once, what replaces it, and the tests that must fail. A mutant that no test catches survives: then a promise of the code
is held by no test. ``python tests/mutants.py WORD...`` runs those whose names or files contain one of the words.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_suffix(".toml")
TIMEOUT = 60.0
"""Seconds for the tests of one mutant. A mutant that lets them hang is caught, too."""

Outcome = Literal["caught", "survived", "missing", "broken"]


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes:
        name: the promise that it breaks.
        file: below ``declarai_like/``.
        find: a text that stands in the file exactly once.
        replace: what stands there instead.
        tests: what pytest runs, below ``tests/``, and its options, such as ``-k``.
    """

    name: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]

    def fits(self, tree: Path) -> bool:
        """True if the text to find stands in the file exactly once."""
        path = self._path(tree)
        return path.is_file() and path.read_text("utf-8").count(self.find) == 1

    @contextmanager
    def applied(self, tree: Path) -> Iterator[None]:
        """Change the file in a copy of the project; it has its original text again after the block."""
        path = self._path(tree)
        original = path.read_text("utf-8")
        path.write_text(original.replace(self.find, self.replace), "utf-8")
        try:
            yield
        finally:
            path.write_text(original, "utf-8")

    def _path(self, tree: Path) -> Path:
        return tree / "declarai_like" / self.file


class Copies:
    """Copies of the project, one a thread, in which mutants are tried."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._local = threading.local()
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        self._files = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]

    def mine(self) -> Path:
        """Return the copy of the calling thread."""
        if not hasattr(self._local, "tree"):
            tree = self._local.tree = Path(tempfile.mkdtemp(dir=self._folder))
            for name in self._files:
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, tree / name)
        found: Path = self._local.tree
        return found


def read_list() -> list[Mutant]:
    """Return the mutants of the list."""
    listed = tomllib.loads(LIST.read_text("utf-8"))["mutant"]
    return [Mutant(**{**each, "tests": tuple(each["tests"])}) for each in listed]


def main(words: list[str]) -> int:
    """Try the mutants whose names or files contain one of the words, or all; return the exit status."""
    chosen = [each for each in read_list() if not words or any(word in each.name + each.file for word in words)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copies, passing = Copies(Path(folder)), dict[tuple[str, ...], bool]()
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            outcomes = list(pool.map(lambda mutant: attempt(mutant, copies.mine(), passing), chosen))
    missed = [mutant for mutant, outcome in zip(chosen, outcomes, strict=True) if outcome != "caught"]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} mutants are caught")
    return 1 if missed else 0


WHY: dict[Outcome, str] = {
    "survived": "no test fails",
    "missing": "the text to find must stand once in the file",
    "broken": "its tests fail without it",
}


def attempt(mutant: Mutant, tree: Path, passing: dict[tuple[str, ...], bool]) -> Outcome:
    """Run the tests of a mutant in a copy of the project, and print a line with the outcome and the seconds."""
    start = time.monotonic()
    outcome = outcome_of(mutant, tree, passing)
    why = f" ({mutant.file}: {WHY[outcome]})" if outcome != "caught" else ""
    print(f"{outcome:8} {time.monotonic() - start:5.1f} s  {mutant.name}{why}", flush=True)
    return outcome


def outcome_of(mutant: Mutant, tree: Path, passing: dict[tuple[str, ...], bool]) -> Outcome:
    """Return what becomes of a mutant; ``passing`` keeps which tests pass without one."""
    if not mutant.fits(tree):
        return "missing"
    with mutant.applied(tree):
        if run_tests(tree, mutant.tests) == 0:
            return "survived"
    if mutant.tests not in passing:
        passing[mutant.tests] = run_tests(tree, mutant.tests) == 0
    return "caught" if passing[mutant.tests] else "broken"


def run_tests(tree: Path, tests: tuple[str, ...]) -> int:
    """Run tests in a copy of the project; return pytest's exit status, or 1 where they hang."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=tree, timeout=TIMEOUT, capture_output=True, check=False)
    except subprocess.TimeoutExpired:
        return 1
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
