"""The part of the page that is about typed streams."""

from __future__ import annotations

import os

from page import missed
from table import Table

_TEXT = """\
## Typed streams

All figures of this part come from one run of one command:

```console
$ {command}
```

`--quick` is a fast pass. This run had Python {python} and {cores} cores.

### Wanted and measured

{wanted}

{missed}

### How it is measured

- What is counted is the CPU time (`time.process_time`) of writing items as frames, and of reading them from bytes that
  are there already. There is no network. Each contender has a process of its own, all of them in one environment, which
  `--python` names: truss brings many packages, and asks for an older rich than our tests. This library's codec is there
  alone, without the rest of it.
- The contenders take turns, round after round. A cell shows the median of {rounds} rounds, in each of which what takes
  less than 0.2 s is measured three times, and in brackets the best; "to truss" is how many times as fast as truss doing
  the same, of the medians and in brackets of the best. What is wanted is at least so many times truss, and at most so
  much memory. It is met where both the medians and the best have it, with each kind of item; the least is shown. The
  garbage is collected before each measurement, and the collector stays on.
- Truss is its `truss_chains.streaming`, whose frames have the same form; both read the same bytes. It reads in async
  code alone, so that our blocking reader is compared with that.
- The items are pydantic models: a text of six characters (`{{"text":" hello"}}`), a list of two words, and a text with
  two floats and an integer. A stream has {number:,} of them, and making its writer or reader is in the time.
- Bytes come from an async generator, and for our blocking reader from a list. With "a frame in each piece" they come as
  they were written; with 16 bytes, a piece is a part of a frame, or has the end of one and the beginning of the next.
- Pydantic alone writes and reads the JSON of an item with its own serializer and validator, without frames: what both
  of the others do as well, and what is out of reach.
- The large item is one text, read in pieces of 64 KiB in async code. Memory is the peak that `tracemalloc` sees in a
  fresh process, with the item that was read: without the bytes themselves, which are there before.
- After each measurement it is verified that all items have come, and that the last is right.

{tables}

### Versions

{versions}
"""


def part(
    tables: list[Table], wanted: Table, *, command: str, rounds: int, number: int, python: str, versions: list[str]
) -> str:
    """Write the part in Markdown."""
    return _TEXT.format(
        command=command,
        python=python,
        cores=os.cpu_count(),
        wanted=wanted.markdown().partition("\n\n")[2],
        missed=missed(wanted),
        rounds=rounds,
        number=number,
        tables="\n\n".join(table.markdown() for table in tables),
        versions="\n".join(f"- {line}" for line in versions),
    )
