"""The part of the page that is about applications."""

from __future__ import annotations

from app_contenders import APPENDED
from page import fill
from table import Table

PACKAGES = ["apache-burr"]

_TEXT = """\
## Applications

All figures of this part come from one run of one command:

```console
$ {command}
```

`--quick` is a fast pass. {machine}

{wanted}

{missed}

### How it is measured

- What is counted is the CPU time (`time.process_time`). There is no network and no model: it is the state machine
  alone. Each contender has a process of its own.
- The contenders take turns, round after round. A cell shows the median of {rounds} rounds, in each of which what takes
  less than 0.2 s is measured three times, and in brackets the best; "to burr" is how many times as fast as Burr doing
  the same, of the medians and in brackets of the best. What is wanted is met where both are enough, at each size. The
  garbage is collected before each measurement, and the collector stays on.
- A streaming step is a generator function that yields `{{"number": ...}}, None` for each item, and at its end a result
  and the next state. The reader adds up the numbers. One stream after the other is opened on one application, and
  opening it is in the time. "The generator alone" is such a function in a loop.
- A hook is told of each item before the reader is, and counts them. Hooks of Burr are objects with methods for what they
  want to know; ours can be written so as well, or as functions of all events.
- A step that does next to nothing adds 1 to a number in the state, and is run by `step()` or `astep()`.
- {appended} messages are appended to a history one after the other, each to the state that came of the one before.
  Reading the last makes the list that `state["history"]` gives.
- After each measurement it is verified that each item has come once, that the hooks were told of each, that the state
  has what the last step wrote, and that the histories are of the right length.

{tables}

### Versions

{versions}
"""


def part(tables: list[Table], wanted: Table, *, command: str, rounds: int) -> str:
    """Write the part in Markdown."""
    return fill(_TEXT, tables, wanted, PACKAGES, command=command, rounds=rounds, appended=APPENDED)
