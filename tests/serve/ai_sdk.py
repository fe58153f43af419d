"""The AI SDK's real clients (npm: ai, @ai-sdk/react), run by Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.node import cannot, find_node

WEB = Path(__file__).parent / "web"
NODE = (22, 0)  # for version 7 of the npm package ai
TIMEOUT = 30.0  # seconds


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the clients of the AI SDK in their locked versions."""
    node = find_node(NODE, "the AI SDK")
    folder = tmp_path_factory.mktemp("clients")
    for file in WEB.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    command = [*node.npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    settings = {**os.environ, "PATH": node.path, "npm_config_update_notifier": "false"}
    run = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=False)
    if run.returncode:
        cannot(f"the clients could not be installed: {run.stderr[-1000:]}")
    return folder


def run_node(folder: Path, script: str, *args: str, **plan: Any) -> Any:
    """Run a script with a plan as its input; return the JSON that it prints."""
    node = find_node(NODE, "the AI SDK")
    run = subprocess.run(
        [node.node, script, *args],
        cwd=folder,
        env={**os.environ, "PATH": node.path},
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    assert not run.stderr
    assert not run.returncode
    return json.loads(run.stdout)


def parts_of(message: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(part["type"], part.get("text", part.get("data"))) for part in message["parts"]]
