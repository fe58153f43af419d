"""A TCP proxy on the loopback address that injects network faults: split data, cuts, stalls and refusals."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice, repeat
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from .._core import checks

if TYPE_CHECKING:
    from typing import Self

_BLOCK_SIZE = 64 * 1024  # bytes
_POLL_INTERVAL = 0.01  # seconds until the proxy notices that it must stop listening
_SPLIT_PAUSE = 0.0001  # seconds between two pieces, so that a client reads them one by one


class _Stall(NamedTuple):
    after: int
    seconds: float


class FaultProxy:
    """Forwards connections to a server, and injects faults into the data that the server sends.

    ``with FaultProxy("http://127.0.0.1:8000") as proxy: proxy.cut(after=100); client(proxy.url)``. Bytes are counted
    from the start of a connection, including the heads of responses. A fault applies to each later connection, or to
    the next ``times`` ones, until `clear`. Faults of different kinds can be combined. A connection that a client keeps
    for its next request keeps its faults.

    Args:
        target: the address of the server: ``http://<address>:<port>``, with or without a path.

    Attributes:
        address: ``http://127.0.0.1:<port>``.
        url: the same with the path of the target.
        connections: the number of connections that clients have opened.

    Raises:
        ConfigurationError: the target is not such an address; or a number that is passed to a method is invalid.
    """

    def __init__(self, target: str) -> None:
        expected = "a URL of the form http://<address>:<port>"
        parts = urlsplit(checks.string("target", target))
        try:
            port = parts.port
        except ValueError as error:
            raise checks.wrong_value("target", expected, target, str(error)) from error
        if parts.scheme != "http" or not parts.hostname:
            raise checks.wrong_value("target", expected, target, "faults need a connection without encryption")
        self._target = (parts.hostname, 80 if port is None else port)
        self._faults: dict[str, Iterator[int | _Stall]] = {}  # by kind: the faults of the next connections
        self._threads: dict[_Connection, threading.Thread] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._address: tuple[str, int] = self._listener.getsockname()
        self._accept_thread: threading.Thread | None = None
        self._is_refusing = False
        self.address = f"http://127.0.0.1:{self._address[1]}"
        self.url = self.address + parts.path
        self.connections = 0

    @property
    def open_connections(self) -> int:
        """The number of open connections."""
        return sum(thread.is_alive() for thread in list(self._threads.values()))

    def split(self, size: int, *, times: int | None = None) -> None:
        """Split the data of the server into pieces of ``size`` bytes."""
        checks.integer("size", size, minimum=1)
        self._faults["split"] = _repeat(size, times)

    def cut(self, *, after: int, times: int | None = None) -> None:
        """Close a connection on both sides after ``after`` bytes from the server."""
        checks.integer("after", after, minimum=0)
        self._faults["cut"] = _repeat(after, times)

    def stall(self, *, after: int, seconds: float, times: int | None = None) -> None:
        """Send nothing for some seconds after ``after`` bytes from the server."""
        checks.integer("after", after, minimum=0)
        if checks.seconds("seconds", seconds) > threading.TIMEOUT_MAX:
            raise checks.wrong_value("seconds", f"a number of seconds <= {threading.TIMEOUT_MAX:g}", seconds)
        self._faults["stall"] = _repeat(_Stall(after, seconds), times)

    def refuse(self) -> None:
        """Refuse connections until `clear`; open connections are kept."""
        self._is_refusing = True
        thread, self._accept_thread = self._accept_thread, None
        if thread is not None:
            thread.join()
        self._listener.close()  # only without a listener does the system refuse connections

    def clear(self) -> None:
        """Remove all faults for connections that are opened from now on."""
        self._faults.clear()
        if self._is_refusing:
            self.start()

    def drop(self) -> None:
        """Cut all open connections."""
        for connection, thread in list(self._threads.items()):
            connection.end()
            if thread.ident is not None:  # a thread that is not started yet ends by itself, and cannot be joined
                thread.join()

    def start(self) -> Self:
        """Start accepting connections.

        Raises:
            RuntimeError: it was started before.
        """
        if self._accept_thread is not None:
            raise RuntimeError(f"this proxy is already started, at {self.address}; `with` starts it as well")
        self._is_refusing = False
        if self._listener.fileno() < 0:  # closed by `refuse`: listen at the same address again
            self._listener = socket.create_server(self._address, backlog=1024)
        self._listener.settimeout(_POLL_INTERVAL)
        self._accept_thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._accept_thread.start()
        return self

    def stop(self) -> None:
        """Cut all connections and stop; no thread and no socket is left."""
        self.refuse()
        self._is_refusing = False
        self.drop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _accept(self) -> None:
        while self._accept_thread is not None:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            # Each fault is an iterator with one item for each connection that it applies to
            faults = {name: fault for name, left in list(self._faults.items()) for fault in islice(left, 1)}
            connection = _Connection(client, faults)
            thread = threading.Thread(target=connection.serve, args=(self._target,), name="proxy", daemon=True)
            self._threads[connection] = thread
            thread.start()


def _repeat(fault: int | _Stall, times: int | None) -> Iterator[int | _Stall]:
    return repeat(fault) if times is None else repeat(fault, checks.integer("times", times, minimum=0))


class _Connection:
    """A connection of a client, with its connection to the server."""

    def __init__(self, client: socket.socket, faults: dict[str, int | _Stall]) -> None:
        self._client = client
        self._server = socket.socket()
        self._faults = faults
        self._ended = threading.Event()
        self._sent = 0

    def serve(self, target: tuple[str, int]) -> None:
        """Forward data until one side closes its connection."""
        with self._client, self._server:
            self._client.settimeout(None)  # a default timeout of the program must not apply
            try:
                self._server.connect(target)
                for end in (self._client, self._server):
                    # Without Nagle's algorithm, which would merge split pieces
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                return
            requests = threading.Thread(target=self._forward_requests, name="proxy", daemon=True)
            requests.start()
            self._forward_responses()
            self.end()
            requests.join()

    def end(self) -> None:
        """Close both sides; data that was sent before still arrives."""
        self._ended.set()
        for end in (self._client, self._server):
            with suppress(OSError):  # it is closed already, or not connected yet
                end.shutdown(socket.SHUT_RDWR)

    def _forward_requests(self) -> None:
        with suppress(OSError):  # one side closed its connection
            while data := self._client.recv(_BLOCK_SIZE):
                self._server.sendall(data)
        self.end()

    def _forward_responses(self) -> None:
        with suppress(OSError):  # one side closed its connection
            while not self._is_cut() and (data := self._server.recv(_BLOCK_SIZE)):
                self._send(data)

    def _is_cut(self) -> bool:
        cut = self._faults.get("cut")
        return isinstance(cut, int) and self._sent >= cut

    def _send(self, data: bytes) -> None:
        """Send data up to the next fault, inject the fault, and continue."""
        while data and not self._is_cut() and not self._ended.is_set():
            stall, size = self._faults.get("stall"), len(data)
            if isinstance(stall, _Stall):
                if self._sent >= stall.after:
                    del self._faults["stall"]  # once for each connection
                    self._ended.wait(stall.seconds)
                    continue
                size = min(size, stall.after - self._sent)
            if isinstance(cut := self._faults.get("cut"), int):
                size = min(size, cut - self._sent)
            if isinstance(split := self._faults.get("split"), int):
                size = min(size, split)
                time.sleep(_SPLIT_PAUSE)
            self._client.sendall(data[:size])
            self._sent += size
            data = data[size:]
