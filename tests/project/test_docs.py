"""The documentation is true: each of its Python blocks runs, and prints what the page says.

``pytest tests/project/test_docs.py --update-examples`` writes what the blocks print now into the pages, where
they show an output already.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

import declarai_like as declarai
from declarai_like import testing

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCKS = [block for page in (ROOT / "README.md", *sorted(DOCS.glob("*.md"))) for block in find_examples(page)]
TESTS = [block for block in BLOCKS if re.search(r"^(async )?def test_", block.source, re.MULTILINE)]

# What the model of the pages answers. A key is looked for in the prompt.
ANSWERS = {
    "Rank how urgent": 5,
    "Say something short": "Heroes learn to share.",
}


def name_of(block: CodeExample) -> str:
    return f"{block.path.name}:{block.start_line}"


@pytest.fixture(autouse=True)
def provider(serve: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Make this a reader's machine, with a key; its provider is a server in this process."""
    server = serve(ANSWERS)
    monkeypatch.setenv("OPENAI_API_KEY", "the-readers-key")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("DECLARAI_MODEL", "")  # a block may set it, and then it is taken back
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "examples" / "streaming_chatbot")  # which a page imports from
    logger = logging.getLogger("declarai_like")
    level = logger.level
    yield server
    logger.setLevel(level)  # which a page may have set


@pytest.mark.parametrize("block", BLOCKS, ids=name_of)
def test_a_block_prints_what_the_page_says(block: CodeExample, eval_example: EvalExample, provider: Any) -> None:
    theirs = ("http://localhost:11434/v1", "https://my-resource.openai.azure.com")
    ours = (provider.url, provider.address)
    block.source = with_addresses(block.source, theirs, ours)
    prints = prints_of(block.source)
    outputs = outputs_of(block.source)
    reached: list[int] = []

    def note(file: Path, frame: inspect.FrameInfo, printed: Any) -> bool:
        reached.append(frame.lineno)
        return file.samefile(frame.filename)

    eval_example.include_print = note
    eval_example.set_config(line_length=90)
    if not outputs:
        run = eval_example.run
    else:
        run = eval_example.run_print_update if eval_example.update_examples else eval_example.run_print_check
    try:
        run(block)
    except Exception as error:  # its traceback, made up to lie in the page, is more than pytest can show
        raise AssertionError(f"the block raised {type(error).__name__}: {error}") from None
    block.source = with_addresses(block.source, ours, theirs)

    if outputs:  # what the check itself passes over
        assert prints.keys() == set(reached), "a print was not reached"
        assert outputs <= set(prints.values()), "there is an output without a print"
        runs = [line for line, _ in itertools.groupby(reached)]
        assert len(runs) == len(set(runs)), "two prints in one loop: only the last output of each would be seen"


@pytest.mark.parametrize("block", TESTS, ids=name_of)
def test_the_tests_of_a_block_pass(block: CodeExample, tmp_path: Path) -> None:
    (tmp_path / "test_page.py").write_text(block.source, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "test_page.py"]
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def with_addresses(text: str, old: tuple[str, ...], new: tuple[str, ...]) -> str:
    for before, after in zip(old, new, strict=True):
        text = text.replace(before, after)
    return text


def prints_of(source: str) -> dict[int, int | None]:
    """Return the first and the last line of each print."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return {
        call.lineno: call.end_lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"
    }


def outputs_of(source: str) -> set[int]:
    """Return the lines below which an output is shown."""
    lines = source.splitlines()
    marked = [line.lstrip().startswith("#>") for line in lines]
    first = {number for number in range(1, len(lines)) if marked[number] and not marked[number - 1]}
    quoted = {end for end in prints_of(source).values() if end and lines[end : end + 1] and '"""' in lines[end]}
    return first | quoted


def test_the_reference_has_each_public_name() -> None:
    described = re.findall(r"^::: [\w.]+?(\w+)$", (DOCS / "reference.md").read_text("utf-8"), re.MULTILINE)
    public = {name for name, value in vars(declarai).items() if not name.startswith("_") and callable(value)}
    assert public | set(testing.__all__) <= {*described, "DeclaraiError"}, "with the errors' module, for the one"


def test_the_site_builds_and_each_link_has_its_target(tmp_path: Path) -> None:
    # Without --quiet, with which --strict sees no warnings
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
