"""A proxy on the loopback address that makes the faults of real networks: pieces, cuts, stalls and refusals."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from typing import Self

_BLOCK = 64 * 1024
_POLL = 0.01  # seconds until the proxy notices that it shall listen no more
_BETWEEN_PIECES = 0.0001  # seconds, in which a client reads a piece before the next one comes


class _Stall(NamedTuple):
    after: int
    seconds: float


class FaultProxy:
    """Forwards connections to a server, and makes faults in what the server sends on them.

    ``with FaultProxy("http://127.0.0.1:8000") as proxy: proxy.cut(after=100); client(proxy.url)``. Bytes are counted from
    the beginning of a connection, with the heads of answers. A fault is made in each connection that is opened from then
    on, or in as many as ``times`` says, until `clear`; faults of different kinds go together. A connection that a client
    keeps for its next request stays as it was opened.

    Args:
        target: where the server is: ``http://<address>:<port>``, with or without a path.

    Attributes:
        address: ``http://127.0.0.1:<port>``.
        url: the same with the path of the target.
        connections: how many connections clients have opened.

    Raises:
        ConfigurationError: the target is no such address; or, of the methods, a number is none that can be.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(str(target))
        try:
            port = parts.port
        except ValueError as error:
            raise ConfigurationError(f"target is {target!r}: {error}") from error
        if parts.scheme != "http" or not parts.hostname:
            raise ConfigurationError(
                f"target is {target!r}; it is http://<address>:<port>, as faults are made in bytes that are not encrypted"
            )
        self._target = (parts.hostname, 80 if port is None else port)
        self._faults: dict[str, Iterator[int | _Stall]] = {}  # the fault of each connection that comes
        self._begun: dict[_Connection, threading.Thread] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._own: tuple[str, int] = self._listener.getsockname()
        self._accepting: threading.Thread | None = None
        self._is_refusing = False
        self.address = f"http://127.0.0.1:{self._own[1]}"
        self.url = self.address + parts.path
        self.connections = 0

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return sum(thread.is_alive() for thread in list(self._begun.values()))

    def split(self, size: int, *, times: int | None = None) -> None:
        """Send what the server sends in pieces of so many bytes."""
        _check("size", size, least=1)
        self._faults["split"] = _for(times, size)

    def cut(self, *, after: int, times: int | None = None) -> None:
        """Close a connection, to both sides, after so many bytes from the server."""
        _check("after", after)
        self._faults["cut"] = _for(times, after)

    def stall(self, *, after: int, seconds: float, times: int | None = None) -> None:
        """Send nothing for some seconds after so many bytes from the server."""
        _check("after", after)
        given: Any = seconds
        if not isinstance(given, int | float) or isinstance(given, bool) or not 0 <= given <= threading.TIMEOUT_MAX:
            raise ConfigurationError(f"seconds is {seconds!r}; it is a number of seconds, from 0")
        self._faults["stall"] = _for(times, _Stall(after, seconds))

    def refuse(self) -> None:
        """Refuse connections until `clear`; those that are open stay."""
        self._is_refusing = True
        accepting, self._accepting = self._accepting, None
        if accepting is not None:
            accepting.join()
        self._listener.close()

    def clear(self) -> None:
        """Make no more faults, in connections that are opened from now on."""
        self._faults.clear()
        if self._is_refusing:
            self.start()

    def drop(self) -> None:
        """Cut all connections that are open."""
        for connection, thread in list(self._begun.items()):
            connection.end()
            if thread.ident is not None:  # one that is about to begin sees that it is to end
                thread.join()

    def start(self) -> Self:
        """Begin to accept connections.

        Raises:
            RuntimeError: it does so already.
        """
        if self._accepting is not None:
            raise RuntimeError(
                f"this proxy has been started before, and accepts at {self.address}; `with` starts it too"
            )
        self._is_refusing = False
        if self._listener.fileno() < 0:
            self._listener = socket.create_server(self._own, backlog=1024)
        self._listener.settimeout(_POLL)
        self._accepting = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._accepting.start()
        return self

    def stop(self) -> None:
        """Cut all connections and stop: no thread and no socket stays."""
        self.refuse()
        self._is_refusing = False
        self.drop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _accept(self) -> None:
        while self._accepting is not None:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            faults = {name: fault for name, left in list(self._faults.items()) for fault in islice(left, 1)}
            connection = _Connection(client, faults)
            thread = threading.Thread(target=connection.serve, args=(self._target,), name="proxy", daemon=True)
            self._begun[connection] = thread
            thread.start()


def _check(setting: str, given: Any, least: int = 0) -> None:
    if not isinstance(given, int) or isinstance(given, bool) or given < least:
        raise ConfigurationError(f"{setting} is {given!r}; it is a whole number, from {least}")


def _for(times: int | None, fault: int | _Stall) -> Iterator[int | _Stall]:
    if times is not None:
        _check("times", times)
    return repeat(fault) if times is None else repeat(fault, times)


class _Connection:
    """A client's connection, and the one to the server that belongs to it."""

    def __init__(self, client: socket.socket, faults: dict[str, int | _Stall]) -> None:
        self._client = client
        self._server = socket.socket()
        self._faults = faults
        self._ended = threading.Event()
        self._sent = 0

    def serve(self, target: tuple[str, int]) -> None:
        """Forward until one side ends."""
        with self._client, self._server:
            self._client.settimeout(None)
            try:
                self._server.connect(target)
                for end in (self._client, self._server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                return
            asking = threading.Thread(target=self._forward_requests, name="proxy", daemon=True)
            asking.start()
            self._forward_answers()
            self.end()
            asking.join()

    def end(self) -> None:
        """Close both ends; what was sent until now arrives."""
        self._ended.set()
        for end in (self._client, self._server):
            with suppress(OSError):  # it was faster, or had not begun
                end.shutdown(socket.SHUT_RDWR)

    def _forward_requests(self) -> None:
        with suppress(OSError):  # one side has gone
            while data := self._client.recv(_BLOCK):
                self._server.sendall(data)
        self.end()

    def _forward_answers(self) -> None:
        with suppress(OSError):  # one side has gone
            while not self._is_cut() and (data := self._server.recv(_BLOCK)):
                self._send(data)

    def _is_cut(self) -> bool:
        cut = self._faults.get("cut")
        return isinstance(cut, int) and self._sent >= cut

    def _send(self, data: bytes) -> None:
        """Send what comes before the next fault, make it, and so on."""
        while data and not self._is_cut() and not self._ended.is_set():
            stall, size = self._faults.get("stall"), len(data)
            if isinstance(stall, _Stall):
                if self._sent >= stall.after:
                    del self._faults["stall"]
                    self._ended.wait(stall.seconds)
                    continue
                size = min(size, stall.after - self._sent)
            if isinstance(cut := self._faults.get("cut"), int):
                size = min(size, cut - self._sent)
            if isinstance(split := self._faults.get("split"), int):
                size = min(size, split)
                time.sleep(_BETWEEN_PIECES)
            self._client.sendall(data[:size])
            self._sent += size
            data = data[size:]
