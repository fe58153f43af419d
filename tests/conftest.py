"""Fixtures of all tests: sync and async ways to run them, and loopback servers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
from hypothesis import settings

from declarai_like.testing import LoopbackServer

QUICK = bool(os.environ.get("DECLARAI_QUICK"))
"""True in `make quick`: property tests try few examples."""

# No deadline: the first example of a test may import something heavy. CI runs the same examples each time, so that its
# result depends on the change only; new examples are tried in local runs.
settings.register_profile(
    "declarai", deadline=None, derandomize=bool(os.environ.get("CI")), max_examples=15 if QUICK else 100
)
settings.load_profile("declarai")

SERVERS = frozenset({
    "aimock", "browser", "built", "chatbot", "clients", "dist", "installed", "openai_client", "postgresql_server",
    "redis_server",
    "serving", "use_chat",
})  # fmt: skip
"""The fixtures that start servers, browsers or other processes."""


def examples(count: int) -> int:
    """Return how many examples a property test tries: ``count``, or few in `make quick`."""
    return min(count, 15) if QUICK else count


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow the tests that use servers; those that are slow for another reason have the mark themselves."""
    for item in items:
        uses_server = not SERVERS.isdisjoint(getattr(item, "fixturenames", ()))
        # By their names: parametrised tests with a database, and the second event loop, whose code is that of the first
        if uses_server or re.search(r"PostgreSQL|Redis|\[(.+-)?trio[]-]", item.name):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run each async test with asyncio and with trio."""
    return request.param


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the developer's keys and settings from the environment."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "DECLARAI_OPENAI_API_KEY", "DECLARAI_MODEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[..., LoopbackServer]]:
    """Return a function that starts loopback servers; they are stopped after the test."""
    servers: list[LoopbackServer] = []

    def start(*args: Any, **kwargs: Any) -> LoopbackServer:
        servers.append(LoopbackServer(*args, **kwargs).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


class World:
    """One way to call tasks and read streams: blocking, asyncio or trio."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ask(self, model: Any, **settings: Any) -> Any:
        """Call a task of the model that is not streamed, and return its text."""
        if self.name == "blocking":

            @model.task(streaming=False, **settings)
            def say(movie: str) -> str:
                """Describe the movie"""

            return say("Avengers")

        @model.task(streaming=False, **settings)
        async def say_later(movie: str) -> str:
            """Describe the movie"""

        return self.run(say_later, "Avengers")

    def read(self, stream: Any, chunks: list[Any]) -> None:
        """Read a stream to its end or its error, and append its items to ``chunks``."""
        if self.name == "blocking":
            for chunk in stream:
                chunks.append(chunk)
            return

        async def collect() -> None:
            async with stream:
                async for chunk in stream:
                    chunks.append(chunk)

        self.run(collect)

    def run(self, function: Any, *args: Any) -> Any:
        """Run an async function in asyncio or trio."""
        return anyio.run(function, *args, backend=self.name)


@pytest.fixture(params=["blocking", "asyncio", "trio"])
def world(request: pytest.FixtureRequest) -> World:
    """Run a test three times: blocking, with asyncio and with trio."""
    return World(request.param)
