"""Token usage of an answer: estimated while it arrives, and marked so, until the provider sends it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import declarai_like as declarai
from declarai_like import Usage
from declarai_like._llm.usage import estimate_tokens
from declarai_like.messages import LLMResponse
from declarai_like.testing import LoopbackServer, Raw, Reply
from tests.conftest import World
from tests.serve.serving import Speaker, chunk, usage_chunk
from tests.serve.serving import speaker as speaker

REPORTED = Usage(10, 2, 12)


def streaming(model: Any, **settings: Any) -> Any:
    @model.task(streaming=True, **settings)
    def say(movie: str) -> str:
        """Describe the movie"""

    return say


def test_the_usage_is_none_before_the_answer_begins() -> None:
    assert streaming(declarai.offline(["well"]))("Hulk").usage is None


def test_the_estimate_grows_with_the_answer(world: World) -> None:
    stream = streaming(declarai.offline([Reply("one two three four five", usage=REPORTED)]))("Hulk")
    usages: list[Usage] = []

    def append_usage() -> None:
        assert stream.usage is not None
        usages.append(stream.usage)

    if world.name == "blocking":
        for _ in stream:
            append_usage()
    else:

        async def read() -> None:
            async for _ in stream:
                append_usage()

        world.run(read)
    *estimates, last = usages
    assert all(usage.estimated for usage in estimates)
    assert [usage.completion_tokens for usage in estimates] == sorted(usage.completion_tokens for usage in estimates)
    assert estimates[0].completion_tokens < estimates[-1].completion_tokens
    assert len({usage.prompt_tokens for usage in estimates}) == 1
    assert all(usage.total_tokens == usage.prompt_tokens + usage.completion_tokens for usage in estimates)
    assert last == REPORTED
    assert not last.estimated


def test_the_usage_of_the_provider_is_not_marked_as_estimated(speaker: Speaker) -> None:
    stream = streaming(speaker.model)("Hulk")
    speaker.say("well")
    speaker.end()
    stream.result()
    assert stream.usage == Usage(3, 4, 7, estimated=False)


@pytest.mark.parametrize("include_usage", [True, False])
def test_without_usage_of_the_provider_the_estimate_remains(include_usage: bool) -> None:
    response = Raw([chunk("Great film"), chunk(finish_reason="stop"), b"data: [DONE]\n\n"])
    with LoopbackServer([response]) as provider:
        model = declarai.openai("m", base_url=provider.url, api_key="k", include_usage=include_usage)
        stream = streaming(model)("Hulk")
        stream.result()
    assert stream.usage is not None
    assert stream.usage.estimated
    assert stream.usage.completion_tokens == estimate_tokens("Great film")


def test_the_usage_of_a_closed_stream_remains_estimated(world: World, speaker: Speaker) -> None:
    stream = streaming(speaker.model)("Hulk")
    speaker.say("Great", " film")
    if world.name == "blocking":
        next(stream), next(stream)
        stream.close()
    else:

        async def leave() -> None:
            async with stream:
                await anext(stream)
                await anext(stream)

        world.run(leave)
    assert stream.usage is not None
    assert stream.usage.estimated
    assert stream.usage.completion_tokens == estimate_tokens("Great film")
    assert speaker.last.left.wait(5)


def test_the_usage_of_an_interrupted_answer_counts_its_text() -> None:
    with LoopbackServer([Raw([chunk("Great film"), 0.01], cut=True)]) as provider:
        stream = streaming(declarai.openai("m", base_url=provider.url, api_key="k", max_retries=0))("Hulk")
        with pytest.raises(declarai.errors.StreamError):
            stream.result()
    assert stream.usage is not None
    assert stream.usage.estimated
    assert stream.usage.completion_tokens == estimate_tokens("Great film")


def test_the_prompt_tokens_include_the_whole_conversation() -> None:
    @declarai.offline(["one", "two"]).chat(streaming=True)
    class Bot:
        """Be kind."""

    bot: Any = Bot()

    def prompt_tokens(message: str) -> int:
        stream = bot.send(message)
        next(stream)
        usage = stream.usage
        stream.result()
        assert usage is not None
        assert usage.estimated
        return int(usage.prompt_tokens)

    assert prompt_tokens("hi") < prompt_tokens("hi")


def test_a_longer_prompt_has_more_tokens() -> None:
    say = streaming(declarai.offline(lambda _: "well"))

    def prompt_tokens(movie: str) -> int:
        stream = say(movie)
        next(stream)
        return int(stream.usage.prompt_tokens)

    assert prompt_tokens("Hulk and Thor and many others") > prompt_tokens("Hulk")


def test_the_usage_is_that_of_the_last_attempt() -> None:
    model = declarai.offline(
        [Reply("a long text that is not a number", usage=Usage(1, 9, 10)), Reply("42", usage=REPORTED)]
    )

    @model.task(streaming=True, output="prompt", retries=1)
    def count(movie: str) -> int:
        """Count the heroes"""

    stream = count("Avengers")
    assert stream.result() == 42
    assert stream.usage == REPORTED


def test_a_stream_that_does_not_keep_chunks_has_its_usage() -> None:
    stream = streaming(declarai.offline([Reply("one two three", usage=REPORTED)]), replay=False)("Hulk")
    estimates = [stream.usage for _ in stream]
    assert all(usage is not None for usage in estimates)
    assert stream.usage == REPORTED


def test_reported_and_estimated_usage_are_not_equal() -> None:
    assert Usage(1, 2, 3) != Usage(1, 2, 3, estimated=True)
    assert "estimated=True" in repr(Usage(1, 2, 3, estimated=True))
    assert not Usage(1, 2, 3).estimated


def test_chunks_do_not_have_the_estimate() -> None:
    stream = streaming(declarai.offline(["one two"]))("Hulk")
    first = next(stream)
    assert isinstance(first, LLMResponse)
    assert first.usage is None
    assert first.total_tokens is None
    assert stream.usage is not None


@given(st.text(max_size=20), st.text(max_size=20))
def test_an_estimate_is_monotonic_and_subadditive(one: str, other: str) -> None:
    together = estimate_tokens(one + other)
    assert max(estimate_tokens(one), estimate_tokens(other)) <= together
    assert together <= estimate_tokens(one) + estimate_tokens(other)


def test_an_estimate_is_zero_for_an_empty_text_only() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("a") == 1
    assert estimate_tokens("日本") == 2


@pytest.mark.parametrize("last", [[chunk("Great", "stop")], [chunk("Great"), chunk(finish_reason="stop")]])
def test_the_last_chunk_has_the_usage_that_comes_after_it(last: list[bytes]) -> None:
    model = declarai.offline([Raw([*last, usage_chunk(5, 6), b"data: [DONE]\n\n"])])
    chunks = list(streaming(model)("Hulk"))
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].usage == Usage(5, 6, 11)


def test_the_provider_may_send_the_usage_before_the_last_chunk() -> None:
    response = Raw([usage_chunk(5, 6), chunk("Great"), chunk(finish_reason="stop"), b"data: [DONE]\n\n"])
    with LoopbackServer([response]) as provider:
        stream = streaming(declarai.openai("m", base_url=provider.url, api_key="k"))("Hulk")
        stream.result()
    assert stream.usage == Usage(5, 6, 11)
