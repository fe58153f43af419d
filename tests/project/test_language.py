"""The language of the code: the part of CONTRIBUTING's rules that a program can check."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "declarai_like"
MODULES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])

NOT_A_SUMMARY = re.compile(r"(Gives?|What|Whether|Where|Who|Whose|Says?|Tells?|Which|Sees)\b")
"""Words with which the summary of a docstring does not begin."""

UNUSUAL = {
    r"\b(is|are|was|be) no\b(?! (longer|more than))": "is not a",
    r"\banew\b": "again, from the start",
    r"\bunder way\b": "running, open",
    r"\bwhole numbers?\b": "an integer",
    r"\b(is|are|as) a text\b": "a str, text",
    r"\bwho(ever)? (reads|leaves|asks|waits|writes|follows|gives|calls)\b": "the reader, the caller",
    r"\b(is|are|was|were|been) told\b": "is passed, is called with, receives",
    r"\bof (its|your|their|his) own\b": "its own",
    r"\b(comes?|came) to stand\b": "could connect",
    r"\bis (?-i:none)\b": "is not one",
}
"""Phrases that need a second reading, and what to write."""


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of a module, each with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.body[0].lineno, docstring


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the comments and strings of a module, each with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def name_of(module: Path) -> str:
    return str(module.relative_to(ROOT))


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_summaries_begin_with_the_imperative_or_a_noun(module: Path) -> None:
    found = [
        (line, text) for line, text in docstrings(ast.parse(module.read_text("utf-8"))) if NOT_A_SUMMARY.match(text)
    ]
    assert not found


@pytest.mark.parametrize("module", [path for path in MODULES if PACKAGE in path.parents], ids=name_of)
def test_no_sentence_needs_a_second_reading(module: Path) -> None:
    found = [
        f"line {line}: {text[:100]!r}: write {better!r}"
        for line, text in texts(module.read_text("utf-8"))
        for phrase, better in UNUSUAL.items()
        if re.search(phrase, text, re.IGNORECASE)
    ]
    assert not found


@pytest.mark.parametrize("module", [path for path in MODULES if PACKAGE in path.parents], ids=name_of)
def test_the_first_line_of_a_module_is_its_idea_in_one_sentence(module: Path) -> None:
    docstring = ast.get_docstring(ast.parse(module.read_text("utf-8")))
    assert docstring
    first = docstring.splitlines()[0]
    assert first.endswith(".")
    assert len(first.split()) <= 25
