"""The language of the code: the part of CONTRIBUTING's rules that a program can check."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "declarai_like"
MODULES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])

IN_PACKAGE = [path for path in MODULES if PACKAGE in path.parents]

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


def found_in(modules: list[Path], check: Callable[[str], Iterator[str]]) -> list[str]:
    """Return what a check finds in modules, each with the path of its module."""
    return [f"{path.relative_to(ROOT)}, {text}" for path in modules for text in check(path.read_text("utf-8"))]


def test_summaries_begin_with_the_imperative_or_a_noun() -> None:
    def check(source: str) -> Iterator[str]:
        for line, text in docstrings(ast.parse(source)):
            if NOT_A_SUMMARY.match(text):
                yield f"line {line}: {text[:80]!r}"

    assert not found_in(MODULES, check)


def test_no_sentence_needs_a_second_reading() -> None:
    def check(source: str) -> Iterator[str]:
        for line, text in texts(source):
            for phrase, better in UNUSUAL.items():
                if re.search(phrase, text, re.IGNORECASE):
                    yield f"line {line}: {text[:100]!r}; write {better!r}"

    assert not found_in(IN_PACKAGE, check)


def test_the_first_line_of_a_module_is_its_idea_in_one_sentence() -> None:
    def check(source: str) -> Iterator[str]:
        first = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
        if not first.endswith(".") or len(first.split()) > 25:
            yield repr(first)

    assert not found_in(IN_PACKAGE, check)
