"""The proxy forwards all data, injects each fault at its position, and leaves no thread or socket."""

from __future__ import annotations

import functools
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from declarai_like.errors import ConfigurationError
from declarai_like.testing import FaultProxy, LoopbackServer

SECONDS = 10


class Echo:
    """A server that sends all data back."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"
        self.ended = threading.Semaphore(0)
        self.stopping = False
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def accept(self) -> None:
        while not self.stopping:
            peer, _ = self.listener.accept()
            threading.Thread(target=self.answer, args=(peer,)).start()

    def answer(self, peer: socket.socket) -> None:
        with peer:
            try:
                while data := peer.recv(1000):
                    peer.sendall(data)
            except OSError:
                pass
        self.ended.release()

    def stop(self) -> None:
        self.stopping = True
        with socket.create_connection(self.listener.getsockname(), SECONDS):
            self.thread.join()
        self.listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.stop()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[FaultProxy]:
    with FaultProxy(echo.url) as proxy:
        yield proxy


@contextmanager
def connected(proxy: FaultProxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", int(proxy.address.rpartition(":")[2])), SECONDS) as client:
        yield client


def received(client: socket.socket, size: int) -> list[bytes]:
    """Read ``size`` bytes, or to the end; return the pieces."""
    pieces: list[bytes] = []
    while sum(map(len, pieces)) < size and (piece := client.recv(1000)):
        pieces.append(piece)
    return pieces


def has_ended(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def eventually(condition: Callable[[], Any]) -> bool:
    until = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    return bool(condition())


def test_data_is_forwarded_unchanged_in_both_directions(proxy: FaultProxy) -> None:
    data = bytes(range(256)) * 2000
    with connected(proxy) as client:
        threading.Thread(target=client.sendall, args=(data,)).start()
        assert b"".join(received(client, len(data))) == data
    assert proxy.connections == 1


def test_its_url_has_the_path_of_the_target(proxy: FaultProxy) -> None:
    assert proxy.url == proxy.address + "/v1"


def test_the_server_notices_when_a_client_disconnects(proxy: FaultProxy, echo: Echo) -> None:
    with connected(proxy) as client:
        client.sendall(b"a")
        received(client, 1)
        assert proxy.open_connections == 1
    assert echo.ended.acquire(timeout=SECONDS)
    assert eventually(lambda: proxy.open_connections == 0)


def test_a_split_response_arrives_in_pieces(proxy: FaultProxy) -> None:
    proxy.split(3)
    with connected(proxy) as client:
        client.sendall(b"0123456789")
        assert b"".join(pieces := received(client, 10)) == b"0123456789"
    assert len(pieces) > 1


@pytest.mark.parametrize("after", [0, 1, 9, 10])
def test_a_cut_closes_both_sides_after_its_number_of_bytes(proxy: FaultProxy, echo: Echo, after: int) -> None:
    proxy.cut(after=after)
    with connected(proxy) as client:
        try:
            client.sendall(b"0123456789")
            assert b"".join(received(client, 100)) == b"0123456789"[:after]
        except ConnectionError:
            assert after == 0  # the request was not read
        assert echo.ended.acquire(timeout=SECONDS)


def test_all_bytes_of_the_server_are_counted(proxy: FaultProxy) -> None:
    proxy.cut(after=5)
    with connected(proxy) as client:
        for data in (b"ab", b"cd"):
            client.sendall(data)
            assert received(client, 2) == [data]
        client.sendall(b"ef")
        assert received(client, 2) == [b"e"]


def test_data_continues_after_a_stall(proxy: FaultProxy) -> None:
    proxy.stall(after=4, seconds=0.1)
    with connected(proxy) as client:
        client.sendall(b"0123456789")
        assert b"".join(received(client, 4)) == b"0123"
        begun = time.monotonic()
        assert b"".join(received(client, 6)) == b"456789"
        assert time.monotonic() - begun > 0.05


def test_the_server_notices_when_a_client_disconnects_during_a_stall(proxy: FaultProxy, echo: Echo) -> None:
    proxy.stall(after=1, seconds=1000)
    with connected(proxy) as client:
        client.sendall(b"ab")
        assert received(client, 1) == [b"a"]
    assert echo.ended.acquire(timeout=SECONDS)


def test_faults_can_be_combined(proxy: FaultProxy) -> None:
    proxy.split(2)
    proxy.stall(after=3, seconds=0.01)
    proxy.cut(after=7)
    with connected(proxy) as client:
        client.sendall(b"0123456789")
        assert b"".join(received(client, 10)) == b"0123456"


def test_a_fault_applies_to_the_given_number_of_connections(proxy: FaultProxy) -> None:
    proxy.cut(after=1, times=2)
    for expected in (b"a", b"a", b"abc"):
        with connected(proxy) as client:
            client.sendall(b"abc")
            assert b"".join(received(client, 3)) == expected


def test_clear_removes_a_fault_for_new_connections_only(proxy: FaultProxy) -> None:
    proxy.cut(after=2)
    with connected(proxy) as before:
        before.sendall(b"a")
        assert received(before, 1) == [b"a"]
        proxy.clear()
        with connected(proxy) as after:
            after.sendall(b"abc")
            assert b"".join(received(after, 3)) == b"abc"
        before.sendall(b"bc")
        assert b"".join(received(before, 2)) == b"b"


def test_connections_are_refused_until_clear_which_listens_at_the_same_address(proxy: FaultProxy) -> None:
    with connected(proxy) as before:
        before.sendall(b"a")
        assert received(before, 1) == [b"a"]
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError), connected(proxy):
            pass
        before.sendall(b"b")
        assert received(before, 1) == [b"b"]
    proxy.clear()
    with connected(proxy) as client:
        client.sendall(b"c")
        assert received(client, 1) == [b"c"]
    assert proxy.connections == 2


def test_drop_cuts_all_open_connections_and_new_ones_are_accepted(proxy: FaultProxy, echo: Echo) -> None:
    with connected(proxy) as first, connected(proxy) as second:
        for client in (first, second):
            client.sendall(b"a")
            assert received(client, 1) == [b"a"]
        proxy.drop()
        assert has_ended(first)
        assert has_ended(second)
        assert proxy.open_connections == 0
        assert echo.ended.acquire(timeout=SECONDS)
        assert echo.ended.acquire(timeout=SECONDS)
    with connected(proxy) as third:
        third.sendall(b"b")
        assert received(third, 1) == [b"b"]


def test_without_a_server_the_connection_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with FaultProxy(f"http://127.0.0.1:{port}") as proxy, connected(proxy) as client:
        assert has_ended(client)


def test_after_stop_no_thread_and_no_port_is_left(echo: Echo) -> None:
    with FaultProxy(echo.url) as proxy, connected(proxy) as client:
        client.sendall(b"a")
        received(client, 1)
        proxy.stop()
        assert not [thread for thread in threading.enumerate() if thread.name == "proxy"]
        with pytest.raises(ConnectionRefusedError), connected(proxy):
            pass


def test_a_model_works_through_the_proxy() -> None:
    import declarai_like as declarai

    with LoopbackServer(["Hello"]) as server, FaultProxy(server.url) as proxy:
        proxy.split(1)

        @declarai.openai("m", openai_token="key", base_url=proxy.url).task
        def say() -> str:
            """Describe it"""

        assert say() == "Hello"
        assert len(server.exchanges) == proxy.connections == 1


# Settings


@pytest.mark.parametrize(
    "target", ["https://127.0.0.1:1", "127.0.0.1:1", "http://", "http://:1", "ftp://127.0.0.1:1", ""]
)
def test_a_wrong_target_is_refused(target: str) -> None:
    with pytest.raises(
        ConfigurationError,
        match=f"^target must be a URL of the form http://<address>:<port>, got {target!r}; faults need",
    ):
        FaultProxy(target)


@pytest.mark.parametrize(("target", "got"), [(None, "None"), (5, "int")])
def test_a_target_of_a_wrong_type_is_refused(target: Any, got: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^target must be a str, got {got}$"):
        FaultProxy(target)


@pytest.mark.parametrize("port", ["abc", "70000", "-1"])
def test_a_wrong_port_is_refused_with_its_target(port: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^target must be .*, got 'http://127.0.0.1:{port}'; Port"):
        FaultProxy(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("wrong", "got"), [(-1, "-1"), (1.5, "float"), ("x", "str"), (True, "bool"), (math.nan, "float")]
)
def test_a_wrong_number_is_refused_and_injects_no_fault(proxy: FaultProxy, wrong: Any, got: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^size must be an integer >= 1, got {got}$"):
        proxy.split(wrong)
    for make in (proxy.cut, functools.partial(proxy.stall, seconds=1)):
        with pytest.raises(ConfigurationError, match=f"^after must be an integer >= 0, got {got}$"):
            make(after=wrong)
        with pytest.raises(ConfigurationError, match=f"^times must be an integer >= 0, got {got}$"):
            make(after=1, times=wrong)
    if wrong != 1.5:
        got = "nan" if got == "float" else got
        with pytest.raises(ConfigurationError, match=f"^seconds must be a number of seconds >= 0, got {got}$"):
            proxy.stall(after=1, seconds=wrong)
    with connected(proxy) as client:
        client.sendall(b"0123456789")
        assert b"".join(received(client, 10)) == b"0123456789"


def test_empty_pieces_are_refused(proxy: FaultProxy) -> None:
    with pytest.raises(ConfigurationError, match="^size must be an integer >= 1, got 0$"):
        proxy.split(0)
    with connected(proxy) as client:
        client.sendall(b"0123456789")
        assert b"".join(received(client, 10)) == b"0123456789"


def test_it_cannot_be_started_twice(echo: Echo) -> None:
    with FaultProxy(echo.url) as proxy:
        with pytest.raises(RuntimeError, match=f"this proxy is already started, at {proxy.address}"):
            proxy.start()
        assert [thread.name for thread in threading.enumerate()].count("proxy") == 1
    with proxy, connected(proxy) as client:  # at the same address
        client.sendall(b"a")
        assert received(client, 1) == [b"a"]


def test_clear_does_not_start_a_proxy_that_is_not_started(echo: Echo) -> None:
    proxy = FaultProxy(echo.url)
    proxy.clear()
    with proxy:
        proxy.refuse()
    proxy.clear()
    assert "proxy" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(ConnectionRefusedError), connected(proxy):
        pass
