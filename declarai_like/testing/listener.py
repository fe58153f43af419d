"""HTTP on the loopback address, a thread for each connection; and what became of each request."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from .._offline import Raw

_MAX_BODY_SIZE = 64 * 1024 * 1024  # bytes
_POLL = 0.01  # seconds until a listener notices that it shall stop
_MAX_LINGER = 5.0  # seconds that a handler gets to end, when the listener stops


@dataclass(eq=False)
class Exchange:
    """One request that a server got, and what became of it.

    Attributes:
        path: with its query.
        headers: by their names in lower case.
        body: the JSON; empty where it was no JSON object.
        done: set when all that was to be sent is sent.
        left: set when the client closed the connection before that.
    """

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    done: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)


class Listener(ThreadingHTTPServer):
    """Listens at a free port. Each POST request becomes an `Exchange`, and is sent what ``answer`` gives for it."""

    daemon_threads = True  # a test that forgets to stop must still be able to end
    request_queue_size = 1024

    def __init__(self, answer: Callable[[Exchange], Raw]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.exchanges: list[Exchange] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._accepting = threading.Thread(target=self.serve_forever, args=(_POLL,), name="loopback", daemon=True)

    def start(self) -> None:
        """Begin to accept connections.

        Raises:
            RuntimeError: that was done before, or it was stopped.
        """
        if self.stopping.is_set():
            raise RuntimeError("this server was stopped, and stays so; make another one")
        if self._accepting.ident is not None:
            raise RuntimeError(f"this server has been started before, at port {self.server_port}; `with` starts it too")
        self._accepting.start()

    def stop(self) -> None:
        """End all connections, and wait for their threads."""
        self.stopping.set()
        if self._accepting.is_alive():
            self.shutdown()
            self._accepting.join()
        for connection, thread in list(self._open.items()):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the client was faster
            thread.join(_MAX_LINGER)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a new connection its thread."""
        self.connections += 1
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="loopback", daemon=True
        )
        self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        super().shutdown_request(request)
        self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is no error of the server."""


class _ClientDisconnected(ConnectionError):
    """The client has closed the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """The exchanges are the log."""

    def do_GET(self) -> None:
        self._send(Raw([b'{"error": {"message": "this server only takes POST"}}'], "application/json", status=404))

    def do_POST(self) -> None:
        listener = cast("Listener", self.server)
        headers = {name.lower(): value for name, value in self.headers.items()}
        exchange = Exchange(self.path, headers, self._read_body(int(headers.get("content-length", 0))))
        listener.exchanges.append(exchange)
        try:
            self._send(listener.answer(exchange))
            exchange.done.set()
        except ConnectionError:
            self.close_connection = True
            if not listener.stopping.is_set():
                exchange.left.set()

    def _read_body(self, length: int) -> Mapping[str, Any]:
        try:
            body: Any = json.loads(self.rfile.read(min(length, _MAX_BODY_SIZE)))
        except ValueError:
            return {}
        return cast("Mapping[str, Any]", body) if isinstance(body, dict) else {}

    def _send(self, raw: Raw) -> None:
        """Send pieces as chunks (RFC 9112, 7.1); the head goes with the first, so a first pause comes before it."""
        begun = False
        for piece in raw.played():
            if not isinstance(piece, bytes):
                self._pause(piece)
                continue
            if not begun:
                self._send_head(raw)
                begun = True
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if raw.cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if not begun:
            self._send_head(raw)
        self.wfile.write(b"0\r\n\r\n")

    def _send_head(self, raw: Raw) -> None:
        self.send_response(raw.status)
        for name, value in {"Content-Type": raw.content_type, "Transfer-Encoding": "chunked", **raw.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _pause(self, seconds: float) -> None:
        """Wait, and notice when the client leaves."""
        if seconds <= 0:
            return
        self.connection.settimeout(seconds)
        try:
            if not self.connection.recv(1, socket.MSG_PEEK):
                raise _ClientDisconnected
        except TimeoutError:
            pass
        finally:
            self.connection.settimeout(None)
