"""Real database servers for the tests, on loopback, each on a free port and with a temporary data folder.

If a server is not installed, the tests that need it are skipped with a reason; in CI they fail.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import anyio
import pytest

from declarai_like._core.flow import Flow, arun, run
from tests.conftest import World

MAX_START = 30.0  # seconds


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Yield the URL of a PostgreSQL database."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    found = shutil.which("initdb", path=os.pathsep.join([*map(str, folders[::-1]), os.environ.get("PATH", "")]))
    if not found or (os.geteuid() == 0 and not has_user("postgres")):  # PostgreSQL refuses to run as root
        missing("PostgreSQL", "postgresql")
    binaries = Path(found).parent
    as_user: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    with folder_of(as_user.get("user")) as folder:
        data = str(folder / "data")
        initdb = [binaries / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8"]
        subprocess.run([*initdb, "--locale=C"], cwd=folder, check=True, capture_output=True, **as_user)
        port = free_port()
        settings = f"listen_addresses=127.0.0.1 port={port} unix_socket_directories= fsync=off".split(" ")
        command = [str(binaries / "postgres"), "-D", data]
        for setting in settings:
            command += ["-c", setting]
        with running(command, port, folder, signal.SIGQUIT, **as_user):  # immediate shutdown: the data is not needed
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            wait_until_ready(url)
            yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """Yield the URL of a Redis database."""
    found = shutil.which("redis-server")
    if not found:
        missing("Redis", "redis-server")
    with folder_of(None) as folder:
        port = free_port()
        command = [found, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
        with running(command, port, folder, signal.SIGTERM):
            yield f"redis://127.0.0.1:{port}/0"


def missing(name: str, package: str) -> NoReturn:
    """Skip a test as a server is not installed; in CI, fail it."""
    end = pytest.fail if os.environ.get("CI") else pytest.skip
    end(f"{name} is not tested: its server is not installed (on Debian: apt-get install {package})")


def has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


@contextmanager
def folder_of(user: str | None) -> Iterator[Path]:
    """Yield an empty folder that belongs to a user."""
    folder = tempfile.mkdtemp(prefix="declarai-")
    try:
        if user:
            shutil.chown(folder, user)
        yield Path(folder)
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@contextmanager
def running(command: list[str], port: int, folder: Path, end: signal.Signals, **settings: Any) -> Iterator[None]:
    """Run a server until it is no longer needed."""
    with (folder / "log").open("w+") as log:
        server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **settings)
        try:
            deadline = time.monotonic() + MAX_START
            while not listens(port):
                if server.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    pytest.fail(f"{command[0]} did not start:\n{log.read()}")
                time.sleep(0.02)
            yield
        finally:
            server.send_signal(end)
            server.wait(MAX_START)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_until_ready(url: str) -> None:
    """Wait until PostgreSQL accepts connections: it listens before that, and refuses them."""
    import psycopg

    deadline = time.monotonic() + MAX_START
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


KINDS = ["InMemory", "File", "SQLite", "PostgreSQL", "Redis"]
PERSISTENT = KINDS[1:]
"""The memories whose messages outlive the process."""


def source_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """Return the Python expression for a memory that is empty at first; it uses the variable ``session``."""
    if kind == "InMemory":
        return "memory.InMemory(session)"
    if kind == "File":
        return f"memory.File({str(folder / 'chats')!r}, session)"
    if kind == "SQLite":
        return f"memory.SQLite({str(folder / 'chats.db')!r}, session)"
    name = f"m{uuid.uuid4().hex}"
    if kind == "PostgreSQL":
        return f"memory.PostgreSQL({request.getfixturevalue('postgresql_server')!r}, session, table={name!r})"
    return f"memory.Redis({request.getfixturevalue('redis_server')!r}, session, prefix='{name}:')"


def run_script(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python process that can import the package."""
    settings = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-c", script, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=settings, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def output_of(process: subprocess.Popen[str]) -> str:
    try:
        output, errors = process.communicate(timeout=MAX_START)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert not errors
    return output


def drive(world: World, flow: Flow[Any, Any]) -> Any:
    """Run a flow and return its result."""
    return run(flow) if world.name == "blocking" else world.run(arun, flow)


def drive_together(world: World, flows: list[Flow[Any, Any]]) -> None:
    """Run several flows concurrently, each in its own thread or task."""
    if world.name == "blocking":
        with ThreadPoolExecutor(len(flows)) as threads:
            list(threads.map(run, flows))
        return

    async def all_of_them() -> None:
        async with anyio.create_task_group() as tasks:
            for flow in flows:
                tasks.start_soon(arun, flow)

    world.run(all_of_them)
