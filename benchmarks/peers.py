"""Other libraries for the same work. Each is optional: where it is not installed, the table says so.

All run over the ``openai`` client, and async over aiohttp like the rest. Magentic and Mirascope take
no HTTP client, so the async client that they made is replaced by one over aiohttp. Annotations are
not postponed here: Magentic reads them as they are.
"""

from contextlib import aclosing

from contenders import async_client
from openai import DefaultAioHttpClient
from server import text_length

PROMPT = "Write chunks={chunks} words."


class Magentic:
    def __init__(self, url: str) -> None:
        from magentic import AsyncStreamedStr, OpenaiChatModel, StreamedStr, prompt

        model = OpenaiChatModel("bench", api_key="x", base_url=url)
        model._async_client = async_client(url)

        @prompt(PROMPT, model=model)
        def say(chunks: int) -> StreamedStr: ...

        @prompt(PROMPT, model=model)
        async def asay(chunks: int) -> AsyncStreamedStr: ...

        self._say, self._asay = say, asay

    def stream(self, chunks: int) -> None:
        characters = 0
        for text in self._say(chunks):
            characters += len(text)
        assert characters == text_length(chunks)

    async def astream(self, chunks: int) -> None:
        characters = 0
        async for text in await self._asay(chunks):
            characters += len(text)
        assert characters == text_length(chunks)


class Mirascope:
    """Its text stream ends with a line feed of its own."""

    def __init__(self, url: str) -> None:
        from mirascope import llm

        provider = llm.register_provider("openai:completions", scope="openai/", base_url=url, api_key="x")
        provider.async_client = async_client(url)

        @llm.call("openai/bench:completions")
        def say(chunks: int) -> str:
            return PROMPT.format(chunks=chunks)

        @llm.call("openai/bench:completions")
        async def asay(chunks: int) -> str:
            return PROMPT.format(chunks=chunks)

        self._say, self._asay = say, asay

    def stream(self, chunks: int) -> None:
        characters = 0
        for text in self._say.stream(chunks).text_stream():
            characters += len(text)
        assert characters == text_length(chunks) + 1

    async def astream(self, chunks: int) -> None:
        characters = 0
        answer = await self._asay.stream(chunks)
        async for text in answer.text_stream():
            characters += len(text)
        assert characters == text_length(chunks) + 1


class PydanticAI:
    """Without debouncing, which would put chunks together."""

    def __init__(self, url: str) -> None:
        from pydantic_ai import Agent
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        # Its blocking interface runs the async one too, on an event loop of its own, with its own client
        self._blocking = Agent(OpenAIChatModel("bench", provider=OpenAIProvider(base_url=url, api_key="x")))
        self._async = Agent(OpenAIChatModel("bench", provider=OpenAIProvider(openai_client=async_client(url))))

    def stream(self, chunks: int) -> None:
        characters = 0
        answer = self._blocking.run_stream_sync(PROMPT.format(chunks=chunks))
        for text in answer.stream_text(delta=True, debounce_by=None):
            characters += len(text)
        assert characters == text_length(chunks)

    async def astream(self, chunks: int) -> None:
        characters = 0
        async with self._async.run_stream(PROMPT.format(chunks=chunks)) as answer:
            async for text in answer.stream_text(delta=True, debounce_by=None):
                characters += len(text)
        assert characters == text_length(chunks)


class LangChain:
    def __init__(self, url: str) -> None:
        from langchain_openai import ChatOpenAI

        self._model = ChatOpenAI(
            model="bench", base_url=url, api_key="x", stream_usage=True, http_async_client=DefaultAioHttpClient()
        )

    def stream(self, chunks: int) -> None:
        characters = 0
        for chunk in self._model.stream(PROMPT.format(chunks=chunks)):
            characters += len(chunk.content)
        assert characters == text_length(chunks)

    async def astream(self, chunks: int) -> None:
        characters = 0
        async with aclosing(self._model.astream(PROMPT.format(chunks=chunks))) as answer:
            async for chunk in answer:
                characters += len(chunk.content)
        assert characters == text_length(chunks)
