"""All failures of a provider, over real HTTP and with the real client, in sync and async code."""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from typing import Any

import pytest

import declarai_like as declarai
from declarai_like import errors
from declarai_like.testing import Fault, Raw, Reply
from tests.conftest import World
from tests.databases import output_of, run_script


def model(server: Any, **settings: Any) -> Any:
    settings.setdefault("max_retries", 0)
    return declarai.openai("m", base_url=server.url, api_key="a-secret-key", **settings)


def stream_of(model: Any, **settings: Any) -> Any:
    @model.task(streaming=True, **settings)
    def say(movie: str) -> str:
        """Describe the movie"""

    return say("Avengers")


def event(text: str, finish: str = "null") -> bytes:
    delta = '{"content":"%s"}' % text if text else "{}"
    return ('data: {"choices":[{"index":0,"delta":%s,"finish_reason":%s}]}\n\n' % (delta, finish)).encode()


STATUSES = [
    (400, "bad thing", None, errors.BadRequestError, "did not accept the request"),
    (401, "wrong key", "invalid_api_key", errors.AuthenticationError, "did not accept the API key"),
    (403, "not permitted", None, errors.AuthenticationError, "did not accept the API key"),
    (404, "the model `m` does not exist", "model_not_found", errors.ModelNotFound, "does not know this model"),
    (404, "no such page", None, errors.NotFoundError, "check base_url"),
    (409, "conflict", None, errors.ServerError, "the provider failed"),
    (422, "cannot be processed", None, errors.BadRequestError, "did not accept the request"),
    (429, "slow down", "rate_limit_exceeded", errors.RateLimited, "rate limit"),
    (500, "oops", None, errors.ServerError, "the provider failed"),
    (503, "overloaded", None, errors.ServerError, "the provider failed"),
]


@pytest.mark.parametrize(("status", "text", "code", "kind", "message"), STATUSES, ids=lambda value: str(value)[:20])
def test_each_status_is_a_named_error(
    world: World, serve: Any, status: int, text: str, code: str | None, kind: type, message: str
) -> None:
    server = serve([Fault(status, text, code, {"x-request-id": "req_1"})] * 2)
    for streaming in (False, True):
        with pytest.raises(kind, match=message) as caught:
            world.read(stream_of(model(server)), []) if streaming else world.ask(model(server))
        error = caught.value
        assert type(error) is kind
        assert f"HTTP {status}" in str(error)
        assert text in str(error)
        assert (error.status, error.code, error.request_id) == (status, code or "fault", "req_1")


def test_an_error_page_in_an_unknown_format_is_quoted(serve: Any) -> None:
    class Page(Fault):
        def body(self) -> bytes:
            return b"<h1>Bad gateway</h1>"

    with pytest.raises(errors.ServerError, match="<h1>Bad gateway</h1>"):
        World("blocking").ask(model(serve([Page(502)])))


def test_secrets_that_the_server_echoes_are_removed(world: World, serve: Any) -> None:
    server = serve([Fault(401, "the key a-secret-key is wrong, and so is X-Team: team-secret")])
    with pytest.raises(errors.AuthenticationError) as caught:
        world.ask(model(server, headers={"X-Team": "team-secret"}))
    assert "secret" not in str(caught.value)
    assert "the key *** is wrong" in str(caught.value)


@pytest.mark.slow
def test_retries_wait_as_long_as_the_server_requests(world: World, serve: Any) -> None:
    server = serve([Fault(429, headers={"retry-after": "0.2"}), Fault(429, headers={"retry-after-ms": "100"}), "fine"])
    start = time.monotonic()
    assert world.ask(model(server, max_retries=2)) == "fine"
    assert time.monotonic() - start >= 0.3
    assert len(server.exchanges) == 3


def test_a_rate_limit_with_too_long_a_pause_is_raised_at_once(world: World, serve: Any) -> None:
    server = serve([Fault(429, headers={"retry-after": "3600"})])
    with pytest.raises(errors.RateLimited) as caught:
        world.ask(model(server, max_retries=5))
    assert caught.value.retry_after == 3600
    assert len(server.exchanges) == 1


def test_a_pause_longer_than_the_total_limit_is_not_started(serve: Any) -> None:
    server = serve([Fault(429, headers={"retry-after": "30"})])
    with pytest.raises(errors.RateLimited):
        World("blocking").ask(model(server, max_retries=5, timeout=2))
    assert len(server.exchanges) == 1


def test_transient_errors_are_retried_and_the_last_one_is_raised(world: World, serve: Any) -> None:
    server = serve([Fault(503, f"try {n}", headers={"retry-after": "0"}) for n in range(9)])
    with pytest.raises(errors.ServerError, match="try 2"):
        world.ask(model(server, max_retries=2))
    assert len(server.exchanges) == 3


def test_other_errors_are_not_retried(serve: Any) -> None:
    server = serve([Fault(400)] * 5)
    with pytest.raises(errors.BadRequestError):
        World("blocking").ask(model(server, max_retries=4))
    assert len(server.exchanges) == 1


def test_a_server_that_does_not_exist(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    nowhere = declarai.openai("m", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0)
    with pytest.raises(errors.ConnectionFailed, match=f"the connection to 127.0.0.1:{port} failed"):
        world.ask(nowhere)
    with pytest.raises(ConnectionError):
        world.read(stream_of(nowhere), [])


@pytest.mark.slow
def test_a_connection_that_breaks_before_the_answer_is_retried(world: World, serve: Any) -> None:
    server = serve([Raw([], cut=True), Raw([b": hello\n\n"], cut=True), "fine"])
    chunks: list[Any] = []
    world.read(stream_of(model(server, max_retries=3)), chunks)
    assert chunks[-1].response == "fine"
    assert len(server.exchanges) == 3


def test_a_connection_that_breaks_in_the_middle(world: World, serve: Any) -> None:
    server = serve([Raw([event("one"), event(" two")], cut=True)] * 2)
    chunks: list[Any] = []
    with pytest.raises(errors.StreamInterrupted, match="connection broke in the middle") as caught:
        world.read(stream_of(model(server, max_retries=3)), chunks)
    assert [chunk.delta for chunk in chunks] == ["one", " two"]
    assert caught.value.partial == "one two"
    assert len(server.exchanges) == 1


def test_a_stream_that_ends_without_an_end_marker(world: World, serve: Any) -> None:
    server = serve([Raw([event("one")])])
    chunks: list[Any] = []
    with pytest.raises(
        errors.StreamInterrupted, match="ended before the provider marked the answer as complete"
    ) as caught:
        world.read(stream_of(model(server)), chunks)
    assert [chunk.delta for chunk in chunks] == ["one"]
    assert caught.value.partial == "one"


def test_a_missing_done_after_a_finish_reason_is_accepted(world: World, serve: Any) -> None:
    server = serve([Raw([event("one"), event("", '"stop"')]), Raw([event("one"), event("", '"stop"')], cut=True)])
    for _ in range(2):
        chunks: list[Any] = []
        world.read(stream_of(model(server)), chunks)
        assert [chunk.delta for chunk in chunks] == ["one", ""]
        assert chunks[-1].finish_reason == "stop"


def test_a_missing_finish_reason_before_done_is_accepted(world: World, serve: Any) -> None:
    server = serve([Raw([event("one"), b"data: [DONE]\n\n"])])
    chunks: list[Any] = []
    world.read(stream_of(model(server)), chunks)
    assert [chunk.response for chunk in chunks] == ["one"]


def test_an_error_event_in_the_middle(world: World, serve: Any) -> None:
    failure = b'data: {"error":{"message":"the engine is gone","type":"server_error","code":null}}\n\n'
    server = serve([Raw([event("one") + event(" two") + failure])])
    chunks: list[Any] = []
    with pytest.raises(errors.StreamFailed, match="the engine is gone") as caught:
        world.read(stream_of(model(server)), chunks)
    assert [chunk.delta for chunk in chunks] == ["one", " two"]
    assert (caught.value.partial, caught.value.code) == ("one two", "server_error")


MALFORMED = {
    "not JSON": (b"data: {oops\n\n", errors.InvalidJSON, "not JSON"),
    "not an object": (b"data: 5\n\n", errors.InvalidJSON, "not a chat completion"),
    "not a chunk": (b'data: {"hello": 1}\n\n', errors.InvalidJSON, "not a chat completion"),
    "not UTF-8": (b'data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n', errors.InvalidUTF8, "not UTF-8"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_an_event_that_does_not_follow_the_protocol(world: World, serve: Any, name: str) -> None:
    data, kind, message = MALFORMED[name]
    server = serve([Raw([event("one"), data])])
    chunks: list[Any] = []
    with pytest.raises(kind, match=message) as caught:
        world.read(stream_of(model(server)), chunks)
    assert [chunk.delta for chunk in chunks] == ["one"]
    assert caught.value.partial == "one"
    assert isinstance(caught.value, errors.ProtocolError)


@pytest.mark.parametrize("name", MALFORMED)
def test_a_response_that_does_not_follow_the_protocol(world: World, serve: Any, name: str) -> None:
    data, kind, message = MALFORMED[name]
    server = serve([Raw([data[6:]], "application/json")])
    with pytest.raises(kind, match=message):
        world.ask(model(server))


def test_an_event_larger_than_the_limit(serve: Any) -> None:
    server = serve([Raw([event("one"), b"data: ", *[b"x" * 1_000_000] * 17])])
    chunks: list[Any] = []
    with pytest.raises(errors.EventTooLarge, match="limit"):
        World("blocking").read(stream_of(model(server)), chunks)
    assert [chunk.delta for chunk in chunks] == ["one"]


def test_a_page_instead_of_an_answer(world: World, serve: Any) -> None:
    page = Raw([b"<html>Welcome</html>"], "text/html; charset=utf-8")
    server = serve([page, page])
    with pytest.raises(errors.UnexpectedContent, match=r"a page \(text/html\).*base_url"):
        world.read(stream_of(model(server)), [])
    with pytest.raises(errors.UnexpectedContent):
        world.ask(model(server))


def test_the_answer_of_a_server_that_does_not_stream_is_one_chunk(world: World, serve: Any) -> None:
    whole = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"all"},"finish_reason":"stop"}]}'
    server = serve([Raw([whole], "application/json")])
    chunks: list[Any] = []
    world.read(stream_of(model(server)), chunks)
    assert [(chunk.response, chunk.delta, chunk.finish_reason) for chunk in chunks] == [("all", "all", "stop")]


def test_an_error_body_with_status_200(world: World, serve: Any) -> None:
    failure = Raw([b'{"error":{"message":"no credit","code":"insufficient_quota"}}'], "application/json")
    with pytest.raises(errors.ProviderError, match="no credit") as caught:
        world.ask(model(serve([failure])))
    assert caught.value.code == "insufficient_quota"


def test_a_refusal(world: World, serve: Any) -> None:
    server = serve([Reply(refusal="I will not")] * 2)
    with pytest.raises(errors.Refused, match="I will not") as caught:
        world.ask(model(server))
    assert caught.value.refusal == "I will not"
    with pytest.raises(errors.Refused):
        world.read(stream_of(model(server)), [])


def test_a_content_filter(world: World, serve: Any) -> None:
    server = serve([Reply("half of", finish_reason="content_filter")] * 2)
    with pytest.raises(errors.ContentFiltered) as caught:
        world.ask(model(server))
    assert caught.value.partial == "half of"
    chunks: list[Any] = []
    with pytest.raises(errors.ContentFiltered):
        world.read(stream_of(model(server)), chunks)
    assert chunks[-1].response == "half of"


def test_an_answer_cut_at_the_token_limit(world: World, serve: Any) -> None:
    server = serve([Reply("[1, 2", finish_reason="length")] * 2 + [Reply("half of", finish_reason="length")])
    at = model(server)

    @at.task
    def numbers() -> list[int]:
        """Count"""

    @at.task(streaming=True)
    def counted() -> list[int]:
        """Count"""

    with pytest.raises(errors.Truncated, match=r"token limit.*list\[int\].*max_tokens") as caught:
        numbers()
    assert caught.value.partial == "[1, 2"
    chunks: list[Any] = []
    with pytest.raises(errors.Truncated):
        world.read(counted(), chunks)
    assert chunks[-1].response == "[1, 2"
    assert world.ask(at) == "half of"
    assert len(server.exchanges) == 3


# Time limits


def limits(**seconds: float) -> declarai.Timeouts:
    return declarai.Timeouts(**{"connect": 5, "first_token": 5, "idle": 5, "total": 10, **seconds})


@pytest.mark.slow
def test_no_first_token(world: World, serve: Any) -> None:
    """The limit includes the head of the response; a head, a role or a comment is not content."""
    role = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
    server = serve([Raw([5.0]), Raw([role, *[b": ping\n\n", 0.05] * 100])])
    for _ in range(2):
        with pytest.raises(
            errors.FirstTokenTimeout, match=r"within 0\.2 s of the request \(timeouts\.first_token\)"
        ) as caught:
            world.read(stream_of(model(server, timeout=limits(first_token=0.2))), [])
        assert caught.value.limit == 0.2
        assert isinstance(caught.value, TimeoutError)
    assert all(exchange.left.wait(5) for exchange in server.exchanges)


@pytest.mark.slow
def test_no_complete_answer_in_time(world: World, serve: Any) -> None:
    with pytest.raises(errors.FirstTokenTimeout):
        world.ask(model(serve([Reply("late", first_delay=5)]), timeout=limits(first_token=0.2)))


@pytest.mark.slow
def test_a_stalled_stream_with_or_without_keep_alive_comments(world: World, serve: Any) -> None:
    server = serve([Raw([event("one"), 5.0]), Raw([event("one"), *[b": ping\n\n", 0.05] * 100])])
    for _ in range(2):
        chunks: list[Any] = []
        with pytest.raises(errors.IdleTimeout, match=r"within 0\.2 s \(timeouts\.idle\)") as caught:
            world.read(stream_of(model(server, timeout=limits(idle=0.2))), chunks)
        assert [chunk.delta for chunk in chunks] == ["one"]
        assert caught.value.partial == "one"
    assert all(exchange.left.wait(5) for exchange in server.exchanges)


@pytest.mark.slow
def test_content_resets_the_idle_limit(world: World, serve: Any) -> None:
    pieces = list(itertools.chain.from_iterable((event(f" {n}"), 0.1) for n in range(6)))
    server = serve([Raw([*pieces, event("", '"stop"')])])
    chunks: list[Any] = []
    world.read(stream_of(model(server, timeout=limits(idle=0.4))), chunks)
    assert chunks[-1].response == " 0 1 2 3 4 5"


@pytest.mark.slow
def test_a_call_that_takes_too_long_in_total(world: World, serve: Any) -> None:
    server = serve([Raw([event("x"), 0.05] * 200)])
    chunks: list[Any] = []
    with pytest.raises(errors.TotalTimeout, match=r"longer than 0\.4 s \(timeouts\.total\)") as caught:
        world.read(stream_of(model(server, timeout=0.4)), chunks)
    assert caught.value.partial == "x" * len(chunks)
    assert len(chunks) >= 1


@pytest.mark.slow
def test_the_time_of_a_slow_reader_does_not_count(serve: Any) -> None:
    server = serve([Raw([event("one"), 0.02, event(" two"), 0.02, event("", '"stop"')])])
    stream = stream_of(model(server, timeout=limits(idle=0.2, first_token=0.2)))
    chunks = []
    for chunk in stream:
        chunks.append(chunk.delta)
        time.sleep(0.3)
    assert chunks == ["one", " two", ""]


@pytest.mark.slow
def test_no_connection_in_time(world: World) -> None:
    """A socket with a full queue does not accept connections: the client waits."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(full.getsockname())
            waiting.append(client)
        at = declarai.openai(
            "m",
            base_url=f"http://127.0.0.1:{full.getsockname()[1]}/v1",
            max_retries=0,
            timeout=declarai.Timeouts(connect=0.2, first_token=5),
        )
        with pytest.raises(errors.ConnectTimeout, match=r"could not connect within 0\.2 s \(timeouts\.connect\)"):
            world.ask(at)
        for client in waiting:
            client.close()


# Closing early


def test_the_connection_is_closed_at_once_when_the_stream_is_closed(world: World, serve: Any) -> None:
    server = serve([Raw([event("one"), 30.0])])
    stream = stream_of(model(server))
    if world.name == "blocking":
        with stream:
            next(stream)
    else:

        async def leave() -> None:
            async with stream:
                async for _ in stream:
                    break

        world.run(leave)
    assert server.exchanges[0].left.wait(5)


def test_break_closes_a_stream_without_other_references(serve: Any) -> None:
    server = serve([Raw([event("one"), 30.0])])
    for _ in stream_of(model(server)):
        break
    assert server.exchanges[0].left.wait(5)


def test_closing_from_another_thread_wakes_the_reader_and_closes(serve: Any) -> None:
    server = serve([Raw([event("one"), 30.0])])
    stream = stream_of(model(server))
    next(stream)
    threading.Timer(0.1, stream.close).start()
    assert list(stream) == []
    assert server.exchanges[0].left.wait(5)


@pytest.mark.parametrize("world", ["asyncio", "trio"], indirect=True)
def test_closing_from_another_task_wakes_the_reader_and_closes(world: World, serve: Any) -> None:
    server = serve([Raw([30.0]), Raw([event("one"), 30.0])])

    async def close_soon(stream: Any) -> None:
        import anyio

        async def close() -> None:
            await anyio.sleep(0.1)
            await stream.aclose()

        async with anyio.create_task_group() as group:
            group.start_soon(close)
            async for _ in stream:
                pass

    for _ in range(2):
        world.run(close_soon, stream_of(model(server)))
    assert all(exchange.left.wait(5) for exchange in server.exchanges)


@pytest.mark.parametrize("world", ["asyncio", "trio"], indirect=True)
def test_a_cancelled_task_closes_its_connection(world: World, serve: Any) -> None:
    server = serve([Raw([event("one"), 30.0]), Reply("late", first_delay=30)])
    at = model(server)

    @at.task
    async def say(movie: str) -> str:
        """Describe the movie"""

    async def read() -> None:
        async for _ in stream_of(at):
            pass

    async def ask() -> None:
        await say("Avengers")

    async def cancel() -> None:
        import anyio

        for requests, call in enumerate((read, ask), start=1):
            async with anyio.create_task_group() as group:
                group.start_soon(call)
                while len(server.exchanges) < requests:  # noqa: ASYNC110  (the server does not run in this event loop)
                    await anyio.sleep(0.01)
                await anyio.sleep(0.1)
                group.cancel_scope.cancel()

    world.run(cancel)
    assert [exchange.left.wait(5) for exchange in server.exchanges] == [True, True]


def test_connections_are_reused(serve: Any) -> None:
    server = serve(["one two", "one two", "one two", "one two"])
    at = model(server)
    for _ in range(2):
        assert stream_of(at).result() == "one two"
        assert World("blocking").ask(at) == "one two"
    assert server.connections == 1


FORKS = """
import os, sys
import declarai_like as declarai

@declarai.openai("m", base_url=sys.argv[1], api_key="k").task
def say() -> str:
    "Say something"

assert say() == "one two"
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
assert [say() for _ in range(3)] == ["one two"] * 3
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_separate_connections(serve: Any) -> None:
    server = serve(["one two"] * 7)
    output_of(run_script(FORKS, server.url))
    assert len(server.exchanges) == 7
    assert server.connections == 2


@pytest.mark.slow
def test_a_body_without_an_end_does_not_block_the_answer(world: World, serve: Any) -> None:
    server = serve([Raw([event("one"), b"data: [DONE]\n\n", 30.0])])
    start = time.monotonic()
    chunks: list[Any] = []
    world.read(stream_of(model(server)), chunks)
    assert [chunk.delta for chunk in chunks] == ["one"]
    assert time.monotonic() - start < 10
    assert server.exchanges[0].left.wait(5)
