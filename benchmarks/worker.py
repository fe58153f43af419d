"""One contender in a process of its own, so that no other's modules, objects or threads weigh on it.

Started with the contender's name and what the contender is made with, it takes lines: a workload, a
number of chunks, how many times, and how many at once. It answers with the CPU seconds, or the peak of
memory. A contender that can verify what a workload gave is asked to, outside of the time.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import os
import sys
import time
import tracemalloc
from typing import Any

from process import ABSENT, READY, allow_many_connections, reply


def main(name: str, *arguments: str) -> None:
    module, _, kind = name.partition(":")
    try:
        contender = getattr(importlib.import_module(module), kind)(*arguments)
    except ImportError:
        reply(ABSENT)
        return
    except Exception as error:
        reply(f"{type(error).__name__}: {error}")
        return
    reply(READY)
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            workload, chunks, times, at_once = line.split()
            try:
                reply(_measure(runner, contender, workload, int(chunks), int(times), int(at_once)))
            except Exception as error:
                reply({"error": f"{type(error).__name__}: {error}"})
        # Some contenders leave clients open, and would complain of it now
        sys.stderr.flush()
        os._exit(0)


def _measure(runner: asyncio.Runner, contender: Any, workload: str, chunks: int, times: int, at_once: int) -> float:
    if workload == "memory":
        return _peak(contender, chunks)
    work = getattr(contender, workload)
    gc.collect()
    gc.freeze()  # what the benchmark itself holds, such as the prepared pieces, is no burden on the one that is measured
    began = time.process_time()
    if inspect.iscoroutinefunction(work):
        given = runner.run(_repeat(work, chunks, times, at_once))
    else:
        for _ in range(times):
            given = work(chunks)
    taken = time.process_time() - began
    if hasattr(contender, "verify"):
        contender.verify(workload, chunks, given)
    return taken


async def _repeat(work: Any, chunks: int, times: int, at_once: int) -> Any:
    given = None
    for _ in range(times // at_once):
        if at_once == 1:
            given = await work(chunks)
        else:
            await asyncio.gather(*(work(chunks) for _ in range(at_once)))
    return given


def _peak(contender: Any, chunks: int) -> float:
    """Give the bytes by which one stream makes the memory grow at most."""
    gc.collect()
    tracemalloc.start()
    contender.stream(chunks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    allow_many_connections()
    main(*sys.argv[1:])
