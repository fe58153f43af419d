"""What is measured: the floor, this library, and the ``openai`` client's own stream.

Each contender is made with the server's address. Its methods are the workloads: they ask for an
answer of so many text chunks, read it, and check that all of it came.
"""

from __future__ import annotations

import asyncio
from typing import Any

import jiter
import openai
from server import text_length


def ask(chunks: int) -> dict[str, Any]:
    """Give the request's arguments for the ``openai`` client."""
    return {"model": "bench", "messages": [{"role": "user", "content": f"Write chunks={chunks} words."}]}


def client(url: str) -> openai.OpenAI:
    return openai.OpenAI(api_key="x", base_url=url, max_retries=0)


def async_client(url: str) -> openai.AsyncOpenAI:
    """Give an async client over aiohttp, the fastest way that the ``openai`` package has."""
    return openai.AsyncOpenAI(api_key="x", base_url=url, max_retries=0, http_client=openai.DefaultAioHttpClient())


class Floor:
    """The least that a client must do: take the bytes, split them at blank lines, parse the JSON."""

    def __init__(self, url: str) -> None:
        self._create = client(url).chat.completions.with_streaming_response.create
        self._acreate = async_client(url).chat.completions.with_streaming_response.create

    def stream(self, chunks: int) -> None:
        parsed, rest = 0, b""
        with self._create(**ask(chunks), stream=True) as response:
            for piece in response.iter_bytes():
                events = (rest + piece).split(b"\n\n")
                rest = events.pop()
                for event in events:
                    if event != b"data: [DONE]":
                        jiter.from_json(event[6:])
                        parsed += 1
        assert parsed == chunks + 3

    async def astream(self, chunks: int) -> None:
        parsed, rest = 0, b""
        async with self._acreate(**ask(chunks), stream=True) as response:
            async for piece in response.iter_bytes():
                events = (rest + piece).split(b"\n\n")
                rest = events.pop()
                for event in events:
                    if event != b"data: [DONE]":
                        jiter.from_json(event[6:])
                        parsed += 1
        assert parsed == chunks + 3

    def whole(self, chunks: int) -> None:
        with self._create(**ask(chunks)) as response:
            assert jiter.from_json(response.read())["choices"]

    async def awhole(self, chunks: int) -> None:
        async with self._acreate(**ask(chunks)) as response:
            assert jiter.from_json(await response.read())["choices"]


class Client:
    """The ``openai`` client as its users use it."""

    def __init__(self, url: str) -> None:
        self._create = client(url).chat.completions.create
        self._acreate = async_client(url).chat.completions.create

    def stream(self, chunks: int) -> None:
        characters = 0
        for chunk in self._create(**ask(chunks), stream=True):
            if chunk.choices:
                characters += len(chunk.choices[0].delta.content or "")
        assert characters == text_length(chunks)

    async def astream(self, chunks: int) -> None:
        characters = 0
        async for chunk in await self._acreate(**ask(chunks), stream=True):
            if chunk.choices:
                characters += len(chunk.choices[0].delta.content or "")
        assert characters == text_length(chunks)

    def whole(self, chunks: int) -> None:
        answer = self._create(**ask(chunks))
        assert len(answer.choices[0].message.content) == text_length(chunks)

    async def awhole(self, chunks: int) -> None:
        answer = await self._acreate(**ask(chunks))
        assert len(answer.choices[0].message.content) == text_length(chunks)


class ClientKept(Client):
    """The ``openai`` client, where its user keeps the chunks."""

    def stream(self, chunks: int) -> None:
        assert len(list(self._create(**ask(chunks), stream=True))) == chunks + 3


class Ours:
    """This library; the stream keeps its chunks, which is the default."""

    cache = True

    def __init__(self, url: str) -> None:
        import declarai_like as declarai

        model = declarai.openai("bench", base_url=url)

        @model.task(streaming=True, replay=self.cache)
        def say(chunks: int) -> str:
            """Write chunks={chunks} words."""
            return declarai.magic(chunks)

        @model.task
        def whole(chunks: int) -> str:
            """Write chunks={chunks} words."""
            return declarai.magic(chunks)

        @model.task
        async def awhole(chunks: int) -> str:
            """Write chunks={chunks} words."""
            return declarai.magic(chunks)

        self._say, self._whole, self._awhole = say, whole, awhole

    def stream(self, chunks: int) -> None:
        characters = 0
        for chunk in self._say(chunks):
            characters += len(chunk.delta)
        assert characters == text_length(chunks)

    async def astream(self, chunks: int) -> None:
        characters = 0
        async for chunk in self._say(chunks):
            characters += len(chunk.delta)
        assert characters == text_length(chunks)

    def whole(self, chunks: int) -> None:
        assert len(self._whole(chunks)) == text_length(chunks)

    async def awhole(self, chunks: int) -> None:
        assert len(await self._awhole(chunks)) == text_length(chunks)


class OursUnkept(Ours):
    """This library with ``cache=False``."""

    cache = False


class OursTwice(Ours):
    """This library with two readers of one stream: in step when blocking, two tasks when async."""

    def stream(self, chunks: int) -> None:
        characters = 0
        stream = self._say(chunks)
        for one, other in zip(stream, stream, strict=True):
            characters += len(one.delta) + len(other.delta)
        assert characters == 2 * text_length(chunks)

    async def astream(self, chunks: int) -> None:
        stream = self._say(chunks)

        async def read() -> int:
            return sum([len(chunk.delta) async for chunk in stream])

        assert sum(await asyncio.gather(read(), read())) == 2 * text_length(chunks)


class OursWithText(Ours):
    """This library, where the reader asks each chunk for the whole text so far."""

    def stream(self, chunks: int) -> None:
        characters = 0
        for chunk in self._say(chunks):
            characters = len(chunk.response)
        assert characters == text_length(chunks)

    async def astream(self, chunks: int) -> None:
        characters = 0
        async for chunk in self._say(chunks):
            characters = len(chunk.response)
        assert characters == text_length(chunks)
