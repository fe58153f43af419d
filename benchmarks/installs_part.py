"""The part of the page that is about installing and importing."""

from __future__ import annotations

from page import fill
from table import Table

PACKAGES = [
    *("openai", "pydantic", "instructor", "langchain-openai", "magentic", "mirascope", "pydantic-ai-slim"),
    "apache-burr",
]

_TEXT = """\
## Installing and importing

All figures of this part come from one run of one command, but for the sizes: they are of the last run that was asked to
install, and stay as they are until the next one is.

```console
$ {command}
```

`--install` measures the sizes anew, and downloads all that is needed for it. {machine}

{wanted}

{missed}

### How it is measured

- For its size each library is installed by pip into a new environment of its own, with all that it needs. What is counted
  is the bytes of all files there, without compiled bytecode, and the packages. Ours is the wheel that is built from the
  sources beside these benchmarks.
- Libraries that speak with several providers have the extra that they need for OpenAI. Ours brings `openai` with it; so
  the size of `openai` is in ours as well.
- An import is timed in a fresh interpreter: CPU time, the median of {rounds} rounds, and in brackets the minimum. A first
  import, which writes the bytecode, is not counted. Truss is imported in the environment that `--python` names.
- We import `openai` and pydantic when they are needed first. `{loaded}` is what an import and that take together.

{tables}

### Versions

{versions}
"""


def part(tables: list[Table], wanted: Table, *, command: str, rounds: int) -> str:
    """Write the part in Markdown."""
    return fill(
        _TEXT, tables, wanted, PACKAGES, command=command, rounds=rounds, loaded="import declarai_like, openai, pydantic"
    )
