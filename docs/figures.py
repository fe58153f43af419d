"""Size and duplication of the package, beside other packages: modules, functions, and code held twice for sync and async.

``python docs/figures.py`` prints the table of the page on the design. With folders of packages, it measures those.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import ceil
from pathlib import Path
from statistics import mean, median

HOME = Path(__file__).parents[1] / "declarai_like"

LONG = 50  # lines, from `def` to the last one
TINY = 10  # lines; shorter modules, mostly an `__init__`, would distort the median
SHORT = 4  # lines; shorter functions are alike by chance
ALIKE = 0.8  # the share of equal lines from which on two functions count as one that is held twice

HEAD = (
    "package", "modules / lines", "median module (largest)", "function: mean / 90th percentile",
    f"functions over {LONG} lines (longest)", "held twice for sync and async",
)  # fmt: skip

OTHERS = (
    ("[h11](https://github.com/python-hyper/h11) (62c5068)", "11 / 2.6k", "153 (659)", "13 / 39", "3", "0"),
    ("[gidgethub](https://github.com/gidgethub/gidgethub) (219ff06)", "9 / 1.2k", "72 (405)", "15 / 29", "3", "async only"),
    ("[psycopg](https://github.com/psycopg/psycopg) (c079c37)", "83 / 22.5k", "196 (1774)", "9 / 23", "17", "generated"),
    ("[stamina](https://github.com/hynek/stamina) (87ccfa4)", "10 / 1.5k", "67 (913)", "15 / 28", "3", "2 %"),
    ("[ijson](https://github.com/ICRAR/ijson) (d2a1458)", "16 / 2.0k", "68 (523)", "9 / 18", "4", "0"),
    ("[starlette](https://github.com/Kludex/starlette) (cb8f84f)", "34 / 6.7k", "145 (876)", "11 / 27", "12", "0"),
    ("[httpx](https://github.com/encode/httpx) (ae1b9f6)", "23 / 8.8k", "274 (2019)", "14 / 34", "14", "13 %"),
    ("[magentic](https://github.com/jackmpcollins/magentic) (58b72cf)", "27 / 5.0k", "133 (584)", "9 / 24", "9", "16 %"),
    ("[declarai](https://github.com/vendi-ai/declarai) (0021901)", "66 / 4.0k", "59 (380)", "13 / 28", "4", "no async"),
    ("[burr](https://github.com/apache/burr), its core (dbf7bef)", "11 / 6.9k", "415 (2796)", "13 / 29", "13 (269)", "15 %"),
    ("[truss-chains](https://github.com/basetenlabs/truss) (0bee989)", "19 / 7.8k", "273 (1811)", "14 / 40", "18", "async only"),
    ("[mirascope](https://github.com/Mirascope/mirascope), llm (41d4335)", "177 / 35k", "139 (1777)", "16 / 39", "70", "25 %"),
    ("[instructor](https://github.com/567-labs/instructor) (cc67955)", "47 / 10.7k", "131 (1167)", "23 / 52", "40", "8 %"),
    ("[llm](https://github.com/simonw/llm) (f3f4f29)", "19 / 16k", "268 (4306)", "25 / 57", "66", "4 %"),
    ("[chatlas](https://github.com/posit-dev/chatlas) (ea45311)", "71 / 24k", "173 (3785)", "21 / 52", "92", "7 %"),
    ("[pydantic-ai](https://github.com/pydantic/pydantic-ai) (4fda389)", "284 / 114k", "174 (5614)", "19 / 41", "319 (691)", "runs async"),
    ("[openai-agents](https://github.com/openai/openai-agents-python) (7f7a44f)", "307 / 126k", "180 (5496)", "21 / 44", "390 (1591)", "runs async"),
)  # fmt: skip
"""The same figures of other packages, each at a commit of its repository."""


@dataclass(frozen=True)
class Function:
    """One function: its name, and its lines with its docstring, both without the marks of async code."""

    name: str
    is_async: bool
    lines: Sequence[str]


@dataclass(frozen=True)
class Figures:
    """The counts of one package.

    Attributes:
        modules: the number of lines of each module.
        functions: the number of lines of each function.
        twice: the lines of functions that exist in a sync and an async form, both counted.
    """

    modules: Sequence[int]
    functions: Sequence[int]
    twice: int

    def row(self, name: str) -> tuple[str, ...]:
        lines = sum(self.modules)
        tenth = sorted(self.functions)[ceil(0.9 * len(self.functions)) - 1]
        return (
            name,
            f"{len(self.modules)} / {lines / 1000:.1f}k",
            f"{median(size for size in self.modules if size >= TINY):.0f} ({max(self.modules)})",
            f"{mean(self.functions):.0f} / {tenth}",
            f"{sum(size > LONG for size in self.functions)} ({max(self.functions)})",
            f"{100 * self.twice / lines:.0f} % ({self.twice} lines)",
        )


def measure(package: Path) -> Figures:
    """Return the figures of a package, without tests inside it."""
    paths = sorted(path for path in package.rglob("*.py") if "tests" not in path.relative_to(package).parts)
    texts = [path.read_text(encoding="utf-8") for path in paths]
    functions = [function for text in texts for function in _functions(text)]
    sizes = [len(function.lines) for function in functions]
    return Figures([len(text.splitlines()) for text in texts], sizes, _lines_held_twice(functions))


def _functions(text: str) -> Iterator[Function]:
    """Yield the functions of a module, without overloads."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not any("overload" in ast.unparse(decorator) for decorator in node.decorator_list):
            own = [_as_sync(line.strip()) for line in lines[node.lineno - 1 : node.end_lineno]]
            yield Function(_as_sync(node.name), isinstance(node, ast.AsyncFunctionDef), own)


def _lines_held_twice(functions: Sequence[Function]) -> int:
    """Return the lines of pairs: a sync and an async function of one name that are alike apart from ``await``."""
    blocking: dict[str, list[Function]] = {}
    for function in functions:
        if not function.is_async:
            blocking.setdefault(function.name, []).append(function)
    twice = 0
    for function in functions:
        others = blocking.get(function.name, [])
        if not function.is_async or len(function.lines) < SHORT or not others:
            continue
        likeness, index = max((_likeness(function, other), index) for index, other in enumerate(others))
        if likeness >= ALIKE:
            twice += len(function.lines) + len(others.pop(index).lines)
    return twice


def _as_sync(text: str) -> str:
    """Remove the marks of async code: ``await``, ``async``, and an `a` before a name."""
    text = re.sub(r"\b(?:await|async) |[Aa]sync_?|(?<=\b__)a(?=(?:enter|exit|iter|next)__)", "", text)
    return re.sub(r"\b(_*)a(?=[a-z]{3})", r"\1", text)


def _likeness(one: Function, other: Function) -> float:
    return SequenceMatcher(None, one.lines, other.lines, autojunk=False).ratio()


def table(rows: Sequence[Sequence[str]]) -> str:
    lines = [HEAD, ["---"] * len(HEAD), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    if folders := [Path(each) for each in sys.argv[1:]]:
        print(table([measure(folder).row(folder.name) for folder in folders]))
    else:
        print(table([measure(HOME).row("**this package**"), *OTHERS]))
