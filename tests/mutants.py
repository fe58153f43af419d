"""Make small changes to the code, one at a time, each of which a test must catch: ``make mutants``.

The list is ``mutants.toml`` beside this file. Each mutant names a file of the package, a text that stands there exactly
once, what replaces it, and the tests that must fail. A mutant that no test catches survives: then a promise of the code
is held by no test. ``python tests/mutants.py NAME...`` runs those whose names contain one of the words.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_suffix(".toml")
TIMEOUT = 240.0
"""Seconds for the tests of one mutant. A mutant that lets them hang is caught, too."""

Outcome = Literal["caught", "survived", "broken"]


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

    def apply(self, tree: Path) -> str:
        """Change the file in a copy of the project, and return its original text.

        Raises:
            ValueError: the text to find is missing, or stands there more than once.
        """
        path = tree / "declarai_like" / self.file
        original = path.read_text("utf-8")
        if original.count(self.find) != 1:
            raise ValueError(f"{self.name}: the text must stand once in {self.file}, got {original.count(self.find)}")
        path.write_text(original.replace(self.find, self.replace), "utf-8")
        return original


class Copies:
    """Copies of the project, one a thread, in which mutants are tried."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._local = threading.local()
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
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


def main(words: list[str]) -> int:
    """Try the mutants whose names contain one of the words, or all; return the exit status."""
    listed = tomllib.loads(LIST.read_text("utf-8"))["mutant"]
    mutants = [Mutant(**{**each, "tests": tuple(each["tests"])}) for each in listed]
    chosen = [mutant for mutant in mutants if not words or any(word in mutant.name for word in words)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copies = Copies(Path(folder))
        passes = functools.cache(lambda tests: run_tests(copies.mine(), tests) == 0)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            outcomes = list(pool.map(lambda mutant: attempt(mutant, copies.mine(), passes(mutant.tests)), chosen))
    missed = [mutant for mutant, outcome in zip(chosen, outcomes, strict=True) if outcome != "caught"]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} mutants are caught")
    return 1 if missed else 0


def attempt(mutant: Mutant, tree: Path, passes: bool) -> Outcome:
    """Run the tests of a mutant in a copy of the project, and print a line where they do not catch it."""
    outcome: Outcome = "broken"
    if passes:
        original = mutant.apply(tree)
        try:
            outcome = "survived" if run_tests(tree, mutant.tests) == 0 else "caught"
        finally:
            (tree / "declarai_like" / mutant.file).write_text(original, "utf-8")
    if outcome != "caught":
        why = "its tests fail without it" if outcome == "broken" else "no test fails"
        print(f"{outcome}: {mutant.name} ({mutant.file}; {why})", flush=True)
    return outcome


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
