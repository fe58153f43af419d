"""The benchmarks compute their tables from figures, and the page shows what their rows declare."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MODULES = ("answers", "applications", "process", "rounds", "table", "rows", "truth", "results")
CONTENDERS = """
class Contender:
    packages = ()
    def work(self, size):
        return sum(range(size * 1000))
    def verify(self, work, size, result):
        pass

class Wrong(Contender):
    def verify(self, work, size, result):
        assert not result, "this is wrong"

class Absent(Contender):
    def __init__(self):
        import no_module_of_this_name

class Broken(Contender):
    def __init__(self):
        raise RuntimeError("it cannot be made")
"""


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "contenders.py").write_text(CONTENDERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    for name in MODULES:
        sys.modules.pop(name, None)


def table(bench: Any, figures: dict[str, Any], *, more: bool = False, targets: str = "", **about: Any) -> Any:
    """Return a table with a row for each name, and a column for each pair of figures that it has."""
    unit = bench.table.Unit("us", lambda us, _: us, more=more)
    sizes = range(1, 1 + max(len(pairs) for pairs in figures.values()))
    columns = tuple(bench.table.Column(f"size {size}", size, unit, "work") for size in sizes)
    kinds = {"declarai_like": "ours", "the floor": "floor"}
    rows = tuple(
        bench.table.Row(kinds.get(name, "other"), name, name, targets=targets if name in kinds else "")
        for name in figures
    )
    filled = {
        bench.rounds.Job(name, "work", size): figure if isinstance(figure, bench.rounds.Figure) else of(bench, *figure)
        for name, pairs in figures.items()
        for size, figure in zip(sizes, pairs, strict=False)
    }
    return bench.table.Table("Speed", columns, rows, figures=filled, **about)


def of(bench: Any, median: float, best: float) -> Any:
    values = [best, median, 2 * median]
    return bench.rounds.Figure(values, walls=values)


def compared(bench: Any, *others: Any, **about: Any) -> list[str]:
    """Return the row of one comparison in the table of truth."""
    [found] = bench.truth.comparisons([table(bench, *others, **about)])
    return found.row()


def test_first_is_ahead_in_the_median_and_in_the_best_figure(bench: Any) -> None:
    ours = {"declarai_like": [(10, 9)]}
    assert compared(bench, {**ours, "x": [(20, 18)]})[-2:] == ["2", "first"]
    assert compared(bench, {**ours, "x": [(20, 8)]})[-2:] == ["2 (0.889)", "NOT FIRST"]
    assert compared(bench, {**ours, "x": [(9, 9)]})[-2:] == ["0.9 (1)", "NOT FIRST"]
    assert compared(bench, {**ours, "x": [(10, 9)]})[-2:] == ["1", "NOT FIRST"], "equal is not ahead"


def test_more_may_be_better(bench: Any) -> None:
    figures = {"declarai_like": [(1000, 1000)], "x": [(2000, 2000)]}
    assert compared(bench, figures, more=True)[-2:] == ["0.5", "NOT FIRST"]
    assert compared(bench, figures)[-2:] == ["2", "first"]


def test_the_best_of_the_others_is_named_and_floors_are_not_compared(bench: Any) -> None:
    figures = {"declarai_like": [(10, 9)], "slow": [(30, 29)], "quick": [(12, 11)], "the floor": [(1, 1)]}
    assert compared(bench, figures)[1:] == ["10 (9)", "12 (11)", "quick", "1.2 (1.22)", "first"]


def test_of_several_columns_the_worst_for_us_is_shown(bench: Any) -> None:
    row = compared(bench, {"declarai_like": [(10, 10), (30, 30)], "x": [(20, 20), (20, 20)]})
    assert row[0] == "Speed, size 2: us"
    assert row[-1] == "NOT FIRST"


def test_a_failure_of_ours_is_not_hidden_and_others_that_failed_are_not_compared(bench: Any) -> None:
    failed = bench.rounds.Figure(error="ValueError: no")
    assert compared(bench, {"declarai_like": [failed], "x": [(20, 19)]})[-1] == "NOT FIRST"
    assert compared(bench, {"declarai_like": [(10, 9)], "x": [failed]})[-1] == "not compared"
    assert compared(bench, {"declarai_like": [], "x": [(20, 19)]})[-1] == "not compared"
    assert "| x | failed |" in table(bench, {"x": [failed]}).markdown()
    assert "x, size 1: failed, ValueError: no." in table(bench, {"x": [failed]}).markdown()


def test_ratios_are_to_the_base_as_times_as_long_or_times_as_fast(bench: Any) -> None:
    figures = {"declarai_like": [(10, 8)], "x": [(20, 20)]}
    assert "| declarai_like | 10 (8) | 0.5 (0.4) |" in table(bench, figures, base="x", to="x").markdown()
    assert "| declarai_like | 10 (8) | 2 (2.5) |" in table(bench, figures, base="x", to="x", speed=True).markdown()


@pytest.mark.parametrize(
    ("targets", "verdict"),
    [
        ("ratio <= 2", ["Speed: times the floor", "<= 2", "1.5 (2)", "met"]),
        ("ratio <= 1.9", ["Speed: times the floor", "<= 1.9", "1.5 (2)", "MISSED"]),
        ("value >= 8", ["Speed: us", ">= 8", "15 (8)", "met"]),
        ("value >= 9", ["Speed: us", ">= 9", "15 (8)", "MISSED"]),
    ],
)
def test_median_and_best_figure_both_have_to_be_within_a_target(bench: Any, targets: str, verdict: list[str]) -> None:
    figures = {"declarai_like": [(15, 8)], "the floor": [(10, 4)]}
    found = table(bench, figures, targets=targets, base="the floor", to="the floor")
    assert found.verdicts()[0] == verdict


def test_a_target_is_missed_by_a_failure_and_open_without_a_base(bench: Any) -> None:
    failed = bench.rounds.Figure(error="ValueError: no")
    missed = table(bench, {"declarai_like": [failed], "x": [(9, 9)]}, targets="ratio <= 2", base="x", to="x")
    assert missed.verdicts() == [["Speed: times x", "<= 2", "failed", "MISSED"]]
    unknown = table(bench, {"declarai_like": [(9, 9)], "x": []}, targets="ratio <= 2", base="x", to="x")
    assert unknown.verdicts() == [["Speed: times x", "<= 2", "-", "not compared"]]
    section = bench.truth.section({"A part": [missed, unknown]})
    assert section.count("| Speed: times x | <= 2 | failed |") == 1
    assert section.endswith("Targets that are met: 0 of 2 in A part.\n\nTargets that are not compared: 1.")


def test_growth_is_for_twice_the_size_and_spread_for_each_part_without_the_opening(bench: Any) -> None:
    figures = {"declarai_like": [(10, 10), (30, 30), (40, 40), (80, 80)]}
    found = table(bench, figures, targets="growth <= 2; spread <= 1").verdicts()
    assert found == [["Speed: growth", "<= 2", "3", "MISSED"], ["Speed: spread", "<= 1", "0.75", "met"]]


@pytest.mark.slow
def test_what_is_not_installed_is_skipped_and_what_fails_says_why(bench: Any) -> None:
    names = ("Contender", "Wrong", "Absent", "Broken")
    jobs = {name: bench.rounds.Job(f"contenders:{name}", "work", 2) for name in names}
    peak = bench.rounds.Job("contenders:Contender", "peak work", 2)
    figures, versions = bench.rounds.measure([*jobs.values(), peak], 1, 60, lambda _: sys.executable)
    assert list(versions) == ["Python"]
    assert jobs["Absent"] not in figures
    assert 0 < figures[jobs["Contender"]].best <= figures[jobs["Contender"]].median
    assert figures[peak].best > 0
    assert figures[jobs["Wrong"]].error == "AssertionError: this is wrong"
    assert figures[jobs["Broken"]].error == "RuntimeError: it cannot be made"


@pytest.mark.slow
def test_what_would_take_too_long_is_left_out(bench: Any) -> None:
    jobs = [bench.rounds.Job("contenders:Contender", "work", size) for size in (1, 1_000_000)]
    figures, _ = bench.rounds.measure(jobs, 1, 0.01, lambda _: sys.executable)
    assert figures[jobs[0]].best > 0
    assert figures[jobs[1]].expected > 1
    assert not figures[jobs[1]].values


def test_a_result_is_kept_and_written_into_the_page(bench: Any, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(bench.results, "FOLDER", tmp_path / "results")
    figures = {
        job: of(bench, 10 * job.size, 9 * job.size)
        for name, part in bench.rows.parts().items()
        for table in part.tables
        for job in table.jobs()
    }
    page = tmp_path / "page.md"
    page.write_text(bench.results.PAGE.read_text("utf-8"))
    with pytest.raises(SystemExit, match="results are missing of: text, typed, app"):
        bench.results.write_page(bench.results.load(), page)
    for part in bench.rows.parts():
        bench.results.save(part, bench.results.Result(f"Measured {part}.", quick=False, figures=figures))
    bench.results.write_page(bench.results.load(), page)
    written = page.read_text()
    assert written.count("\n## ") == bench.results.PAGE.read_text("utf-8").count("\n## ")
    assert "Of 53 comparisons, we are first in 0 and **not first in" in written
    assert "\n\nMeasured install.\n" in written
    assert "2026-11-21" not in written
    assert "\n### Import\n" in bench.results.write_tables(bench.results.load()).read_text()


def read(text: str) -> dict[str, list[list[str]]]:
    """Return the lines of each table in Markdown, with the head as the first one."""
    found = re.findall(r"^### (.+)\n\n((?:\|.*\|(?:\n|$))+)", text, re.MULTILINE)
    lines = {title: [line[2:-2].split(" | ") for line in table.splitlines()] for title, table in found}
    return {title: [head, *rows] for title, (head, _, *rows) in lines.items()}


def numbers(cell: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"[\d,.]+", cell)]


def test_the_page_has_each_comparison_that_the_rows_declare(bench: Any) -> None:
    page = read(bench.results.PAGE.read_text("utf-8"))
    names = {row[0] for title in ("Where we are not first", "Where we are first") for row in page[title][1:]}
    for part in bench.rows.parts().values():
        for table in part.tables:
            for row in (row for row in table.rows if row.kind == "ours"):
                declared = {bench.truth.name(table, row, column) for column in table.compared()}
                assert declared <= names if table.each else len(declared & names) == 1, declared
                names -= declared
    assert not names


def test_the_page_counts_and_compares_rightly(bench: Any) -> None:
    text = bench.results.PAGE.read_text("utf-8")
    page = read(text)
    behind, ahead = page["Where we are not first"][1:], page["Where we are first"][1:]
    counted = f"Of {len(ahead + behind)} comparisons, we are first in {len(ahead)} and **not first in {len(behind)}**."
    assert counted in text
    more = {unit.name for unit in vars(bench.rows).values() if isinstance(unit, bench.table.Unit) and unit.more}
    for what, ours, others, _, times, verdict in behind + ahead:
        pairs = zip(numbers(ours), numbers(others), strict=True)
        ratios = [our / other if what.rpartition(": ")[2] in more else other / our for our, other in pairs]
        assert numbers(times)[: len(ratios)] == pytest.approx(ratios, rel=0.02, abs=0.006), what
        assert verdict == ("first" if min(ratios) >= 1 else "NOT FIRST"), what


def test_the_page_has_the_targets_and_the_main_tables_that_the_rows_declare(bench: Any) -> None:
    text = bench.results.PAGE.read_text("utf-8")
    page = read(text)
    declared = {part.title: part.tables for part in bench.rows.parts().values()}
    lines = {title: [line for table in tables for line in table.verdicts()] for title, tables in declared.items()}
    missed = [row[:2] for row in page["Targets that are missed"][1:]]
    assert all(row in [line[:2] for of_part in lines.values() for line in of_part] for row in missed)
    for title, of_part in lines.items():
        met = len(of_part) - sum(line[:2] in missed for line in of_part)
        assert f"{met} of {len(of_part)} in {title}" in text
    for table in (table for tables in declared.values() for table in tables if table.in_page):
        assert page[table.title][0] == table.heads()
        assert [row[0] for row in page[table.title][1:]] == [row.title for row in table.rows]
