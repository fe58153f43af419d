"""The real clients of other protocols read canned events: React's ``useChat`` (npm: ai), and OpenAI's client.

They run over real sockets, against a server that encodes the events which are written here.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openai
import pydantic
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from declarai_like.serve.events import Event, encode_data
from declarai_like.serve.protocols.completion_request import CompletionRequest
from declarai_like.serve.protocols.completions import (
    ChunkEncoder,
    completion,
    error_body,
    model,
    models,
    validation_error_body,
)
from declarai_like.serve.protocols.ui import UIEncoder, UIRequest
from declarai_like.serve.protocols.user_text import NoText, last_user_text
from tests.serve.ai_sdk import clients, parts_of, run_node

__all__ = ["clients"]  # pytest finds the fixture here

WORDS = ["Heroes learn ", "to share — ", "日本語 \u2028", " and\nthe end."]
TEXT = "".join(WORDS)
HERO = {"name": "Thor", "powers": ["thunder", "flight"]}
HULK = {"name": "Hulk", "powers": []}
USAGE = {"prompt_tokens": 12, "completion_tokens": 8, "total_tokens": 20, "estimated": False}
ESTIMATED = {**USAGE, "estimated": True}
SHOWN_USAGE = {"inputTokens": 12, "outputTokens": 8, "totalTokens": 20, "estimated": False}
SHOWN_ESTIMATED = {**SHOWN_USAGE, "estimated": True}

DELTAS = [("delta", {"delta": word}) for word in WORDS]
UNTIL_STOPPED = ("until", {})
STOPPED = ("stopped", {"response": WORDS[0], "usage": ESTIMATED})
BUSY = {"type": "RateLimited", "message": "The model is busy. Try again in a moment.", "retryable": True}
BROKEN = {"type": "AnswerError", "message": "The model's answer did not have the expected form.", "retryable": False}


def done(response: str = TEXT, reason: str | None = "stop", **more: Any) -> tuple[str, dict[str, Any]]:
    return "done", {"response": response, "finish_reason": reason, "usage": USAGE, **more}


ANSWERS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "say": [*DELTAS[:2], ("usage", {"usage": ESTIMATED}), *DELTAS[2:], done()],
    "cut": [DELTAS[0], done(WORDS[0], "length")],
    "odd": [DELTAS[0], done(WORDS[0], "tired")],
    "silent": [done("", None)],
    "hero": [
        ("partial", {"value": {}}),
        ("partial", {"value": {"name": "Tho"}}),
        ("partial", {"value": {"name": "Thor", "powers": ["thunder"]}}),
        done(json.dumps(HERO), result=HERO),
    ],
    "heroes": [
        ("item", {"index": 0, "value": HERO}),
        ("item", {"index": 1, "value": HULK}),
        done("[...]", result=[HERO, HULK]),
    ],
    "tour": [
        ("delta", {"delta": "Look left. ", "action": "left"}),
        ("state", {"action": "left", "state": {"seen": 1}}),
        ("delta", {"delta": "Look right.", "action": "right"}),
        ("item", {"index": 0, "value": 7, "action": "right"}),
        ("state", {"action": "right", "state": {"seen": 2}}),
        done("Look left. Look right.", None),
    ],
    "watched": [DELTAS[0], UNTIL_STOPPED, *DELTAS[1:], done()],  # it continues when the page has shown the first text
    "endless": [DELTAS[0], UNTIL_STOPPED, STOPPED],
    "falls": [*DELTAS[:2], ("error", BUSY)],
    "fails": [("error", BROKEN)],
}


class CannedServer:
    """Serves both protocols with the events above. A stop request ends the wait of ``UNTIL_STOPPED``."""

    def __init__(self) -> None:
        self.ui_requests: list[UIRequest] = []
        self.requests: list[CompletionRequest] = []
        self.disconnected = threading.Event()
        self._stops: dict[str, asyncio.Event] = {}
        self._answers = 0
        self.app = Starlette(
            routes=[
                Route("/api/{name}/ui", self.ui, methods=["POST"]),
                Route("/api/{name}/ui/{session}/stream", self.resumed),
                Route("/api/streams/{stream}/stop", self.stop, methods=["POST"]),
                Route("/api/v1/chat/completions", self.completions, methods=["POST"]),
                Route("/api/v1/models", self.models),
                Route("/api/v1/models/{name}", self.model),
            ]
        )

    async def events(self, name: str, session: str = "") -> AsyncIterator[Event]:
        self._answers += 1
        stream = f"answer-{self._answers}"
        stop = self._stops[stream] = asyncio.Event()
        start = {"stream": stream, "session": session} if session else {"stream": stream}
        try:
            id = 0
            for event_name, data in [("start", start), *ANSWERS[name]]:
                if event_name == "until":
                    await stop.wait()
                    continue
                id += 1
                yield Event(id, event_name, encode_data(data))  # type: ignore[arg-type]
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.disconnected.set()
            raise

    async def ui(self, request: Request) -> Response:
        try:
            body = UIRequest.model_validate_json(await request.body())
            assert last_user_text(body.messages)
        except pydantic.ValidationError as error:
            return JSONResponse({"detail": error.errors(include_url=False)}, 422)
        except NoText as error:
            return JSONResponse({"detail": error.detail}, error.status)
        self.ui_requests.append(body)
        return self._streamed(request.path_params["name"], body.id)

    async def resumed(self, request: Request) -> Response:
        if request.path_params["session"] == "idle":
            return Response(status_code=204)
        return self._streamed(request.path_params["name"], request.path_params["session"])

    def _streamed(self, name: str, session: str) -> Response:
        encoder = UIEncoder()
        return self._response(encoder, self.events(name, session))

    async def stop(self, request: Request) -> Response:
        self._stops[request.path_params["stream"]].set()
        return JSONResponse({"stream": request.path_params["stream"]}, 202)

    async def completions(self, request: Request) -> Response:
        try:
            body = CompletionRequest.model_validate_json(await request.body())
            assert last_user_text(body.messages)
        except pydantic.ValidationError as error:
            return JSONResponse(validation_error_body(error), 400)
        except NoText as error:
            return JSONResponse(error_body(400, str(error), param="messages"), 400)
        self.requests.append(body)
        if body.model not in ANSWERS:
            unknown = error_body(404, f"model {body.model!r} not found", code="model_not_found", param="model")
            return JSONResponse(unknown, 404)
        id = f"answer-{self._answers + 1}"
        if not body.stream:
            events = [event async for event in self.events(body.model)]
            response = completion(id, body.model, 1_800_000_000, events)
            return JSONResponse(response.body, response.status, response.headers)
        encoder = ChunkEncoder(id, body.model, 1_800_000_000, include_usage=body.include_usage)
        return self._response(encoder, self.events(body.model))

    def _response(self, encoder: UIEncoder | ChunkEncoder, events: AsyncIterator[Event]) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield encoder.heartbeat
            async for event in events:
                yield encoder.feed(event)

        return StreamingResponse(parts(), headers=encoder.headers, media_type=encoder.media_type)

    async def models(self, request: Request) -> Response:
        return JSONResponse(models(ANSWERS))

    async def model(self, request: Request) -> Response:
        return JSONResponse(model(request.path_params["name"]))


@pytest.fixture
def server() -> CannedServer:
    return CannedServer()


@pytest.fixture
def app(server: CannedServer) -> Any:
    """Return the app that serves the protocols."""
    return server.app


@pytest.fixture
def address(app: Any) -> Iterator[str]:
    """Serve the app at a port of the loopback address."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    while not running.started:
        time.sleep(0.005)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"
    running.should_exit = True
    thread.join()


# The AI SDK


@pytest.fixture
def use_chat(clients: Path, address: str) -> Any:
    """Run useChat against the answer of this name."""

    def run(name: str, *steps: dict[str, Any], **settings: Any) -> Any:
        plan = {"api": f"{address}/{name}/ui", "id": "a-chat", "messages": [], "steps": steps, **settings}
        return run_node(clients, "chat.mjs", **plan)

    return run


def test_use_chat_shows_an_answer_while_it_comes_and_when_it_is_complete(
    use_chat: Any, server: CannedServer, address: str
) -> None:
    page = use_chat("watched", {"send": "Tell me of heroes", "stop": 1, "at": address})
    question, answer = page["messages"]
    assert question["parts"] == [{"type": "text", "text": "Tell me of heroes"}]
    assert answer["role"] == "assistant"
    assert parts_of(answer) == [("step-start", None), ("text", TEXT)]
    assert answer["parts"][1]["state"] == "done"
    assert answer["metadata"] == {"session": "a-chat", "usage": SHOWN_USAGE}
    assert page["statuses"] == ["ready", "submitted", "streaming", "ready"]
    assert len(page["sizes"]) > 2, "it came in several renders"
    assert page["sizes"] == sorted(page["sizes"])
    assert page["finishes"] == [{"finishReason": "stop", "isAbort": False, "isDisconnect": False, "isError": False}]
    assert last_user_text(server.ui_requests[0].messages) == "Tell me of heroes"


def test_use_chat_sends_its_id_with_each_message(use_chat: Any, server: CannedServer) -> None:
    page = use_chat("say", {"send": "One"}, {"send": "Two"}, body={"theme": "dark"})
    assert [message["role"] for message in page["messages"]] == ["user", "assistant", "user", "assistant"]
    assert [(request.id, last_user_text(request.messages), request.trigger) for request in server.ui_requests] == [
        ("a-chat", "One", "submit-message"),
        ("a-chat", "Two", "submit-message"),
    ]
    assert len(server.ui_requests[1].messages) == 3
    assert server.ui_requests[1].model_extra == {"theme": "dark"}


def test_use_chat_regenerates_an_answer(use_chat: Any, server: CannedServer) -> None:
    page = use_chat("say", {"send": "One"}, {"regenerate": True})
    assert [message["role"] for message in page["messages"]] == ["user", "assistant"]
    assert page["messages"][1]["id"] == "answer-2"
    assert parts_of(page["messages"][1]) == [("step-start", None), ("text", TEXT)]
    assert [request.trigger for request in server.ui_requests] == ["submit-message", "regenerate-message"]
    assert last_user_text(server.ui_requests[1].messages) == "One"


def test_use_chat_can_stop_an_answer_at_the_server(use_chat: Any, address: str) -> None:
    page = use_chat("endless", {"send": "Go on", "stop": 5, "at": address})
    answer = page["messages"][1]
    assert page["stopped"] == 202
    assert page["status"] == "ready"
    assert parts_of(answer) == [("step-start", None), ("text", WORDS[0])]
    assert answer["parts"][1]["state"] == "done"
    assert answer["metadata"] == {"session": "a-chat", "stopped": True, "usage": SHOWN_ESTIMATED}


def test_use_chat_disconnects_and_keeps_the_partial_answer(use_chat: Any, server: CannedServer) -> None:
    page = use_chat("endless", {"send": "Go on", "leave": 5})
    assert page["status"] == "ready"
    assert parts_of(page["messages"][1]) == [("step-start", None), ("text", WORDS[0])]
    assert page["finishes"][0]["isAbort"]
    assert server.disconnected.wait(5)


def test_use_chat_reports_an_error_in_the_middle_and_keeps_the_text_before_it(use_chat: Any) -> None:
    page = use_chat("falls", {"send": "Tell me"})
    answer = page["messages"][1]
    assert page["status"] == "error"
    assert page["errors"] == [BUSY["message"]]
    assert parts_of(answer) == [("step-start", None), ("text", WORDS[0] + WORDS[1])]
    assert answer["parts"][1]["state"] == "done", "no more text will come"
    assert answer["metadata"] == {"session": "a-chat", "error": {"type": "RateLimited", "retryable": True}}


def test_use_chat_reports_an_error_before_any_text(use_chat: Any) -> None:
    page = use_chat("fails", {"send": "Tell me"})
    assert page["errors"] == [BROKEN["message"]]
    assert page["messages"][1]["parts"] == []
    assert page["messages"][1]["metadata"]["error"] == {"type": "AnswerError", "retryable": False}


def test_use_chat_reports_a_refused_message(use_chat: Any, server: CannedServer) -> None:
    page = use_chat("say", {"send": " "})
    assert page["status"] == "error"
    assert "the message has no text" in page["errors"][0]
    assert server.ui_requests == []


def test_use_chat_shows_partial_values_and_then_the_result(use_chat: Any) -> None:
    page = use_chat("hero", {"send": "Whom?"})
    assert page["data"] == [
        ["data-partial", {}],
        ["data-partial", {"name": "Tho"}],
        ["data-partial", {"name": "Thor", "powers": ["thunder"]}],
        ["data-result", HERO],
    ]
    assert parts_of(page["messages"][1]) == [
        ("step-start", None),
        ("data-partial", {"name": "Thor", "powers": ["thunder"]}),
        ("data-result", HERO),
    ]


def test_use_chat_shows_items(use_chat: Any) -> None:
    page = use_chat("heroes", {"send": "Whom?"})
    assert parts_of(page["messages"][1]) == [
        ("step-start", None),
        ("data-item", {"index": 0, "value": HERO}),
        ("data-item", {"index": 1, "value": HULK}),
        ("data-result", [HERO, HULK]),
    ]


def test_use_chat_shows_the_steps_of_an_application_and_its_state(use_chat: Any) -> None:
    page = use_chat("tour", {"send": "Start"})
    assert parts_of(page["messages"][1]) == [
        ("step-start", None),
        ("text", "Look left. "),
        ("data-state", {"action": "right", "state": {"seen": 2}}),
        ("step-start", None),
        ("text", "Look right."),
        ("data-item", {"index": 0, "value": 7, "action": "right"}),
    ]
    assert [data["state"] for type, data in page["data"] if type == "data-state"] == [{"seen": 1}, {"seen": 2}]


@pytest.mark.parametrize(("name", "reason"), [("cut", "length"), ("odd", "other"), ("silent", "stop")])
def test_use_chat_gets_the_finish_reason(use_chat: Any, name: str, reason: str) -> None:
    assert use_chat(name, {"send": "Tell me"})["finishes"][0]["finishReason"] == reason


def test_use_chat_resumes_a_running_answer(use_chat: Any) -> None:
    question = {"id": "q", "role": "user", "parts": [{"type": "text", "text": "Tell me"}]}
    page = use_chat("say", {"resume": True}, messages=[question])
    assert [message["role"] for message in page["messages"]] == ["user", "assistant"]
    assert parts_of(page["messages"][1]) == [("step-start", None), ("text", TEXT)]


def test_use_chat_resumes_nothing_without_a_running_answer(use_chat: Any) -> None:
    page = use_chat("say", {"resume": True}, id="idle")
    assert (page["messages"], page["errors"], page["status"]) == ([], [], "ready")


@pytest.mark.slow
@pytest.mark.parametrize("version", ["ai-6", "ai"])
def test_each_part_is_known_to_the_ai_sdk(clients: Path, address: str, version: str) -> None:
    names = ["say", "hero", "heroes", "tour", "silent", "falls"]
    answers = run_node(clients, "read.mjs", version, *(f"{address}/{name}/ui" for name in names))
    for name, answer in zip(names, answers, strict=True):
        types = [chunk["type"] for chunk in answer["chunks"]]
        text = "".join(part.get("text", "") for part in answer["message"]["parts"])
        fails = name == "falls"
        assert answer["errors"] == ([BUSY["message"]] if fails else [])
        assert (types[0], types[-1]) == ("start", "error" if fails else "finish")
        assert types.count("start-step") == types.count("finish-step") + fails
        assert types.count("text-start") == types.count("text-end")
        assert text == "".join(data["delta"] for event, data in ANSWERS[name] if event == "delta")


def ui_request(**changes: Any) -> dict[str, Any]:
    message = {"id": "m", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}
    return {"id": "a-chat", "messages": [message], "trigger": "submit-message", **changes}


def test_the_text_of_a_request_joins_all_text_parts() -> None:
    parts = [{"type": "data-place", "data": {"x": 1}}, {"type": "text", "text": "One"}, {"type": "text", "text": "Two"}]
    request = UIRequest.model_validate(ui_request(messages=[{"role": "user", "parts": parts}], messageId="m"))
    assert last_user_text(request.messages) == "One\nTwo"
    assert request.message_id == "m"


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({"role": "assistant", "parts": [{"type": "text", "text": "Hi"}]}, "must be 'user', got 'assistant'"),
        ({"role": "user", "parts": []}, "the message has no text"),
        ({"role": "user", "parts": [{"type": "text", "text": "\n"}]}, "the message has no text"),
        (
            {"role": "user", "parts": [{"type": "file", "url": "data:,", "mediaType": "image/png"}]},
            "must be text, got type 'file'",
        ),
    ],
)
def test_a_request_without_text_of_the_user_is_refused(message: dict[str, Any], problem: str) -> None:
    request = UIRequest.model_validate(ui_request(messages=[message]))
    with pytest.raises(NoText, match=problem):
        assert last_user_text(request.messages)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": "x" * 129},
        {"messages": []},
        {"messages": [{"role": "tool", "parts": []}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "parts": []}] * 10_001},
        {"messages": [{"role": "user", "parts": [{"type": "text"}] * 10_001}]},
        {"messages": [{"role": "user", "parts": [{"type": "x" * 257}]}]},
        {"trigger": "resume-stream"},
        {"messageId": "x" * 257},
    ],
)
def test_a_request_of_another_form_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        UIRequest.model_validate(ui_request(**changes))


# OpenAI


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


def user_message(text: str = "Tell me") -> list[Any]:
    return [{"role": "user", "content": text}]


def test_a_client_reads_an_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="say", messages=user_message())
    assert answer.object == "chat.completion"
    assert (answer.id, answer.model, answer.created) == ("answer-1", "say", 1_800_000_000)
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (12, 8, 20)


def test_a_client_reads_a_stream(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="say", messages=user_message(), stream=True))
    assert {(chunk.id, chunk.model, chunk.object) for chunk in chunks} == {("answer-1", "say", "chat.completion.chunk")}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.content for chunk in chunks[1:-1]] == WORDS
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 5 + ["stop"]
    assert all(chunk.usage is None for chunk in chunks)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # on trio, generators that the client leaves open cause warnings
async def test_an_async_client_reads_a_stream_and_its_usage(address: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        options: Any = {"include_usage": True}
        stream = await client.chat.completions.create(
            model="say", messages=user_message(), stream=True, stream_options=options
        )
        chunks = [chunk async for chunk in stream]
    *texts, last = chunks
    assert "".join(chunk.choices[0].delta.content or "" for chunk in texts) == TEXT
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 20


def test_the_clients_stream_helper_assembles_the_answer(client: openai.OpenAI) -> None:
    options: Any = {"include_usage": True}
    with client.chat.completions.stream(model="say", messages=user_message(), stream_options=options) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        answer = stream.get_final_completion()
    assert deltas == ["", *WORDS]
    assert answer.choices[0].message.content == TEXT
    assert answer.usage is not None


@pytest.mark.parametrize(("name", "value"), [("hero", HERO), ("heroes", [HERO, HULK])])
@pytest.mark.parametrize("stream", [False, True])
def test_a_typed_answer_is_read_as_json(client: openai.OpenAI, name: str, value: Any, stream: bool) -> None:
    if stream:
        chunks = client.chat.completions.create(model=name, messages=user_message(), stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    else:
        text = client.chat.completions.create(model=name, messages=user_message()).choices[0].message.content or ""
    assert json.loads(text) == value


class Hero(pydantic.BaseModel):
    name: str
    powers: list[str]


def test_the_client_can_parse_a_typed_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(model="hero", messages=user_message(), response_format=Hero)
    assert answer.choices[0].message.parsed == Hero(name="Thor", powers=["thunder", "flight"])


def test_an_application_is_read_as_the_text_of_all_its_actions(client: openai.OpenAI) -> None:
    chunks = client.chat.completions.create(model="tour", messages=user_message(), stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Look left. Look right."
    answer = client.chat.completions.create(model="tour", messages=user_message())
    assert answer.choices[0].message.content == "Look left. Look right."


@pytest.mark.slow
@pytest.mark.parametrize(("name", "reason"), [("cut", "length"), ("odd", "stop"), ("silent", "stop"), ("tour", "stop")])
def test_a_client_gets_the_finish_reason(client: openai.OpenAI, name: str, reason: str) -> None:
    assert client.chat.completions.create(model=name, messages=user_message()).choices[0].finish_reason == reason
    *_, last = client.chat.completions.create(model=name, messages=user_message(), stream=True)
    assert last.choices[0].finish_reason == reason


def test_a_stopped_answer_ends_with_its_text_so_far(client: openai.OpenAI, address: str) -> None:
    options: Any = {"include_usage": True}
    stream = client.chat.completions.create(
        model="endless", messages=user_message(), stream=True, stream_options=options
    )
    chunks = []
    for chunk in stream:
        chunks.append(chunk)
        if chunk.choices and chunk.choices[0].delta.content == WORDS[0]:
            client.post(f"{address}/streams/{chunk.id}/stop", cast_to=object)
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.model_extra == {"estimated": True}


def test_a_disconnect_of_the_client_is_noticed(client: openai.OpenAI, server: CannedServer) -> None:
    with client.chat.completions.create(model="endless", messages=user_message(), stream=True) as stream:
        next(stream)
    assert server.disconnected.wait(5)


def test_only_an_answer_without_an_error_has_the_end_marker() -> None:
    """A client that reads up to the marker must not take a failed answer for a complete one."""
    done, error = {"response": "well", "usage": None}, {"type": "RateLimited", "message": "Wait.", "retryable": True}
    assert ChunkEncoder("c", "m", 0).feed(Event(1, "done", encode_data(done))).endswith(b"data: [DONE]\n\n")
    assert b"[DONE]" not in ChunkEncoder("c", "m", 0).feed(Event(1, "error", encode_data(error)))


def test_an_error_in_the_middle_is_raised_after_the_text_before_it(client: openai.OpenAI) -> None:
    texts: list[str] = []
    with pytest.raises(openai.APIError) as raised:
        for chunk in client.chat.completions.create(model="falls", messages=user_message(), stream=True):
            texts.append(chunk.choices[0].delta.content or "")
    assert "".join(texts) == WORDS[0] + WORDS[1]
    assert (raised.value.message, raised.value.code) == (BUSY["message"], "RateLimited")
    assert raised.value.type == "server_error"


@pytest.mark.slow
def test_a_client_retries_a_retryable_error(client: openai.OpenAI, server: CannedServer) -> None:
    with pytest.raises(openai.InternalServerError, match="The model is busy"):
        client.with_options(max_retries=1).chat.completions.create(model="falls", messages=user_message())
    assert len(server.requests) == 2


def test_a_client_does_not_retry_other_errors(client: openai.OpenAI, server: CannedServer) -> None:
    with pytest.raises(openai.InternalServerError) as raised:
        client.with_options(max_retries=1).chat.completions.create(model="fails", messages=user_message())
    assert raised.value.code == "AnswerError"
    assert len(server.requests) == 1


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="model 'gpt' not found") as raised:
        client.chat.completions.create(model="gpt", messages=user_message())
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")


def test_the_models_can_be_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == list(ANSWERS)
    assert client.models.retrieve("say").owned_by == "declarai-like"


IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "param", "problem"),
    [
        ({"n": 2}, "n", "Input should be 1"),
        ({"max_tokens": 0}, "max_tokens", "greater than or equal to 1"),
        ({"messages": []}, "messages", "at least 1 item"),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, "messages", "must be text, got type 'image_url'"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages", "the message has no text"),
        ({"messages": [{"role": "user"}]}, "messages", "the message has no text"),
        ({"messages": [{"role": "assistant", "content": "Hi"}]}, "messages", "must be 'user', got 'assistant'"),
    ],
)
def test_a_request_that_cannot_be_answered_is_a_bad_request(
    client: openai.OpenAI, changes: dict[str, Any], param: str, problem: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=problem) as raised:
        client.chat.completions.create(**{"model": "say", "messages": user_message(), **changes})
    assert raised.value.type == "invalid_request_error"
    assert raised.value.param == param


def test_parameters_for_the_model_are_passed_on_and_others_are_ignored(
    client: openai.OpenAI, server: CannedServer
) -> None:
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": {}}}
    client.chat.completions.create(
        model="say",
        messages=user_message(),
        temperature=0.5,
        top_p=None,
        max_tokens=7,
        stop=["\n"],
        seed=1,
        tools=[tool],
        user="someone",
    )
    assert server.requests[0].llm_params == {"temperature": 0.5, "max_tokens": 7, "stop": ["\n"], "seed": 1}


def test_the_history_has_no_system_and_tool_messages(client: openai.OpenAI, server: CannedServer) -> None:
    call: Any = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages: list[Any] = [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "Two"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "3", "tool_call_id": "c"},
        {"role": "assistant", "content": "Three"},
        {"role": "user", "content": "Four"},
    ]
    client.chat.completions.create(model="say", messages=messages)
    request = server.requests[0]
    assert [(message.role, message.content) for message in request.history] == [
        ("user", "One\nTwo"),
        ("assistant", "Three"),
    ]
    assert last_user_text(request.messages) == "Four"


def test_the_error_of_an_invalid_request_does_not_repeat_its_content() -> None:
    with pytest.raises(pydantic.ValidationError) as raised:
        CompletionRequest.model_validate({"model": "say", "messages": [{"role": "user", "content": 17}]})
    error = validation_error_body(raised.value)["error"]
    assert error["param"].startswith("messages.0.content")
    assert "17" not in error["message"]
