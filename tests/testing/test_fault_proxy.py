"""The proxy forwards what it gets, makes each fault where it was told to, and leaves nothing behind."""

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
    """A server that sends back what it gets."""

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
    """Read so many bytes, or to the end; give the pieces that came."""
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


def test_bytes_go_through_in_both_directions_as_they_are(proxy: FaultProxy) -> None:
    data = bytes(range(256)) * 2000
    with connected(proxy) as client:
        threading.Thread(target=client.sendall, args=(data,)).start()
        assert b"".join(received(client, len(data))) == data
    assert proxy.connections == 1


def test_its_url_has_the_path_of_the_target(proxy: FaultProxy) -> None:
    assert proxy.url == proxy.address + "/v1"


def test_who_leaves_is_seen_to_leave_by_the_server(proxy: FaultProxy, echo: Echo) -> None:
    with connected(proxy) as client:
        client.sendall(b"a")
        received(client, 1)
        assert proxy.open_connections == 1
    assert echo.ended.acquire(timeout=SECONDS)
    assert eventually(lambda: proxy.open_connections == 0)


def test_a_split_answer_comes_in_its_pieces(proxy: FaultProxy) -> None:
    proxy.split(3)
    with connected(proxy) as client:
        client.sendall(b"0123456789")
        assert b"".join(pieces := received(client, 10)) == b"0123456789"
    assert len(pieces) > 1


@pytest.mark.parametrize("after", [0, 1, 9, 10])
def test_a_cut_comes_after_so_many_bytes_to_both_sides(proxy: FaultProxy, echo: Echo, after: int) -> None:
    proxy.cut(after=after)
    with connected(proxy) as client:
        try:
            client.sendall(b"0123456789")
            assert b"".join(received(client, 100)) == b"0123456789"[:after]
        except ConnectionError:
            assert after == 0  # the request was not read
        assert echo.ended.acquire(timeout=SECONDS)


def test_bytes_are_counted_over_all_that_the_server_sends(proxy: FaultProxy) -> None:
    proxy.cut(after=5)
    with connected(proxy) as client:
        for data in (b"ab", b"cd"):
            client.sendall(data)
            assert received(client, 2) == [data]
        client.sendall(b"ef")
        assert received(client, 2) == [b"e"]


def test_a_stall_lets_go_on_when_it_is_over(proxy: FaultProxy) -> None:
    proxy.stall(after=4, seconds=0.1)
    with connected(proxy) as client:
        client.sendall(b"0123456789")
        assert b"".join(received(client, 4)) == b"0123"
        begun = time.monotonic()
        assert b"".join(received(client, 6)) == b"456789"
        assert time.monotonic() - begun > 0.05


def test_who_leaves_in_a_stall_is_seen_to_leave(proxy: FaultProxy, echo: Echo) -> None:
    proxy.stall(after=1, seconds=1000)
    with connected(proxy) as client:
        client.sendall(b"ab")
        assert received(client, 1) == [b"a"]
    assert echo.ended.acquire(timeout=SECONDS)


def test_faults_go_together(proxy: FaultProxy) -> None:
    proxy.split(2)
    proxy.stall(after=3, seconds=0.01)
    proxy.cut(after=7)
    with connected(proxy) as client:
        client.sendall(b"0123456789")
        assert b"".join(received(client, 10)) == b"0123456"


def test_a_fault_is_made_as_many_times_as_was_said(proxy: FaultProxy) -> None:
    proxy.cut(after=1, times=2)
    for expected in (b"a", b"a", b"abc"):
        with connected(proxy) as client:
            client.sendall(b"abc")
            assert b"".join(received(client, 3)) == expected


def test_a_fault_ends_with_clear_and_not_in_connections_that_have_it(proxy: FaultProxy) -> None:
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


def test_a_refused_connection_is_refused_until_clear_at_the_same_address(proxy: FaultProxy) -> None:
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


def test_drop_cuts_all_that_are_open_and_new_ones_can_come(proxy: FaultProxy, echo: Echo) -> None:
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


def test_a_server_that_is_not_there_is_a_connection_that_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with FaultProxy(f"http://127.0.0.1:{port}") as proxy, connected(proxy) as client:
        assert has_ended(client)


def test_no_thread_and_no_port_stays(echo: Echo) -> None:
    with FaultProxy(echo.url) as proxy, connected(proxy) as client:
        client.sendall(b"a")
        received(client, 1)
        proxy.stop()
        assert not [thread for thread in threading.enumerate() if thread.name == "proxy"]
        with pytest.raises(ConnectionRefusedError), connected(proxy):
            pass


def test_a_model_can_be_asked_through_it() -> None:
    import declarai_like as declarai

    with LoopbackServer(["Hello"]) as server, FaultProxy(server.url) as proxy:
        proxy.split(1)

        @declarai.openai("m", openai_token="key", base_url=proxy.url).task
        def say() -> str:
            """Say something"""

        assert say() == "Hello"
        assert len(server.exchanges) == proxy.connections == 1


# Settings


@pytest.mark.parametrize(
    "target", ["https://127.0.0.1:1", "127.0.0.1:1", "http://", "http://:1", "ftp://127.0.0.1:1", "", None, 5]
)
def test_a_target_that_it_cannot_forward_to_is_refused(target: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^target is {target!r}; it is http://<address>:<port>"):
        FaultProxy(target)


@pytest.mark.parametrize("port", ["abc", "70000", "-1"])
def test_a_port_that_is_none_is_refused_with_its_target(port: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^target is 'http://127.0.0.1:{port}': Port"):
        FaultProxy(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("wrong", [-1, 1.5, "x", True, math.nan])
def test_a_number_of_a_fault_that_is_none_is_refused_and_makes_no_fault(proxy: FaultProxy, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^size is {wrong!r}; it is a whole number, from 1"):
        proxy.split(wrong)
    for make in (proxy.cut, functools.partial(proxy.stall, seconds=1)):
        with pytest.raises(ConfigurationError, match=f"^after is {wrong!r}; it is a whole number, from 0"):
            make(after=wrong)
        with pytest.raises(ConfigurationError, match=f"^times is {wrong!r}; it is a whole number, from 0"):
            make(after=1, times=wrong)
    if wrong != 1.5:
        with pytest.raises(ConfigurationError, match=f"^seconds is {wrong!r}; it is a number of seconds, from 0"):
            proxy.stall(after=1, seconds=wrong)
    with connected(proxy) as client:
        client.sendall(b"0123456789")
        assert b"".join(received(client, 10)) == b"0123456789"


def test_pieces_of_nothing_are_refused(proxy: FaultProxy) -> None:
    with pytest.raises(ConfigurationError, match="^size is 0; it is a whole number, from 1"):
        proxy.split(0)
    with connected(proxy) as client:
        client.sendall(b"0123456789")
        assert b"".join(received(client, 10)) == b"0123456789"


def test_it_is_started_once_at_a_time(echo: Echo) -> None:
    with FaultProxy(echo.url) as proxy:
        with pytest.raises(RuntimeError, match=f"has been started before, and accepts at {proxy.address}"):
            proxy.start()
        assert [thread.name for thread in threading.enumerate()].count("proxy") == 1
    with proxy, connected(proxy) as client:  # at the same address
        client.sendall(b"a")
        assert received(client, 1) == [b"a"]


def test_clear_starts_nothing_that_was_not_refused(echo: Echo) -> None:
    proxy = FaultProxy(echo.url)
    proxy.clear()
    with proxy:
        proxy.refuse()
    proxy.clear()
    assert "proxy" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(ConnectionRefusedError), connected(proxy):
        pass
