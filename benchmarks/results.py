"""The results of runs are kept in files, and shown in the page of the documentation."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rounds import Figure, Figures, Job
from rows import parts
from table import Table, markdown
from truth import section

FOLDER = Path(__file__).with_name("results")
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


@dataclass
class Result:
    """One run of a part. `about` is the command, the machine and the versions."""

    about: str
    quick: bool
    figures: Figures

    def tables(self, part: str) -> list[Table]:
        """Return the tables of a part with the figures of this run."""
        return [replace(table, figures=self.figures) for table in parts(quick=self.quick)[part].tables]


def save(part: str, result: Result) -> None:
    FOLDER.mkdir(exist_ok=True)
    figures = [(*job, asdict(figure)) for job, figure in result.figures.items()]
    _file(part).write_text(json.dumps({"about": result.about, "quick": result.quick, "figures": figures}))


def load() -> dict[str, Result]:
    """Return the last result of each part that has one."""
    kept = {part: json.loads(_file(part).read_text()) for part in parts() if _file(part).exists()}
    for of_part in kept.values():
        of_part["figures"] = {Job(*job): Figure(**figure) for *job, figure in of_part["figures"]}
    return {part: Result(**of_part) for part, of_part in kept.items()}


def truth(results: dict[str, Result]) -> str:
    """Return the table of truth of these parts."""
    return section({parts()[part].title: result.tables(part) for part, result in results.items()})


def write_tables(results: dict[str, Result]) -> Path:
    """Write all tables into one file, and return its path."""
    texts = [f"# Results\n\n## The table of truth\n\n{truth(results)}"]
    for part, result in results.items():
        tables = result.tables(part)
        verdicts = [line for table in tables for line in table.verdicts()]
        shown = [*(table.markdown() for table in tables), markdown("Targets", ["", "target", "measured", ""], verdicts)]
        texts.append("\n\n".join([f"## {parts()[part].title}\n\n{result.about}", *shown]))
    file = FOLDER / "tables.md"
    file.write_text("\n\n".join(texts) + "\n")
    return file


def write_page(results: dict[str, Result], page: Path = PAGE) -> None:
    """Put the table of truth and the main tables into the page: each below its mark, up to the next heading.

    This takes results of all parts.
    """
    missing = [part for part in parts() if part not in results]
    if missing:
        raise SystemExit(f"the page must have all parts; results are missing of: {', '.join(missing)}")
    texts = {"truth": truth(results)}
    for part, result in results.items():
        shown = [table.markdown() for table in result.tables(part) if table.in_page]
        texts[part] = "\n\n".join([result.about, *shown])
    text = page.read_text()
    for name, inside in texts.items():
        marked = re.compile(rf"(<!-- {name}: .*? -->\n\n).*?(?=\n\n## |\s*\Z)", re.DOTALL)
        text = marked.sub(lambda mark, inside=inside: mark[1] + inside, text)
    page.write_text(text)


def _file(part: str) -> Path:
    return FOLDER / f"{part}.json"
