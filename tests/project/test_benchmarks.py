"""The benchmarks' table of truth is what their tables say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import truth

    yield truth
    for name in ("truth", "truth_things", "table", "page", "process"):
        sys.modules.pop(name, None)


def verdict(truth: Any, *rows: str, **about: Any) -> list[str]:
    """Compare one thing in a table with these rows; give its row in the table of truth."""
    part = "\n".join(["## A part", "", "### Speed", "", "|  | small | large |", "| --- | ---: | ---: |", *rows, ""])
    from truth_things import Thing

    thing = Thing("part", "Speed", about.pop("columns", "small"), "speed", "us", **about)
    [standing] = truth._standings(thing, truth.read(part))
    return standing.row()


def test_first_is_who_is_ahead_in_the_median_and_in_the_best_figure(truth: Any) -> None:
    ours = "| declarai_like | 10.0 (9.0) | 5 (4) |"
    assert verdict(truth, ours, "| other | 20.0 (18.0) | 9 (9) |")[-2:] == ["2.00 (2.00)", "first"]
    assert verdict(truth, ours, "| other | 20.0 (8.0) | 9 (9) |")[-2:] == ["2.00 (0.89)", "NOT FIRST"]
    assert verdict(truth, ours, "| other | 9.0 (9.5) | 9 (9) |")[-2:] == ["0.90 (1.06)", "NOT FIRST"]
    assert verdict(truth, ours, "| other | 10.0 (9.0) | 9 (9) |")[-1] == "NOT FIRST", "equal is not ahead"


def test_more_may_be_better(truth: Any) -> None:
    rows = ("| declarai_like | 1,000 (1,100) | 5 |", "| other | 2,000 (2,200) | 9 |")
    assert verdict(truth, *rows, more=True)[-1] == "NOT FIRST"
    assert verdict(truth, *rows)[-1] == "first"


def test_the_best_of_the_others_is_named_and_floors_are_none_of_them(truth: Any) -> None:
    rows = (
        "| declarai_like | 10 (9) | 5 |",
        "| slow | 30 (29) | 9 |",
        "| quick | 12 (11) | 9 |",
        "| the floor | 1 (1) | 1 |",
    )
    assert verdict(truth, *rows)[1:] == ["10 (9)", "12 (11)", "quick", "1.20 (1.22)", "first"]


def test_of_several_columns_the_worst_for_us_is_shown(truth: Any) -> None:
    row = verdict(truth, "| declarai_like | 10 | 30 |", "| other | 20 | 20 |", columns="(small|large)")
    assert row[0] == "speed, large: us"
    assert row[-1] == "NOT FIRST"


def test_what_we_cannot_do_and_others_can_is_not_hidden(truth: Any) -> None:
    assert verdict(truth, "| declarai_like | fails | 5 |", "| other | 20 (19) | 9 |")[-1] == "NOT FIRST"
    assert verdict(truth, "| declarai_like | 10 (9) | 5 |", "| other | fails | 9 |")[-1] == "-"
    assert verdict(truth, "| other | 20 (19) | 9 |")[-1] == "-"


def test_the_page_is_what_its_parts_say(truth: Any) -> None:
    """Each thing is found in the page's parts, and its head counts and shows them all."""
    import page

    parts = page._parts(page.PAGE)
    tables = {name: truth.read(text) for name, text in parts.items()}
    rows = [standing.row() for thing in truth.THINGS for standing in truth._standings(thing, tables[thing.part])]
    assert list(parts) == list(page.PARTS)
    head = page.PAGE.read_text(encoding="utf-8").partition("<!--")[0]
    for row in rows:
        assert f"| {' | '.join(row)} |" in head
    behind = sum(row[-1] == "NOT FIRST" for row in rows)
    ahead = sum(row[-1] == "first" for row in rows)
    assert f"Of {ahead + behind} things that are compared we are first in {ahead} and **not first in {behind}**" in head
