"""Faults of the network are errors with a class, and never a stream that is silently short."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from declarai_like import Timeouts, remote, streaming
from declarai_like.testing import FaultProxy
from tests.remote import remote_streams as functions
from tests.remote.remote_streams import LOGS, Audio, Segment, Totals, aread, eventually, numbers, read, read_one, served

pytestmark = pytest.mark.slow

WORDS = ["to", "whom", "日本"]
COMPLETE = [Audio(name="a"), *(Segment(text=word) for word in WORDS), Totals(segments=3)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = FastAPI()
    app.include_router(remote.router(*functions.FUNCTIONS, buffer=2))

    @app.post("/page")
    async def page() -> HTMLResponse:
        return HTMLResponse("<html>Sign in</html>")

    with served(app) as address:
        yield address


@pytest.fixture
def proxy(url: str) -> Iterator[FaultProxy]:
    with FaultProxy(url) as proxy:
        yield proxy


# Cuts and pieces


@pytest.mark.parametrize("encoding", ["frames", "ndjson", "sse"])
def test_a_cut_at_each_byte_is_an_error_until_the_stream_is_complete(
    world: Any, proxy: FaultProxy, encoding: Any
) -> None:
    stride = 1 if world.name == "blocking" and encoding == "frames" else 7
    client = functions.transcribe.at(proxy.url, encoding=encoding)
    errors: set[type] = set()
    for after in range(0, 2000, stride):
        proxy.cut(after=after)
        items: list[Any] = []
        try:
            read(world, client.stream("a", WORDS), items, with_ends=True)
        except (streaming.StreamTruncated, remote.ServerUnreachable) as error:
            errors.add(type(error))
            assert items == COMPLETE[: len(items)]
        else:
            assert items == COMPLETE
            break
    assert after > 300
    assert errors == {streaming.StreamTruncated, remote.ServerUnreachable}


def test_pieces_of_one_byte_change_nothing(world: Any, proxy: FaultProxy) -> None:
    proxy.split(1)
    with_text = functions.spell.at(proxy.url, encoding="ndjson")
    assert read(world, functions.transcribe.at(proxy.url).stream("a", WORDS), with_ends=True) == COMPLETE
    assert read(world, with_text.stream("naïve 👋")) == list("naïve 👋")


def test_an_error_of_the_function_is_decoded_from_pieces(world: Any, proxy: FaultProxy) -> None:
    proxy.split(1)
    for after in (0, 2):
        with pytest.raises(functions.OutOfPaper):
            read(world, functions.fail.at(proxy.url).stream(after, "ours"))


def test_a_cut_error_response_is_still_an_error(world: Any, proxy: FaultProxy) -> None:
    for after in (0, 60, 150, 200, 230):
        proxy.cut(after=after)
        with pytest.raises(streaming.TypedStreamError):
            read(world, functions.fail.at(proxy.url).stream(0, "ours"))


# Something else instead of a stream


def test_an_html_page_is_not_a_stream(world: Any, url: str) -> None:
    with pytest.raises(remote.NotAStream, match="must be application/octet-stream, got text/html: <html>Sign in"):
        read(world, remote.client(f"{url}/page", str).stream())


def test_a_missing_server_is_unreachable(world: Any, proxy: FaultProxy) -> None:
    proxy.refuse()
    with pytest.raises(remote.ServerUnreachable) as caught:
        read(world, functions.count.at(proxy.url).stream(to=1))
    assert isinstance(caught.value, ConnectionError)
    assert isinstance(caught.value, streaming.TypedStreamError)


@pytest.mark.parametrize("address", ["nowhere", "http://", "http://127.0.0.1:99999", "ftp://127.0.0.1"])
def test_an_invalid_url_is_unreachable(world: Any, address: str) -> None:
    with pytest.raises(remote.ServerUnreachable):
        read(world, functions.count.at(address).stream(to=1))


# Time


@pytest.mark.parametrize("after", [0, 50, 190])
def test_a_stall_raises_the_error_of_its_limit(world: Any, proxy: FaultProxy, after: int) -> None:
    proxy.stall(after=after, seconds=1000)
    with pytest.raises(remote.RemoteTimeout, match=r"within 0.1 s \(timeouts.(idle|first_token)\)") as caught:
        read(world, functions.count.at(proxy.url, timeout=Timeouts(first_token=0.1, idle=0.1)).stream(to=20))
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.limit == 0.1
    assert eventually(lambda: proxy.open_connections == 0)


def test_the_first_item_has_a_separate_limit(world: Any, url: str) -> None:
    with pytest.raises(remote.FirstTokenTimeout):
        read(world, functions.hang.at(url, timeout=Timeouts(first_token=0.1)).stream(f"first {world.name}", after=0))
    assert LOGS[f"first {world.name}"].ended.wait(functions.SECONDS)


def test_the_idle_limit_differs_from_that_of_the_first_item(world: Any, url: str) -> None:
    began = time.monotonic()
    with pytest.raises(remote.IdleTimeout, match=r"within 0.1 s \(timeouts.idle\)"):
        read(world, functions.hang.at(url, timeout=Timeouts(idle=0.1)).stream(f"idle {world.name}", after=1))
    assert time.monotonic() - began < 5
    slowly = functions.count.at(url, timeout=Timeouts(first_token=0.4)).stream(to=2, pause=0.5)
    assert read(world, slowly) == numbers(2)


def test_the_idle_limit_never_ends_an_active_stream(world: Any, url: str) -> None:
    begun = time.monotonic()
    assert read(world, functions.count.at(url, timeout=Timeouts(idle=0.4)).stream(to=10, pause=0.06)) == numbers(10)
    assert time.monotonic() - begun > 0.4


def test_time_spent_by_the_reader_does_not_count(url: str) -> None:
    with functions.count.at(url, timeout=Timeouts(idle=0.1)).stream(to=30, pause=0.01) as reader:
        for number in reader.read_items():
            if number.value == 3:
                time.sleep(0.3)


def test_the_total_limits_the_whole_stream(world: Any, url: str) -> None:
    items: list[Any] = []
    with pytest.raises(remote.TotalTimeout, match=r"longer than 0.3 s \(timeouts.total\)") as caught:
        read(world, functions.count.at(url, timeout=Timeouts(idle=5, total=0.3)).stream(to=1000, pause=0.01), items)
    assert caught.value.limit == 0.3
    assert items == numbers(len(items))
    assert 0 < len(items) < 100


@pytest.mark.parametrize("idle", [None, 1000])
@pytest.mark.parametrize("after", [0, 1])
def test_the_total_ends_a_wait(world: Any, url: str, idle: float | None, after: int) -> None:
    begun = time.monotonic()
    with pytest.raises(remote.TotalTimeout):
        read(
            world,
            functions.hang.at(url, timeout=Timeouts(first_token=idle, idle=idle, total=0.2)).stream(
                f"total {idle} {after} {world.name}", after
            ),
        )
    assert time.monotonic() - begun < 5


@contextmanager
def unresponsive_server() -> Iterator[str]:
    """Yield the URL of a listener whose backlog is full, so that further connections are not established."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for each in waiting:
                each.close()


def test_a_connection_that_is_not_established_raises_the_connect_error(world: Any) -> None:
    with unresponsive_server() as address:
        with pytest.raises(remote.ConnectTimeout, match=r"within 0.1 s \(timeouts.connect\)"):
            read(world, functions.count.at(address, timeout=Timeouts(connect=0.1)).stream(to=1))
        with pytest.raises(remote.TotalTimeout):
            read(world, functions.count.at(address, timeout=Timeouts(connect=1000, total=0.1)).stream(to=1))


# Leaving


def test_leaving_early_closes_the_connection_and_ends_the_function(world: Any, proxy: FaultProxy) -> None:
    log = f"left {world.name}"
    assert read_one(world, functions.hang.at(proxy.url).stream(log, after=1)) == numbers(1)[0]
    assert eventually(lambda: proxy.open_connections == 0)
    assert LOGS[log].ended.wait(functions.SECONDS)
    assert LOGS[log].yielded == 1


def test_the_end_of_the_block_closes_the_connection_even_if_the_reader_is_kept(proxy: FaultProxy) -> None:
    call = functions.hang.at(proxy.url).stream("kept", after=1)
    with call as reader:
        items = reader.read_items()
        assert next(items) == numbers(1)[0]
        assert proxy.open_connections == 1
    assert eventually(lambda: proxy.open_connections == 0)
    assert LOGS["kept"].ended.wait(functions.SECONDS)
    del reader, items


def test_a_blocking_function_yields_at_most_one_item_after_its_reader_has_left(world: Any, url: str) -> None:
    log = LOGS[name := f"gate {world.name}"]
    log.gate.release()
    assert read_one(world, functions.yield_at_the_gate.at(url).stream(name)) == numbers(1)[0]
    time.sleep(0.1)  # until the server has received the disconnect
    log.gate.release()
    assert log.ended.wait(functions.SECONDS)
    assert log.yielded == 2


def test_a_cut_connection_ends_the_function(world: Any, proxy: FaultProxy) -> None:
    log = f"cut {world.name}"
    proxy.cut(after=250)
    with pytest.raises(streaming.StreamTruncated):
        read(world, functions.hang.at(proxy.url).stream(log, after=30))
    assert LOGS[log].ended.wait(functions.SECONDS)


def test_a_reader_that_is_abandoned_releases_its_connection(proxy: FaultProxy) -> None:
    reader = functions.hang.at(proxy.url).stream("abandoned", after=3).__enter__()
    assert next(reader.read_items()) == numbers(1)[0]
    assert proxy.open_connections == 1
    del reader
    assert eventually(lambda: proxy.open_connections == 0)
    assert LOGS["abandoned"].ended.wait(functions.SECONDS)


@pytest.mark.anyio
async def test_a_task_that_is_cancelled_closes_its_connection(anyio_backend: str, proxy: FaultProxy) -> None:
    import anyio

    log = f"cancelled {anyio_backend}"
    items: list[Any] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(aread, functions.hang.at(proxy.url).stream(log, after=1), items)
        assert await anyio.to_thread.run_sync(eventually, lambda: items == numbers(1))
        tasks.cancel_scope.cancel()
    assert await anyio.to_thread.run_sync(eventually, lambda: proxy.open_connections == 0)
    assert await anyio.to_thread.run_sync(LOGS[log].ended.wait, functions.SECONDS)


# Back pressure


@pytest.mark.parametrize("make", [functions.yield_large, functions.yield_large_blocking], ids=["async", "blocking"])
def test_a_slow_reader_makes_the_function_wait(url: str, make: Any) -> None:
    log = LOGS[name := f"slow {make.name}"]
    in_sockets = 1  # one item is larger than the socket buffers of the system
    with make.at(url).stream(name, size=16_000_000) as reader:
        items = reader.read_items()
        for number_read in range(1, 4):
            next(items)
            time.sleep(0.3)  # a producer that does not wait would yield many items
            assert log.yielded <= number_read + in_sockets + 2 + 1  # the buffer; and one begins before the last is sent
    assert log.ended.wait(functions.SECONDS)
    assert log.yielded < 10


# Connections


def test_a_client_keeps_its_connection_for_the_next_stream_and_closes_it_at_its_end(
    world: Any, proxy: FaultProxy
) -> None:
    client = functions.count.at(proxy.url)
    if world.name == "blocking":
        with client:
            for _ in range(3):
                assert read(world, client.stream(to=2)) == numbers(2)
            assert proxy.open_connections == 1
    else:

        async def use() -> None:
            async with client:
                for _ in range(3):
                    assert await aread(client.stream(to=2), []) == numbers(2)
                assert proxy.open_connections == 1

        world.run(use)
    assert proxy.connections == 1
    assert eventually(lambda: proxy.open_connections == 0)


def test_connections_are_shared_by_default(proxy: FaultProxy) -> None:
    for _ in range(3):
        with functions.count.at(proxy.url).stream(to=2) as reader:
            assert list(reader.read_items()) == numbers(2)
    assert proxy.connections == 1


def test_two_streams_at_once_have_a_connection_each(proxy: FaultProxy) -> None:
    client = functions.count.at(proxy.url, timeout=10)
    with client, client.stream(to=3) as one, client.stream(to=3) as other:
        assert list(zip(one.read_items(), other.read_items(), strict=True)) == list(
            zip(numbers(3), numbers(3), strict=True)
        )
        assert proxy.connections == 2


def test_a_total_limit_applies_to_one_stream(proxy: FaultProxy) -> None:
    limited, unlimited = functions.count.at(proxy.url, timeout=0.3), functions.count.at(proxy.url)
    with limited.stream(to=2) as reader:
        assert list(reader.read_items()) == numbers(2)
    with unlimited.stream(to=2, pause=0.4) as reader:
        assert list(reader.read_items()) == numbers(2)
    assert proxy.connections == 1


@pytest.mark.anyio
async def test_many_streams_run_concurrently(anyio_backend: str, url: str) -> None:
    import anyio

    got: list[list[Any]] = []

    async def one(client: Any) -> None:
        got.append(await aread(client.stream(to=20), []))

    async with functions.count.at(url) as client, anyio.create_task_group() as tasks:
        for _ in range(150):
            tasks.start_soon(one, client)
    assert got == [numbers(20)] * 150


def test_a_pooled_connection_that_was_closed_is_not_used(world: Any, proxy: FaultProxy) -> None:
    client = functions.count.at(proxy.url)
    for _ in range(2):
        if world.name == "blocking":
            assert read(world, client.stream(to=2)) == numbers(2)
            proxy.drop()
    if world.name != "blocking":

        async def use() -> None:
            for _ in range(2):
                assert await aread(client.stream(to=2), []) == numbers(2)
                proxy.drop()

        world.run(use)
    assert proxy.connections == 2


def test_leaving_a_large_unread_stream_closes_the_connection(world: Any, proxy: FaultProxy) -> None:
    assert read_one(world, functions.count.at(proxy.url).stream(to=5000)) == numbers(1)[0]
    assert eventually(lambda: proxy.open_connections == 0)


def test_leaving_a_stream_unread_closes_the_connection(world: Any, proxy: FaultProxy) -> None:
    call = functions.count.at(proxy.url).stream(to=5)
    if world.name == "blocking":
        with functions.count.at(proxy.url), call:
            pass
    else:

        async def leave() -> None:
            async with functions.count.at(proxy.url), call:
                pass

        world.run(leave)
    assert eventually(lambda: proxy.open_connections == 0)
