"""What a router refuses, what it says of errors, and what is refused when it is built."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI

import declarai_like as declarai
from declarai_like import memory, serve
from declarai_like.errors import ConfigurationError
from declarai_like.testing import Fault, LoopbackServer
from tests.serve.serving import Serving, Speaker, Start, at_once, names, read, text, wait_until
from tests.serve.serving import serving as serving
from tests.serve.serving import speaker as speaker


def say_task(model: Any) -> Any:
    @model.task
    def say(movie: str) -> str:
        """Say something about the movie"""

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
    assert refused.json()["detail"]["type"] == "BodyTooLarge"
    assert text(server.answer("say", {"movie": "x" * 50}).events) == "hi"


def test_a_body_of_exactly_the_limit_is_taken(serving: Start) -> None:
    body = json.dumps({"movie": "x" * 50}).encode()
    server = serving(say_task(declarai.offline(["hi", "hi"])), limits=serve.Limits(body=len(body)))
    headers = {"content-type": "application/json"}
    assert server.post("/say", content=body, headers=headers).status_code == 200
    assert server.post("/say", content=body + b" ", headers=headers).status_code == 413


def test_a_body_whose_size_nobody_has_told_is_refused_when_it_is_too_large(serving: Start) -> None:
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


def test_more_answers_than_may_be_under_way_are_refused_for_a_moment(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), limits=serve.Limits(streams=2))
    with server.ask("say", {"movie": "a"}) as first, server.ask("say", {"movie": "b"}) as second:
        first.until("start"), second.until("start")
        refused = server.post("/say", json={"movie": "c"})
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["detail"]["type"] == "TooManyStreams"
        server.stop(first.stream)
        first.read()
        with server.ask("say", {"movie": "c"}) as third:
            assert third.status == 200
            server.stop(third.stream)
        server.stop(second.stream)
    assert len(speaker.server.exchanges) <= 3


def test_of_many_requests_at_the_same_moment_no_more_are_answered_than_may(serving: Start, speaker: Speaker) -> None:
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

    assert sorted(at_once(8, ask)) == [*[200] * 3, *[503] * 5]


def test_more_readers_than_may_follow_an_answer_are_refused(serving: Start, speaker: Speaker) -> None:
    server = serving(say_task(speaker.model), limits=serve.Limits(readers=2))
    with server.ask("say", {"movie": "a"}) as first, server.follow(first.stream) as second:
        second.until("start")
        refused = server.get(f"/streams/{first.stream}")
        assert refused.status_code == 429
        assert refused.json()["detail"]["type"] == "TooManyReaders"
        speaker.end()
        assert first.read() == second.read()
    wait_until(lambda: server.get(f"/streams/{first.stream}").status_code == 200)


def test_a_request_that_is_refused_leaves_nothing_under_way(serving: Start) -> None:
    server = serving(bot_of(declarai.offline(lambda _: "hi")), limits=serve.Limits(streams=1, body=1000))
    for _ in range(3):
        assert server.post("/Bot", json={"message": ""}).status_code == 422
        assert server.post("/Bot", json={"message": "x" * 2000}).status_code == 413
    assert server.answer("Bot", {"message": "hi"}).events[-1].name == "done"


def test_a_session_that_could_not_be_opened_is_not_busy_for_ever(serving: Start) -> None:
    failures = [OSError("down"), OSError("down")]

    def remember(session: str) -> Any:
        if failures:
            raise failures.pop()
        return memory.InMemory()

    server = serving(serve.chat(bot_of(declarai.offline(["hi"])), memory=remember), limits=serve.Limits(streams=1))
    body = {"message": "hi", "session": "ann"}
    assert [server.as_client().post("/Bot", json=body).status_code for _ in range(2)] == [500, 500]
    assert server.answer("Bot", body).events[-1].name == "done"


def test_a_task_whose_own_code_fails_leaks_nothing_and_leaves_nothing_under_way(serving: Start) -> None:
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


def test_text_of_half_a_character_is_refused_or_answered_with_an_error_and_nothing_breaks(serving: Start) -> None:
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
def test_a_limit_is_a_whole_number_from_1(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^Limits\({name}="):
        serve.Limits(**{name: value})


def test_no_other_site_may_read_the_answers_unless_the_app_says_so(serving: Start) -> None:
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


def test_errors_are_told_in_their_own_words_where_that_is_wanted(serving: Start) -> None:
    answer = serving(failing("secret-password"), expose_errors=True).answer("fail")
    assert answer.events[-1].data == {"type": "RuntimeError", "message": "secret-password", "retryable": False}


def test_an_error_of_a_provider_has_its_type_and_not_its_words(
    serving: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with LoopbackServer([Fault(429, "key sk-secret has no tokens left")]) as provider:
        say = say_task(declarai.openai("m", base_url=provider.url, api_key="k", max_retries=0))
        answer = serving(say).answer("say", {"movie": "Hulk"})
    assert answer.events[-1].data["type"] == "RateLimited"
    assert answer.events[-1].data["retryable"] is True
    assert b"sk-secret" not in answer.body
    assert "sk-secret" in caplog.text


def test_an_answer_that_was_given_up_says_so_in_both_ways(serving: Start, speaker: Speaker) -> None:
    for expose in (False, True):
        server = serving(say_task(speaker.model), grace=0, expose_errors=expose)
        with server.ask("say", {"movie": "Hulk"}) as answer:
            answer.until("start")
        wait_until(lambda: names(server.followed(answer.stream).events)[-1] == "error")
        assert server.followed(answer.stream).events[-1].data["type"] == "Abandoned"


def test_an_error_before_an_answer_begins_leaks_nothing_either(serving: Start) -> None:
    def remember(session: str) -> Any:
        raise OSError("secret-host is down")

    @declarai.offline(["never"]).chat
    class Bot:
        """Be kind."""

    server = serving(serve.chat(Bot, memory=remember))
    refused = server.post("/Bot", json={"message": "hi"})
    assert refused.status_code >= 500 or b"event: error" in refused.content
    shown = server.as_client().get("/Bot/ann")  # over a connection of its own: the server closes that of an error
    assert shown.status_code >= 500
    assert "secret" not in refused.text + shown.text


def test_what_is_no_json_is_written_as_text(serving: Start) -> None:
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


def test_text_that_is_no_unicode_ends_the_answer_with_an_event_all_the_same(serving: Start) -> None:
    async def give() -> AsyncIterator[str]:
        yield "\ud83d"
        yield "\ude00 smile"

    answer = serving(give).answer("give")
    assert names(answer.events)[-1] in ("done", "error")
    assert not answer.was_cut


# What cannot be served


def test_two_things_of_one_name_are_refused() -> None:
    say = say_task(declarai.offline(["hi"]))
    with pytest.raises(ConfigurationError, match="two things are served as 'say'; give one another name"):
        serve.router(say, say)
    serve.router(say, serve.task(say, name="say-2"))


@pytest.mark.parametrize("name", ["streams", "v1", "ui"])
def test_the_names_of_the_routers_own_routes_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{name}' is the name of a route"):
        serve.router(serve.task(say_task(declarai.offline()), name=name))


@pytest.mark.parametrize("name", ["a/b", "a b", "1a", "é", "a?b", "{a}", ".", "-"])
def test_a_name_that_cannot_stand_in_an_address_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be served under this name"):
        serve.router(serve.task(say_task(declarai.offline()), name=name))


def test_a_lambda_needs_a_name() -> None:
    with pytest.raises(ConfigurationError, match="cannot be served under this name"):
        serve.router(lambda: "hi")


def test_a_task_that_is_a_method_is_refused() -> None:
    class Critic:
        @declarai.offline().task
        def say(self, movie: str) -> str:
            """Say something"""

    with pytest.raises(ConfigurationError, match="is a method; serve a function that calls it"):
        serve.router(Critic.say)


class Connection: ...


def test_a_parameter_that_json_cannot_be_read_into_is_refused() -> None:
    def query(connection: Connection, text: str) -> str:
        return text

    with pytest.raises(
        ConfigurationError, match="'query' cannot be served: its parameter 'connection' is a .*Connection"
    ):
        serve.router(query)


@pytest.mark.parametrize(
    "function",
    [lambda *_: "", lambda **_: "", lambda _, /: ""],
    ids=["*args", "**kwargs", "positional"],
)
def test_a_function_whose_parameters_have_no_names_is_refused(function: Any) -> None:
    with pytest.raises(ConfigurationError, match="each parameter needs a name"):
        serve.router(serve.function(function, name="give"))


def test_a_function_whose_types_cannot_be_resolved_is_refused() -> None:
    def give(text: Nowhere) -> str:  # type: ignore[name-defined]
        return text

    with pytest.raises(ConfigurationError, match="its types cannot be resolved"):
        serve.router(give)


def test_a_chat_without_the_values_of_its_words_is_refused() -> None:
    @declarai.offline().chat
    class Bot:
        """You speak {language}."""

    with pytest.raises(ConfigurationError, match=r"'Bot' cannot be served: .*language.*values="):
        serve.router(Bot)


def test_a_memory_of_one_conversation_is_refused_for_many() -> None:
    class Own:
        def load(self) -> Any: ...
        def append(self, messages: Any) -> None: ...
        def clear(self) -> None: ...

    with pytest.raises(ConfigurationError, match=r"the memory of 'Bot' is .*at\(session\)"):
        serve.router(serve.chat(bot_of(declarai.offline()), memory=Own()))  # type: ignore[arg-type]


def test_a_memory_in_this_process_keeps_sessions_apart(serving: Start) -> None:
    server = serving(serve.chat(bot_of(declarai.offline(lambda _: "hi")), memory=memory.InMemory()))
    server.answer("Bot", {"message": "I am ann", "session": "ann"})
    assert server.session("Bot", "bob")["messages"] == []
    assert len(server.session("Bot", "ann")["messages"]) == 2


@pytest.mark.parametrize("thing", [7, "say", object(), None, int, declarai.offline()])
def test_anything_else_is_refused(thing: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot be served: give a task, a chat class"):
        serve.router(thing)


@pytest.mark.parametrize("thing", [7, "say", None, int, say_task, [say_task(declarai.offline())]])
def test_a_thing_of_another_kind_than_was_said_is_refused_by_name(thing: Any) -> None:
    bot = bot_of(declarai.offline())
    for settings in ({}, {"name": "a"}):
        with pytest.raises(
            ConfigurationError, match=r"^serve\.task\(\) takes a task, and not .*; put @model\.task above"
        ):
            serve.router(serve.task(thing, **settings))
        with pytest.raises(
            ConfigurationError, match=r"^serve\.chat\(\) takes a chat class, and not .*; put @model\.chat"
        ):
            serve.router(serve.chat(thing, **settings))
        with pytest.raises(ConfigurationError, match=r"^serve\.chat\(\) takes a chat class, and not <chat Bot"):
            serve.router(serve.chat(bot(), **settings))


@pytest.mark.parametrize("thing", [7, "say", None, int, [say_task]])
def test_what_is_no_function_is_refused_by_name(thing: Any) -> None:
    for settings in ({}, {"name": "a"}):
        with pytest.raises(
            ConfigurationError, match=r"^serve\.function\(\) takes a function .*, and not .*; write a `def`"
        ):
            serve.router(serve.function(thing, **settings))


@pytest.mark.parametrize("name", [5, b"a", ["a"], ""])
def test_a_name_that_is_no_text_or_an_empty_one_is_refused(name: Any) -> None:
    things = [serve.task(say_task(declarai.offline()), name=name), serve.chat(bot_of(declarai.offline()), name=name)]
    for thing in (*things, serve.function(say_task, name=name)):
        with pytest.raises(ConfigurationError, match=r"cannot be served under this name; .*take name="):
            serve.router(thing)


@pytest.mark.parametrize("adapter", [5, True, "text"])
def test_an_adapter_is_a_function(adapter: Any) -> None:
    for thing in (serve.task(say_task(declarai.offline()), adapter=adapter), serve.function(say_task, adapter=adapter)):
        with pytest.raises(ConfigurationError, match=f"adapter is {adapter!r}; it is a function of a text, or False"):
            serve.router(thing)


@pytest.mark.parametrize("values", [5, "language", ["language"]])
def test_the_values_of_a_chat_are_a_dict(values: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"values is .*; it is a dict of the names and values"):
        serve.router(serve.chat(bot_of(declarai.offline()), values=values))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"auth": "key"}, "auth is of the type str; it is a dependency of FastAPI's"),
        ({"limits": {"body": 1}}, r"limits is of the type dict; it is serve\.Limits\(\.\.\.\)"),
        ({"limits": 0}, r"limits is of the type int; it is serve\.Limits"),
        ({"streams": "redis://:secret@host"}, r"streams is of the type str; it is serve\.RedisStreams\(\.\.\.\)"),
        ({"expose_errors": "false"}, "expose_errors is of the type str; it is True or False"),
        ({"front_ends": None}, "front_ends is of the type NoneType; it is True or False"),
    ],
)
def test_a_setting_of_another_kind_is_named_and_not_shown(settings: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{message}") as caught:
        serve.router(say_task(declarai.offline()), **settings)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["grace", "heartbeat", "keep"])
@pytest.mark.parametrize("value", [-1, "10", True, None, float("nan")])
def test_a_setting_in_seconds_is_a_number(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is .*a number of seconds"):
        serve.router(say_task(declarai.offline()), front_ends=False, **{name: value})


def test_a_heartbeat_of_no_time_is_refused_or_does_no_harm(serving: Start, speaker: Speaker) -> None:
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


def test_a_router_can_be_made_before_there_is_an_event_loop_and_needs_no_prefix() -> None:
    app = FastAPI()
    app.include_router(serve.router(say_task(declarai.offline()), front_ends=False))
    assert "/say" in app.openapi()["paths"]
