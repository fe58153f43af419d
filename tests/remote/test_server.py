"""The server as an ASGI application, without a network, in asyncio and in trio."""

from __future__ import annotations

import contextvars
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest
from fastapi import FastAPI

from declarai_like import remote
from tests.remote import remote_streams as functions
from tests.remote.remote_streams import LOGS, SECONDS, Number, served

pytestmark = pytest.mark.anyio
NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME", default="nobody")


class Counter:
    """An async iterator that is not a generator and cannot be closed."""

    def __init__(self, to: int) -> None:
        self.left = iter(range(to))

    def __aiter__(self) -> Counter:
        return self

    async def __anext__(self) -> int:
        for value in self.left:
            return value
        raise StopAsyncIteration


@remote.stream
def count_by_object(to: int) -> AsyncIterator[int]:
    return Counter(to)


@remote.stream
def list_by_iterator(to: int) -> Iterator[int]:
    return iter(list(range(to)))


@remote.stream
def remember() -> Iterator[str]:
    NAME.set("somebody")
    yield "first"
    yield NAME.get()


@remote.stream
def take_a_model(number: Number) -> Iterator[int]:
    yield number.value


class Connection:
    """An ASGI connection. The client disconnects after it has received ``leaves_after`` messages."""

    def __init__(self, path: str, body: dict[str, Any], *, leaves_after: int = 1000) -> None:
        self.scope = {"type": "http", "method": "POST", "path": path, "headers": []}
        half = len(sent := json.dumps(body).encode()) // 2
        self.messages = [
            {"type": "http.request", "body": sent[:half], "more_body": True},
            {"type": "http.request", "body": sent[half:]},
            {"type": "http.request"},  # some servers send an empty message after the last one
        ]
        self.sent: list[dict[str, Any]] = []
        self.leaves_after = leaves_after
        self.left = anyio.Event()
        if leaves_after == 0:
            self.left.set()

    async def receive(self) -> dict[str, Any]:
        if self.messages and not self.left.is_set():
            return self.messages.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await anyio.lowlevel.checkpoint()
        self.sent.append(message)
        if len(self.sent) >= self.leaves_after:
            self.left.set()

    async def run(self, *served: Any) -> list[dict[str, Any]]:
        with anyio.fail_after(SECONDS):
            await remote.asgi(*served)(self.scope, self.receive, self.send)
        return self.sent

    async def items(self, *served: Any) -> list[Any]:
        self.scope["headers"] = [(b"accept", b"application/x-ndjson")]
        lines = b"".join(message.get("body", b"") for message in await self.run(*served)).splitlines()
        return [json.loads(line).get("item") for line in lines[:-1]]


async def test_each_kind_of_function_is_served(anyio_backend: str) -> None:
    assert await Connection("/count_by_object", {"to": 3}).items(count_by_object) == [0, 1, 2]
    assert await Connection("/list_by_iterator", {"to": 3}).items(list_by_iterator) == [0, 1, 2]
    assert await Connection("/take_a_model", {"number": {"value": 5}}).items(take_a_model) == [5]
    assert await Connection("/spell", {"text": "ab"}).items(functions.spell) == ["a", "b"]


async def test_a_blocking_function_runs_in_one_context(anyio_backend: str) -> None:
    assert await Connection("/remember", {}).items(remember) == ["first", "somebody"]
    assert NAME.get() == "nobody"


async def test_a_disconnect_cancels_the_function_while_it_waits(anyio_backend: str) -> None:
    log = f"asgi {anyio_backend}"
    await Connection("/hang", {"log": log, "after": 2}, leaves_after=3).run(functions.hang)
    assert LOGS[log].ended.is_set()
    assert LOGS[log].yielded == 2


async def test_a_disconnect_during_the_request_gets_no_response(anyio_backend: str) -> None:
    assert await Connection("/spell", {"text": "a"}, leaves_after=0).run(functions.spell) == []


async def test_an_oserror_of_send_is_a_disconnect(anyio_backend: str) -> None:
    log = f"broken {anyio_backend}"
    connection = Connection("/hang", {"log": log, "after": 2})

    async def send(message: Any) -> None:
        raise BrokenPipeError

    with anyio.fail_after(SECONDS):
        await remote.asgi(functions.hang)(connection.scope, connection.receive, send)
    assert LOGS[log].ended.is_set()


async def test_the_function_is_ahead_by_the_buffer_at_most(anyio_backend: str) -> None:
    log = LOGS[name := f"ahead {anyio_backend}"]
    connection = Connection("/yield_large", {"log": name, "size": 1})
    ahead: list[int] = []

    async def send(message: Any) -> None:
        await anyio.sleep(0.02)
        before = max(len(connection.sent) - 1, 0)  # without the head of the response
        ahead.append(log.yielded - before - 1)  # without the item that is being sent
        connection.sent.append(message)
        if before == 10:
            connection.left.set()

    await remote.asgi(functions.yield_large, buffer=3)(connection.scope, connection.receive, send)
    assert max(ahead) == 3


async def test_the_server_logs_the_traceback(anyio_backend: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "declarai_like"):
        await Connection("/fail", {"after": 1, "kind": "other"}).run(functions.fail)
    [record] = [record for record in caplog.records if record.name.startswith("declarai_like")]
    assert record.getMessage() == "fail failed"
    assert record.exc_info


async def test_lifespan_scopes_are_accepted(anyio_backend: str) -> None:
    assert await remote.asgi(functions.spell)({"type": "lifespan"}, None, None) is None  # type: ignore[arg-type]


def test_models_as_arguments_are_objects_in_openapi() -> None:
    app = FastAPI()
    app.include_router(remote.router(take_a_model))
    route = app.openapi()["paths"]["/take_a_model"]["post"]
    assert route["requestBody"]["content"]["application/json"]["schema"] == {"type": "object"}


def test_an_argument_can_be_a_model() -> None:
    with served(remote.asgi(take_a_model)) as url, take_a_model.at(url).stream(Number(value=7)) as reader:
        assert list(reader.read_items()) == [7]
