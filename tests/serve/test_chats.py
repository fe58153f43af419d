"""Chats over HTTP: conversations that continue in sessions, one answer at a time, and are saved in memories."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Header, HTTPException
from pydantic import BaseModel

import declarai_like as declarai
from declarai_like import Message, memory, serve
from declarai_like.testing import Fault, LoopbackServer, Raw, Reply
from tests.serve.serving import Client, Speaker, Start, chunk, names, run_concurrently, text, wait_until
from tests.serve.serving import serving as serving
from tests.serve.serving import speaker as speaker


def bot_of(model: Any, **settings: Any) -> Any:
    @model.chat(**settings)
    class Bot:
        """You are a secretive assistant."""

        greeting = "Hello!"

    return Bot


def offline_bot(*replies: Any) -> Any:
    return bot_of(declarai.offline([*replies]))


def conversation(client: Client, session: str, name: str = "Bot") -> list[tuple[str, str]]:
    """Return the conversation of a session."""
    return [(message["role"], message["content"]) for message in client.session(name, session)["messages"]]


def send(client: Client, message: str, session: str | None = None) -> Any:
    body = {"message": message} if session is None else {"message": message, "session": session}
    return client.answer("Bot", body)


# Conversations


def test_an_answer_starts_with_its_session_and_ends_with_done(serving: Start) -> None:
    answer = send(serving(offline_bot("It is well.")), "How is it?", "ann")
    assert names(answer.events) == ["start", "delta", "delta", "delta", "done"]
    assert answer.events[0].data == {"stream": answer.stream, "session": "ann"}
    assert answer.events[-1].data["response"] == "It is well."
    assert answer.events[-1].data["finish_reason"] == "stop"
    assert "result" not in answer.events[-1].data


def test_a_conversation_continues_in_its_session(serving: Start) -> None:
    requests: list[Any] = []

    def reply(messages: Any) -> str:
        requests.append([message["content"] for message in messages])
        return f"answer {len(requests)}"

    server = serving(bot_of(declarai.offline(reply)))
    send(server, "one", "ann")
    send(server, "two", "ann")
    assert requests[1][1:] == ["Hello!", "one", "answer 1", "two"]
    assert conversation(server, "ann") == [
        ("assistant", "Hello!"),
        ("user", "one"),
        ("assistant", "answer 1"),
        ("user", "two"),
        ("assistant", "answer 2"),
    ]


def test_sessions_are_independent(serving: Start) -> None:
    server = serving(offline_bot("for ann", "for bob"))
    send(server, "I am ann", "ann")
    send(server, "I am bob", "bob")
    assert ("user", "I am ann") not in conversation(server, "bob")
    assert conversation(server, "bob")[1:] == [("user", "I am bob"), ("assistant", "for bob")]


def test_without_a_session_a_new_one_starts_whose_id_cannot_be_guessed(serving: Start) -> None:
    server = serving(offline_bot("one", "two"))
    first, second = (send(server, "hi").events[0].data["session"] for _ in range(2))
    assert first != second
    assert len(first) >= 20
    assert conversation(server, first)[-1] == ("assistant", "one")


def test_a_new_session_shows_the_greeting(serving: Start) -> None:
    session = serving(offline_bot()).session("Bot", "new")
    assert session["session"] == "new"
    assert session["stream"] is None
    assert [(message["role"], message["content"]) for message in session["messages"]] == [("assistant", "Hello!")]


def test_a_session_does_not_show_system_messages(serving: Start) -> None:
    server = serving(offline_bot("well"))
    send(server, "hi", "ann")
    shown = server.get("/Bot/ann").text
    assert "secretive" not in shown
    assert {message["role"] for message in json.loads(shown)["messages"]} == {"user", "assistant"}
    last = json.loads(shown)["messages"][-1]
    assert last["finish_reason"] == "stop"
    assert last["id"]
    assert last["created"]


@pytest.mark.parametrize("session", ["", "a b", "a/b", "x" * 129, "../other", "é", "a\n"])
def test_a_session_id_must_fit_into_a_url(serving: Start, session: str) -> None:
    server = serving(offline_bot("never"))
    refused = server.post("/Bot", json={"message": "hi", "session": session})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "session"]


def test_a_message_must_be_a_str_that_is_not_empty(serving: Start) -> None:
    server = serving(offline_bot("never"))
    for body in ({}, {"message": ""}, {"message": 3}, {"message": None}, {"message": "hi", "sesion": "x"}):
        assert server.post("/Bot", json=body).status_code == 422


def test_a_chat_may_answer_with_a_type(serving: Start) -> None:
    class Mood(BaseModel):
        name: str
        level: int

    @declarai.offline([{"name": "glad", "level": 3}]).chat
    class Bot:
        """Name the user's mood."""

        def send(self, message: str) -> Mood: ...

    answer = send(serving(Bot), "Hurray")
    assert answer.events[-1].data["result"] == {"name": "glad", "level": 3}
    assert names(answer.events)[1] == "partial"


def test_a_chat_gets_the_values_of_its_templates_when_it_is_served(serving: Start) -> None:
    requests: list[Any] = []

    def reply(messages: Any) -> str:
        requests.append(messages[0]["content"])
        return "well"

    @declarai.offline(reply).chat
    class Bot:
        """You speak {language}."""

    send(serving(serve.chat(Bot, values={"language": "Danish"})), "hi")
    assert requests == ["You speak Danish."]


# One at a time


def test_a_busy_session_refuses_a_second_message_and_names_the_answer(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model))
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        answer.until("start")
        refused = server.post("/Bot", json={"message": "two", "session": "ann"})
        assert refused.status_code == 409
        detail = refused.json()["detail"]
        assert (detail["type"], detail["stream"]) == ("SessionBusy", answer.stream)
        with server.ask("Bot", {"message": "two", "session": "bob"}) as other:
            assert other.status == 200, "another session is free"
            other.until("start")
            server.stop(other.stream)
        speaker.say("well")
        speaker.end()
        answer.read()
    assert conversation(server, "ann")[1:] == [("user", "one"), ("assistant", "well")]


@pytest.mark.parametrize("in_sqlite", [False, True])
def test_of_many_concurrent_messages_a_session_accepts_one(
    serving: Start, speaker: Speaker, tmp_path: Path, in_sqlite: bool
) -> None:
    kept = memory.SQLite(tmp_path / "chats.db") if in_sqlite else None
    server = serving(serve.chat(bot_of(speaker.model), memory=kept))

    refused: list[int] = []

    def send_one(number: int) -> int:
        with server.ask("Bot", {"message": str(number), "session": "ann"}) as answer:
            if answer.status == 200:
                wait_until(lambda: len(refused) == 7)
                speaker.say("well")
                speaker.end()
                assert names(answer.read()) == ["start", "delta", "done"]
            else:
                refused.append(number)
            return answer.status

    assert sorted(run_concurrently(8, send_one)) == [200, *[409] * 7]
    assert len(conversation(server, "ann")) == 3
    assert len(speaker.server.exchanges) == 1


def test_a_session_shows_the_running_answer_so_that_a_page_can_follow_it(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model))
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        speaker.say("well")
        answer.until("delta")
    running = server.session("Bot", "ann")["stream"]
    assert running == answer.stream
    speaker.end()
    assert text(server.followed(running).events) == "well"
    assert server.session("Bot", "ann")["stream"] is None
    assert send(server, "", "bob").status == 422


def test_the_next_message_can_be_sent_as_soon_as_the_answer_is_done(serving: Start) -> None:
    server = serving(bot_of(declarai.offline(lambda messages: f"answer to {messages[-1]['content']}")))
    for number in range(10):
        with server.ask("Bot", {"message": str(number), "session": "ann"}) as answer:
            answer.until("done")
    assert len(conversation(server, "ann")) == 21


# Stopping, leaving and failing


def test_a_stopped_chat_remembers_its_partial_answer(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model))
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        speaker.say("Well", ", I")
        answer.until("delta", 2)
        server.stop(answer.stream)
        last = answer.read()[-1]
    assert (last.name, last.data["response"]) == ("stopped", "Well, I")
    assert speaker.last.left.wait(5)
    assert conversation(server, "ann")[1:] == [("user", "one"), ("assistant", "Well, I")]
    shown = server.session("Bot", "ann")
    assert shown["stream"] is None
    assert shown["messages"][-1]["finish_reason"] == "closed"
    with server.ask("Bot", {"message": "two", "session": "ann"}) as answer:
        answer.until("start")
        wait_until(lambda: len(speaker.server.exchanges) == 2)
        assert [message["content"] for message in speaker.last.body["messages"]][1:] == [
            "Hello!",
            "one",
            "Well, I",
            "two",
        ]
        server.stop(answer.stream)


def test_a_chat_that_is_stopped_before_its_first_text_remembers_nothing(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model))
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        assert speaker.last
        server.stop(answer.stream)
        assert names(answer.read()) == ["start", "stopped"]
    assert ("assistant", "") not in conversation(server, "ann")


def test_an_abandoned_answer_is_not_remembered(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model), grace=0)
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        speaker.say("Well")
        answer.until("delta")
    assert speaker.last.left.wait(5)
    wait_until(lambda: server.session("Bot", "ann")["stream"] is None)
    assert conversation(server, "ann") == [("assistant", "Hello!")]


def test_an_answer_that_ends_within_the_grace_is_remembered(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model))
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        speaker.say("Well")
        answer.until("delta")
    speaker.say(", yes")
    speaker.end()
    wait_until(lambda: server.session("Bot", "ann")["stream"] is None)
    assert conversation(server, "ann")[1:] == [("user", "one"), ("assistant", "Well, yes")]


def test_an_answer_that_the_provider_cuts_off_is_an_error_and_is_not_remembered(serving: Start) -> None:
    with LoopbackServer([Raw([chunk("Well")], cut=True), "better"]) as provider:
        server = serving(bot_of(declarai.openai("m", base_url=provider.url, api_key="k", max_retries=0)))
        assert names(send(server, "one", "ann").events) == ["start", "delta", "error"]
        assert conversation(server, "ann") == [("assistant", "Hello!")]
        assert names(send(server, "one", "ann").events)[-1] == "done", "the same message can be sent again"
    assert conversation(server, "ann")[1:] == [("user", "one"), ("assistant", "better")]


def test_after_an_error_the_session_is_free(serving: Start) -> None:
    server = serving(offline_bot(Fault(400), "well"))
    assert send(server, "one", "ann").events[-1].name == "error"
    assert send(server, "one", "ann").events[-1].name == "done"


def test_an_answer_without_a_reader_can_be_stopped(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model))
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        speaker.say("Well")
        answer.until("delta")
    server.stop(answer.stream)
    assert names(server.followed(answer.stream).events) == ["start", "delta", "stopped"]
    assert conversation(server, "ann")[1:] == [("user", "one"), ("assistant", "Well")]


# Memories


def test_conversations_in_sqlite_outlive_the_server(serving: Start, tmp_path: Path) -> None:
    kept = memory.SQLite(tmp_path / "chats.db")
    first = serving(serve.chat(offline_bot("one", "two"), memory=kept))
    send(first, "I am ann", "ann")
    send(first, "I am bob", "bob")
    first.stop_serving()
    requests: list[Any] = []

    def reply(messages: Any) -> str:
        requests.append([message["content"] for message in messages])
        return "three"

    again = serving(serve.chat(bot_of(declarai.offline(reply)), memory=memory.SQLite(tmp_path / "chats.db")))
    assert conversation(again, "ann") == [("assistant", "Hello!"), ("user", "I am ann"), ("assistant", "one")]
    send(again, "And now?", "ann")
    assert requests[0][1:] == ["Hello!", "I am ann", "one", "And now?"]


def test_a_stopped_answer_outlives_the_server_as_well(serving: Start, speaker: Speaker, tmp_path: Path) -> None:
    kept = memory.SQLite(tmp_path / "chats.db")
    first = serving(serve.chat(bot_of(speaker.model), memory=kept))
    with first.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        speaker.say("Well")
        answer.until("delta")
        first.stop(answer.stream)
        answer.read()
    first.stop_serving()
    again = serving(serve.chat(offline_bot(), memory=memory.SQLite(tmp_path / "chats.db")))
    assert conversation(again, "ann")[1:] == [("user", "one"), ("assistant", "Well")]


def test_a_function_may_return_the_memory_of_each_session(serving: Start) -> None:
    memories: dict[str, Any] = {}

    def remember(session: str) -> Any:
        return memories.setdefault(session, memory.InMemory())

    server = serving(serve.chat(offline_bot("well"), memory=remember))
    send(server, "hi", "ann")
    assert [message.content for message in memories["ann"].load()] == ["Hello!", "hi", "well"]


def test_a_session_does_not_show_system_and_tool_messages_of_its_memory(serving: Start) -> None:
    kept = memory.InMemory()
    kept.append([Message("system", "a secret"), Message("user", "hi"), Message("tool", "internal", tool_call_id="1")])
    server = serving(serve.chat(offline_bot("never"), memory=lambda _: kept))
    assert conversation(server, "ann") == [("user", "hi")]


def test_the_least_recently_used_session_is_dropped_when_there_are_too_many(serving: Start) -> None:
    server = serving(bot_of(declarai.offline(lambda _: "well")), limits=serve.Limits(sessions=2))
    send(server, "hi", "ann")
    send(server, "hi", "bob")
    send(server, "again", "ann")
    send(server, "hi", "cid")
    assert len(conversation(server, "ann")) == 5
    assert len(conversation(server, "cid")) == 3
    assert conversation(server, "bob") == [("assistant", "Hello!")]


def test_reading_new_sessions_drops_no_other(serving: Start) -> None:
    server = serving(offline_bot("well"), limits=serve.Limits(sessions=3))
    send(server, "hi", "ann")
    for number in range(10):
        server.session("Bot", f"nobody-{number}")
    assert len(conversation(server, "ann")) == 3


def test_a_busy_session_is_not_dropped(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model), limits=serve.Limits(sessions=1))
    with server.ask("Bot", {"message": "hi", "session": "ann"}) as answer:
        answer.until("start")
        with server.ask("Bot", {"message": "hi", "session": "bob"}) as other:
            other.until("start")
            server.stop(other.stream)
            other.read()
        speaker.say("well")
        speaker.end()
        assert answer.read()[-1].name == "done"
    assert conversation(server, "ann") == [("assistant", "Hello!"), ("user", "hi"), ("assistant", "well")]


def test_an_error_of_a_memory_does_not_show_its_address(serving: Start) -> None:
    class Broken:
        def load(self) -> Any:
            raise OSError("secret-host:5432 is down")

        append = clear = load

    server = serving(serve.chat(offline_bot("well"), memory=lambda _: Broken()))
    answer = send(server, "hi", "ann")
    assert answer.events[-1].name == "error"
    assert b"secret" not in answer.body
    shown = server.get("/Bot/ann")
    assert shown.status_code >= 500
    assert "secret" not in shown.text


# Owners


def caller(authorization: Annotated[str, Header()] = "") -> str:
    if not authorization:
        raise HTTPException(401, "who are you?")
    return authorization


def test_sessions_of_the_same_id_belong_to_different_owners(serving: Start) -> None:
    server = serving(offline_bot("for ann", "for bob"), auth=caller)
    ann, bob = server.as_client(authorization="ann"), server.as_client(authorization="bob")
    send(ann, "my secret", "main")
    assert conversation(bob, "main") == [("assistant", "Hello!")]
    send(bob, "mine", "main")
    assert conversation(ann, "main")[1:] == [("user", "my secret"), ("assistant", "for ann")]
    assert conversation(bob, "main")[1:] == [("user", "mine"), ("assistant", "for bob")]


def test_no_owner_can_name_the_session_of_another(serving: Start, tmp_path: Path) -> None:
    kept = memory.SQLite(tmp_path / "chats.db")
    server = serving(serve.chat(bot_of(declarai.offline(lambda _: "well")), memory=kept), auth=caller)
    send(server.as_client(authorization="ann"), "my secret", "b.main")
    for owner, session in (("ann.b", "main"), ("ann/b", "main"), ("ann%2Fb", "main"), ("an", "n.b.main")):
        assert conversation(server.as_client(authorization=owner), session) == [("assistant", "Hello!")]


def test_streams_of_other_owners_are_not_found(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model), auth=caller)
    ann, bob = server.as_client(authorization="ann"), server.as_client(authorization="bob")
    with ann.ask("Bot", {"message": "one", "session": "main"}) as answer:
        answer.until("start")
        assert bob.stop(answer.stream).status_code == 404
        assert bob.get(f"/streams/{answer.stream}").status_code == 404
        assert bob.get("/Bot/main").json()["stream"] is None
        with bob.ask("Bot", {"message": "two", "session": "main"}) as other:
            assert other.status == 200, "a session of the same name is not busy"
            assert bob.stop(other.stream).status_code == 202
        assert ann.get("/Bot/main").json()["stream"] == answer.stream
        speaker.end()
        assert answer.read()[-1].name in ("done", "error")
    assert bob.get(f"/streams/{answer.stream}").status_code == 404
    assert ann.followed(answer.stream).events == answer.events


def test_requests_without_authentication_are_refused(serving: Start) -> None:
    server = serving(offline_bot("never"), auth=caller)
    ann = server.as_client(authorization="ann")
    stream = send(ann, "hi", "main").stream
    for refused in (
        server.post("/Bot", json={"message": "hi"}),
        server.get("/Bot/main"),
        server.get(f"/streams/{stream}"),
        server.stop(stream),
    ):
        assert refused.status_code == 401
        assert refused.json() == {"detail": "who are you?"}


def test_an_auth_dependency_may_be_async_and_take_others(serving: Start) -> None:
    async def tenant(x_user: Annotated[str, Header()]) -> str:
        return x_user.upper()

    server = serving(offline_bot("well"), auth=tenant)
    assert server.post("/Bot", json={"message": "hi"}).status_code == 422
    assert send(server.as_client(**{"x-user": "ann"}), "hi").events[-1].name == "done"


def test_an_auth_dependency_may_run_code_after_the_answer(serving: Start, speaker: Speaker) -> None:
    ended: list[str] = []

    async def connected(authorization: Annotated[str, Header()]) -> AsyncIterator[str]:
        yield authorization
        ended.append(authorization)

    server = serving(bot_of(speaker.model), auth=connected)
    with server.as_client(authorization="ann").ask("Bot", {"message": "hi"}) as answer:
        speaker.say("well")
        speaker.end()
        assert answer.read()[-1].name == "done"
    wait_until(lambda: ended == ["ann"])


@pytest.mark.parametrize("owner", ["", None, 7])
def test_an_auth_dependency_that_returns_no_owner_lets_no_request_in(serving: Start, owner: Any) -> None:
    server = serving(offline_bot("never"), auth=lambda: owner)
    refused = server.post("/Bot", json={"message": "hi"})
    assert refused.status_code == 500
    assert "never" not in refused.text


def test_the_tokens_of_an_answer_are_in_done(serving: Start) -> None:
    answer = send(serving(offline_bot(Reply("well", usage=declarai.Usage(5, 6, 11)))), "hi")
    usage = {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11, "estimated": False}
    assert answer.events[-1].data["usage"] == usage
