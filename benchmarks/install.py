"""The cost of having a library: the time of its import, and the size of a fresh environment with it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

from rounds import Figure, Figures, Job

_SOURCES = str(Path(__file__).parents[1])
_TIMED = """
import sys, time
began = time.process_time()
import {modules}
print(time.process_time() - began, "yes" if "openai" in sys.modules else "no")
"""


class Import:
    """A contender that imports modules in a fresh interpreter. Its clock counts the CPU time of the import alone.

    Attributes:
        note: "yes" if `openai` is imported.
    """

    packages = ("openai", "pydantic")

    def __init__(self, modules: str) -> None:
        self._code = _TIMED.format(modules=modules)
        self._seconds = 0.0
        self.run(1)  # writes the bytecode files

    def clock(self) -> float:
        return self._seconds

    def run(self, number: int) -> None:
        done = subprocess.run([sys.executable, "-c", self._code], capture_output=True, text=True, check=False)
        if done.returncode:
            message = done.stderr.strip().splitlines()[-1]
            raise (ModuleNotFoundError if "ModuleNotFoundError" in message else ImportError)(message)
        seconds, self.note = done.stdout.split()
        self._seconds += float(seconds)

    def verify(self, work: str, number: int, result: None) -> None:
        """Accept any result: the import has succeeded."""


def sizes(jobs: Iterable[Job]) -> Figures:
    """Install each job's requirement into a new environment, and return the bytes of all files."""
    return {job: _size(job.work) for job in jobs}


def _size(requirement: str) -> Figure:
    print(f"installing {requirement}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="install-") as folder:
        venv.create(folder, with_pip=False)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", f"{folder}/bin/python"]
        target = requirement.replace("declarai-like", _SOURCES)
        run = subprocess.run(
            [*pip, "install", "--quiet", "--no-compile", target], capture_output=True, text=True, check=False
        )
        if run.returncode:
            return Figure(error=(run.stderr.strip().splitlines() or ["pip failed"])[-1])
        return _content(requirement, next(Path(folder).glob("lib/python*/site-packages")))


def _content(requirement: str, site: Path) -> Figure:
    """Return the bytes of all files without bytecode; its note has the number of packages and the version."""
    versions = {found.name.lower().replace("_", "-"): found.version for found in distributions(path=[str(site)])}
    files = [path for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    note = f"{len(versions)}, {versions[requirement.partition('[')[0]]}"
    return Figure(values=[sum(path.stat().st_size for path in files)], note=note)
