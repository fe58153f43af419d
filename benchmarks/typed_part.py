"""The part of the page that is about typed answers which fill in as they arrive."""

from __future__ import annotations

from page import fill
from table import Table

PACKAGES = [
    *("jiter", "pydantic", "pydantic-core"),
    *("mirascope", "pydantic-ai-slim", "instructor", "langchain-core", "magentic"),
]

_TEXT = """\
## Typed answers while they arrive

All figures of this part come from one run of one command:

```console
$ {command}
```

`--quick` is a fast pass. {machine}

{wanted}

{missed}

### How it is measured

- What is counted is the CPU time (`time.process_time`) of reading an answer that comes in pieces of four characters.
  There is no network and no model: it is the parsing and the types alone. Each contender has a process of its own.
- The contenders take turns, round after round. A cell shows the median of {rounds} rounds, and in brackets the minimum;
  what takes less than 0.2 s is measured three times in a round. What is wanted is met where both are within the limit. "growth" is by how much the time grows with the last doubling
  that was measured: 2 is linear, 4 is quadratic. It is of the minima, and so is what is wanted of it, which holds for
  each doubling: a busy machine only ever adds. The garbage is collected before each measurement, what is there
  then is frozen, and the collector stays on. What would take more than {longest:.0f} s is left out; what has taken half of that in all is not repeated.
- Before the first measurement and after each one, what came at the last piece is compared with the whole answer.
- The report is `{{"title": ..., "items": [...]}}`; an item has a name, a price, an amount, a flag, a list of two tags and a
  note, and takes about 160 characters. A snapshot is taken at each piece. The strings of our partials are put together
  where they are read, so there is a line for reading as well: the last field of the last item, at each piece. The
  snapshots of the others are read for nothing.
- "jiter, then pydantic" is what the others do, without the rest of them: jiter's partial mode parses the text so far,
  and pydantic validates what comes out with `experimental_allow_partial`. "pydantic alone" does both in one step, and is
  quicker. Both give typed dicts, in which all is optional: of a model pydantic refuses what is incomplete. Ours are of
  models, and each item that is complete is a validated instance. Plans, adapters and agents are made before the clock
  starts, readers for each answer.
- The other libraries read the same pieces with what their own streams are made of: Mirascope's `structured_stream()`,
  the agent of pydantic-ai over its `FunctionModel`, not debounced, and with typed dicts as its documentation has them;
  `Partial` and `IterableModel` of instructor; `JsonOutputParser` of LangChain, which looks at no types and leaves out a
  snapshot that equals the one before; and `iter_streamed_json_array` of magentic, with pydantic for each item. Instructor
  asks for an older jiter; it is installed without its dependencies and runs with this one.
- An element is handed out when its last character has come. Elements with quotes inside of strings, as in
  `"Ann said \\"yes\\", and left."`, are another answer, which is read only to see whether they come through.

{tables}

### Versions

{versions}
"""


def part(tables: list[Table], wanted: Table, *, command: str, rounds: int, longest: float) -> str:
    """Write the part in Markdown."""
    return fill(_TEXT, tables, wanted, PACKAGES, command=command, rounds=rounds, longest=longest)
