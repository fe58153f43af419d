"""A server that is not the bottleneck: it writes prepared answers, on one event loop, in its own process."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from functools import cache

from process import allow_many_connections, reply

_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_BATCH = 64  # events in one write, so that the writing costs little
_WORD = " word%03d"
_ABOUT = {"created": 1_700_000_000, "model": "gpt-5.5-2026-01-01", "service_tier": "default"}


def text_length(chunks: int) -> int:
    """Give the number of characters in an answer of so many text chunks."""
    return chunks * len(_WORD % 0)


def _event(choices: list[object], usage: dict[str, int] | None = None) -> bytes:
    """Write an event of the size that OpenAI's have."""
    kind = {"id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012", "object": "chat.completion.chunk", **_ABOUT}
    body = {**kind, "system_fingerprint": "fp_0123456789", "choices": choices, "usage": usage}
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> list[object]:
    return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]


def _usage(chunks: int) -> dict[str, int]:
    return {"prompt_tokens": 9, "completion_tokens": chunks, "total_tokens": chunks + 9}


def events(chunks: int) -> list[bytes]:
    """Give a stream's events: the role, the text chunks, the end, the usage, and the last word."""
    return [
        _event(_choice({"role": "assistant", "content": ""})),
        *(_event(_choice({"content": _WORD % (place % 1000)})) for place in range(chunks)),
        _event(_choice({}, "stop")),
        _event([], _usage(chunks)),
        b"data: [DONE]\n\n",
    ]


@cache
def _stream(chunks: int) -> list[bytes]:
    """Prepare the writes of a stream, each event in a chunk of HTTP's own, as OpenAI sends them."""
    framed = [b"%x\r\n%b\r\n" % (len(event), event) for event in events(chunks)]
    framed[0] = _STREAM + framed[0]
    framed.append(b"0\r\n\r\n")
    return [b"".join(framed[place : place + _BATCH]) for place in range(0, len(framed), _BATCH)]


@cache
def _whole(chunks: int) -> list[bytes]:
    """Prepare the one write of an answer that comes whole."""
    message = {"role": "assistant", "content": "".join(_WORD % (place % 1000) for place in range(chunks))}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    kind = {"id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012", "object": "chat.completion", **_ABOUT}
    body = json.dumps({**kind, "choices": [choice], "usage": _usage(chunks)}).encode()
    return [_WHOLE % len(body) + body]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection's requests; how many chunks it wants, a prompt says with "chunks=10"."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = await reader.readexactly(int(re.search(rb"content-length: *(\d+)", head)[1]))
            chunks = int(re.search(rb"chunks=(\d+)", body)[1])
            for piece in (_stream if json.loads(body).get("stream") else _whole)(chunks):
                writer.write(piece)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass  # the client has gone, or the benchmark is over
    finally:
        writer.close()


async def _main() -> None:
    """Say where the server is; then answer each line with the CPU seconds used so far."""
    over = asyncio.Event()
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=2048)
    reply(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    answer = lambda: reply(time.process_time()) if sys.stdin.readline() else over.set()  # noqa: E731
    asyncio.get_running_loop().add_reader(sys.stdin, answer)
    await over.wait()


if __name__ == "__main__":
    allow_many_connections()
    asyncio.run(_main())
