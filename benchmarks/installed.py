"""How much a library brings with it: what is in a fresh environment into which it was installed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from rounds import say


@dataclass
class Installed:
    """The bytes of all files, the packages, and the version of the one that was asked for; or why there is none."""

    bytes: int = 0
    packages: int = 0
    version: str = ""
    error: str = ""


def install(requirements: dict[str, str]) -> dict[str, Installed]:
    """Install each into an environment of its own, which is removed afterwards. This downloads what is not cached."""
    found: dict[str, Installed] = {}
    for place, (name, requirement) in enumerate(requirements.items()):
        say(f"installing {place + 1} of {len(requirements)}: {name}")
        with tempfile.TemporaryDirectory(prefix="install-") as folder:
            found[name] = _install(name, requirement, Path(folder))
    say("")
    return found


def _install(name: str, requirement: str, folder: Path) -> Installed:
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "--quiet"]
    run = subprocess.run([*pip, "--no-compile", requirement], capture_output=True, text=True, check=False)
    if run.returncode:
        return Installed(error=(run.stderr.strip().splitlines() or ["pip failed"])[-1])
    site = next(folder.glob("lib/python*/site-packages"))
    versions = {found.name.lower().replace("_", "-"): found.version for found in distributions(path=[str(site)])}
    files = [path for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    size = sum(path.stat().st_size for path in files)
    return Installed(size, len(versions), versions[name.partition("[")[0]])
