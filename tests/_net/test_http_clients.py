"""Parts of the HTTP transports: the limits of reads, headers, hosts in errors, and clients of event loops."""

from __future__ import annotations

import gc
from typing import Any

import anyio
import httpx2
import pytest

from declarai_like._net.http_clients import Clients, LimitedReads, checked_headers, host_of, read_limit
from declarai_like.errors import ConfigurationError

URL = "http://someone:a-password@example.com:8080/v1?key=a-secret"


class Network:
    """The network stream of a kept connection, which logs the timeout of each read."""

    def __init__(self) -> None:
        self.timeouts: list[float | None] = []

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.timeouts.append(timeout)
        return b"bytes"


def response(network: Network, read: float) -> httpx2.Response:
    request = httpx2.Request("POST", URL, extensions={"timeout": {"read": read}})
    return httpx2.Response(200, request=request, extensions={"network_stream": network})


def test_each_read_of_a_response_has_the_time_that_is_left_at_that_moment() -> None:
    network, limit, left, stops = Network(), read_limit(30.0), iter([4.0, 3.0, None]), []
    reads = LimitedReads(response(network, limit), lambda: next(left), lambda: stops.append(1))
    assert [network.read(9, timeout=limit) for _ in range(3)] == [b"bytes"] * 3
    assert network.timeouts == [4.0, 3.0, None]
    assert len(stops) == 3
    reads.end()
    network.read(9, timeout=limit)
    assert network.timeouts[-1] == 30.0


def test_the_changing_limit_of_a_response_does_not_limit_another_request_on_its_connection() -> None:
    network = Network()
    mine, other = read_limit(30.0), read_limit(30.0)
    reads = LimitedReads(response(network, mine), lambda: 0.5)
    # The connection is back in the pool once the body was read, which is before the response is closed
    network.read(9, timeout=other)
    network.read(9, timeout=None)
    assert network.timeouts == [30.0, None]
    later = LimitedReads(response(network, other), lambda: 7.0)
    reads.end()
    network.read(9, timeout=other)
    assert network.timeouts[-1] == 7.0
    later.end()


def test_a_limit_is_another_object_for_each_request() -> None:
    limit = 12.5
    assert read_limit(limit) == limit
    assert read_limit(limit) is not read_limit(limit)
    assert read_limit(None) is not read_limit(None)


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\0b", "naïve"])
def test_a_header_that_is_not_one_line_of_ascii_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(ConfigurationError, match="header 'X-Key'") as caught:
        checked_headers({"X-Key": value})
    assert value not in str(caught.value)
    assert checked_headers({"X-Key": "a b~"}) == {"X-Key": "a b~"}


def test_an_error_names_the_host_and_not_the_secrets_of_a_url() -> None:
    request = httpx2.Request("GET", URL)
    host = host_of(httpx2.ConnectError("no", request=request))
    assert "example.com:8080" in host
    assert "secret" not in host
    assert "password" not in host
    assert host_of(httpx2.ConnectError("no")) == host_of(ValueError()) == "the server"


def test_the_client_of_an_event_loop_is_closed_with_it(anyio_backend: str) -> None:
    log: list[str] = []

    class Client:
        def close(self) -> None:
            log.append("blocking closed")

    async def aclose(client: Any) -> None:
        await anyio.lowlevel.checkpoint()
        log.append("async closed")

    clients = Clients(Client, lambda _: object(), aclose)

    async def use() -> None:
        assert await clients.for_event_loop() is await clients.for_event_loop()
        assert log == []

    anyio.run(use, backend=anyio_backend)
    gc.collect()
    assert log == ["async closed"]
    assert clients.blocking() is clients.blocking()
    clients.close()
    assert log == ["async closed", "blocking closed"]
