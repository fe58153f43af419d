"""How long an import takes: CPU milliseconds, each time in a fresh interpreter."""

from __future__ import annotations

import compileall
import statistics
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from rounds import say

import declarai_like as declarai

_TIMED = """
import sys, time
began = time.process_time()
{statement}
print((time.process_time() - began) * 1000, "openai" in sys.modules)
"""


@dataclass
class Import:
    values: list[float] = field(default_factory=list)
    brings_openai: bool = False

    @property
    def minimum(self) -> float:
        return min(self.values)

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def import_times(statements: dict[str, str], rounds: int) -> dict[str, Import]:
    """Measure each statement once a round, each by its Python. What cannot be imported there is left out."""
    compileall.compile_dir(Path(declarai.__file__).parent, quiet=1)  # as what is installed is
    found: dict[str, Import] = {}
    for number in range(rounds + 1):
        for statement, python in statements.items():
            say(f"import, round {number} of {rounds}: {statement}")
            code = _TIMED.format(statement=statement)
            run = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
            if run.returncode or not number:  # the first round writes the bytecode files
                continue
            milliseconds, openai = run.stdout.split()
            times = found.setdefault(statement, Import())
            times.values.append(float(milliseconds))
            times.brings_openai = openai == "True"
    say("")
    return found
