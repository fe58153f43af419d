"""Chats over HTTP: sessions that go on, are shown, are one at a time, and are remembered where they were to be."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Header, HTTPException
from pydantic import BaseModel

import declarai_like as declarai
from declarai_like import memory, serve
from declarai_like.testing import Fault, LoopbackServer, Raw, Reply
from tests.serve.serving import Client, Speaker, Start, at_once, chunk, names, text, wait_until
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


def said(client: Client, session: str, name: str = "Bot") -> list[tuple[str, str]]:
    """Give the conversation of a session."""
    return [(message["role"], message["content"]) for message in client.session(name, session)["messages"]]


def send(client: Client, message: str, session: str | None = None) -> Any:
    body = {"message": message} if session is None else {"message": message, "session": session}
    return client.answer("Bot", body)


# Conversations


def test_an_answer_begins_with_its_session_and_is_done_when_it_is_whole(serving: Start) -> None:
    answer = send(serving(offline_bot("It is well.")), "How is it?", "ann")
    assert names(answer.events) == ["start", "delta", "delta", "delta", "done"]
    assert answer.events[0].data == {"stream": answer.stream, "session": "ann"}
    assert answer.events[-1].data["response"] == "It is well."
    assert answer.events[-1].data["finish_reason"] == "stop"
    assert "result" not in answer.events[-1].data


def test_a_conversation_goes_on_in_its_session(serving: Start) -> None:
    asked: list[Any] = []

    def reply(messages: Any) -> str:
        asked.append([message["content"] for message in messages])
        return f"answer {len(asked)}"

    server = serving(bot_of(declarai.offline(reply)))
    send(server, "one", "ann")
    send(server, "two", "ann")
    assert asked[1][1:] == ["Hello!", "one", "answer 1", "two"]
    assert said(server, "ann") == [
        ("assistant", "Hello!"),
        ("user", "one"),
        ("assistant", "answer 1"),
        ("user", "two"),
        ("assistant", "answer 2"),
    ]


def test_sessions_know_nothing_of_each_other(serving: Start) -> None:
    server = serving(offline_bot("for ann", "for bob"))
    send(server, "I am ann", "ann")
    send(server, "I am bob", "bob")
    assert ("user", "I am ann") not in said(server, "bob")
    assert said(server, "bob")[1:] == [("user", "I am bob"), ("assistant", "for bob")]


def test_without_a_session_a_new_one_begins_which_nobody_can_guess(serving: Start) -> None:
    server = serving(offline_bot("one", "two"))
    first, second = (send(server, "hi").events[0].data["session"] for _ in range(2))
    assert first != second
    assert len(first) >= 20
    assert said(server, first)[-1] == ("assistant", "one")


def test_a_session_that_has_not_begun_shows_the_greeting(serving: Start) -> None:
    session = serving(offline_bot()).session("Bot", "new")
    assert session["session"] == "new"
    assert session["stream"] is None
    assert [(message["role"], message["content"]) for message in session["messages"]] == [("assistant", "Hello!")]


def test_what_is_shown_of_a_conversation_is_not_what_the_system_says(serving: Start) -> None:
    server = serving(offline_bot("well"))
    send(server, "hi", "ann")
    shown = server.get("/Bot/ann").text
    assert "secretive" not in shown
    assert {message["role"] for message in json.loads(shown)["messages"]} == {"user", "assistant"}
    last = json.loads(shown)["messages"][-1]
    assert last["finish_reason"] == "stop"
    assert last["id"] and last["created"]


@pytest.mark.parametrize("session", ["", "a b", "a/b", "x" * 129, "../other", "é", "a\n"])
def test_a_session_has_a_name_that_can_stand_in_an_address(serving: Start, session: str) -> None:
    server = serving(offline_bot("never"))
    refused = server.post("/Bot", json={"message": "hi", "session": session})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "session"]


def test_a_message_is_there_and_is_text(serving: Start) -> None:
    server = serving(offline_bot("never"))
    for body in ({}, {"message": ""}, {"message": 3}, {"message": None}, {"message": "hi", "sesion": "x"}):
        assert server.post("/Bot", json=body).status_code == 422


def test_a_chat_may_answer_with_a_type(serving: Start) -> None:
    class Mood(BaseModel):
        name: str
        level: int

    @declarai.offline([{"name": "glad", "level": 3}]).chat
    class Bot:
        """Say how the user feels."""

        def send(self, message: str) -> Mood: ...

    answer = send(serving(Bot), "Hurray")
    assert answer.events[-1].data["result"] == {"name": "glad", "level": 3}
    assert names(answer.events)[1] == "partial"


def test_a_chat_takes_the_values_for_its_words_when_it_is_served(serving: Start) -> None:
    asked: list[Any] = []

    def reply(messages: Any) -> str:
        asked.append(messages[0]["content"])
        return "well"

    @declarai.offline(reply).chat
    class Bot:
        """You speak {language}."""

    send(serving(serve.chat(Bot, values={"language": "Danish"})), "hi")
    assert asked == ["You speak Danish."]


# One at a time


def test_a_session_that_is_at_work_takes_no_second_message_and_names_the_answer(
    serving: Start, speaker: Speaker
) -> None:
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
    assert said(server, "ann")[1:] == [("user", "one"), ("assistant", "well")]


@pytest.mark.parametrize("in_sqlite", [False, True])
def test_of_many_messages_at_the_same_moment_a_session_takes_one(
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

    assert sorted(at_once(8, send_one)) == [200, *[409] * 7]
    assert len(said(server, "ann")) == 3
    assert len(speaker.server.exchanges) == 1


def test_a_session_shows_the_answer_that_is_under_way_so_that_a_page_can_follow_it(
    serving: Start, speaker: Speaker
) -> None:
    server = serving(bot_of(speaker.model))
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        speaker.say("well")
        answer.until("delta")
    under_way = server.session("Bot", "ann")["stream"]
    assert under_way == answer.stream
    speaker.end()
    assert text(server.followed(under_way).events) == "well"
    assert server.session("Bot", "ann")["stream"] is None
    assert send(server, "", "bob").status == 422


def test_the_next_message_can_be_sent_as_soon_as_the_answer_is_done(serving: Start) -> None:
    server = serving(bot_of(declarai.offline(lambda messages: f"answer to {messages[-1]['content']}")))
    for number in range(10):
        with server.ask("Bot", {"message": str(number), "session": "ann"}) as answer:
            answer.until("done")
    assert len(said(server, "ann")) == 21


# Stopping, leaving and failing


def test_a_chat_that_is_stopped_remembers_what_it_has_said(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model))
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        speaker.say("Well", ", I")
        answer.until("delta", 2)
        server.stop(answer.stream)
        last = answer.read()[-1]
    assert (last.name, last.data["response"]) == ("stopped", "Well, I")
    assert speaker.last.left.wait(5)
    assert said(server, "ann")[1:] == [("user", "one"), ("assistant", "Well, I")]
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


def test_a_chat_that_is_stopped_before_its_first_word_remembers_nothing(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model))
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        assert speaker.last
        server.stop(answer.stream)
        assert names(answer.read()) == ["start", "stopped"]
    assert ("assistant", "") not in said(server, "ann")


def test_an_answer_whose_reader_went_for_good_is_not_remembered(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model), grace=0)
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        speaker.say("Well")
        answer.until("delta")
    assert speaker.last.left.wait(5)
    wait_until(lambda: server.session("Bot", "ann")["stream"] is None)
    assert said(server, "ann") == [("assistant", "Hello!")]


def test_an_answer_that_was_left_within_the_grace_is_remembered_whole(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model))
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        speaker.say("Well")
        answer.until("delta")
    speaker.say(", yes")
    speaker.end()
    wait_until(lambda: server.session("Bot", "ann")["stream"] is None)
    assert said(server, "ann")[1:] == [("user", "one"), ("assistant", "Well, yes")]


def test_an_answer_that_the_provider_breaks_off_is_an_error_and_is_not_remembered(serving: Start) -> None:
    with LoopbackServer([Raw([chunk("Well")], cut=True), "better"]) as provider:
        server = serving(bot_of(declarai.openai("m", base_url=provider.url, api_key="k", max_retries=0)))
        assert names(send(server, "one", "ann").events) == ["start", "delta", "error"]
        assert said(server, "ann") == [("assistant", "Hello!")]
        assert names(send(server, "one", "ann").events)[-1] == "done", "the same can be asked again"
    assert said(server, "ann")[1:] == [("user", "one"), ("assistant", "better")]


def test_after_an_error_the_session_is_free(serving: Start) -> None:
    server = serving(offline_bot(Fault(400), "well"))
    assert send(server, "one", "ann").events[-1].name == "error"
    assert send(server, "one", "ann").events[-1].name == "done"


def test_a_stop_reaches_an_answer_that_nobody_reads_just_now(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model))
    with server.ask("Bot", {"message": "one", "session": "ann"}) as answer:
        speaker.say("Well")
        answer.until("delta")
    server.stop(answer.stream)
    assert names(server.followed(answer.stream).events) == ["start", "delta", "stopped"]
    assert said(server, "ann")[1:] == [("user", "one"), ("assistant", "Well")]


# Where it is remembered


def test_conversations_in_sqlite_outlive_the_server(serving: Start, tmp_path: Path) -> None:
    kept = memory.SQLite(tmp_path / "chats.db")
    first = serving(serve.chat(offline_bot("one", "two"), memory=kept))
    send(first, "I am ann", "ann")
    send(first, "I am bob", "bob")
    first.stop_serving()
    asked: list[Any] = []

    def reply(messages: Any) -> str:
        asked.append([message["content"] for message in messages])
        return "three"

    again = serving(serve.chat(bot_of(declarai.offline(reply)), memory=memory.SQLite(tmp_path / "chats.db")))
    assert said(again, "ann") == [("assistant", "Hello!"), ("user", "I am ann"), ("assistant", "one")]
    send(again, "And now?", "ann")
    assert asked[0][1:] == ["Hello!", "I am ann", "one", "And now?"]


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
    assert said(again, "ann")[1:] == [("user", "one"), ("assistant", "Well")]


def test_a_function_may_say_where_each_session_is_remembered(serving: Start) -> None:
    memories: dict[str, Any] = {}

    def remember(session: str) -> Any:
        return memories.setdefault(session, memory.InMemory())

    server = serving(serve.chat(offline_bot("well"), memory=remember))
    send(server, "hi", "ann")
    assert [message.content for message in memories["ann"].load()] == ["Hello!", "hi", "well"]


def test_the_session_that_was_not_used_for_longest_is_forgotten_when_there_are_too_many(serving: Start) -> None:
    server = serving(bot_of(declarai.offline(lambda _: "well")), limits=serve.Limits(sessions=2))
    send(server, "hi", "ann")
    send(server, "hi", "bob")
    send(server, "again", "ann")
    send(server, "hi", "cid")
    assert len(said(server, "ann")) == 5
    assert len(said(server, "cid")) == 3
    assert said(server, "bob") == [("assistant", "Hello!")]


def test_looking_at_sessions_that_have_not_begun_forgets_no_other(serving: Start) -> None:
    server = serving(offline_bot("well"), limits=serve.Limits(sessions=3))
    send(server, "hi", "ann")
    for number in range(10):
        server.session("Bot", f"nobody-{number}")
    assert len(said(server, "ann")) == 3


def test_a_session_that_is_at_work_is_not_forgotten(serving: Start, speaker: Speaker) -> None:
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
    assert said(server, "ann") == [("assistant", "Hello!"), ("user", "hi"), ("assistant", "well")]


def test_a_memory_that_fails_is_an_error_that_does_not_say_where_it_is(serving: Start) -> None:
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


def who(authorization: Annotated[str, Header()] = "") -> str:
    if not authorization:
        raise HTTPException(401, "who are you?")
    return authorization


def test_sessions_of_the_same_name_belong_to_different_people(serving: Start) -> None:
    server = serving(offline_bot("for ann", "for bob"), auth=who)
    ann, bob = server.as_client(authorization="ann"), server.as_client(authorization="bob")
    send(ann, "my secret", "main")
    assert said(bob, "main") == [("assistant", "Hello!")]
    send(bob, "mine", "main")
    assert said(ann, "main")[1:] == [("user", "my secret"), ("assistant", "for ann")]
    assert said(bob, "main")[1:] == [("user", "mine"), ("assistant", "for bob")]


def test_no_owner_can_name_the_session_of_another(serving: Start, tmp_path: Path) -> None:
    kept = memory.SQLite(tmp_path / "chats.db")
    server = serving(serve.chat(bot_of(declarai.offline(lambda _: "well")), memory=kept), auth=who)
    send(server.as_client(authorization="ann"), "my secret", "b.main")
    for owner, session in (("ann.b", "main"), ("ann/b", "main"), ("ann%2Fb", "main"), ("an", "n.b.main")):
        assert said(server.as_client(authorization=owner), session) == [("assistant", "Hello!")]


def test_streams_of_others_are_not_there(serving: Start, speaker: Speaker) -> None:
    server = serving(bot_of(speaker.model), auth=who)
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


def test_who_does_not_say_who_they_are_gets_nothing(serving: Start) -> None:
    server = serving(offline_bot("never"), auth=who)
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


def test_an_auth_dependency_may_end_something_after_the_answer(serving: Start, speaker: Speaker) -> None:
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
def test_an_auth_dependency_that_gives_nobody_lets_nobody_in(serving: Start, owner: Any) -> None:
    server = serving(offline_bot("never"), auth=lambda: owner)
    refused = server.post("/Bot", json={"message": "hi"})
    assert refused.status_code == 500
    assert "never" not in refused.text


def test_the_tokens_of_an_answer_are_in_done(serving: Start) -> None:
    answer = send(serving(offline_bot(Reply("well", usage=declarai.Usage(5, 6, 11)))), "hi")
    usage = {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11, "estimated": False}
    assert answer.events[-1].data["usage"] == usage
