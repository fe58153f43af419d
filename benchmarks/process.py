"""A child process answers each line of its input with a line of JSON; as a script, this one runs a contender.

Each contender has a process of its own, so that the modules, objects and threads of the others do not slow it down.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import json
import os
import platform
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

# Keys, proxies and tracing settings of the user are not passed on: they would change what is measured
_ENVIRONMENT = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "PYTHONPATH") if name in os.environ}
_OPEN_FILES = 4096  # a thousand connections, with room to spare


class Process:
    """A script of this folder that runs until it is closed. `first` is its first line."""

    def __init__(self, script: str, *arguments: str, python: str = sys.executable) -> None:
        command = [python, str(Path(__file__).with_name(script)), *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_ENVIRONMENT, text=True
        )
        self.first = self._read()

    def ask(self, *question: object) -> Any:
        """Send a question and return its answer."""
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process of the benchmarks ended: {self._process.args}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._process:  # closes its input, which ends it, and waits
            pass


def serve_lines(first: object, answer: Callable[..., object]) -> None:
    """Send the first line, then answer each question until the input ends."""
    replies = sys.stdout
    print(json.dumps(first), file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(*json.loads(line))), file=replies, flush=True)


def allow_many_connections() -> None:
    """Raise the limit of open files where the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _main(name: str) -> None:
    """Run the contender ``module:Class`` or ``module:Class:argument``."""
    module, kind, *arguments = name.split(":", 2)
    contender = None
    try:
        contender = getattr(importlib.import_module(module), kind)(*arguments)
        first: dict[str, Any] = {"versions": _versions(contender)}
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and "declarai_like" not in str(error)
        first = {"absent": True} if missing else {"error": _described(error)}
    with asyncio.Runner() as runner:
        serve_lines(first, partial(_answer, runner, contender))
        sys.stderr.flush()
        os._exit(0)  # some contenders leave clients open, and would complain at a normal exit


def _versions(contender: Any) -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for package in contender.packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # it is measured from its sources
            continue
    return found


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _answer(runner: asyncio.Runner, contender: Any, work: str, size: int, times: int) -> dict[str, Any]:
    method, *words = work.split()
    try:
        if method == "peak":
            return {"cpu": _peak(runner, partial(getattr(contender, words[0]), *words[1:], size))}
        call = partial(getattr(contender, method), *words, size)
        return _measured(runner, contender, call, times, partial(contender.verify, work, size))
    except Exception as error:
        return {"error": _described(error)}


def _measured(
    runner: asyncio.Runner, contender: Any, call: partial[Any], times: int, verify: partial[None]
) -> dict[str, Any]:
    """Run the call so many times, and verify its last result after the clocks have stopped."""
    clock = getattr(contender, "clock", time.process_time)
    gc.collect()
    gc.freeze()  # prepared input and the benchmark's own objects stay out of the collector's work
    cpu, wall = clock(), time.perf_counter()
    result = _repeated(runner, call, times)
    cpu, wall = clock() - cpu, time.perf_counter() - wall
    verify(result)
    return {"cpu": cpu, "wall": wall, "note": getattr(contender, "note", "")}


def _repeated(runner: asyncio.Runner, call: partial[Any], times: int) -> Any:
    if not inspect.iscoroutinefunction(call):
        for _ in range(times):
            result = call()
        return result
    results: list[Any] = []
    runner.run(_repeated_async(call, times, results))
    return results[0]


async def _repeated_async(call: partial[Any], times: int, results: list[Any]) -> None:
    """Put the last result into the list. Asyncio makes a string of what a task returns, which is slow if it is large."""
    for _ in range(times):
        result = await call()
    results.append(result)


def _peak(runner: asyncio.Runner, call: partial[Any]) -> float:
    """Return the bytes by which the second call makes the memory grow at most. The first one imports and prepares."""
    _repeated(runner, call, 1)
    gc.collect()
    tracemalloc.start()
    _repeated(runner, call, 1)
    return tracemalloc.get_traced_memory()[1]


if __name__ == "__main__":
    allow_many_connections()
    _main(*sys.argv[1:])
