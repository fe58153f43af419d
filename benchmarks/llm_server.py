"""A server that is never the bottleneck: it sends prepared answers of a chat model, from one event loop."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from functools import cache
from queue import SimpleQueue

from process import allow_many_connections, serve_lines

_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_BATCH = 64  # events in one write, so that writing costs little
_WORD = " word%03d"
_ABOUT = {
    "id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012",
    "created": 1_700_000_000,
    "model": "gpt-5.5-2026-01-01",
    "service_tier": "default",
}


def text_length(chunks: int) -> int:
    """Return the number of characters in an answer of so many text chunks."""
    return chunks * len(_WORD % 0)


def _event(choices: list[object], usage: dict[str, int] | None = None) -> bytes:
    """Return an event as large as those of OpenAI."""
    about = {**_ABOUT, "object": "chat.completion.chunk", "system_fingerprint": "fp_0123456789"}
    body = json.dumps({**about, "choices": choices, "usage": usage}, separators=(",", ":"))
    return b"data: " + body.encode() + b"\n\n"


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> list[object]:
    return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]


def _usage(chunks: int) -> dict[str, int]:
    return {"prompt_tokens": 9, "completion_tokens": chunks, "total_tokens": chunks + 9}


def _words(chunks: int) -> list[str]:
    return [_WORD % (place % 1000) for place in range(chunks)]


@cache
def _stream(chunks: int) -> list[bytes]:
    """Return the writes of a stream, with each event in its own HTTP chunk, as OpenAI sends them."""
    events = [
        _event(_choice({"role": "assistant", "content": ""})),
        *(_event(_choice({"content": word})) for word in _words(chunks)),
        _event(_choice({}, "stop")),
        _event([], _usage(chunks)),
        b"data: [DONE]\n\n",
    ]
    framed = [_STREAM, *(b"%x\r\n%b\r\n" % (len(event), event) for event in events), b"0\r\n\r\n"]
    framed[:2] = [framed[0] + framed[1]]  # the head comes with the first event
    return [b"".join(framed[place : place + _BATCH]) for place in range(0, len(framed), _BATCH)]


@cache
def _whole(chunks: int) -> list[bytes]:
    """Return the one write of a whole answer."""
    message = {"role": "assistant", "content": "".join(_words(chunks))}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    answer = {**_ABOUT, "object": "chat.completion", "choices": [choice], "usage": _usage(chunks)}
    body = json.dumps(answer).encode()
    return [_WHOLE % len(body) + body]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection. A prompt asks for its number of chunks with ``chunks=10``."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = await reader.readexactly(int(re.search(rb"content-length: *(\d+)", head)[1]))
            chunks = int(re.search(rb"chunks=(\d+)", body)[1])
            for piece in (_stream if json.loads(body).get("stream") else _whole)(chunks):
                writer.write(piece)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass  # the client left, or the benchmark is over
    finally:
        writer.close()


async def _run(ports: SimpleQueue[int]) -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=2048)
    ports.put(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _main() -> None:
    """Send the address of the server, then the CPU seconds used so far whenever a line asks for them."""
    allow_many_connections()
    ports: SimpleQueue[int] = SimpleQueue()
    threading.Thread(target=lambda: asyncio.run(_run(ports)), daemon=True).start()
    serve_lines(f"http://127.0.0.1:{ports.get()}/v1", time.process_time)


if __name__ == "__main__":
    _main()
