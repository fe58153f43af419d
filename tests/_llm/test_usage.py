"""The tokens of an answer are known while it comes: estimated until the provider has told them, and marked so."""

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

TOLD = Usage(10, 2, 12)


def streaming(model: Any, **settings: Any) -> Any:
    @model.task(streaming=True, **settings)
    def say(movie: str) -> str:
        """Say something about the movie"""

    return say


def test_before_an_answer_begins_its_tokens_are_not_known() -> None:
    assert streaming(declarai.offline(["well"]))("Hulk").usage is None


def test_while_an_answer_comes_its_tokens_grow_and_are_estimated(world: World) -> None:
    stream = streaming(declarai.offline([Reply("one two three four five", usage=TOLD)]))("Hulk")
    seen: list[Usage] = []

    def note() -> None:
        assert stream.usage is not None
        seen.append(stream.usage)

    if world.name == "blocking":
        for _ in stream:
            note()
    else:

        async def read() -> None:
            async for _ in stream:
                note()

        world.run(read)
    *live, last = seen
    assert all(usage.estimated for usage in live)
    assert [usage.completion_tokens for usage in live] == sorted(usage.completion_tokens for usage in live)
    assert live[0].completion_tokens < live[-1].completion_tokens
    assert len({usage.prompt_tokens for usage in live}) == 1
    assert all(usage.total_tokens == usage.prompt_tokens + usage.completion_tokens for usage in live)
    assert last == TOLD
    assert not last.estimated


def test_what_the_provider_tells_is_not_marked(speaker: Speaker) -> None:
    stream = streaming(speaker.model)("Hulk")
    speaker.say("well")
    speaker.end()
    stream.result()
    assert stream.usage == Usage(3, 4, 7, estimated=False)


@pytest.mark.parametrize("asks", [True, False])
def test_a_provider_that_tells_nothing_leaves_an_estimate(asks: bool) -> None:
    said = Raw([chunk("Great film"), chunk(finish_reason="stop"), b"data: [DONE]\n\n"])
    with LoopbackServer([said]) as provider:
        model = declarai.openai("m", base_url=provider.url, api_key="k", include_usage=asks)
        stream = streaming(model)("Hulk")
        stream.result()
    assert stream.usage is not None
    assert stream.usage.estimated
    assert stream.usage.completion_tokens == estimate_tokens("Great film")


def test_an_answer_that_was_left_stays_estimated(world: World, speaker: Speaker) -> None:
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


def test_an_answer_that_breaks_off_has_the_tokens_of_what_came() -> None:
    with LoopbackServer([Raw([chunk("Great film"), 0.01], cut=True)]) as provider:
        stream = streaming(declarai.openai("m", base_url=provider.url, api_key="k", max_retries=0))("Hulk")
        with pytest.raises(declarai.errors.StreamError):
            stream.result()
    assert stream.usage is not None
    assert stream.usage.estimated
    assert stream.usage.completion_tokens == estimate_tokens("Great film")


def test_what_was_asked_is_counted_with_the_whole_conversation() -> None:
    @declarai.offline(["one", "two"]).chat(streaming=True)
    class Bot:
        """Be kind."""

    bot: Any = Bot()

    def asked(message: str) -> int:
        stream = bot.send(message)
        next(stream)
        usage = stream.usage
        stream.result()
        assert usage is not None and usage.estimated
        return int(usage.prompt_tokens)

    assert asked("hi") < asked("hi")


def test_a_longer_question_has_more_tokens() -> None:
    say = streaming(declarai.offline(lambda _: "well"))

    def asked(movie: str) -> int:
        stream = say(movie)
        next(stream)
        return int(stream.usage.prompt_tokens)

    assert asked("Hulk and Thor and many others") > asked("Hulk")


def test_the_tokens_are_those_of_the_attempt_that_is_shown() -> None:
    model = declarai.offline([Reply("a long text that is no number", usage=Usage(1, 9, 10)), Reply("42", usage=TOLD)])

    @model.task(streaming=True, output="prompt", retries=1)
    def count(movie: str) -> int:
        """Count the heroes"""

    stream = count("Avengers")
    assert stream.result() == 42
    assert stream.usage == TOLD


def test_a_stream_whose_chunks_are_not_kept_knows_its_tokens_too() -> None:
    stream = streaming(declarai.offline([Reply("one two three", usage=TOLD)]), replay=False)("Hulk")
    live = [stream.usage for _ in stream]
    assert all(usage is not None for usage in live)
    assert stream.usage == TOLD


def test_usage_that_was_counted_and_usage_that_was_estimated_are_not_the_same() -> None:
    assert Usage(1, 2, 3) != Usage(1, 2, 3, estimated=True)
    assert "estimated=True" in repr(Usage(1, 2, 3, estimated=True))
    assert not Usage(1, 2, 3).estimated


def test_an_estimate_is_not_taken_for_what_a_chunk_holds() -> None:
    stream = streaming(declarai.offline(["one two"]))("Hulk")
    first = next(stream)
    assert isinstance(first, LLMResponse)
    assert first.usage is None
    assert first.total_tokens is None
    assert stream.usage is not None


@given(st.text(max_size=20), st.text(max_size=20))
def test_an_estimate_grows_with_the_text(one: str, other: str) -> None:
    together = estimate_tokens(one + other)
    assert max(estimate_tokens(one), estimate_tokens(other)) <= together
    assert together <= estimate_tokens(one) + estimate_tokens(other)


def test_an_estimate_is_never_nothing_for_some_text() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("a") == 1
    assert estimate_tokens("日本") == 2


def test_the_provider_may_tell_the_tokens_before_its_last_word() -> None:
    said = Raw([usage_chunk(5, 6), chunk("Great"), chunk(finish_reason="stop"), b"data: [DONE]\n\n"])
    with LoopbackServer([said]) as provider:
        stream = streaming(declarai.openai("m", base_url=provider.url, api_key="k"))("Hulk")
        stream.result()
    assert stream.usage == Usage(5, 6, 11)
