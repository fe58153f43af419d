"""A server that is not the bottleneck: it writes prepared streams, on one event loop, in its own process."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_BATCH = 32  # chunks in one write, so that the writing costs little


def _event(delta: dict[str, str], finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    """Write a chunk of the size that OpenAI's have."""
    choices = [] if usage else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    body = {
        "id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt-5.5-2026-01-01",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "choices": choices,
        "usage": usage,
    }
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


@cache
def prepared(chunks: int) -> tuple[bytes, ...]:
    """Give the writes of a stream of so many text chunks, each event a chunk of HTTP's own."""
    events = [_event({"role": "assistant", "content": ""})]
    events += [_event({"content": f" word{place % 1000:03d}"}) for place in range(chunks)]
    events += [
        _event({}, "stop"),
        _event({}, usage={"prompt_tokens": 9, "completion_tokens": chunks, "total_tokens": chunks + 9}),
    ]
    events.append(b"data: [DONE]\n\n")
    framed = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    framed.append(b"0\r\n\r\n")
    return tuple(b"".join(framed[place : place + _BATCH]) for place in range(0, len(framed), _BATCH))


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            )
            body = json.loads(await reader.readexactly(length))
            writer.write(_HEAD)
            for piece in prepared(int(body["model"])):
                writer.write(piece)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def _main(ready: multiprocessing.connection.Connection) -> None:  # type: ignore[name-defined]
    async def run() -> None:
        server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=2048)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def serving() -> Iterator[str]:
    """Run the server in a process of its own, and give its base URL; the model's name is the number of chunks."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_main, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.terminate()
        process.join()


if __name__ == "__main__":
    with serving() as url:
        print(url)
        sys.stdin.read()
