"""The page on the design is true: its map, its layers and its reading path are those of the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import declarai_like

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "declarai_like"
PAGE = (ROOT / "docs" / "design.md").read_text("utf-8")


def section(title: str) -> str:
    """Return the text below a heading of the page, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,2}} |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[2]


def block(text: str) -> str:
    """Return the first block of plain text in a section."""
    found = re.search(r"```text\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


def test_the_reading_path_is_short_enough_to_be_read() -> None:
    modules = re.findall(r"^\| \d \| `(.+?)` \|", section("Read this first"), re.MULTILINE)
    assert len(modules) == 4
    lines = sum(len((PACKAGE / module).read_text("utf-8").splitlines()) for module in modules)
    assert lines <= 1400


def test_the_map_has_each_module_and_package_of_the_top_and_no_other() -> None:
    shown = set(re.findall(r"^  (\S+?)/? ", block(section("Where things are")), re.MULTILINE))
    there = {path.name for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert shown == there


def test_the_map_has_each_folder_inside_of_a_package() -> None:
    rows = re.findall(r"^\| (?:`(\w+)`)? *\| `(\w+)` \|", section("Where things are"), re.MULTILINE)
    shown, package = set[str](), ""
    for name, folder in rows:
        package = name or package
        shown.add(f"{package}/{folder}")
    there = {str(path.parent.relative_to(PACKAGE)) for path in PACKAGE.glob("*/*/__init__.py")}
    assert shown == there


def test_the_layers_are_those_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    assert block(section("Layers")).split("\n")[:-1] == layers


def test_each_place_where_a_change_goes_exists() -> None:
    table = re.search(r"^\| you add or change .*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert table
    paths = re.findall(r"`([\w/]+(?:\.py|/))`", table[0])
    folders = [path for path in paths if path.endswith("/")]
    assert len(paths) > 20
    missing = [
        path
        for path in paths
        if not (PACKAGE / path).exists() and not any((PACKAGE / f / path).exists() for f in folders)
    ]
    assert not missing


def test_what_the_package_offers_is_public() -> None:
    names = [name for name in dir(declarai_like) if name != "__version__"]
    assert names == sorted(declarai_like.__all__)
    assert not [name for name in names if name.startswith("_")]
    assert all(hasattr(declarai_like, name) for name in names)


def test_the_folders_of_the_tests_mirror_the_package() -> None:
    tests = ROOT / "tests"
    folders = [path.parent.relative_to(tests) for path in tests.rglob("__init__.py") if path.parent != tests]
    assert not [folder for folder in folders if folder != Path("project") and not (PACKAGE / folder).is_dir()]
