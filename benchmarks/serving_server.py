"""One worker that serves a word 20 times a second to each client: by one contender, told by its name."""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI
from fastapi.sse import EventSourceResponse, ServerSentEvent
from process import READY, allow_many_connections, reply
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from declarai_like import serve

BARE, FASTAPI, OURS = "a bare Starlette endpoint", "fastapi.sse", "declarai_like"
WORD = " word"


async def words(count: int, gap: float) -> AsyncIterator[str]:
    """Give a word, again and again: one each ``gap`` seconds, whatever it took to send the one before."""
    clock = asyncio.get_running_loop().time
    at = clock()
    for _ in range(count):
        yield WORD
        at += gap
        await asyncio.sleep(max(at - clock(), 0))


def bare() -> FastAPI:
    """Send the bytes that `serve` sends, and do nothing else."""

    async def send(count: int, gap: float) -> AsyncIterator[bytes]:
        yield b'retry: 1000\nid: 1\nevent: start\ndata: {"stream":"0123456789012345678901"}\n\n'
        id = 1
        async for word in words(count, gap):
            id += 1
            yield b'id: %d\nevent: delta\ndata: {"delta":"%b"}\n\n' % (id, word.encode())
        whole = (WORD * count).encode()
        yield b'id: %d\nevent: done\ndata: {"response":"%b","finish_reason":"stop","usage":null}\n\n' % (id + 1, whole)

    async def endpoint(request: Request) -> StreamingResponse:
        asked = await request.json()
        return StreamingResponse(send(asked["count"], asked["gap"]), media_type="text/event-stream")

    app = FastAPI()
    app.router.routes.append(Route("/words", endpoint, methods=["POST"]))
    return app


def fastapi() -> FastAPI:
    app = FastAPI()

    async def send(count: int, gap: float) -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(data={"stream": "0123456789012345678901"}, event="start", id="1", retry=1000)
        id = 1
        async for word in words(count, gap):
            id += 1
            yield ServerSentEvent(data={"delta": word}, event="delta", id=str(id))
        whole = {"response": WORD * count, "finish_reason": "stop", "usage": None}
        yield ServerSentEvent(data=whole, event="done", id=str(id + 1))

    @app.post("/words", response_class=EventSourceResponse)
    async def endpoint(asked: dict[str, float]) -> AsyncIterator[ServerSentEvent]:
        async for event in send(int(asked["count"]), asked["gap"]):
            yield event

    return app


def ours() -> FastAPI:
    app = FastAPI()
    limits = serve.Limits(streams=10_000)
    app.include_router(serve.router(words, limits=limits, keep=0.0))
    return app


APPS = {BARE: bare, FASTAPI: fastapi, OURS: ours}


def main() -> None:
    allow_many_connections()
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(APPS[sys.argv[1]](), log_level="warning", ws="none", loop="asyncio", http="httptools")
    server = uvicorn.Server(config)
    threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    reply([READY, listening.getsockname()[1]])
    for _ in sys.stdin:  # each line asks how much has been used
        used = resource.getrusage(resource.RUSAGE_SELF)
        reply([used.ru_utime + used.ru_stime, used.ru_maxrss])


if __name__ == "__main__":
    main()
