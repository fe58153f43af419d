"""llms.txt says what the pages say."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = runpy.run_path(str(DOCS / "llms.py"))


def test_llms_txt_is_what_its_script_writes() -> None:
    assert (DOCS / "llms.txt").read_text("utf-8") == SCRIPT["text"](), "run: python docs/llms.py"


def test_llms_txt_has_each_page_once_and_in_one_line() -> None:
    linked = re.findall(r"^- \[.+?\]\(https://\S+?\.io/(\S*?)/?\): \S.*\.$", SCRIPT["text"](), re.MULTILINE)
    assert sorted(name or "index" for name in linked) == sorted(page.stem for page in DOCS.glob("*.md"))


def test_llms_txt_begins_with_a_title_and_a_summary_and_has_links_under_headings_alone() -> None:
    title, nothing, summary, *rest = SCRIPT["text"]().splitlines()
    assert (title, nothing) == ("# declarai-like", "")
    assert summary.startswith("> Plain typed Python functions")
    assert all(line == "" or line.startswith(("## ", "- [")) for line in rest)
    assert rest[1].startswith("## ")
