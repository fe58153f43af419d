"""A process that answers lines: each line in is a command, each line out its answer, in JSON."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

# Nobody's keys, proxies and tracing settings take part
_ENVIRONMENT = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "PYTHONPATH") if name in os.environ}
READY, ABSENT = "ready", "not installed"
_ANSWERS = sys.stdout  # of this process, when it is one that answers


class Process:
    """A Python script of this folder that runs until it is closed. ``first`` is what it says by itself."""

    def __init__(self, script: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name(script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_ENVIRONMENT,
            text=True,
        )
        self.first = self._read()

    def ask(self, *words: object) -> Any:
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process of the benchmark ended: {self._process.args}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._process:  # closes its input, which ends it, and waits
            pass


def reply(value: object) -> None:
    """Answer, from within such a process."""
    print(json.dumps(value), file=_ANSWERS, flush=True)


def allow_many_connections() -> None:
    """Raise the limit of open files, where the system allows it, for a thousand connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
