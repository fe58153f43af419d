"""The types of chats. This module is never run; mypy --strict and pyright strict check it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_type

from pydantic import BaseModel

import declarai_like as declarai
from declarai_like import Chat, Items, LLMResponse, Message, Stream, memory, window


class Hero(BaseModel):
    name: str


gpt = declarai.openai("gpt-5.5")


@gpt.chat
class Plain:
    """To a type checker, a class that does not derive from `Chat` keeps its type."""

    name = "Ann"


@gpt.chat
class Text(Chat):
    """Answers with text."""

    greeting = "Hello"


@gpt.chat(streaming=True, window=window.Messages(20), keep_partial=True)
class Streaming(Chat[Stream[str]]):
    """Answers with streams, {tone}."""

    tone: str = "kind"

    def shout(self) -> str:
        return self.tone.upper()


@gpt.experimental.chat(retries=1)
class Heroes(Chat[list[Hero]]):
    """Answers with values."""


@declarai.chat
class EachHero(Chat[Items[Hero]]):
    """Answers with elements."""


@declarai.experimental.chat(window=window.Summary(window.Tokens(8000, count=len)))
class Other(Text):
    """Another chat."""


class Kept:
    """A memory written by a user."""

    async def load(self) -> list[Message]:
        return []

    def append(self, messages: Sequence[Message], /) -> None: ...

    async def clear(self) -> None: ...


def chats() -> None:
    assert_type(Plain().name, str)
    text = Text(memory=memory.SQLite("chats.db", session="42"), system="Be brief.", topic="cats")
    assert_type(text.send("hi"), str)
    assert_type(text.send("hi", llm_params={"temperature": 0}, tone="kind"), str)
    assert_type(text.conversation, list[Message])
    assert_type(text.system, str)
    assert_type(text.greeting, str)
    assert_type(text.compile("hi"), list[Message])
    assert_type(text.llm_response, LLMResponse | None)
    for message in text:
        assert_type(message, Message)
    streaming = Streaming(memory=Kept())
    assert_type(streaming.shout(), str)
    assert_type(streaming.send("hi"), Stream[str])
    assert_type(streaming.llm_stream_response, Stream[str] | None)
    for chunk in streaming.send("hi"):
        assert_type(chunk, LLMResponse)
    assert_type(Heroes().send("hi"), list[Hero])
    assert_type(EachHero().send("hi"), Items[Hero])
    assert_type(Other().send("hi"), str)


async def later() -> None:
    assert_type(await Text().asend("hi"), str)
    assert_type(await Heroes().asend("hi"), list[Hero])
    assert_type(Streaming().asend("hi"), Stream[str])
    async for chunk in Streaming().asend("hi"):
        assert_type(chunk, LLMResponse)
    async for hero in EachHero().asend("hi"):
        assert_type(hero, Hero)
    assert_type(await Text().aconversation(), list[Message])
    await Text().aadd_message("hi", role="user")
    await Text().aclear()
