"""The package as it is installed: the wheel works alone, and the source distribution builds the same one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("distributions")  # they are built once

ROOT = Path(__file__).parents[2]


def run(*command: object, folder: Path, **variables: str) -> str:
    """Run a command in a folder, without this project on its path, and give what it prints."""
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    settings |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUTF8": "1", **variables}
    ended = subprocess.run(
        list(map(str, command)), cwd=folder, env=settings, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both distributions, and the wheel once more without the detour."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, folder=folder)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder / "direct", ROOT, folder=folder)
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path) -> Path:
    """Install the wheel into an empty environment, and give its Python."""
    environment = dist / "environment"
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run(python, "-m", "pip", "install", "--quiet", wheel_in(dist), folder=dist)
    return python


def wheel_in(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_source_distribution_builds_the_same_wheel(dist: Path) -> None:
    assert contents(wheel_in(dist)) == contents(wheel_in(dist / "direct"))


def test_the_wheel_has_all_of_the_package_and_nothing_else(dist: Path) -> None:
    names = {name for name in contents(wheel_in(dist)) if ".dist-info/" not in name}
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "declarai_like").rglob("*.py")}
    assert names == {*package, "declarai_like/py.typed"}


def test_the_first_example_of_the_readme_runs_where_only_the_wheel_is(
    installed: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    source = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[0]
    (tmp_path / "example.py").write_text(source, "utf-8")
    server = serve({"Say something short": "Heroes learn to share."})
    printed = run(
        installed, "-W", "error", "example.py", folder=tmp_path, OPENAI_API_KEY="k", OPENAI_BASE_URL=server.url
    )
    assert printed.splitlines()[-1] == "Heroes learn to share."


def test_what_needs_an_extra_says_which(installed: Path, tmp_path: Path) -> None:
    wanted = {
        "from declarai_like import serve": "pip install 'declarai-like[serve]'",
        "from declarai_like.memory import PostgreSQL; PostgreSQL('postgresql://h/d')": "declarai-like[postgres]",
        "from declarai_like.memory import Redis; Redis('redis://h')": "declarai-like[redis]",
    }
    for statement, advice in wanted.items():
        code = f"try:\n    {statement}\nexcept Exception as error:\n    print(error)"
        assert advice in run(installed, "-c", code, folder=tmp_path)


def test_the_extras_are_those_that_the_messages_name(dist: Path) -> None:
    (metadata,) = (text for name, text in contents(wheel_in(dist)).items() if name.endswith("/METADATA"))
    extras = set(re.findall(r"^Provides-Extra: (\S+)$", metadata.decode(), re.MULTILINE))
    named = {
        extra
        for path in (ROOT / "declarai_like").rglob("*.py")
        for extra in re.findall(r"declarai-like\[(\w+)\]", path.read_text("utf-8"))
    }
    assert named <= extras == {"aiohttp", "postgres", "redis", "graphviz", "tiktoken", "serve"}
