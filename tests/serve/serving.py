"""Helpers of the tests: a real server on loopback, a client that reads its events, and a model that tests control."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

import declarai_like as declarai
from declarai_like import serve
from declarai_like._net.sse import SSEDecoder
from declarai_like.testing import Exchange, LoopbackServer, Raw

T = TypeVar("T")

TIMEOUT = 5.0  # seconds, after which a test fails


def wait_until(condition: Callable[[], Any], what: str = "") -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"timeout while waiting until {what or condition}"
        time.sleep(0.002)


def run_concurrently(count: int, function: Callable[[int], T]) -> list[T]:
    """Call a function in ``count`` threads at the same time, and return the results."""
    barrier = threading.Barrier(count)

    def call(number: int) -> T:
        barrier.wait(TIMEOUT)
        return function(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(call, range(count)))


def wait_until_stable(value: Callable[[], int], seconds: float = 0.2) -> int:
    """Wait until a number has not changed for some time, and return it."""
    deadline = time.monotonic() + TIMEOUT
    last, since = value(), time.monotonic()
    while time.monotonic() - since < seconds:
        assert time.monotonic() < deadline, f"it still changes: {last}"
        time.sleep(0.01)
        if (now := value()) != last:
            last, since = now, time.monotonic()
    return last


# The client


class ReceivedEvent(NamedTuple):
    """An event as a client reads it."""

    id: int
    name: str
    data: dict[str, Any]


class Answer:
    """A streaming response.

    Attributes:
        status: the HTTP status.
        headers: the headers of the response.
        events: the events read so far.
        was_cut: True if the connection ended before the response did.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.events: list[ReceivedEvent] = []
        self.was_cut = False
        self._response = response
        self._pieces: list[bytes] = []
        self._iterator = self._read_events(SSEDecoder())

    @property
    def body(self) -> bytes:
        """The bytes read so far; their end may be an incomplete event."""
        return b"".join(self._pieces)

    @property
    def stream(self) -> str:
        """The id of the stream."""
        while not self.events:
            next(self._iterator)
        return str(self.events[0].data["stream"])

    def until(self, name: str, count: int = 1) -> list[ReceivedEvent]:
        """Read ``count`` more events of this name; return all events that were read."""
        start = len(self.events)
        while [event.name for event in self.events[start:]].count(name) < count:
            assert next(self._iterator, None), f"{name!r} is missing in {self.events}"
        return self.events[start:]

    def read(self) -> list[ReceivedEvent]:
        """Read to the end; return all events."""
        for _ in self._iterator:
            pass
        return self.events

    def json(self) -> Any:
        """Return the body of a response that is not a stream."""
        return json.loads(self._response.read())

    def _read_events(self, decoder: SSEDecoder) -> Iterator[ReceivedEvent]:
        try:
            for piece in self._response.iter_raw():
                self._pieces.append(piece)
                for event in decoder.feed(piece):
                    self.events.append(ReceivedEvent(int(event.id), event.event, json.loads(event.data)))
                    yield self.events[-1]
        except httpx2.TransportError:
            self.was_cut = True


def names(events: Sequence[ReceivedEvent]) -> list[str]:
    """Return the names of events without ``usage``, which depend on the time that an answer takes."""
    return [event.name for event in events if event.name != "usage"]


def text(events: Sequence[ReceivedEvent]) -> str:
    """Return the joined text of all delta events."""
    return "".join(event.data["delta"] for event in events if event.name == "delta")


def read(body: bytes) -> list[ReceivedEvent]:
    """Return the events of a complete body."""
    return [ReceivedEvent(int(event.id), event.event, json.loads(event.data)) for event in SSEDecoder().feed(body)]


class Client:
    """An HTTP client of a router."""

    def __init__(self, address: str, headers: Mapping[str, str] | None = None) -> None:
        self.address = address
        settings: Any = {"timeout": TIMEOUT, "trust_env": False, "verify": False}  # no certificates need be loaded
        self._client = httpx2.Client(base_url=f"{address}/api", headers=headers, **settings)

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def ask(self, name: str, body: Any = None, **query: str) -> Iterator[Answer]:
        """Request an answer, and stay connected for the block."""
        with self._client.stream("POST", f"/{name}", json={} if body is None else body, params=query) as response:
            yield Answer(response)

    @contextmanager
    def follow(self, stream: str, after: int | str | None = None) -> Iterator[Answer]:
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        with self._client.stream("GET", f"/streams/{stream}", headers=headers) as response:
            yield Answer(response)

    def answer(self, name: str, body: Any = None, **query: str) -> Answer:
        """Request an answer, and read all of it."""
        with self.ask(name, body, **query) as answer:
            answer.read()
        return answer

    def followed(self, stream: str, after: int | str | None = None) -> Answer:
        with self.follow(stream, after) as answer:
            answer.read()
        return answer

    def stop(self, stream: str) -> httpx2.Response:
        return self.post(f"/streams/{stream}/stop")

    def get(self, path: str, **settings: Any) -> httpx2.Response:
        return self._client.get(path, **settings)

    def post(self, path: str, **settings: Any) -> httpx2.Response:
        return self._client.post(path, **settings)

    def session(self, name: str, session: str) -> Any:
        """Return what the router shows of a session."""
        return self.get(f"/{name}/{session}").json()


# The server


class _Server(uvicorn.Server):
    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110  (another thread sets should_exit)
            await asyncio.sleep(0.005)  # shorter than uvicorn's 0.1 s, so that tests end soon


class Serving(Client):
    """A server in a thread, and a client of it."""

    def __init__(self, app: FastAPI) -> None:
        listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = listening.getsockname()[1]
        super().__init__(f"http://127.0.0.1:{self.port}")
        self.app = app
        self.loop_errors: list[Any] = []
        self.left_tasks: list[str] = []
        config = uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1)
        self._server = _Server(config)
        self._clients: list[Client] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(listening)))
        self._thread.start()
        wait_until(lambda: self._server.started, "the server has started")

    def as_client(self, **headers: str) -> Client:
        """Return another client, which sends these headers."""
        self._clients.append(Client(self.address, headers))
        return self._clients[-1]

    def begin_to_stop(self) -> None:
        """Start the shutdown of the server."""
        self._server.should_exit = True

    def stop_serving(self) -> None:
        """Shut the server down; no task may be left, and its event loop must not have reported an error."""
        for client in (self, *self._clients):
            client.close()
        self.begin_to_stop()
        self._thread.join()
        assert not self.left_tasks, "tasks are still running"
        assert not self.loop_errors

    async def _run(self, listening: socket.socket) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.loop_errors.append(context))
        await self._server.serve(sockets=[listening])
        await asyncio.sleep(0)
        self.left_tasks = [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]


Start = Callable[..., Serving]


@pytest.fixture
def serving() -> Iterator[Start]:
    """Start servers with the arguments of ``serve.router``; they are shut down after the test."""
    running: list[Serving] = []

    def start(*things: Any, app: FastAPI | None = None, **settings: Any) -> Serving:
        settings.setdefault("front_ends", False)  # test_front_ends.py has their tests
        app = app or FastAPI()
        app.include_router(serve.router(*things, **settings), prefix="/api")
        running.append(Serving(app))
        return running[-1]

    yield start
    with contextlib.ExitStack() as stack:
        for server in running:
            stack.callback(server.stop_serving)


# The model


def chunk(content: str = "", finish_reason: str | None = None) -> bytes:
    """Return a chunk of an answer as a provider sends it."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def usage_chunk(prompt: int, completion: int) -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


class Speaker:
    """A model behind a real server: a test decides what it sends, and when.

    All requests share one queue of chunks: with several of them, any one sends the next chunk. So if a test abandons a
    request, it must wait for its end (``speaker.last.left``) before it queues chunks for the next one.
    """

    def __init__(self) -> None:
        self.server = LoopbackServer(lambda _: Raw(self._chunks())).start()
        self.model: Any = declarai.openai("m", base_url=self.server.url, api_key="k", max_retries=0, stream=True)
        self._queue: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def say(self, *texts: str) -> None:
        """Send each text as a chunk."""
        for each in texts:
            self._queue.put(chunk(each))

    def end(self) -> None:
        """End the answer, with a usage of 3 and 4 tokens."""
        self._queue.put(chunk(finish_reason="stop"))
        self._queue.put(usage_chunk(3, 4))
        self._queue.put(b"data: [DONE]\n\n")

    @property
    def waiting(self) -> int:
        """The number of chunks that are not sent yet."""
        return self._queue.qsize()

    @property
    def last(self) -> Exchange:
        """The last request; waits for the first one."""
        wait_until(lambda: self.server.exchanges, "a request has come")
        return self.server.exchanges[-1]

    def last_message(self) -> str:
        """Return the text of the last request's last message."""
        return str(self.last.body["messages"][-1]["content"])

    def _chunks(self) -> Iterator[bytes | float]:
        yield b": hello\n\n"
        while True:
            try:
                piece = self._queue.get_nowait()
            except queue.Empty:
                yield 0.003  # a pause, in which the server notices a disconnect
                continue
            yield piece
            if b"[DONE]" in piece:
                return


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    speaker = Speaker()
    yield speaker
    speaker.server.stop()


class Gate:
    """A gate at which a served function waits until the test opens it."""

    def __init__(self) -> None:
        self._opened = threading.Event()

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    def open(self) -> None:
        self._opened.set()

    async def passed(self) -> None:
        while not self._opened.is_set():  # noqa: ASYNC110  (another thread opens it)
            await asyncio.sleep(0.002)
