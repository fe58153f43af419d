"""The page of the documentation that shows a run."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from process import ABSENT
from table import Table

import declarai_like as declarai

_PACKAGES = [
    *("openai", "httpx2", "aiohttp", "jiter", "pydantic"),
    *("magentic", "mirascope", "pydantic-ai-slim", "langchain-openai"),
]

_PAGE = """\
# Benchmarks

All figures on this page come from one run of one command:

```console
$ {command}
```

`make bench` installs the other libraries and prints the same tables; `--quick` is a fast pass. {machine}

{wanted}

{missed}

## How it is measured

- What is counted is the CPU time of the client's process (`time.process_time`). The server is another process on the
  loopback interface; it writes answers that were prepared before, and sends each contender the same bytes.
- Each contender has a process of its own, so that none pays for the modules and objects of another.
- The contenders take turns, round after round. A cell shows the median of {rounds} rounds, and in brackets the minimum;
  "to the floor" is the ratio of the medians, and in brackets that of the minima. What is wanted is met where both are
  within the limit, at each size. The garbage is collected before each measurement, and the collector stays on.
- The floor is the least that any client of this protocol does: the bytes through the `openai` client's own HTTP layer
  (`with_streaming_response`), split at blank lines, and each event parsed by jiter.
- The others read a stream in their own plain way, and look at the new text of each chunk. That all of the text has come
  is checked. Two readers are, in the blocking world, one loop that takes each chunk from both of them; in the async
  world they are two tasks. "Reading all the text" asks each chunk for `response`, which is a new string each time: what
  it costs grows with the text, and is the price of looking and not of the stream.
- "opening" is a whole stream of one chunk, in microseconds: what a stream costs apart from its chunks. "spread" is how
  far the dearest of the sizes is above the cheapest, for each chunk, when the opening is taken off; it is of the minima.
- Async runs on asyncio with aiohttp, through the `openai` client's `DefaultAioHttpClient`. Magentic and Mirascope take
  no HTTP client; the async client inside them was replaced by one over aiohttp, so that all have the same bytes in the
  same way. Mirascope's own extra for OpenAI asks for an older `openai`; without the extra it runs with this one.
- The blocking stream of pydantic-ai runs its async one on an event loop.
- Memory is the peak that `tracemalloc` sees while one stream is read, in a fresh process for each figure.
- An import is timed in a fresh interpreter.

{tables}

## Versions

{versions}
"""


def page(tables: list[Table], wanted: Table, *, command: str, rounds: int) -> str:
    """Write the page in Markdown."""
    return _PAGE.format(
        command=command,
        machine=f"This run had Python {platform.python_version()} and {os.cpu_count()} cores.",
        wanted=wanted.markdown(),
        missed=_missed(wanted),
        rounds=rounds,
        tables="\n\n".join(table.markdown() for table in tables),
        versions="\n".join(f"- {line}" for line in versions()),
    )


def versions() -> list[str]:
    """Give the versions of all contenders, and of what they stand on."""
    return [f"declarai-like {declarai.__version__}", *(f"{package} {_version(package)}" for package in _PACKAGES)]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ABSENT


def _missed(wanted: Table) -> str:
    missed = [f"{row[0]} (wanted {row[1]}, measured {row[2]})" for row in wanted.rows if row[3] == "MISSED"]
    return f"This run misses: {'; '.join(missed)}." if missed else "This run has all that is wanted."
