"""Write llms.txt, the map of these pages for language models (https://llmstxt.org). Run: python docs/llms.py"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).parent
LLMS = DOCS / "llms.txt"
LONGEST = 240
"""Characters of a summary that has more than one sentence."""


def text() -> str:
    """Return the content of llms.txt: the site's name and summary, and the pages under each heading of its menu."""
    site = yaml.safe_load((DOCS.parent / "mkdocs.yml").read_text("utf-8"))
    lines = [f"# {site['site_name']}", "", f"> {site['site_description']}"]
    heading = ""
    for section, title, page in pages(site["nav"]):
        if section != heading:
            heading = section
            lines += ["", f"## {section}", ""]
        path = "" if page == "index.md" else page.removesuffix(".md") + "/"
        lines.append(f"- [{title}]({site['site_url']}/{path}): {summary(page)}")
    return "\n".join(lines) + "\n"


def pages(nav: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield heading, title and file of each page; pages outside of a section come before or after them."""
    outside = "Start"
    for entry in nav:
        ((title, below),) = entry.items()
        if isinstance(below, str):
            yield outside, title, below
            continue
        for each in below:
            ((name, page),) = each.items()
            yield title, name, page
        outside = "More"


def summary(page: str) -> str:
    """Return the first sentences below a page's title, as many as fit into a line, without their links."""
    found = re.match(r"# .+\n+((?:.+\n)+)", (DOCS / page).read_text("utf-8"))
    if not found:
        raise ValueError(f"{page} has no paragraph below its title")
    words = re.sub(r"\[(.+?)\]\(.+?\)", r"\1", " ".join(found[1].split()))
    first, *others = re.split(r"(?<=\.) (?=[A-Z`])", words)
    for sentence in others:
        if len(first) + len(sentence) >= LONGEST:
            break
        first += f" {sentence}"
    return first.removesuffix(":").removesuffix(".") + "."


if __name__ == "__main__":
    LLMS.write_text(text(), "utf-8")
