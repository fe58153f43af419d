"""The real clients of other protocols against a router: OpenAI's client and React's ``useChat``."""

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


@streaming_action(reads=[], writes=["text"])
def repeat(state: State, prompt: str) -> Any:
    for word in prompt.split():
        yield {"delta": f"{word} "}, None
    yield {"text": prompt}, state.update(text=prompt)


parrot = ApplicationBuilder().with_actions(repeat).with_transitions(("repeat", "repeat")).with_entrypoint("repeat")


def make_things(model: Any) -> list[Any]:
    @model.task
    def say(movie: str, length: str = "short") -> str:
        """Describe the movie."""
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
    sent = [{"role": role, "content": content} for role, content in messages]
    return client.chat.completions.create(model=model, messages=sent, **settings)  # type: ignore[call-overload]


def text_of(stream: Any) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


# OpenAI's


def test_each_endpoint_is_a_model(openai_client: openai.OpenAI) -> None:
    assert [model.id for model in openai_client.models.list()] == ["say", "hero", "Bot", "shout", "parrot"]
    assert openai_client.models.retrieve("Bot").id == "Bot"
    with pytest.raises(openai.NotFoundError, match="model 'gpt' not found"):
        openai_client.models.retrieve("gpt")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "text", "answer"),
    [
        ("say", "Avengers", "They assemble."),
        ("hero", "someone loud", '{"name":"Thor","powers":["thunder"]}'),
        ("Bot", "Hi", "Hello there."),
        ("shout", "loud", "LOUD"),
        ("parrot", "good morning", "good morning "),
    ],
)
def test_an_openai_client_can_call_each_kind_of_endpoint(
    openai_client: openai.OpenAI, model: str, text: str, answer: str, stream: bool
) -> None:
    given = ask(openai_client, model, ("user", text), stream=stream)
    assert (text_of(given) if stream else given.choices[0].message.content) == answer


def test_a_chat_gets_the_conversation_that_the_client_sends(speaker: Speaker, serving: Start) -> None:
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
def test_an_openai_client_that_disconnects_stops_the_model(speaker: Speaker, serving: Start, stream: bool) -> None:
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


def test_an_openai_client_reads_the_same_from_packets_of_one_byte(server: Serving) -> None:
    with FaultProxy(server.address) as proxy:
        proxy.split(1)
        with openai.OpenAI(base_url=f"{proxy.address}/api/v1", api_key="none", max_retries=0) as client:
            assert text_of(ask(client, "say", ("user", "Avengers"), stream=True)) == "They assemble."


def test_an_openai_client_never_takes_a_cut_answer_for_complete(server: Serving) -> None:
    with FaultProxy(server.address) as proxy:
        for after in range(600, 1400, 100):
            proxy.cut(after=after)
            with openai.OpenAI(base_url=f"{proxy.address}/api/v1", api_key="none", max_retries=0) as client:
                try:
                    chunks = list(ask(client, "say", ("user", "Avengers"), stream=True))
                except openai.APIConnectionError:
                    continue
            assert chunks[-1].choices[0].finish_reason, "the answer is complete"
            return
    raise AssertionError("no answer was shorter than the last cut")


def test_errors_have_openais_form(speaker: Speaker, serving: Start, openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="model 'gpt' not found; available models: 'say', 'hero'"):
        ask(openai_client, "gpt", ("user", "Hi"))
    with pytest.raises(openai.BadRequestError, match="messages"):
        ask(openai_client, "Bot")
    with pytest.raises(openai.BadRequestError, match="at most 10 characters"):
        server = serving(*make_things(speaker.model), front_ends=True, limits=serve.Limits(message=10))
        ask(client_of(server), "Bot", ("user", "x" * 11))


def test_requests_without_authentication_are_refused_in_both_protocols(speaker: Speaker, serving: Start) -> None:
    def caller(authorization: str = Header("")) -> str:
        if authorization != "Bearer ann":
            raise HTTPException(401)
        return "ann"

    server = serving(*make_things(speaker.model), front_ends=True, auth=caller)
    with pytest.raises(openai.AuthenticationError):
        ask(client_of(server, "bob"), "Bot", ("user", "Hi"))
    assert client_of(server, "ann").models.list().data
    assert server.post("/Bot/ui", json={"id": "a", "messages": []}).status_code == 401


def test_a_task_that_requires_more_than_text_needs_an_adapter(serving: Start) -> None:
    model = declarai.offline({"Rank": 5})

    @model.task
    def rank(message: str, scale: int) -> int:
        """Rank {message} up to {scale}."""
        return declarai.magic(message, scale)

    with pytest.raises(
        ConfigurationError, match=r"'rank' cannot be served to .* 2 required parameters \(message, scale\)"
    ):
        serve.router(rank)
    with client_of(serving(serve.task(rank, adapter=False), front_ends=True)) as client:
        assert not client.models.list().data
    adapted = serve.task(rank, adapter=lambda text: {"message": text, "scale": 5})
    with client_of(serving(adapted, front_ends=True)) as client:
        assert ask(client, "rank", ("user", "Help!")).choices[0].message.content == "5"


# The AI SDK's


def test_use_chat_continues_a_conversation(server: Serving, use_chat: Callable[..., Any]) -> None:
    page = use_chat(server, "Bot", {"send": "Hi"}, {"send": "and again"})
    assert [parts_of(message)[-1][1] for message in page["messages"]] == [
        "Hi",
        "Hello there.",
        "and again",
        "Still here.",
    ]
    messages = server.session("Bot", "a-chat")["messages"]
    assert [message["content"] for message in messages] == ["Hi", "Hello there.", "and again", "Still here."]


def test_use_chat_can_regenerate_the_last_answer(server: Serving, use_chat: Callable[..., Any]) -> None:
    page = use_chat(server, "Bot", {"send": "Hi"}, {"send": "and again"}, {"regenerate": True})
    assert len(page["messages"]) == 4
    messages = server.session("Bot", "a-chat")["messages"]
    assert [message["content"] for message in messages] == ["Hi", "Hello there.", "and again", "Still here."]


def test_use_chat_can_retry_after_an_error(speaker: Speaker, serving: Start, use_chat: Callable[..., Any]) -> None:
    impatient = declarai.openai(
        "m", base_url=speaker.server.url, api_key="k", timeout=declarai.Timeouts(idle=0.3), max_retries=0
    )

    @impatient.chat
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


def test_use_chat_stops_by_disconnecting_and_the_chat_keeps_the_partial_answer(
    speaker: Speaker, serving: Start, use_chat: Callable[..., Any]
) -> None:
    server = serving(*make_things(speaker.model), front_ends=True)
    speaker.say("one ", "two")
    use_chat(server, "Bot", {"send": "Hi", "leave": 7})
    assert speaker.last.left.wait(5)
    wait_until(lambda: server.session("Bot", "a-chat")["stream"] is None)
    assert [message["content"] for message in server.session("Bot", "a-chat")["messages"]] == ["Hi", "one two"]


def test_use_chat_reads_the_same_from_packets_of_one_byte_and_reports_a_lost_connection(
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


def test_use_chat_can_resume_a_resumable_answer(speaker: Speaker, serving: Start, use_chat: Callable[..., Any]) -> None:
    server = serving(*make_things(speaker.model), front_ends=True)
    speaker.say("one ", "two ")
    use_chat(server, "Bot", {"send": "Hi", "leave": 8}, body={"resumable": True})
    assert server.session("Bot", "a-chat")["stream"]
    with FaultProxy(server.address) as proxy, ThreadPoolExecutor() as pool:
        resuming = pool.submit(use_chat, server, "Bot", {"resume": True}, api=f"{proxy.address}/api/Bot/ui")
        wait_until(lambda: proxy.connections, "it reconnected")
        time.sleep(0.5)  # for its request to arrive
        speaker.say("three")
        speaker.end()
        page = resuming.result()
    assert parts_of(page["messages"][-1])[-1] == ("text", "one two three")
    assert server.get("/Bot/ui/a-chat/stream").status_code == 204


def test_use_chat_shows_a_typed_answer_and_an_application(server: Serving, use_chat: Callable[..., Any]) -> None:
    page = use_chat(server, "hero", {"send": "someone loud"})
    assert ("data-result", HERO) in parts_of(page["messages"][-1])
    page = use_chat(server, "parrot", {"send": "good morning"})
    assert ("text", "good morning ") in parts_of(page["messages"][-1])
    assert ("data-state", {"action": "repeat", "state": {"text": "good morning"}}) in parts_of(page["messages"][-1])


def test_an_answered_message_cannot_be_edited(server: Serving) -> None:
    message = {"id": "m", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}
    answer = server.post("/Bot/ui", json={"id": "a", "messages": [message], "messageId": "m"})
    assert answer.status_code == 422
    assert answer.json()["detail"]["message"] == "an answered message cannot be edited; send a new message"
    invalid = server.post("/Bot/ui", json={"id": "a/b", "messages": [message]})
    expected = "the id of a conversation must be 1 to 128 letters, digits and ._~-, got 'a/b'"
    assert invalid.json()["detail"]["message"] == expected


def test_a_picture_is_refused_in_the_form_of_each_protocol(server: Serving) -> None:
    expected = "parts of a message must be text, got type "
    message: dict[str, Any] = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}
    answer = server.post("/v1/chat/completions", json={"model": "Bot", "messages": [message]})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == expected + "'image_url'"
    assert answer.json()["error"]["type"] == "invalid_request_error"
    message = {"id": "m", "role": "user", "parts": [{"type": "file", "mediaType": "image/png", "url": "data:,"}]}
    answer = server.post("/Bot/ui", json={"id": "a", "messages": [message]})
    assert answer.status_code == 422
    assert answer.json()["detail"]["message"] == expected + "'file'"


def test_a_conversation_is_not_lost_when_regenerating_fails(serving: Start) -> None:
    class Weak(memory.InMemory):
        """A memory whose next append fails."""

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
    again = {"id": "a", "messages": [message], "trigger": "regenerate-message"}
    assert server.post("/Bot/ui", json=again).status_code == 500
    assert server.session("Bot", "a")["messages"] == before
