"""Many clients at once, which read events and look whether each has come once, in order."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

from process import READY, allow_many_connections, reply

_IDS = re.compile(rb"(?:^|\n)id: (\d+)(?=\n|$)")


async def client(port: int, count: int, gap: float) -> tuple[int, int]:
    """Ask, and read all; give how many events came, and how many did not or came out of order."""
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


async def all_clients(port: int, clients: int, count: int, gap: float) -> list[float]:
    """Give the seconds that it took, the events that came, and those that did not."""
    begun = time.perf_counter()
    answers = await asyncio.gather(*(client(port, count, gap) for _ in range(clients)))
    took = time.perf_counter() - begun
    return [took, sum(came for came, _ in answers), sum(wrong for _, wrong in answers)]


def main() -> None:
    allow_many_connections()
    reply(READY)
    for line in sys.stdin:
        port, clients, count, gap = line.split()
        reply(asyncio.run(all_clients(int(port), int(clients), int(count), float(gap))))


if __name__ == "__main__":
    main()
