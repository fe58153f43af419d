"""Measure what it takes to install and to import this library and others: one command, one run."""

from __future__ import annotations

import sys
from pathlib import Path

import options
import page
from imports import Import, import_times
from installed import Installed, install
from installs_part import PACKAGES, part
from process import ABSENT
from table import Table

HERE = str(Path(__file__).parents[1])
OURS, SERVING = "declarai-like", "declarai-like[aiohttp,serve]"
# With what they need to speak with OpenAI, where they speak with models
PEERS = [
    *("openai", "instructor", "langchain-openai", "magentic", "mirascope[openai]", "pydantic-ai-slim[openai]"),
    *("apache-burr", "truss"),
]
IMPORT, LOADED = "import declarai_like", "import declarai_like, openai, pydantic"
PEER_IMPORTS = [
    *("import openai", "import instructor", "import langchain_openai", "import magentic", "from mirascope import llm"),
    *("import pydantic_ai", "import burr.core"),
]
TRUSS_IMPORT = "import truss_chains"
WANTED = 100.0
SIZES = "Installed size"


def main() -> None:
    parser = options.parser(__doc__, quick="fewer rounds", peers="the other libraries")
    parser.add_argument("--install", action="store_true", help="measure the sizes anew, which downloads all of them")
    options.python(parser)
    asked = options.ask(parser)

    peers = [] if asked.no_peers else PEERS
    statements = dict.fromkeys([IMPORT, LOADED, *([] if asked.no_peers else PEER_IMPORTS)], sys.executable)
    if not asked.no_peers:
        statements[TRUSS_IMPORT] = asked.python
    imported = import_times(statements, asked.rounds)
    requirements = {OURS: HERE, SERVING: f"{HERE}[aiohttp,serve]", **{name: name for name in peers}}
    sizes = _sizes(install(requirements)) if asked.install else _kept(asked.markdown or page.PAGE)

    tables = [sizes, _imports(imported, list(statements))]
    verdict = _wanted(imported[IMPORT])
    print(f"The import times are medians of {asked.rounds} rounds, and in brackets the minimum.", end="\n\n")
    print(*(table.text() for table in [*tables, verdict]), ", ".join(page.versions(PACKAGES)), sep="\n\n")
    if asked.markdown:
        page.write("install", part(tables, verdict, command=asked.command, rounds=asked.rounds), asked.markdown)


def _sizes(found: dict[str, Installed]) -> Table:
    table = Table(SIZES, ["", "MB", "packages", "version"], [])
    for name, installed in found.items():
        cells = [f"{installed.bytes / 1e6:.1f}", str(installed.packages), installed.version]
        table.rows.append([name, *(["failed", "-", "-"] if installed.error else cells)])
        table.notes += [f"{name} failed: {installed.error}"] if installed.error else []
    return table


def _kept(kept: Path) -> Table:
    """Give the sizes that an earlier run found."""
    tables = [table for table in page.tables(kept, "install") if table.title == SIZES]
    return tables[0] if tables else Table(SIZES, ["", "MB", "packages", "version"], [[OURS, "not measured", "-", "-"]])


def _imports(found: dict[str, Import], statements: list[str]) -> Table:
    table = Table("Import", ["", "CPU ms", "openai is imported"], [])
    for statement in statements:
        time = found.get(statement)
        cells = [f"{time.median:.0f} ({time.minimum:.0f})", "yes" if time.brings_openai else "no"] if time else None
        table.rows.append([statement, *(cells or [ABSENT, "-"])])
    return table


def _wanted(imported: Import) -> Table:
    """Compare each promise with the run. Of the minimum: a busy machine only ever adds."""
    rows = [
        [
            "import declarai_like, CPU ms",
            f"at most {WANTED:.0f}",
            f"{imported.minimum:.0f}",
            imported.minimum <= WANTED,
        ],
        ["openai is imported by it", "no", "yes" if imported.brings_openai else "no", not imported.brings_openai],
    ]
    told = [[*cells, "met" if met else "MISSED"] for *cells, met in rows]
    return Table("Wanted and measured", ["wanted", "limit", "measured", ""], told)


if __name__ == "__main__":
    main()
