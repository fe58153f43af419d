"""Things served for the tests: a real server on loopback, a client that reads its events, and a model that waits to be told."""

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

PATIENCE = 5.0  # seconds, after which something that should have happened has not


def wait_until(holds: Callable[[], Any], what: str = "") -> None:
    """Wait for something that is about to happen."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"this has not happened: {what or holds}"
        time.sleep(0.002)


def at_once(count: int, function: Callable[[int], T]) -> list[T]:
    """Call a function in so many threads at once, and give what the calls give."""
    together = threading.Barrier(count)

    def call(number: int) -> T:
        together.wait(PATIENCE)
        return function(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(call, range(count)))


def settled(value: Callable[[], int], seconds: float = 0.2) -> int:
    """Wait until a number has not changed for a while, and give it."""
    deadline = time.monotonic() + PATIENCE
    last, since = value(), time.monotonic()
    while time.monotonic() - since < seconds:
        assert time.monotonic() < deadline, f"it goes on and on: {last}"
        time.sleep(0.01)
        if (now := value()) != last:
            last, since = now, time.monotonic()
    return last


# The client


class Heard(NamedTuple):
    """An event, as a client reads it."""

    id: int
    name: str
    data: dict[str, Any]


class Answer:
    """An answer as it comes.

    Attributes:
        status: of the response.
        headers: of the response.
        events: those that were read.
        was_cut: the connection ended before the response's own end.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.events: list[Heard] = []
        self.was_cut = False
        self._response = response
        self._pieces: list[bytes] = []
        self._coming = self._events(SSEDecoder())

    @property
    def body(self) -> bytes:
        """The bytes so far; there may be more in them than in the events."""
        return b"".join(self._pieces)

    @property
    def stream(self) -> str:
        """The id of the stream."""
        while not self.events:
            next(self._coming)
        return str(self.events[0].data["stream"])

    def until(self, name: str, count: int = 1) -> list[Heard]:
        """Read on until so many events of this name have come; give what came."""
        begin = len(self.events)
        while [event.name for event in self.events[begin:]].count(name) < count:
            assert next(self._coming, None), f"there was no {name!r}, but {self.events}"
        return self.events[begin:]

    def read(self) -> list[Heard]:
        """Read to the end; give all events."""
        for _ in self._coming:
            pass
        return self.events

    def json(self) -> Any:
        """Give the body of a response that is no stream."""
        return json.loads(self._response.read())

    def _events(self, decoder: SSEDecoder) -> Iterator[Heard]:
        try:
            for piece in self._response.iter_raw():
                self._pieces.append(piece)
                for event in decoder.feed(piece):
                    self.events.append(Heard(int(event.id), event.event, json.loads(event.data)))
                    yield self.events[-1]
        except httpx2.TransportError:
            self.was_cut = True


def names(events: Sequence[Heard]) -> list[str]:
    """Give the names of events; the tokens so far, which are told when a second has gone by, are left out."""
    return [event.name for event in events if event.name != "usage"]


def text(events: Sequence[Heard]) -> str:
    """Put the new text of events together."""
    return "".join(event.data["delta"] for event in events if event.name == "delta")


def read(body: bytes) -> list[Heard]:
    """Read the events of a whole body."""
    return [Heard(int(event.id), event.event, json.loads(event.data)) for event in SSEDecoder().feed(body)]


class Client:
    """Uses what is served at an address."""

    def __init__(self, address: str, headers: Mapping[str, str] | None = None) -> None:
        self.address = address
        settings: Any = {"timeout": PATIENCE, "trust_env": False, "verify": False}  # no certificates need be loaded
        self._client = httpx2.Client(base_url=f"{address}/api", headers=headers, **settings)

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def ask(self, name: str, body: Any = None, **query: str) -> Iterator[Answer]:
        """Ask, and be there as long as the block lasts."""
        with self._client.stream("POST", f"/{name}", json={} if body is None else body, params=query) as response:
            yield Answer(response)

    @contextmanager
    def follow(self, stream: str, after: int | str | None = None) -> Iterator[Answer]:
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        with self._client.stream("GET", f"/streams/{stream}", headers=headers) as response:
            yield Answer(response)

    def answer(self, name: str, body: Any = None, **query: str) -> Answer:
        """Ask, and read all of the answer."""
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
        """Give what a session has come to."""
        return self.get(f"/{name}/{session}").json()


# The server


class _Server(uvicorn.Server):
    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110  (it is told from another thread)
            await asyncio.sleep(0.005)  # so that it notices soon when it shall stop


class Serving(Client):
    """A server that runs in a thread, and a client of it."""

    def __init__(self, app: FastAPI) -> None:
        listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = listening.getsockname()[1]
        super().__init__(f"http://127.0.0.1:{self.port}")
        self.app = app
        self.mistakes: list[Any] = []
        self.left: list[str] = []
        config = uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1)
        self._server = _Server(config)
        self._others: list[Client] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(listening)))
        self._thread.start()
        wait_until(lambda: self._server.started, "the server has started")

    def as_client(self, **headers: str) -> Client:
        """Give a client that sends these headers."""
        self._others.append(Client(self.address, headers))
        return self._others[-1]

    def begin_to_stop(self) -> None:
        """Let the server shut down."""
        self._server.should_exit = True

    def stop_serving(self) -> None:
        """Shut it down; it has left no task, and nothing has gone wrong in its event loop."""
        for client in (self, *self._others):
            client.close()
        self.begin_to_stop()
        self._thread.join()
        assert not self.left, "these tasks were left behind"
        assert not self.mistakes

    async def _run(self, listening: socket.socket) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.mistakes.append(context))
        await self._server.serve(sockets=[listening])
        await asyncio.sleep(0)
        self.left = [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]


Start = Callable[..., Serving]


@pytest.fixture
def serving() -> Iterator[Start]:
    """Serve things, with the settings of a router, and stop after the test."""
    running: list[Serving] = []

    def start(*things: Any, app: FastAPI | None = None, **settings: Any) -> Serving:
        settings.setdefault("front_ends", False)  # what they ask of the things is tested elsewhere
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
    """Write a piece of an answer as a provider sends it."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def usage_chunk(prompt: int, completion: int) -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


class Speaker:
    """A model behind a real server, which says what the test lets it say, when it does.

    There is one queue of words: where several answers are under way, one of them says the next. Of an answer that was
    left, wait for that (``speaker.last.left``) before there are words for another.
    """

    def __init__(self) -> None:
        self.server = LoopbackServer(lambda _: Raw(self._pieces())).start()
        self.model: Any = declarai.openai("m", base_url=self.server.url, api_key="k", max_retries=0, stream=True)
        self._said: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def say(self, *texts: str) -> None:
        """Say each of the texts."""
        for each in texts:
            self._said.put(chunk(each))

    def end(self) -> None:
        """End the answer well."""
        self._said.put(chunk(finish_reason="stop"))
        self._said.put(usage_chunk(3, 4))
        self._said.put(b"data: [DONE]\n\n")

    @property
    def waiting(self) -> int:
        """How much of it has not been said yet."""
        return self._said.qsize()

    @property
    def last(self) -> Exchange:
        """The last request."""
        wait_until(lambda: self.server.exchanges, "a request came")
        return self.server.exchanges[-1]

    def asked(self) -> str:
        """Give the text of the last request's last message."""
        return str(self.last.body["messages"][-1]["content"])

    def _pieces(self) -> Iterator[bytes | float]:
        yield b": hello\n\n"
        while True:
            try:
                piece = self._said.get_nowait()
            except queue.Empty:
                yield 0.003  # in which it is noticed when the client leaves
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
    """What a served function waits at, until the test opens it."""

    def __init__(self) -> None:
        self._opened = threading.Event()

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    def open(self) -> None:
        self._opened.set()

    async def passed(self) -> None:
        while not self._opened.is_set():  # noqa: ASYNC110  (it is opened from another thread)
            await asyncio.sleep(0.002)
