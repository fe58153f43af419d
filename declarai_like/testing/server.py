"""A server on the loopback address that speaks the OpenAI protocol, and fails on demand."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from ..standin import Fault, Raw, Replies, Script, wire

if TYPE_CHECKING:
    from typing import Self

_LONGEST_BODY = 64 * 1024 * 1024


@dataclass(eq=False)
class Exchange:
    """One request that the server got, and what became of it.

    Attributes:
        headers: by their names in lower case.
        done: set when the whole answer is sent.
        left: set when the client closed the connection before that.
    """

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    done: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)


class LoopbackServer:
    """Serves a script over real HTTP: ``with LoopbackServer([...]) as server: openai("m", base_url=server.url)``.

    It speaks Chat Completions, streaming and whole, with usage and forced tool calls, under OpenAI's
    and Azure's paths. `Fault` and `Raw` replies make it fail in each way that a server can.

    Args:
        replies: as for `Script`.
        api_key: refuse requests that do not carry this key.
        delay: seconds between two chunks.

    Attributes:
        script: what it says; ``script.calls`` holds the bodies of the requests.
        exchanges: each request, in the order of their coming.
        connections: how many connections clients have opened.
        stopping: set when it stops.
    """

    def __init__(self, replies: Replies = None, *, api_key: str | None = None, delay: float = 0.0) -> None:
        self.script = replies if isinstance(replies, Script) else Script(replies, delay=delay)
        self.exchanges: list[Exchange] = []
        self.connections = 0
        self._api_key = api_key
        self.stopping = threading.Event()
        self._http = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def address(self) -> str:
        """``http://127.0.0.1:<port>``."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        """The ``base_url`` for a client of OpenAI's form."""
        return self.address + "/v1"

    def start(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End all connections and stop."""
        self.stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.close_connections()
        self._http.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def refuses(self, headers: Mapping[str, str]) -> bool:
        """Whether a request with these headers lacks the key."""
        given = (headers.get("authorization", "").removeprefix("Bearer "), headers.get("api-key"))
        return self._api_key is not None and self._api_key not in given


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    block_on_close = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._sockets: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._sockets.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for open_socket in list(self._sockets):
            try:
                open_socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # its handler was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is no error of the server."""


class _Left(Exception):
    """The client has closed the connection."""


def _handler(server: LoopbackServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.connections += 1

        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            length = min(int(headers.get("content-length", 0)), _LONGEST_BODY)
            exchange = Exchange(self.path, headers, json.loads(self.rfile.read(length)))
            server.exchanges.append(exchange)
            try:
                self._answer(exchange)
                exchange.done.set()
            except (_Left, ConnectionError):
                exchange.left.set()
                self.close_connection = True

        def _answer(self, exchange: Exchange) -> None:
            if not exchange.path.partition("?")[0].endswith("/chat/completions"):
                self._whole(404, Fault(404, f"there is nothing at {exchange.path}").body())
            elif server.refuses(exchange.headers):
                self._whole(401, Fault(401, "this is not the right key", "invalid_api_key").body())
            else:
                said = server.script.reply(exchange.body)
                if isinstance(said, Fault):
                    self._whole(said.status, said.body(), said.headers)
                elif isinstance(said, Raw):
                    self._pieces(iter(said.pieces), said.content_type, cut=said.cut)
                elif exchange.body.get("stream"):
                    self._pieces(wire.answer(said, exchange.body), "text/event-stream")
                else:
                    self._pieces(wire.answer(said, exchange.body), "application/json")

        def _whole(self, status: int, body: bytes, headers: Mapping[str, str] = {}) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)

        def _pieces(self, pieces: Iterator[bytes | float], content_type: str, *, cut: bool = False) -> None:
            """Send pieces as chunks (RFC 9112, 7.1); the head goes with the first, so a first pause comes before it."""
            head = False
            for piece in pieces:
                if isinstance(piece, float | int):
                    self._pause(piece)
                    continue
                if not head:
                    self._head(content_type)
                    head = True
                if piece:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if not head:
                self._head(content_type)
            if cut:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self.wfile.write(b"0\r\n\r\n")

        def _head(self, content_type: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()

        def _pause(self, seconds: float) -> None:
            """Wait, and notice when the client leaves."""
            readable, _, _ = select.select([self.connection], [], [], seconds)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                raise _Left
            if server.stopping.is_set():
                raise _Left

    return Handler
