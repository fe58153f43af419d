"""The list of mutants: each one can still be made."""

from __future__ import annotations

import pytest

from tests.mutants import ROOT, Mutant, read_list

MUTANTS = read_list()


def test_each_mutant_has_a_name_of_its_own() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_text_that_a_mutant_replaces_is_in_the_code_once(mutant: Mutant) -> None:
    """If the code has changed, tests/mutants.toml must follow; otherwise the promise is tried no more."""
    assert mutant.fits(ROOT)
    assert mutant.find != mutant.replace
    assert all((ROOT / each).exists() for each in mutant.tests if each.startswith("tests"))
