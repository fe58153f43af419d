"""An HTTP server on the loopback address, with a thread for each connection and a record of each request."""

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
_POLL_INTERVAL = 0.01  # seconds until a listener notices that it must stop
_JOIN_TIMEOUT = 5.0  # seconds that a handler has to end when the listener stops


@dataclass(eq=False)
class Exchange:
    """A request to a server, and the state of its response.

    Attributes:
        path: the path and the query.
        headers: the headers, by their names in lower case.
        body: the JSON object of the body; empty if it is something else.
        done: set when the complete response was sent.
        left: set when the client closed the connection before that.
    """

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    done: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)


class Listener(ThreadingHTTPServer):
    """Listens on a free port. Each POST request becomes an `Exchange`, whose response ``answer`` returns."""

    daemon_threads = True  # a test that forgets to stop must still be able to end
    request_queue_size = 1024  # the backlog of the socket: tests open many connections at once

    def __init__(self, answer: Callable[[Exchange], Raw]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.exchanges: list[Exchange] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._accept_thread = threading.Thread(
            target=self.serve_forever, args=(_POLL_INTERVAL,), name="loopback", daemon=True
        )

    def start(self) -> None:
        """Start accepting connections.

        Raises:
            RuntimeError: it was started before, or was stopped.
        """
        if self.stopping.is_set():
            raise RuntimeError("this server was stopped and cannot be started again; make another one")
        if self._accept_thread.ident is not None:
            raise RuntimeError(f"this server is already started, at port {self.server_port}; `with` starts it as well")
        self._accept_thread.start()

    def stop(self) -> None:
        """Close all connections, and wait for their threads."""
        self.stopping.set()
        if self._accept_thread.is_alive():
            self.shutdown()
            self._accept_thread.join()
        for connection, thread in list(self._open.items()):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the client closed it first
            thread.join(_JOIN_TIMEOUT)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the thread of a new connection."""
        self.connections += 1
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="loopback", daemon=True
        )
        self._open[request] = thread  # before the start: the thread removes it at its end
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        super().shutdown_request(request)
        self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of a handler: a client that disconnects is not an error of the server."""


class _ConnectionClosed(ConnectionError):
    """The client closed the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # so that connections are kept alive
    disable_nagle_algorithm = True  # so that each piece is sent at once

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the exchanges are the log."""

    def do_GET(self) -> None:
        self._send(Raw([b'{"error": {"message": "this server only accepts POST"}}'], "application/json", status=404))

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
            if not listener.stopping.is_set():  # else the server itself closed the connection
                exchange.left.set()

    def _read_body(self, length: int) -> Mapping[str, Any]:
        try:
            body: Any = json.loads(self.rfile.read(min(length, _MAX_BODY_SIZE)))
        except ValueError:
            return {}
        return cast("Mapping[str, Any]", body) if isinstance(body, dict) else {}

    def _send(self, raw: Raw) -> None:
        """Send pieces as chunks (RFC 9112, 7.1).

        The head is sent with the first piece, so a first pause delays it.
        """
        has_head = False
        for piece in raw.played():
            if not isinstance(piece, bytes):
                self._pause(piece)
                continue
            if not has_head:
                self._send_head(raw)
                has_head = True
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if raw.cut:  # without the last chunk, so that the client sees an incomplete body
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if not has_head:
            self._send_head(raw)
        self.wfile.write(b"0\r\n\r\n")

    def _send_head(self, raw: Raw) -> None:
        self.send_response(raw.status)
        for name, value in {"Content-Type": raw.content_type, "Transfer-Encoding": "chunked", **raw.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _pause(self, seconds: float) -> None:
        """Wait, and raise if the client disconnects.

        A client sends nothing while it waits, so a socket that becomes readable without data was closed.
        """
        if seconds <= 0:
            return
        self.connection.settimeout(seconds)
        try:
            if not self.connection.recv(1, socket.MSG_PEEK):
                raise _ConnectionClosed
        except TimeoutError:
            pass
        finally:
            self.connection.settimeout(None)
