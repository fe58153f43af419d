"""The loopback server speaks the protocol of the real ``openai`` client."""

from __future__ import annotations

import gc
import http.client
import json
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import openai
import pytest

import declarai_like as declarai
from declarai_like.errors import ConfigurationError
from declarai_like.messages import Usage
from declarai_like.testing import Exchange, Fault, LoopbackServer, Raw, Reply, Script, record

ASK: Any = {"model": "m", "messages": [{"role": "user", "content": "which hero is it?"}]}
CHUNK = b'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"half"}}]}\n\n'
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@pytest.fixture
def client(serve: Any) -> Iterator[Any]:
    """Return clients of a server that plays the given replies."""
    clients: list[openai.OpenAI] = []

    def connect(*replies: Any) -> openai.OpenAI:
        clients.append(openai.OpenAI(base_url=serve(list(replies)).url, api_key="x", max_retries=0))
        return clients[-1]

    yield connect
    for made in clients:
        made.close()


def text_of(stream: Any) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


# Answers


def test_a_completion(client: Any) -> None:
    answer = client("It is Thor").chat.completions.create(**ASK)
    assert answer.object == "chat.completion"
    assert answer.model == "m"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == "It is Thor"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (4, 3, 7)


def test_a_stream(client: Any) -> None:
    chunks = list(client("It is Thor").chat.completions.create(**ASK, stream=True))
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.content for chunk in chunks[1:-1]] == ["It", " is", " Thor"]
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 4 + ["stop"]
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_ends_with_the_usage_if_the_client_requests_it(client: Any) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(client(Reply("x", usage=Usage(5, 6, 11))).chat.completions.create(**ASK, **options))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 11
    assert all(chunk.usage is None and chunk.choices for chunk in chunks[:-1])


def test_a_tool_that_the_client_forces_is_called_with_the_text(client: Any) -> None:
    forced = {"tools": [LOOK], "tool_choice": {"type": "function", "function": {"name": "look"}}}
    made = client('{"at": "it"}', '{"at": "it"}', None)
    message = made.chat.completions.create(**ASK, **forced).choices[0].message
    assert message.content is None
    assert [(call.function.name, call.function.arguments) for call in message.tool_calls] == [("look", '{"at": "it"}')]
    with made.chat.completions.stream(**ASK, **forced) as stream:
        message = stream.get_final_completion().choices[0].message
    assert [(call.function.name, call.function.arguments) for call in message.tool_calls] == [("look", '{"at": "it"}')]
    message = made.chat.completions.create(**ASK, tools=[LOOK], tool_choice="required").choices[0].message
    assert [(call.function.name, call.function.arguments) for call in message.tool_calls] == [("look", "{}")]


def test_a_reply_may_call_tools(client: Any) -> None:
    reply = Reply("Let me see.", tool_calls=[("look", {"at": "it"}), ("look", {"at": "that"})])
    made = client(reply, reply, Reply(tool_calls=[("look", {})]))
    choice = made.chat.completions.create(**ASK, tools=[LOOK]).choices[0]
    with made.chat.completions.stream(**ASK, tools=[LOOK]) as stream:
        streamed = stream.get_final_completion().choices[0]
    for one in (choice, streamed):
        assert one.finish_reason == "tool_calls"
        assert one.message.content == "Let me see."
        assert [json.loads(call.function.arguments) for call in one.message.tool_calls] == [
            {"at": "it"},
            {"at": "that"},
        ]
        assert len({call.id for call in one.message.tool_calls}) == 2
    assert made.chat.completions.create(**ASK, tools=[LOOK]).choices[0].message.content is None


def test_a_refusal(client: Any) -> None:
    made = client(*[Reply(refusal="I will not")] * 3)
    message = made.chat.completions.create(**ASK).choices[0].message
    assert (message.content, message.refusal) == (None, "I will not")
    chunks = list(made.chat.completions.create(**ASK, stream=True))
    assert "".join(chunk.choices[0].delta.refusal or "" for chunk in chunks) == "I will not"
    message = made.chat.completions.create(**ASK, tools=[LOOK], tool_choice="required").choices[0].message
    assert (message.tool_calls, message.refusal) == (None, "I will not")


def test_reasoning(client: Any) -> None:
    reply = Reply("yes", reasoning="let me think")
    made = client(reply, reply)
    assert made.chat.completions.create(**ASK).choices[0].message.reasoning_content == "let me think"
    chunks = list(made.chat.completions.create(**ASK, stream=True))
    assert "".join(getattr(chunk.choices[0].delta, "reasoning_content", "") for chunk in chunks) == "let me think"


def test_an_answer_is_sampled_from_the_requested_schema(client: Any) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 30}}, "required": ["age"]}
    response_format = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    answer = client().chat.completions.create(**ASK, response_format=response_format)
    assert json.loads(answer.choices[0].message.content)["age"] >= 30


@pytest.mark.anyio
async def test_the_async_client(serve: Any) -> None:
    server = serve(["It is Thor", "It is Hela"])
    async with openai.AsyncOpenAI(base_url=server.url, api_key="x", max_retries=0) as made:
        answer = await made.chat.completions.create(**ASK)
        assert answer.choices[0].message.content == "It is Thor"
        async with made.chat.completions.with_streaming_response.create(**ASK, stream=True) as response:
            lines = [line async for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert [json.loads(line[6:])["choices"][0]["delta"].get("content") for line in lines[:-1]] == [
        *("", "It", " is", " Hela"),
        None,
    ]
    assert server.connections == 1


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # under trio the client leaves generators open
async def test_the_async_clients_own_stream(serve: Any) -> None:
    async with openai.AsyncOpenAI(base_url=serve(["It is Thor"]).url, api_key="x", max_retries=0) as made:
        chunks = [chunk async for chunk in await made.chat.completions.create(**ASK, stream=True)]
    assert text_of(chunks) == "It is Thor"


def test_azures_client(serve: Any) -> None:
    server = serve(["whole", "in a stream"], api_key="the-key")
    with openai.AzureOpenAI(
        azure_endpoint=server.address, api_version="2024-10-21", api_key="the-key", azure_deployment="d", max_retries=0
    ) as made:
        assert made.chat.completions.create(**ASK).choices[0].message.content == "whole"
        assert text_of(made.chat.completions.create(**ASK, stream=True)) == "in a stream"
    assert server.exchanges[0].path == "/openai/deployments/d/chat/completions?api-version=2024-10-21"
    assert server.exchanges[0].headers["api-key"] == "the-key"


def test_azures_newer_address(serve: Any) -> None:
    server = serve(["fine"])
    with openai.OpenAI(base_url=server.address + "/openai/v1/", api_key="x", max_retries=0) as made:
        assert made.chat.completions.create(**ASK).choices[0].message.content == "fine"


def test_a_tape_is_served(serve: Any, tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"

    @record(declarai.offline(["recorded"]), tape).task
    def ask() -> str:
        """which hero is it?"""

    ask()
    server = serve(tape)
    with openai.OpenAI(base_url=server.url, api_key="x", max_retries=0) as made:
        request = {**ASK, "model": "offline", "stream": False}
        assert made.chat.completions.create(**request).choices[0].message.content == "recorded"
        request["messages"] = [{"role": "user", "content": "and this one?"}]
        with pytest.raises(openai.BadRequestError, match="has no answer to this request"):
            made.chat.completions.create(**request)


# Faults


def test_a_rate_limit_with_its_pause(client: Any) -> None:
    fault = Fault(429, "slow down", "rate_limit_exceeded", {"Retry-After": "7"})
    with pytest.raises(openai.RateLimitError, match="slow down") as caught:
        client(fault).chat.completions.create(**ASK, stream=True)
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.code == "rate_limit_exceeded"


def test_a_failing_server_and_then_an_answer_on_the_same_connection(serve: Any) -> None:
    server = serve([Fault(500, "down"), "up"])
    with openai.OpenAI(base_url=server.url, api_key="x", max_retries=0) as made:
        with pytest.raises(openai.InternalServerError, match="down"):
            made.chat.completions.create(**ASK)
        assert made.chat.completions.create(**ASK).choices[0].message.content == "up"
    assert server.connections == 1


def test_a_wrong_key(serve: Any) -> None:
    server = serve(["secret"], api_key="the-key")
    for key in ("wrong", "the-key-and-more", "the-ke"):
        with openai.OpenAI(base_url=server.url, api_key=key, max_retries=0) as made:
            with pytest.raises(openai.AuthenticationError, match="the API key is invalid") as caught:
                made.chat.completions.create(**ASK)
            assert caught.value.code == "invalid_api_key"
    assert server.script.calls == []
    assert len(server.exchanges) == 3


@pytest.mark.parametrize("path", ["", "/v2", "/v1/v1", "/openai/deployments/d"])
def test_an_unknown_path(path: str, serve: Any) -> None:
    with openai.OpenAI(base_url=serve(["never"]).address + path, api_key="x", max_retries=0) as made:
        with pytest.raises(openai.NotFoundError, match="there is nothing at"):
            made.chat.completions.create(**ASK)


def test_an_unknown_endpoint(client: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="there is nothing at /v1/embeddings"):
        client().embeddings.create(model="m", input="x")
    with pytest.raises(openai.NotFoundError, match="only accepts POST"):
        client().models.list()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"{}", b'{"messages": "hello"}', b"\xff"])
def test_a_body_that_is_not_a_request(body: bytes, serve: Any) -> None:
    server = serve(["never"])
    answer = httpx2.post(server.url + "/chat/completions", content=body)
    assert answer.status_code == 400
    assert "must be a JSON object with a list of messages" in answer.json()["error"]["message"]
    assert server.script.calls == []


def test_a_missing_reply_is_an_error_that_the_client_does_not_retry(serve: Any) -> None:
    server = serve(Script(["one"], strict=True))
    with openai.OpenAI(base_url=server.url, api_key="x") as made:
        made.chat.completions.create(**ASK)
        with pytest.raises(openai.BadRequestError, match="the script has no reply to request 2: 'which hero is it"):
            made.chat.completions.create(**ASK)
    assert len(server.exchanges) == 2


def test_a_reply_that_is_an_exception_is_a_server_error(client: Any) -> None:
    made = client(KeyError("a bug"), "fine")
    with pytest.raises(openai.InternalServerError, match="KeyError: 'a bug'"):
        made.chat.completions.create(**ASK)
    assert made.chat.completions.create(**ASK).choices[0].message.content == "fine"


def test_a_page_with_a_status_and_headers(client: Any) -> None:
    page = Raw([b"<h1>Bad gateway</h1>"], "text/html", status=502, headers={"X-Request-ID": "r1"})
    with pytest.raises(openai.InternalServerError) as caught:
        client(page).chat.completions.create(**ASK)
    assert caught.value.response.headers["content-type"] == "text/html"
    assert caught.value.response.text == "<h1>Bad gateway</h1>"
    assert caught.value.request_id == "r1"


def test_raw_bytes_and_a_cut(client: Any) -> None:
    stream = client(Raw([CHUNK[:30], 0.01, 0, CHUNK[30:], b""], cut=True)).chat.completions.create(**ASK, stream=True)
    assert next(stream).choices[0].delta.content == "half"
    with pytest.raises(openai.APIConnectionError):
        next(stream)


def test_a_cut_without_a_piece_closes_the_connection_before_the_response(client: Any) -> None:
    with pytest.raises(openai.APIConnectionError) as caught:
        client(Raw([], cut=True)).chat.completions.create(**ASK, stream=True)
    assert "without sending a response" in str(caught.value.__cause__)


def test_an_empty_response(serve: Any) -> None:
    answer = httpx2.post(serve([Raw([])]).url + "/chat/completions", json=ASK)
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_first_pause_delays_the_head(serve: Any) -> None:
    server = serve([Reply("late", first_delay=30)])
    with openai.OpenAI(base_url=server.url, api_key="x", max_retries=0, timeout=0.05) as made:
        with pytest.raises(openai.APITimeoutError):
            made.chat.completions.create(**ASK, stream=True)
    assert server.exchanges[0].left.wait(5)


# Connections


def test_a_client_reuses_its_connection(serve: Any) -> None:
    server = serve(["x"] * 6)
    for _ in range(2):
        with openai.OpenAI(base_url=server.url, api_key="x", max_retries=0) as made:
            made.chat.completions.create(**ASK)
            with made.chat.completions.with_streaming_response.create(**ASK, stream=True) as response:
                assert response.read().endswith(b"data: [DONE]\n\n")
            made.chat.completions.create(**ASK)
    assert server.connections == 2
    assert all(exchange.done.wait(5) and not exchange.left.is_set() for exchange in server.exchanges)


@pytest.mark.parametrize("reply", [Reply("one two three", delay=30.0), Raw([CHUNK, 30.0])])
def test_it_notices_when_a_client_disconnects_in_a_pause(reply: Any, serve: Any) -> None:
    server = serve([reply])
    with openai.OpenAI(base_url=server.url, api_key="x", max_retries=0) as made:
        with made.chat.completions.create(**ASK, stream=True) as stream:
            next(stream)
            (exchange,) = server.exchanges
            assert not exchange.left.is_set()
        assert exchange.left.wait(5)
    assert not exchange.done.is_set()


def test_it_notices_when_a_client_disconnects_while_it_sends(serve: Any) -> None:
    server = serve([Raw([b"data: " + b"x" * 1_000_000] * 50)])
    with openai.OpenAI(base_url=server.url, api_key="x", max_retries=0) as made:
        made.chat.completions.create(**ASK, stream=True).close()
    (exchange,) = server.exchanges
    assert exchange.left.wait(5)
    assert not exchange.done.is_set()


@pytest.mark.anyio
async def test_it_notices_when_an_async_client_is_cancelled(serve: Any) -> None:
    server = serve([Reply("late", first_delay=30)])
    async with openai.AsyncOpenAI(base_url=server.url, api_key="x", max_retries=0) as made:
        with anyio.move_on_after(0.1):
            await made.chat.completions.create(**ASK)
    assert server.exchanges[0].left.wait(5)


def test_an_exchange_has_the_request(serve: Any) -> None:
    server = serve(["x"])
    with openai.OpenAI(base_url=server.url, api_key="the-key", default_headers={"X-Team": "a"}) as made:
        made.chat.completions.create(**ASK, temperature=0)
    (exchange,) = server.exchanges
    assert isinstance(exchange, Exchange)
    assert exchange.path == "/v1/chat/completions"
    assert exchange.headers["x-team"] == "a"
    assert exchange.headers["authorization"] == "Bearer the-key"
    assert exchange.body == {**ASK, "temperature": 0}
    assert server.script.calls == [exchange.body]


def test_many_clients_are_served_at_once(serve: Any) -> None:
    server = serve({f"number {number};": f"answer {number}" for number in range(12)}, delay=0.001)
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        with openai.OpenAI(base_url=server.url, api_key="x", max_retries=0) as made:
            messages: Any = [{"role": "user", "content": f"number {number};"}]
            answers[number] = text_of(made.chat.completions.create(model="m", messages=messages, stream=True))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: f"answer {number}" for number in range(12)}


# Starting and stopping


@pytest.mark.slow
def test_after_stop_no_thread_and_no_socket_is_left() -> None:
    before = set(threading.enumerate())
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        server = LoopbackServer(["x", Raw([b": begun", 60.0])]).start()
        made = openai.OpenAI(base_url=server.url, api_key="x", max_retries=0)
        made.chat.completions.create(**ASK)  # its client keeps the connection open
        waiting = threading.Thread(
            target=lambda: pytest.raises(
                openai.APIConnectionError, list, made.chat.completions.create(**ASK, stream=True)
            )
        )
        waiting.start()
        while len(server.exchanges) < 2:
            time.sleep(0.005)
        port = int(server.address.rpartition(":")[2])
        server.stop()
        waiting.join()
        assert set(threading.enumerate()) == before
        assert not server.exchanges[1].left.is_set()  # the server closed the connection, not the client
        made.close()
        del server, made, waiting
        gc.collect()
    assert [str(warning.message) for warning in warned] == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_it_may_be_stopped_twice_and_before_it_was_started() -> None:
    server = LoopbackServer()
    server.stop()
    server.stop()
    with LoopbackServer() as server:
        server.stop()


def test_it_cannot_be_started_twice() -> None:
    with LoopbackServer(["x"]) as server:
        port = server.address.rpartition(":")[2]
        with pytest.raises(RuntimeError, match=f"this server is already started, at port {port}"):
            server.start()
        client = openai.OpenAI(base_url=server.url, api_key="x", max_retries=0)
        assert client.chat.completions.create(**ASK).choices[0].message.content == "x"
        client.close()
    never = LoopbackServer()
    never.stop()
    for stopped in (server, never):
        with pytest.raises(RuntimeError, match="this server was stopped and cannot be started again; make another one"):
            stopped.start()


@pytest.mark.parametrize("key", [5, b"secret"])
def test_a_key_that_is_not_a_str_is_refused(key: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=f"^api_key must be a str, got {type(key).__name__}; None accepts any key$"
    ):
        LoopbackServer(api_key=key)


def test_a_delay_for_a_script_is_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^delay must not be set for a Script; use Script\(\.\.\., delay=0\.1\)$"
    ):
        LoopbackServer(Script(["x"]), delay=0.1)


def test_it_listens_on_the_loopback_address_only() -> None:
    with LoopbackServer() as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert server.url == server.address + "/v1"


def test_an_idle_connection_does_not_block_others() -> None:
    with LoopbackServer(["x"]) as server:
        port = int(server.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("POST", "/v1/chat/completions", json.dumps(ASK))
            assert connection.getresponse().status == 200
            connection.close()
