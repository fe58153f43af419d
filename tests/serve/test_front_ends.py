"""Front ends that others wrote ask a router: OpenAI's client and React's ``useChat``, both the real ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from fastapi import Header, HTTPException
from pydantic import BaseModel

import declarai_like as declarai
from declarai_like import memory, serve
from declarai_like.app import ApplicationBuilder, State, streaming_action
from declarai_like.errors import ConfigurationError
from declarai_like.testing import FaultProxy
from tests.serve.ai_sdk import clients, parts_of, run_node
from tests.serve.serving import Serving, Speaker, Start, serving, speaker, wait_until

__all__ = ["clients", "serving", "speaker"]  # pytest finds the fixtures here


class Hero(BaseModel):
    name: str
    powers: list[str]


HERO = {"name": "Thor", "powers": ["thunder"]}


@streaming_action(reads=[], writes=["said"])
def repeat(state: State, prompt: str) -> Any:
    for word in prompt.split():
        yield {"delta": f"{word} "}, None
    yield {"said": prompt}, state.update(said=prompt)


parrot = ApplicationBuilder().with_actions(repeat).with_transitions(("repeat", "repeat")).with_entrypoint("repeat")


def make_things(model: Any) -> list[Any]:
    @model.task
    def say(movie: str, length: str = "short") -> str:
        """Say something about the movie."""
        return declarai.magic(movie, length)

    @model.task
    def hero(wish: str) -> Hero:
        """Think of a hero."""
        return declarai.magic(wish)

    @model.chat
    class Bot:
        """You are a bot."""

    def shout(text: str) -> Iterator[str]:
        yield text.upper()

    return [say, hero, Bot, shout, serve.application(parrot, name="parrot")]


@pytest.fixture
def server(serving: Start) -> Serving:
    script = declarai.offline(
        {"Think of": HERO, "again": "Still here.", "movie": "They assemble.", "Hi": "Hello there."}, delay=0.002
    )
    return serving(*make_things(script), front_ends=True)


@pytest.fixture
def openai_client(server: Serving) -> Iterator[openai.OpenAI]:
    with client_of(server) as client:
        yield client


def client_of(server: Serving, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.address}/api/v1", api_key=key, max_retries=0)


@pytest.fixture
def use_chat(clients: Path) -> Callable[..., Any]:
    """Run useChat against what a server serves under this name."""

    def run(server: Serving, name: str, *steps: dict[str, Any], **settings: Any) -> Any:
        api = f"{server.address}/api"
        plan = {"api": f"{api}/{name}/ui", "id": "a-chat", "messages": [], "steps": steps, **settings}
        return run_node(clients, "chat.mjs", **plan)

    return run


def ask(client: openai.OpenAI, model: str, *messages: tuple[str, str], **settings: Any) -> Any:
    said = [{"role": role, "content": content} for role, content in messages]
    return client.chat.completions.create(model=model, messages=said, **settings)  # type: ignore[call-overload]


def text_of(stream: Any) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


# OpenAI's


def test_each_thing_is_a_model(openai_client: openai.OpenAI) -> None:
    assert [model.id for model in openai_client.models.list()] == ["say", "hero", "Bot", "shout", "parrot"]
    assert openai_client.models.retrieve("Bot").id == "Bot"
    with pytest.raises(openai.NotFoundError, match="there is no model 'gpt'"):
        openai_client.models.retrieve("gpt")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "said", "answer"),
    [
        ("say", "Avengers", "They assemble."),
        ("hero", "someone loud", '{"name":"Thor","powers":["thunder"]}'),
        ("Bot", "Hi", "Hello there."),
        ("shout", "loud", "LOUD"),
        ("parrot", "good morning", "good morning "),
    ],
)
def test_an_openai_client_asks_a_thing_of_any_kind(
    openai_client: openai.OpenAI, model: str, said: str, answer: str, stream: bool
) -> None:
    given = ask(openai_client, model, ("user", said), stream=stream)
    assert (text_of(given) if stream else given.choices[0].message.content) == answer


def test_a_chat_answers_in_the_light_of_the_conversation_that_the_client_brings(
    speaker: Speaker, serving: Start
) -> None:
    server = serving(*make_things(speaker.model), front_ends=True)
    speaker.say("Still here.")
    speaker.end()
    conversation = [("system", "be rude"), ("user", "Hi"), ("assistant", "Hello."), ("user", "again")]
    with client_of(server) as client:
        given = ask(client, "Bot", *conversation, temperature=0.5)
    assert given.choices[0].message.content == "Still here."
    assert given.usage.total_tokens == 7
    sent = speaker.last.body
    assert [(message["role"], message["content"]) for message in sent["messages"]] == [
        ("system", "You are a bot."),
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "again"),
    ]
    assert sent["temperature"] == 0.5


@pytest.mark.parametrize("stream", [False, True])
def test_an_openai_client_that_leaves_stops_the_model(speaker: Speaker, serving: Start, stream: bool) -> None:
    server = serving(*make_things(speaker.model), front_ends=True)
    speaker.say("one")
    with client_of(server) as client:
        if stream:
            given = ask(client, "say", ("user", "Avengers"), stream=True)
            assert next(chunk for chunk in given if chunk.choices[0].delta.content)
            given.close()
        else:
            with pytest.raises(openai.APITimeoutError):
                ask(client, "say", ("user", "Avengers"), timeout=0.3)
    assert speaker.last.left.wait(5)


def test_an_openai_client_reads_the_same_however_the_network_cuts_it_up(server: Serving) -> None:
    with FaultProxy(server.address) as proxy:
        proxy.split(1)
        with openai.OpenAI(base_url=f"{proxy.address}/api/v1", api_key="none", max_retries=0) as client:
            assert text_of(ask(client, "say", ("user", "Avengers"), stream=True)) == "They assemble."


def test_an_openai_client_is_not_told_that_an_answer_is_whole_that_was_cut(server: Serving) -> None:
    with FaultProxy(server.address) as proxy:
        for after in range(600, 1400, 100):
            proxy.cut(after=after)
            with openai.OpenAI(base_url=f"{proxy.address}/api/v1", api_key="none", max_retries=0) as client:
                try:
                    chunks = list(ask(client, "say", ("user", "Avengers"), stream=True))
                except openai.APIConnectionError:
                    continue
            assert chunks[-1].choices[0].finish_reason, "it came to its end"
            return
    raise AssertionError("no answer was shorter than the last cut")


def test_errors_have_the_form_of_openais(speaker: Speaker, serving: Start, openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="there is no model 'gpt' here; there are 'say', 'hero'"):
        ask(openai_client, "gpt", ("user", "Hi"))
    with pytest.raises(openai.BadRequestError, match="messages"):
        ask(openai_client, "Bot")
    with pytest.raises(openai.BadRequestError, match="at most 10 characters"):
        server = serving(*make_things(speaker.model), front_ends=True, limits=serve.Limits(message=10))
        ask(client_of(server), "Bot", ("user", "x" * 11))


def test_who_may_not_ask_is_refused_by_both_protocols(speaker: Speaker, serving: Start) -> None:
    def who(authorization: str = Header("")) -> str:
        if authorization != "Bearer ann":
            raise HTTPException(401)
        return "ann"

    server = serving(*make_things(speaker.model), front_ends=True, auth=who)
    with pytest.raises(openai.AuthenticationError):
        ask(client_of(server, "bob"), "Bot", ("user", "Hi"))
    assert client_of(server, "ann").models.list().data
    assert server.post("/Bot/ui", json={"id": "a", "messages": []}).status_code == 401


def test_a_task_that_requires_more_than_a_text_says_what_to_do_with_one(serving: Start) -> None:
    model = declarai.offline({"Rank": 5})

    @model.task
    def rank(message: str, scale: int) -> int:
        """Rank {message} up to {scale}."""
        return declarai.magic(message, scale)

    with pytest.raises(ConfigurationError, match=r"'rank' cannot be asked .* 2 required parameters \(message, scale\)"):
        serve.router(rank)
    with client_of(serving(serve.task(rank, adapter=False), front_ends=True)) as client:
        assert not client.models.list().data
    adapted = serve.task(rank, adapter=lambda text: {"message": text, "scale": 5})
    with client_of(serving(adapted, front_ends=True)) as client:
        assert ask(client, "rank", ("user", "Help!")).choices[0].message.content == "5"


# The AI SDK's


def test_use_chat_talks_to_a_chat_that_remembers(server: Serving, use_chat: Callable[..., Any]) -> None:
    page = use_chat(server, "Bot", {"send": "Hi"}, {"send": "and again"})
    assert [parts_of(message)[-1][1] for message in page["messages"]] == [
        "Hi",
        "Hello there.",
        "and again",
        "Still here.",
    ]
    said = server.session("Bot", "a-chat")["messages"]
    assert [message["content"] for message in said] == ["Hi", "Hello there.", "and again", "Still here."]


def test_use_chat_has_its_last_message_answered_anew(server: Serving, use_chat: Callable[..., Any]) -> None:
    page = use_chat(server, "Bot", {"send": "Hi"}, {"send": "and again"}, {"regenerate": True})
    assert len(page["messages"]) == 4
    said = server.session("Bot", "a-chat")["messages"]
    assert [message["content"] for message in said] == ["Hi", "Hello there.", "and again", "Still here."]


def test_use_chat_tries_again_after_an_error(speaker: Speaker, serving: Start, use_chat: Callable[..., Any]) -> None:
    hasty = declarai.openai(
        "m", base_url=speaker.server.url, api_key="k", timeout=declarai.Timeouts(idle=0.3), max_retries=0
    )

    @hasty.chat
    class Bot:
        """You are a bot."""

    server = serving(Bot, front_ends=True)
    speaker.say("one")  # and then nothing
    page = use_chat(server, "Bot", {"send": "Hi"})
    assert page["errors"] == ["The model took too long."]
    assert server.session("Bot", "a-chat")["messages"] == []
    speaker.say("one two")
    speaker.end()
    page = use_chat(server, "Bot", {"regenerate": True}, messages=page["messages"])
    assert parts_of(page["messages"][-1])[-1] == ("text", "one two")
    assert [message["content"] for message in server.session("Bot", "a-chat")["messages"]] == ["Hi", "one two"]


def test_use_chat_stops_by_hanging_up_and_the_chat_keeps_what_there_is(
    speaker: Speaker, serving: Start, use_chat: Callable[..., Any]
) -> None:
    server = serving(*make_things(speaker.model), front_ends=True)
    speaker.say("one ", "two")
    use_chat(server, "Bot", {"send": "Hi", "leave": 7})
    assert speaker.last.left.wait(5)
    wait_until(lambda: server.session("Bot", "a-chat")["stream"] is None)
    assert [message["content"] for message in server.session("Bot", "a-chat")["messages"]] == ["Hi", "one two"]


def test_use_chat_reads_the_same_however_the_network_cuts_it_up_and_hears_of_a_lost_connection(
    server: Serving, use_chat: Callable[..., Any]
) -> None:
    with FaultProxy(server.address) as proxy:
        api = f"{proxy.address}/api/Bot/ui"
        proxy.split(1)
        page = use_chat(server, "Bot", {"send": "Hi"}, api=api)
        assert parts_of(page["messages"][-1])[-1] == ("text", "Hello there.")
        proxy.clear()
        proxy.cut(after=700)
        page = use_chat(server, "Bot", {"send": "and again"}, api=api)
        assert page["errors"]


def test_use_chat_comes_back_to_an_answer_that_it_may_come_back_to(
    speaker: Speaker, serving: Start, use_chat: Callable[..., Any]
) -> None:
    server = serving(*make_things(speaker.model), front_ends=True)
    speaker.say("one ", "two ")
    use_chat(server, "Bot", {"send": "Hi", "leave": 8}, body={"resumable": True})
    assert server.session("Bot", "a-chat")["stream"]
    with FaultProxy(server.address) as proxy, ThreadPoolExecutor() as pool:
        coming_back = pool.submit(use_chat, server, "Bot", {"resume": True}, api=f"{proxy.address}/api/Bot/ui")
        wait_until(lambda: proxy.connections, "it came back")
        time.sleep(0.5)  # in which its request arrives
        speaker.say("three")
        speaker.end()
        page = coming_back.result()
    assert parts_of(page["messages"][-1])[-1] == ("text", "one two three")
    assert server.get("/Bot/ui/a-chat/stream").status_code == 204


def test_use_chat_shows_a_typed_answer_and_an_application(server: Serving, use_chat: Callable[..., Any]) -> None:
    page = use_chat(server, "hero", {"send": "someone loud"})
    assert ("data-result", HERO) in parts_of(page["messages"][-1])
    page = use_chat(server, "parrot", {"send": "good morning"})
    assert ("text", "good morning ") in parts_of(page["messages"][-1])
    assert ("data-state", {"action": "repeat", "state": {"said": "good morning"}}) in parts_of(page["messages"][-1])


def test_a_message_that_was_answered_cannot_be_changed(server: Serving) -> None:
    message = {"id": "m", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}
    answer = server.post("/Bot/ui", json={"id": "a", "messages": [message], "messageId": "m"})
    assert answer.status_code == 422
    assert "cannot be changed" in answer.json()["detail"]["message"]
    odd = server.post("/Bot/ui", json={"id": "a/b", "messages": [message]})
    assert "cannot be kept under the id 'a/b'" in odd.json()["detail"]["message"]


def test_a_picture_is_refused_in_the_words_of_each_protocol(server: Serving) -> None:
    said = "only text can be answered here; there is a part of the type "
    message: dict[str, Any] = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}
    answer = server.post("/v1/chat/completions", json={"model": "Bot", "messages": [message]})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == said + "'image_url'"
    assert answer.json()["error"]["type"] == "invalid_request_error"
    message = {"id": "m", "role": "user", "parts": [{"type": "file", "mediaType": "image/png", "url": "data:,"}]}
    answer = server.post("/Bot/ui", json={"id": "a", "messages": [message]})
    assert answer.status_code == 422
    assert answer.json()["detail"]["message"] == said + "'file'"


def test_a_conversation_is_not_lost_when_an_answer_cannot_be_made_anew(serving: Start) -> None:
    class Weak(memory.InMemory):
        """A memory that once cannot keep what it is given."""

        def append(self, messages: Any, /) -> None:
            if self.fails:
                self.fails = False
                raise OSError("the disk is full")
            super().append(messages)

        fails = False

    kept: dict[str, Weak] = {}
    model = declarai.offline({"Hi": "Hello there."})

    @model.chat
    class Bot:
        """You are a bot."""

    server = serving(serve.chat(Bot, memory=lambda name: kept.setdefault(name, Weak(name))), front_ends=True)
    message = {"id": "m", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}
    assert server.post("/Bot/ui", json={"id": "a", "messages": [message]}).status_code == 200
    before = server.session("Bot", "a")["messages"]
    kept["a"].fails = True
    anew = {"id": "a", "messages": [message], "trigger": "regenerate-message"}
    assert server.post("/Bot/ui", json=anew).status_code == 500
    assert server.session("Bot", "a")["messages"] == before
