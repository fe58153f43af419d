"""Requests that a router refuses, errors as clients see them, and settings that are refused."""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI

import declarai_like as declarai
from declarai_like import memory, serve
from declarai_like.errors import ConfigurationError
from declarai_like.testing import Fault, LoopbackServer
from tests.serve.serving import Serving, Speaker, Start, names, read, run_concurrently, text, wait_until
from tests.serve.serving import serving as serving
from tests.serve.serving import speaker as speaker


def say_task(model: Any) -> Any:
    @model.task
    def say(movie: str) -> str:
        """Describe the movie"""

    return say


def bot_of(model: Any) -> Any:
    @model.chat
    class Bot:
        """Be kind."""

    return Bot


# Requests


def test_a_body_that_is_too_large_is_refused_before_it_is_read(serving: Start) -> None:
    server = serving(say_task(declarai.offline(["hi"])), limits=serve.Limits(body=100))
    refused = server.post("/say", json={"movie": "x" * 200})
    assert refused.status_code == 413
    detail = refused.json()["detail"]
    assert detail["type"] == "BodyTooLarge"
    assert re.fullmatch(r"the body must be at most 100 bytes, got 2\d\d", detail["message"])
    assert text(server.answer("say", {"movie": "x" * 50}).events) == "hi"


def test_a_body_of_exactly_the_limit_is_accepted(serving: Start) -> None:
    body = json.dumps({"movie": "x" * 50}).encode()
    server = serving(say_task(declarai.offline(["hi", "hi"])), limits=serve.Limits(body=len(body)))
    headers = {"content-type": "application/json"}
    assert server.post("/say", content=body, headers=headers).status_code == 200
    assert server.post("/say", content=body + b" ", headers=headers).status_code == 413


def test_a_body_without_a_content_length_is_refused_when_it_is_too_large(serving: Start) -> None:
    server = serving(say_task(declarai.offline(["hi", "hi"])), limits=serve.Limits(body=100))
    headers = {"content-type": "application/json"}

    def pieces(size: int) -> Any:
        yield b'{"movie": "'
        for _ in range(size):
            yield b"x" * 10
        yield b'"}'

    assert server.post("/say", content=pieces(3), headers=headers).status_code == 200
    assert server.post("/say", content=pieces(50), headers=headers).status_code == 413


def test_a_client_that_lies_about_the_size_of_its_body_is_refused(serving: Start) -> None:
    server = serving(say_task(declarai.offline(["hi"])), limits=serve.Limits(body=100))
    assert status_of(server, b"POST /api/say", b"Content-Length: 10", b'{"movie": "' + b"x" * 500 + b'"}') in (400, 422)
    assert status_of(server, b"POST /api/say", b"Content-Length: 999999999", b"{") == 413


def status_of(server: Serving, line: bytes, header: bytes, body: bytes) -> int:
    """Send bytes, and give the status of the first response."""
    with socket.create_connection(("127.0.0.1", server.port), 5) as client:
        client.sendall(
            line + b" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + header + b"\r\n\r\n" + body
        )
        return int(client.recv(1000).split(b" ")[1])


def test_a_message_that_is_too_long_is_refused(serving: Start) -> None:
    server = serving(bot_of(declarai.offline(["hi"])), limits=serve.Limits(message=10))
    refused = server.post("/Bot", json={"message": "x" * 11})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "message"]
    assert text(server.answer("Bot", {"message": "é" * 10}).events) == "hi"


def test_answers_over_the_limit_of_running_ones_are_refused_until_one_ends(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), limits=serve.Limits(streams=2))
    with server.ask("say", {"movie": "a"}) as first, server.ask("say", {"movie": "b"}) as second:
        first.until("start"), second.until("start")
        refused = server.post("/say", json={"movie": "c"})
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        detail = {
            "type": "TooManyStreams",
            "message": "the limit of 2 running answers is reached; try again in a moment",
        }
        assert refused.json()["detail"] == detail
        server.stop(first.stream)
        first.read()
        with server.ask("say", {"movie": "c"}) as third:
            assert third.status == 200
            server.stop(third.stream)
        server.stop(second.stream)
    assert len(speaker.server.exchanges) <= 3


def test_of_many_concurrent_requests_no_more_than_the_limit_are_answered(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), limits=serve.Limits(streams=3))
    refused: list[int] = []

    def ask(number: int) -> int:
        with server.ask("say", {"movie": str(number)}) as answer:
            if answer.status == 200:
                wait_until(lambda: len(refused) == 5)
                server.stop(answer.stream)
                assert answer.read()[-1].name == "stopped"
            else:
                refused.append(number)
            return answer.status

    assert sorted(run_concurrently(8, ask)) == [*[200] * 3, *[503] * 5]


def test_readers_over_the_limit_are_refused(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), limits=serve.Limits(readers=2))
    with server.ask("say", {"movie": "a"}) as first, server.follow(first.stream) as second:
        second.until("start")
        refused = server.get(f"/streams/{first.stream}")
        assert refused.status_code == 429
        detail = {"type": "TooManyReaders", "message": "the limit of 2 readers of one answer is reached"}
        assert refused.json()["detail"] == detail
        speaker.end()
        assert first.read() == second.read()
    wait_until(lambda: server.get(f"/streams/{first.stream}").status_code == 200)


def test_a_refused_request_leaves_no_answer_running(serving: Start) -> None:
    server = serving(bot_of(declarai.offline(lambda _: "hi")), limits=serve.Limits(streams=1, body=1000))
    for _ in range(3):
        assert server.post("/Bot", json={"message": ""}).status_code == 422
        assert server.post("/Bot", json={"message": "x" * 2000}).status_code == 413
    assert server.answer("Bot", {"message": "hi"}).events[-1].name == "done"


def test_a_session_that_could_not_be_loaded_does_not_stay_busy(serving: Start) -> None:
    failures = [OSError("down"), OSError("down")]

    def remember(session: str) -> Any:
        if failures:
            raise failures.pop()
        return memory.InMemory()

    server = serving(serve.chat(bot_of(declarai.offline(["hi"])), memory=remember), limits=serve.Limits(streams=1))
    body = {"message": "hi", "session": "ann"}
    assert [server.as_client().post("/Bot", json=body).status_code for _ in range(2)] == [500, 500]
    assert server.answer("Bot", body).events[-1].name == "done"


def test_a_task_whose_own_code_fails_leaks_nothing_and_leaves_no_answer_running(serving: Start) -> None:
    @declarai.offline(["hi"]).task
    def greet(hero: str) -> str:
        """Greet the hero"""
        if hero == "nobody":
            raise ValueError("secret-rule")
        return declarai.magic(hero)

    server = serving(greet, limits=serve.Limits(streams=1))
    for _ in range(2):
        refused = server.as_client().post("/greet", json={"hero": "nobody"})
        assert refused.status_code in (422, 500) or refused.content.count(b"event: error") == 1
        assert "secret" not in refused.text
    assert server.answer("greet", {"hero": "Hulk"}).events[-1].name == "done"


def test_a_lone_surrogate_is_refused_or_answered_and_nothing_breaks(serving: Start) -> None:
    with LoopbackServer(lambda _: "hi") as provider:
        gpt = declarai.openai("m", base_url=provider.url, api_key="k", max_retries=0)
        server = serving(say_task(gpt), bot_of(gpt), limits=serve.Limits(streams=1))
        for name, body in (("say", b'{"movie": "\\ud83d"}'), ("Bot", b'{"message": "\\ud83d", "session": "ann"}')):
            answer = server.post(f"/{name}", content=body, headers={"content-type": "application/json"})
            assert answer.status_code in (200, 400, 422), name
            if answer.status_code == 200:
                assert names(read(answer.content))[-1] in ("done", "error")
        assert server.get("/Bot/ann").status_code == 200
        assert server.answer("say", {"movie": "Hulk"}).events[-1].name == "done"


@pytest.mark.parametrize("name", ["body", "message", "streams", "readers", "events", "event_bytes", "kept", "sessions"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "10", True, None])
def test_a_limit_is_an_integer_of_at_least_1(name: str, value: Any) -> None:
    given = value if type(value) is int else type(value).__name__ if value is not None else None
    with pytest.raises(ConfigurationError, match=rf"^Limits\.{name} must be an integer >= 1, got {given}$"):
        serve.Limits(**{name: value})


def test_other_sites_cannot_read_answers_unless_the_app_allows_it(serving: Start) -> None:
    server = serving(say_task(declarai.offline(["hi"])))
    answer = server.as_client(origin="https://elsewhere.example").answer("say", {"movie": "Hulk"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    asking = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    before = server._client.request("OPTIONS", "/say", headers=asking)
    assert before.status_code == 405
    assert not [name for name in before.headers if name.startswith("access-control")]


# Errors


def failing(message: str) -> Any:
    async def fail() -> AsyncIterator[str]:
        yield "so far"
        raise RuntimeError(message)

    return fail


def test_an_error_leaks_nothing_and_is_in_the_log(serving: Start, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "declarai_like"):
        answer = serving(failing("secret-password")).answer("fail")
    assert names(answer.events) == ["start", "delta", "error"]
    assert answer.events[-1].data == {"type": "InternalError", "message": "Something went wrong.", "retryable": False}
    assert b"secret" not in answer.body
    assert b"RuntimeError" not in answer.body
    assert "secret-password" in caplog.text
    assert "'fail'" in caplog.text or " fail " in caplog.text, "the log says what has failed"


def test_expose_errors_sends_the_messages_of_errors(serving: Start) -> None:
    answer = serving(failing("secret-password"), expose_errors=True).answer("fail")
    assert answer.events[-1].data == {"type": "RuntimeError", "message": "secret-password", "retryable": False}


def test_an_error_of_a_provider_has_its_type_and_not_its_message(
    serving: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with LoopbackServer([Fault(429, "key sk-secret has no tokens left")]) as provider:
        say = say_task(declarai.openai("m", base_url=provider.url, api_key="k", max_retries=0))
        answer = serving(say).answer("say", {"movie": "Hulk"})
    assert answer.events[-1].data["type"] == "RateLimited"
    assert answer.events[-1].data["retryable"] is True
    assert b"sk-secret" not in answer.body
    assert "sk-secret" in caplog.text


def test_an_abandoned_answer_has_that_type_with_and_without_expose_errors(serving: Start, speaker: Speaker) -> None:
    messages = {
        False: "The answer was cancelled, because no client was reading it.",
        True: "no client was reading the answer",
    }
    for expose, message in messages.items():
        server = serving(say_task(speaker.model), grace=0, expose_errors=expose)
        with server.ask("say", {"movie": "Hulk"}) as answer:
            answer.until("start")
        wait_until(lambda: names(server.followed(answer.stream).events)[-1] == "error")
        data = {"type": "Abandoned", "message": message, "retryable": True}
        assert server.followed(answer.stream).events[-1].data == data


def test_an_error_before_an_answer_starts_leaks_nothing_either(serving: Start) -> None:
    def remember(session: str) -> Any:
        raise OSError("secret-host is down")

    @declarai.offline(["never"]).chat
    class Bot:
        """Be kind."""

    server = serving(serve.chat(Bot, memory=remember))
    refused = server.post("/Bot", json={"message": "hi"})
    assert refused.status_code >= 500 or b"event: error" in refused.content
    shown = server.as_client().get("/Bot/ann")  # over another connection: uvicorn closes this one after an error
    assert shown.status_code >= 500
    assert "secret" not in refused.text + shown.text


def test_values_that_json_cannot_express_are_written_as_str(serving: Start) -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    async def give() -> AsyncIterator[Any]:
        yield Odd()
        yield float("nan")
        yield {1, 2}
        yield b"bytes"

    answer = serving(give).answer("give")
    assert names(answer.events) == ["start", *["item"] * 4, "done"]
    assert answer.events[1].data["value"] == "odd"
    assert answer.events[2].data["value"] is None


def test_an_answer_with_lone_surrogates_still_has_a_last_event(serving: Start) -> None:
    async def give() -> AsyncIterator[str]:
        yield "\ud83d"
        yield "\ude00 smile"

    answer = serving(give).answer("give")
    assert names(answer.events)[-1] in ("done", "error")
    assert not answer.was_cut


# What cannot be served


def test_two_endpoints_with_one_name_are_refused() -> None:
    say = say_task(declarai.offline(["hi"]))
    with pytest.raises(
        ConfigurationError, match=r"^names of endpoints must be unique, got 'say' twice; pass another name=\.\.\.$"
    ):
        serve.router(say, say)
    serve.router(say, serve.task(say, name="say-2"))


@pytest.mark.parametrize("name", ["streams", "v1", "ui"])
def test_names_of_the_routers_own_routes_are_refused(name: str) -> None:
    with pytest.raises(
        ConfigurationError,
        match=f"^the name of an endpoint must not be '{name}', which every router has as a route; pass",
    ):
        serve.router(serve.task(say_task(declarai.offline()), name=name))


def name_error(got: str) -> str:
    expected = "^the name of an endpoint must be a letter or _, followed by letters, digits and ._-, got "
    return f"{expected}{re.escape(got)}; serve.task, serve.chat, .* take name="


@pytest.mark.parametrize("name", ["a/b", "a b", "1a", "é", "a?b", "{a}", ".", "-"])
def test_a_name_that_cannot_be_part_of_a_url_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name_error(repr(name))):
        serve.router(serve.task(say_task(declarai.offline()), name=name))


def test_a_lambda_needs_a_name() -> None:
    with pytest.raises(ConfigurationError, match=name_error("'<lambda>'")):
        serve.router(lambda: "hi")


def test_a_task_that_is_a_method_is_refused() -> None:
    class Critic:
        @declarai.offline().task
        def say(self, movie: str) -> str:
            """Describe it"""

    with pytest.raises(ConfigurationError, match="is a method; serve a function that calls it"):
        serve.router(Critic.say)


class Connection: ...


def test_a_parameter_whose_type_json_cannot_express_is_refused() -> None:
    def query(connection: Connection, text: str) -> str:
        return text

    with pytest.raises(
        ConfigurationError, match="'query' cannot be served: its parameter 'connection' is of type .*Connection"
    ):
        serve.router(query)


@pytest.mark.parametrize(
    "function",
    [lambda *_: "", lambda **_: "", lambda _, /: ""],
    ids=["*args", "**kwargs", "positional"],
)
def test_a_function_whose_parameters_cannot_be_passed_by_name_is_refused(function: Any) -> None:
    with pytest.raises(
        ConfigurationError, match="'give' cannot be served: its parameters must be passed by name, which"
    ):
        serve.router(serve.function(function, name="give"))


def test_a_function_whose_types_cannot_be_resolved_is_refused() -> None:
    def give(text: Nowhere) -> str:  # type: ignore[name-defined]
        return text

    with pytest.raises(ConfigurationError, match="'give' cannot be served: its type hints cannot be resolved"):
        serve.router(give)


def test_a_chat_without_the_values_of_its_templates_is_refused() -> None:
    @declarai.offline().chat
    class Bot:
        """You speak {language}."""

    with pytest.raises(
        ConfigurationError, match=r"^chat 'Bot' cannot be served: .*language.*; pass its values: .*values="
    ):
        serve.router(Bot)


def test_a_memory_without_sessions_is_refused() -> None:
    class Own:
        def load(self) -> Any: ...
        def append(self, messages: Any) -> None: ...
        def clear(self) -> None: ...

    with pytest.raises(ConfigurationError, match=r"^memory of chat 'Bot' must be .* at\(session\), .*, got Own; "):
        serve.router(serve.chat(bot_of(declarai.offline()), memory=Own()))  # type: ignore[arg-type]


def test_a_memory_in_this_process_keeps_sessions_apart(serving: Start) -> None:
    server = serving(serve.chat(bot_of(declarai.offline(lambda _: "hi")), memory=memory.InMemory()))
    server.answer("Bot", {"message": "I am ann", "session": "ann"})
    assert server.session("Bot", "bob")["messages"] == []
    assert len(server.session("Bot", "ann")["messages"]) == 2


@pytest.mark.parametrize("thing", [7, "say", object(), None, int, declarai.offline()])
def test_anything_else_is_refused(thing: Any) -> None:
    with pytest.raises(ConfigurationError, match="^an argument of router.* must be a task, a chat class, an"):
        serve.router(thing)


@pytest.mark.parametrize("thing", [7, "say", None, int, say_task, [say_task(declarai.offline())]])
def test_an_argument_of_another_kind_is_refused_with_the_functions_name(thing: Any) -> None:
    bot = bot_of(declarai.offline())
    for settings in ({}, {"name": "a"}):
        with pytest.raises(
            ConfigurationError, match=r"^the argument of serve\.task\(\) must be a task, got .*; .* @model\.task$"
        ):
            serve.router(serve.task(thing, **settings))
        with pytest.raises(
            ConfigurationError, match=r"^the argument of serve\.chat\(\) must be a chat class, got .*; .* @model\.chat$"
        ):
            serve.router(serve.chat(thing, **settings))
        with pytest.raises(
            ConfigurationError, match=r"^the argument of serve\.chat\(\) must be a chat class, got Bot; "
        ):
            serve.router(serve.chat(bot(), **settings))


@pytest.mark.parametrize("thing", [7, "say", None, int, [say_task]])
def test_a_value_that_is_not_a_function_is_refused_with_the_functions_name(thing: Any) -> None:
    for settings in ({}, {"name": "a"}):
        with pytest.raises(
            ConfigurationError,
            match=r"^the argument of serve\.function\(\) must be a function .*, got .*; write a `def`$",
        ):
            serve.router(serve.function(thing, **settings))


@pytest.mark.parametrize("name", [5, b"a", ["a"], ""])
def test_a_name_that_is_empty_or_not_a_str_is_refused(name: Any) -> None:
    things = [serve.task(say_task(declarai.offline()), name=name), serve.chat(bot_of(declarai.offline()), name=name)]
    for thing in (*things, serve.function(say_task, name=name)):
        with pytest.raises(ConfigurationError, match=name_error(repr(name) if name == "" else type(name).__name__)):
            serve.router(thing)


@pytest.mark.parametrize("adapter", [5, True, "text"])
def test_an_adapter_must_be_a_function(adapter: Any) -> None:
    for thing in (serve.task(say_task(declarai.offline()), adapter=adapter), serve.function(say_task, adapter=adapter)):
        with pytest.raises(
            ConfigurationError, match=f"^adapter must be a function of a str, or False, got {type(adapter).__name__}$"
        ):
            serve.router(thing)


@pytest.mark.parametrize("values", [5, "language", ["language"]])
def test_the_values_of_a_chat_must_be_a_mapping(values: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=f"^values of chat 'Bot' must be a mapping of str .*, got {type(values).__name__}$"
    ):
        serve.router(serve.chat(bot_of(declarai.offline()), values=values))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"auth": "key"},
            "auth of router() must be a function that returns the caller as a str (a FastAPI dependency), got str",
        ),
        ({"limits": {"body": 1}}, "limits of router() must be serve.Limits(...), got dict"),
        ({"limits": 0}, "limits of router() must be serve.Limits(...), got int"),
        ({"streams": "redis://:secret@host"}, "streams of router() must be serve.RedisStreams(...), got str"),
        ({"expose_errors": "false"}, "expose_errors of router() must be True or False, got str"),
        ({"front_ends": None}, "front_ends of router() must be True or False, got None"),
    ],
)
def test_a_setting_of_a_wrong_type_is_named_and_not_shown(settings: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        serve.router(say_task(declarai.offline()), **settings)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["grace", "heartbeat", "keep"])
@pytest.mark.parametrize("value", [-1, "10", True, None, float("nan")])
def test_a_setting_in_seconds_must_be_a_number(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} of router\(\) must be a number of seconds >=? 0, got "):
        serve.router(say_task(declarai.offline()), front_ends=False, **{name: value})


def test_a_heartbeat_of_0_is_refused_or_does_no_harm(serving: Start, speaker: Speaker) -> None:
    try:
        server = serving(say_task(speaker.model), heartbeat=0)
    except ConfigurationError:
        return
    with server.ask("say", {"movie": "Hulk"}) as answer:
        answer.until("start")
        speaker.say("one")
        speaker.end()
        assert names(answer.read()) == ["start", "delta", "done"]
    assert len(answer.body) < 100_000


def test_a_router_can_be_created_without_an_event_loop_and_without_a_prefix() -> None:
    app = FastAPI()
    app.include_router(serve.router(say_task(declarai.offline()), front_ends=False))
    assert "/say" in app.openapi()["paths"]
