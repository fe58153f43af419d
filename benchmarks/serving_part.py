"""The part of the page that is about serving."""

from __future__ import annotations

from page import fill
from table import Table

PACKAGES = ["fastapi", "starlette", "uvicorn", "httptools"]

_TEXT = """\
## Serving

All figures of this part come from one run of one command:

```console
$ {command}
```

`--quick` is a fast pass. {machine}

{wanted}

{missed}

### How it is measured

- One worker of uvicorn (asyncio's event loop, httptools) serves server-sent events: to each client a word each 50 ms, for
  {seconds} seconds. The clients are in one other process on the same machine, which takes its share of the cores.
- Each contender has a server of its own. They take turns, in {rounds} rounds; a cell shows the median, and in brackets the
  best. What is counted is the CPU time of the server's process, for an event as it comes to one client.
- "A bare Starlette endpoint" is a `StreamingResponse` of an async generator that sends the same bytes as `serve`, and
  does nothing else: no answer that outlives its connection, no buffer to resume from, no stop, no validation.
  "fastapi.sse" is FastAPI's own `EventSourceResponse`.
- Each client looks whether each event has come once, in order. "Late" is the time from the last word's turn to the end of
  the last client's stream, with the time that it took to connect.

{tables}

### Versions

{versions}
"""


def part(tables: list[Table], wanted: Table, *, command: str, rounds: int, seconds: int) -> str:
    """Write the part in Markdown."""
    return fill(_TEXT, tables, wanted, PACKAGES, command=command, rounds=rounds, seconds=seconds)
