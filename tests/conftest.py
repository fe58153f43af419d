"""What all tests share: both worlds, and a server that speaks the protocol."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
from hypothesis import settings

from declarai_like.testing import LoopbackServer

# The first example of a test may import something heavy; how long an example takes says nothing here. CI tries the
# same examples each time, so that what it says depends on the change alone; new ones are tried at each desk.
settings.register_profile("declarai", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("declarai")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run each async test in both event loops."""
    return request.param


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own keys and settings out of the tests."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "DECLARAI_OPENAI_API_KEY", "DECLARAI_MODEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[..., LoopbackServer]]:
    """Start loopback servers, and stop them after the test."""
    servers: list[LoopbackServer] = []

    def start(*args: Any, **kwargs: Any) -> LoopbackServer:
        servers.append(LoopbackServer(*args, **kwargs).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


class World:
    """One way to call tasks and to read streams: blocking, asyncio or trio."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ask(self, model: Any, **settings: Any) -> Any:
        """Ask a task of the model for a text, to its end."""
        if self.name == "blocking":

            @model.task(streaming=False, **settings)
            def say(movie: str) -> str:
                """Say something about the movie"""

            return say("Avengers")

        @model.task(streaming=False, **settings)
        async def say_later(movie: str) -> str:
            """Say something about the movie"""

        return self.run(say_later, "Avengers")

    def read(self, stream: Any, seen: list[Any]) -> None:
        """Read a stream to its end or its error, and put what comes into ``seen``."""
        if self.name == "blocking":
            for chunk in stream:
                seen.append(chunk)
            return

        async def collect() -> None:
            async with stream:
                async for chunk in stream:
                    seen.append(chunk)

        self.run(collect)

    def run(self, function: Any, *args: Any) -> Any:
        """Run an async function in this world's event loop."""
        return anyio.run(function, *args, backend=self.name)


@pytest.fixture(params=["blocking", "asyncio", "trio"])
def world(request: pytest.FixtureRequest) -> World:
    """Run a test in each world, from one body."""
    return World(request.param)
