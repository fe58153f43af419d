"""The part of the page that is about streams of text."""

from __future__ import annotations

from page import fill
from table import Table

PACKAGES = [
    *("openai", "httpx2", "aiohttp", "jiter", "pydantic"),
    *("magentic", "mirascope", "pydantic-ai-slim", "langchain-openai"),
]

_TEXT = """\
## Streams of text

All figures of this part come from one run of one command:

```console
$ {command}
```

`--quick` is a fast pass. {machine}

{wanted}

{missed}

### How it is measured

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

{tables}

### Versions

{versions}
"""


def part(tables: list[Table], wanted: Table, *, command: str, rounds: int) -> str:
    """Write the part in Markdown."""
    return fill(_TEXT, tables, wanted, PACKAGES, command=command, rounds=rounds)
