"""Contenders that read streams of text and whole answers over HTTP, from a server that sends the same bytes to each.

A size is a number of text chunks. Each method returns the characters that it has read, which are verified. The async
clients are over aiohttp. Annotations are not postponed here, because Magentic reads them as they are.
"""

import asyncio
from contextlib import aclosing
from typing import Any

import jiter
import openai
from llm_server import text_length
from process import Process

_PROMPT = "Write chunks={chunks} words."


class Contender:
    """Reads from a server of its own."""

    packages: tuple[str, ...] = ()  # their versions are shown
    extra = 0  # characters that the library adds to a text

    def __init__(self) -> None:
        self.server = Process("llm_server.py")
        self.connect(self.server.first)

    def connect(self, url: str) -> None:
        """Make what is used in all measurements."""
        raise NotImplementedError

    async def together(self, streams: str, chunks: int) -> int:
        """Read so many streams at once, and return the characters of one."""
        read = await asyncio.gather(*(self.astream(chunks) for _ in range(int(streams))))
        return sum(read) // len(read)

    def verify(self, work: str, chunks: int, characters: int) -> None:
        expected = text_length(chunks) + self.extra
        assert characters == expected, f"{work}: {characters} characters came, and not {expected}"


class Floor(Contender):
    """The least that a client must do: take the bytes, split them at blank lines, and parse the JSON."""

    packages = ("openai", "httpx2", "aiohttp", "jiter")

    def connect(self, url: str) -> None:
        self._create = _client(url).chat.completions.with_streaming_response.create
        self._acreate = _async_client(url).chat.completions.with_streaming_response.create

    def stream(self, chunks: int) -> int:
        parsed, rest = 0, b""
        with self._create(**_question(chunks), stream=True) as response:
            for piece in response.iter_bytes():
                events = (rest + piece).split(b"\n\n")
                rest = events.pop()
                for event in events:
                    if event != b"data: [DONE]":
                        jiter.from_json(event[6:])
                        parsed += 1
        return text_length(parsed - 3)  # without the role, the end and the usage

    async def astream(self, chunks: int) -> int:
        parsed, rest = 0, b""
        async with self._acreate(**_question(chunks), stream=True) as response:
            async for piece in response.iter_bytes():
                events = (rest + piece).split(b"\n\n")
                rest = events.pop()
                for event in events:
                    if event != b"data: [DONE]":
                        jiter.from_json(event[6:])
                        parsed += 1
        return text_length(parsed - 3)

    def whole(self, chunks: int) -> int:
        with self._create(**_question(chunks)) as response:
            return len(jiter.from_json(response.read())["choices"][0]["message"]["content"])

    async def awhole(self, chunks: int) -> int:
        async with self._acreate(**_question(chunks)) as response:
            return len(jiter.from_json(await response.read())["choices"][0]["message"]["content"])


class Server(Floor):
    """The floor's streams, measured by the CPU time of the server."""

    def clock(self) -> float:
        return self.server.ask()


class Client(Contender):
    """The `openai` client's own streams."""

    def connect(self, url: str) -> None:
        self._create = _client(url).chat.completions.create
        self._acreate = _async_client(url).chat.completions.create

    def stream(self, chunks: int) -> int:
        answer = self._create(**_question(chunks), stream=True)
        return sum(len(chunk.choices[0].delta.content or "") for chunk in answer if chunk.choices)

    async def astream(self, chunks: int) -> int:
        answer = await self._acreate(**_question(chunks), stream=True)
        return sum([len(chunk.choices[0].delta.content or "") async for chunk in answer if chunk.choices])

    def whole(self, chunks: int) -> int:
        return len(self._create(**_question(chunks)).choices[0].message.content)

    async def awhole(self, chunks: int) -> int:
        return len((await self._acreate(**_question(chunks))).choices[0].message.content)


class ClientKept(Client):
    """The `openai` client with a user that keeps the chunks."""

    def stream(self, chunks: int) -> int:
        return text_length(len(list(self._create(**_question(chunks), stream=True))) - 3)


class Ours(Contender):
    """This library. Its streams keep their chunks, which is the default."""

    packages = ("declarai-like", "pydantic")
    replay = True

    def connect(self, url: str) -> None:
        import declarai_like as declarai

        model = declarai.openai("bench", base_url=url)

        def say(chunks: int) -> str:
            """Write chunks={chunks} words."""
            return declarai.magic(chunks)

        async def asay(chunks: int) -> str:
            """Write chunks={chunks} words."""
            return declarai.magic(chunks)

        self._say = model.task(streaming=True, replay=self.replay)(say)
        self._whole, self._awhole = model.task(say), model.task(asay)

    def stream(self, chunks: int) -> int:
        return sum(len(chunk.delta) for chunk in self._say(chunks))

    async def astream(self, chunks: int) -> int:
        return sum([len(chunk.delta) async for chunk in self._say(chunks)])

    def whole(self, chunks: int) -> int:
        return len(self._whole(chunks))

    async def awhole(self, chunks: int) -> int:
        return len(await self._awhole(chunks))


class OursWithoutReplay(Ours):
    """This library's streams without their chunks."""

    replay = False


class OursTwice(Ours):
    """Two readers of one stream: in step in blocking code, two tasks in async code."""

    def stream(self, chunks: int) -> int:
        stream = self._say(chunks)
        return sum(len(one.delta) + len(other.delta) for one, other in zip(stream, stream, strict=True)) // 2

    async def astream(self, chunks: int) -> int:
        stream = self._say(chunks)

        async def read() -> int:
            return sum([len(chunk.delta) async for chunk in stream])

        return sum(await asyncio.gather(read(), read())) // 2


class OursWithText(Ours):
    """A reader that asks each chunk for the whole text so far."""

    def stream(self, chunks: int) -> int:
        for chunk in self._say(chunks):
            characters = len(chunk.response)
        return characters

    async def astream(self, chunks: int) -> int:
        async for chunk in self._say(chunks):
            characters = len(chunk.response)
        return characters


class Magentic(Contender):
    """It does not take an HTTP client, so its async client is replaced by one over aiohttp."""

    packages = ("magentic",)

    def connect(self, url: str) -> None:
        from magentic import AsyncStreamedStr, OpenaiChatModel, StreamedStr, prompt

        model = OpenaiChatModel("bench", api_key="x", base_url=url)
        model._async_client = _async_client(url)

        @prompt(_PROMPT, model=model)
        def say(chunks: int) -> StreamedStr: ...

        @prompt(_PROMPT, model=model)
        async def asay(chunks: int) -> AsyncStreamedStr: ...

        self._say, self._asay = say, asay

    def stream(self, chunks: int) -> int:
        return sum(len(text) for text in self._say(chunks))

    async def astream(self, chunks: int) -> int:
        return sum([len(text) async for text in await self._asay(chunks)])


class Mirascope(Contender):
    """Its async client is replaced too. Its text stream ends with a line feed of its own."""

    packages = ("mirascope",)
    extra = 1

    def connect(self, url: str) -> None:
        from mirascope import llm

        provider = llm.register_provider("openai:completions", scope="openai/", base_url=url, api_key="x")
        provider.async_client = _async_client(url)

        @llm.call("openai/bench:completions")
        def say(chunks: int) -> str:
            return _PROMPT.format(chunks=chunks)

        @llm.call("openai/bench:completions")
        async def asay(chunks: int) -> str:
            return _PROMPT.format(chunks=chunks)

        self._say, self._asay = say, asay

    def stream(self, chunks: int) -> int:
        return sum(len(text) for text in self._say.stream(chunks).text_stream())

    async def astream(self, chunks: int) -> int:
        return sum([len(text) async for text in (await self._asay.stream(chunks)).text_stream()])


class PydanticAI(Contender):
    """Its streams are not debounced, because that would join chunks."""

    packages = ("pydantic-ai-slim",)

    def connect(self, url: str) -> None:
        from pydantic_ai import Agent
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        # Its blocking interface runs the async one on an event loop of its own, with its own client
        self._blocking = Agent(OpenAIChatModel("bench", provider=OpenAIProvider(base_url=url, api_key="x")))
        self._async = Agent(OpenAIChatModel("bench", provider=OpenAIProvider(openai_client=_async_client(url))))

    def stream(self, chunks: int) -> int:
        answer = self._blocking.run_stream_sync(_PROMPT.format(chunks=chunks))
        return sum(len(text) for text in answer.stream_text(delta=True, debounce_by=None))

    async def astream(self, chunks: int) -> int:
        async with self._async.run_stream(_PROMPT.format(chunks=chunks)) as answer:
            return sum([len(text) async for text in answer.stream_text(delta=True, debounce_by=None)])


class LangChain(Contender):
    """The chat model of langchain-openai."""

    packages = ("langchain-openai",)

    def connect(self, url: str) -> None:
        from langchain_openai import ChatOpenAI

        client = openai.DefaultAioHttpClient()
        about = {"base_url": url, "api_key": "x", "stream_usage": True, "http_async_client": client}
        self._model = ChatOpenAI(model="bench", **about)

    def stream(self, chunks: int) -> int:
        return sum(len(chunk.content) for chunk in self._model.stream(_PROMPT.format(chunks=chunks)))

    async def astream(self, chunks: int) -> int:
        async with aclosing(self._model.astream(_PROMPT.format(chunks=chunks))) as answer:
            return sum([len(chunk.content) async for chunk in answer])


def _question(chunks: int) -> dict[str, Any]:
    return {"model": "bench", "messages": [{"role": "user", "content": _PROMPT.format(chunks=chunks)}]}


def _client(url: str) -> openai.OpenAI:
    return openai.OpenAI(api_key="x", base_url=url, max_retries=0)


def _async_client(url: str) -> openai.AsyncOpenAI:
    """Return an async client over aiohttp, the fastest transport of the `openai` package."""
    return openai.AsyncOpenAI(api_key="x", base_url=url, max_retries=0, http_client=openai.DefaultAioHttpClient())
