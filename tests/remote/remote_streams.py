"""The functions that the tests of remote streams serve, a server for them, and readers for each world."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import anyio
import uvicorn
from pydantic import BaseModel

from declarai_like import remote, streaming

SECONDS = 10


class Number(BaseModel):
    value: int


class Audio(BaseModel):
    name: str


class Segment(BaseModel):
    text: str


class Totals(BaseModel):
    segments: int


class Large(BaseModel):
    text: str


class OutOfPaper(Exception):
    """Known to both ends, since it is in the namespace of the functions' module."""


class Log:
    """Records what a function did in the server."""

    def __init__(self) -> None:
        self.yielded = 0
        self.ended = threading.Event()
        self.gate = threading.Semaphore(0)


LOGS: defaultdict[str, Log] = defaultdict(Log)
TRANSCRIPT = streaming.stream_types(Segment, header_type=Audio, footer_type=Totals)


@remote.stream
async def count(to: int, start: int = 0, *, pause: float = 0) -> AsyncIterator[Number]:
    """Count up."""
    for value in range(start, to):
        yield Number(value=value)
        await anyio.sleep(pause)


@remote.stream
def count_blocking(to: int) -> Iterator[Number]:
    for value in range(to):
        yield Number(value=value)


@remote.stream
async def spell(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


@remote.stream
def pairs(day: date, names: list[str]) -> Iterator[tuple[str, int]]:
    for name in names:
        yield name, day.year


@remote.stream(TRANSCRIPT)
async def transcribe(name: str, words: list[str]) -> AsyncIterator[Audio | Segment | Totals]:
    yield Audio(name=name)
    for word in words:
        yield Segment(text=word)
    yield Totals(segments=len(words))


@remote.stream(TRANSCRIPT)
def transcribe_blocking(name: str, words: list[str]) -> Iterator[Audio | Segment | Totals]:
    yield Audio(name=name)
    yield from (Segment(text=word) for word in words)
    yield Totals(segments=len(words))


@remote.stream(TRANSCRIPT)
async def omit_the_footer() -> AsyncIterator[Audio | Segment | Totals]:
    yield Audio(name="a")
    yield Segment(text="b")


class Hidden:
    class Unknown(Exception):
        """Not in the namespace of this module."""


@remote.stream
async def fail(after: int, kind: str) -> AsyncIterator[Number]:
    for value in range(after):
        yield Number(value=value)
    errors: dict[str, Callable[[], Exception]] = {
        "builtin": lambda: KeyError("key", 3),
        "ours": lambda: OutOfPaper("no paper"),
        "stream": lambda: streaming.StreamTruncated("cut", frame=7, offset=8),
        "other": lambda: Hidden.Unknown("secret detail"),
    }
    error = errors[kind]()
    raise error


@remote.stream
def fail_at_the_call(how: str) -> Iterator[Number]:
    raise OutOfPaper(how)


@remote.stream
async def yield_another_model() -> AsyncIterator[Number]:
    yield Audio(name="a")  # type: ignore[misc]


@remote.stream
async def yield_another_value() -> AsyncIterator[int]:
    yield 1
    yield "x"  # type: ignore[misc]


@remote.stream
async def hang(log: str, after: int) -> AsyncIterator[Number]:
    """Yield some items, and then wait forever."""
    try:
        for value in range(after):
            LOGS[log].yielded += 1
            yield Number(value=value)
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.01)
        LOGS[log].ended.set()


@remote.stream
def yield_at_the_gate(log: str) -> Iterator[Number]:
    """Yield an item each time the gate is opened."""
    try:
        for value in itertools.count():
            assert LOGS[log].gate.acquire(timeout=SECONDS)
            LOGS[log].yielded += 1
            yield Number(value=value)
    finally:
        LOGS[log].ended.set()


@remote.stream
async def yield_large(log: str, size: int) -> AsyncIterator[Large]:
    text = "x" * size
    try:
        for _ in range(100):
            LOGS[log].yielded += 1
            yield Large(text=text)
            await anyio.sleep(0.001)
    finally:
        await anyio.sleep(0.01)
        LOGS[log].ended.set()


@remote.stream
def yield_large_blocking(log: str, size: int) -> Iterator[Large]:
    text = "x" * size
    try:
        for _ in range(100):
            LOGS[log].yielded += 1
            yield Large(text=text)
    finally:
        LOGS[log].ended.set()


FUNCTIONS: list[Any] = [value for value in list(globals().values()) if isinstance(value, remote.RemoteStream)]


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an ASGI application in a thread, and yield its URL."""
    config = uvicorn.Config(app, log_level="warning", ws="none", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert eventually(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def read(world: Any, call: Any, items: list[Any] | None = None, *, with_ends: bool = False) -> list[Any]:
    """Return the items of a stream; ``with_ends`` adds its header and footer.

    They are appended to ``items`` as they arrive, so that a caller has them also if an error follows.
    """
    results: list[Any] = [] if items is None else items
    if world.name == "blocking":
        with call as reader:
            if with_ends:
                results.append(reader.read_header())
            for item in reader.read_items():
                results.append(item)
            if with_ends:
                results.append(reader.read_footer())
    else:
        world.run(aread, call, results, with_ends)
    return results


async def aread(call: Any, results: list[Any], with_ends: bool = False) -> list[Any]:
    async with call as reader:
        if with_ends:
            results.append(await reader.read_header())
        async for item in reader.read_items():
            results.append(item)
        if with_ends:
            results.append(await reader.read_footer())
    return results


def read_one(world: Any, call: Any) -> Any:
    """Return the first item of a stream, and leave it."""
    if world.name == "blocking":
        with call as reader:
            return next(iter(reader.read_items()))

    async def read_first() -> Any:
        async with call as reader:
            async for item in reader.read_items():
                return item

    return world.run(read_first)


def eventually(condition: Callable[[], Any]) -> bool:
    until = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    return bool(condition())


def numbers(to: int) -> list[Number]:
    return [Number(value=value) for value in range(to)]
