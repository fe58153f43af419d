"""Contenders that serve events to many clients: this library, FastAPI's own class, and a bare endpoint.

A size is a number of clients. The words are for how many seconds, and how often in a second, each client is sent an event.
The server runs in the contender's process, which is measured. As a script, this module is the process of the clients.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI
from fastapi.sse import EventSourceResponse, ServerSentEvent
from process import Process, allow_many_connections, serve_lines
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from declarai_like import serve

_WORD = " word"
_IDS = re.compile(rb"(?:^|\n)id: (\d+)(?=\n|$)")


async def words(count: int, gap: float) -> AsyncIterator[str]:
    """Yield a word every `gap` seconds, however long it took to send the one before."""
    clock = asyncio.get_running_loop().time
    at = clock()
    for _ in range(count):
        yield _WORD
        at += gap
        await asyncio.sleep(max(at - clock(), 0))


class Contender:
    """One worker of uvicorn in a thread, and clients in another process."""

    packages = ("uvicorn", "httptools")  # their versions are shown

    def __init__(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
        config = uvicorn.Config(self.app(), log_level="warning", ws="none", loop="asyncio", http="httptools")
        server = uvicorn.Server(config)
        threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True).start()
        while not server.started:
            time.sleep(0.01)
        self._port = listening.getsockname()[1]
        self._clients = Process("serving.py")
        self._clients.ask(self._port, 20, 5, 0.01)  # imports what is imported late

    def app(self) -> FastAPI:
        raise NotImplementedError

    def serve(self, seconds: str, per_second: str, clients: int) -> list[int]:
        """Serve the clients, and return the events that came and those that were lost."""
        return self._clients.ask(self._port, clients, int(seconds) * int(per_second), 1 / int(per_second))

    def verify(self, work: str, clients: int, result: list[int]) -> None:
        came, lost = result
        assert not lost, f"{lost} of {came + lost} events were lost or came out of order"


class Bare(Contender):
    """A response that sends the bytes of `serve`, and does nothing else."""

    def app(self) -> FastAPI:
        async def send(count: int, gap: float) -> AsyncIterator[bytes]:
            yield b'retry: 1000\nid: 1\nevent: start\ndata: {"stream":"0123456789012345678901"}\n\n'
            id = 1
            async for word in words(count, gap):
                id += 1
                yield b'id: %d\nevent: delta\ndata: {"delta":"%b"}\n\n' % (id, word.encode())
            end = b'id: %d\nevent: done\ndata: {"response":"%b","finish_reason":"stop","usage":null}\n\n'
            yield end % (id + 1, (_WORD * count).encode())

        async def endpoint(request: Request) -> StreamingResponse:
            asked = await request.json()
            return StreamingResponse(send(asked["count"], asked["gap"]), media_type="text/event-stream")

        app = FastAPI()
        app.router.routes.append(Route("/words", endpoint, methods=["POST"]))
        return app


class FastAPIEvents(Contender):
    """FastAPI's `EventSourceResponse`."""

    packages = ("fastapi", "starlette")

    def app(self) -> FastAPI:
        app = FastAPI()

        async def send(count: int, gap: float) -> AsyncIterator[ServerSentEvent]:
            yield ServerSentEvent(data={"stream": "0123456789012345678901"}, event="start", id="1", retry=1000)
            id = 1
            async for word in words(count, gap):
                id += 1
                yield ServerSentEvent(data={"delta": word}, event="delta", id=str(id))
            whole = {"response": _WORD * count, "finish_reason": "stop", "usage": None}
            yield ServerSentEvent(data=whole, event="done", id=str(id + 1))

        @app.post("/words", response_class=EventSourceResponse)
        async def endpoint(asked: dict[str, float]) -> AsyncIterator[ServerSentEvent]:
            async for event in send(int(asked["count"]), asked["gap"]):
                yield event

        return app


class Ours(Contender):
    """This library's router."""

    packages = ("declarai-like",)

    def app(self) -> FastAPI:
        app = FastAPI()
        app.include_router(serve.router(words, limits=serve.Limits(streams=10_000), keep=0.0))
        return app


async def _client(port: int, count: int, gap: float) -> tuple[int, int]:
    """Read all events, and return how many came, and how many were lost or came out of order."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"count": count, "gap": gap}).encode()
    head = "POST /words HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    came, wrong, rest = 0, 0, b""
    while piece := await reader.read(65536):
        events, _, rest = (rest + piece).rpartition(b"\n\n")
        for id in _IDS.findall(events):
            came += 1
            wrong += int(id) != came
    writer.close()
    return came, wrong + count + 2 - came


async def _all_clients(port: int, clients: int, count: int, gap: float) -> list[int]:
    answers = await asyncio.gather(*(_client(port, count, gap) for _ in range(clients)))
    return [sum(column) for column in zip(*answers, strict=True)]


if __name__ == "__main__":
    allow_many_connections()
    serve_lines(None, lambda *question: asyncio.run(_all_clients(*question)))
