"""Functions over HTTP: their items are sent as they are yielded, by async and by blocking functions."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

import declarai_like as declarai
from declarai_like import serve
from declarai_like.stream import Items, Stream
from tests.serve.serving import Gate, Speaker, Start, names, text, wait_until
from tests.serve.serving import serving as serving
from tests.serve.serving import speaker as speaker


class Hero(BaseModel):
    name: str
    age: int = 0


HULK = {"name": "Hulk", "age": 45}


async def words(text: str, times: int = 1) -> AsyncIterator[str]:
    """Yield the words of a str."""
    for word in text.split() * times:
        yield word


def words_in_threads(text: str, times: int = 1) -> Iterator[str]:
    yield from text.split() * times


@pytest.mark.parametrize("function", [words, words_in_threads])
def test_yielded_str_values_are_new_text_of_the_answer(serving: Start, function: Any) -> None:
    answer = serving(function).answer(function.__name__, {"text": "a b", "times": 2})
    assert names(answer.events) == ["start", *["delta"] * 4, "done"]
    assert text(answer.events) == "abab"
    assert answer.events[-1].data == {"response": "abab", "finish_reason": "stop", "usage": None}


def test_other_yielded_values_are_items(serving: Start) -> None:
    async def heroes() -> AsyncIterator[Any]:
        yield Hero(name="Hulk", age=45)
        yield {"name": "Thor"}
        yield 7
        yield None
        yield ["a", "b"]
        yield "text"

    answer = serving(heroes).answer("heroes")
    assert [(event.name, event.data) for event in answer.events[1:-1]] == [
        ("item", {"index": 0, "value": HULK}),
        ("item", {"index": 1, "value": {"name": "Thor"}}),
        ("item", {"index": 2, "value": 7}),
        ("item", {"index": 3, "value": None}),
        ("item", {"index": 4, "value": ["a", "b"]}),
        ("delta", {"delta": "text"}),
    ]


def test_an_item_arrives_before_the_next_one_is_yielded(serving: Start) -> None:
    gates = [Gate(), Gate()]

    async def heroes() -> AsyncIterator[int]:
        for number, gate in enumerate(gates):
            yield number
            await gate.passed()

    with serving(heroes).ask("heroes") as answer:
        for number, gate in enumerate(gates):
            assert answer.until("item")[-1].data == {"index": number, "value": number}
            gate.open()
        assert names(answer.read())[-1] == "done"


def test_a_blocking_function_does_not_block_others(serving: Start) -> None:
    go = threading.Event()

    def block() -> Iterator[str]:
        yield "one"
        go.wait(5)
        yield "two"

    server = serving(block, words)
    with server.ask("block") as answer:
        answer.until("delta")
        assert text(server.answer("words", {"text": "a b"}).events) == "ab"
        go.set()
        assert text(answer.read()) == "onetwo"


def test_a_returned_value_is_the_result(serving: Start) -> None:
    def hero(name: str) -> Hero:
        return Hero(name=name)

    async def hero_later(name: str) -> Hero:
        return Hero(name=name)

    server = serving(hero, hero_later)
    for name in ("hero", "hero_later"):
        answer = server.answer(name, {"name": "Hulk"})
        assert names(answer.events) == ["start", "done"]
        assert answer.events[-1].data["result"] == {"name": "Hulk", "age": 0}
        assert answer.events[-1].data["response"] == ""


def test_a_returned_str_is_the_text_of_the_answer(serving: Start) -> None:
    def greet(name: str) -> str:
        return f"Hello {name}"

    answer = serving(greet).answer("greet", {"name": "Ann"})
    assert names(answer.events) == ["start", "delta", "done"]
    assert answer.events[-1].data["response"] == "Hello Ann"


def test_an_empty_str_has_no_event(serving: Start) -> None:
    async def give() -> AsyncIterator[str]:
        yield ""
        yield "a"
        yield ""

    assert names(serving(give).answer("give").events) == ["start", "delta", "done"]


def test_a_function_that_yields_nothing_is_done(serving: Start) -> None:
    async def nothing() -> AsyncIterator[str]:
        return
        yield ""

    assert names(serving(nothing).answer("nothing").events) == ["start", "done"]


def test_a_returned_stream_is_served_like_its_task(serving: Start, speaker: Speaker) -> None:
    @speaker.model.task(streaming=True)
    def say(movie: str) -> str:
        """Describe the movie"""

    def say_it(movie: str) -> Stream[str]:
        return say(movie)

    with serving(say_it).ask("say_it", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        assert answer.until("delta")[-1].data == {"delta": "one"}
        speaker.end()
        assert names(answer.read()) == ["start", "delta", "done"]
    assert answer.events[-1].data["usage"]["total_tokens"] == 7


def test_a_returned_typed_stream_has_partials_and_a_result(serving: Start) -> None:
    @declarai.offline([HULK, HULK]).task(streaming=True)
    def hero(movie: str) -> Hero:
        """Name the hero"""

    async def find(movie: str) -> Stream[Hero]:
        return hero(movie)

    server = serving(find)
    answer = server.answer("find", {"movie": "Hulk"})
    assert set(names(answer.events[1:-1])) == {"partial"}
    assert answer.events[-1].data["result"] == HULK
    assert "patch" in server.answer("find", {"movie": "Hulk"}, partials="patch").events[1].data


def test_returned_elements_are_items(serving: Start) -> None:
    @declarai.offline([[HULK, HULK]]).task
    def heroes(movie: str) -> Iterator[Hero]:
        """Name the heroes"""

    def find(movie: str) -> Items[Hero]:
        return heroes(movie)  # type: ignore[return-value]

    answer = serving(find).answer("find", {"movie": "Hulk"})
    assert names(answer.events) == ["start", "item", "item", "done"]


def test_the_tokens_of_calls_in_a_function_are_counted(serving: Start) -> None:
    model = declarai.offline([declarai.testing.Reply("a", usage=declarai.Usage(1, 2, 3))] * 3)

    @model.task
    def ask(movie: str) -> str:
        """Describe it"""

    @model.task(streaming=True)
    def say(movie: str) -> str:
        """Describe it"""

    @model.task
    async def ask_later(movie: str) -> str:
        """Describe it"""

    async def think(movie: str) -> AsyncIterator[str]:
        yield await ask_later(movie)
        async for chunk in say(movie):
            yield chunk.delta

    def think_in_a_thread(movie: str) -> str:
        return ask(movie)

    server = serving(think, think_in_a_thread)
    assert server.answer("think", {"movie": "a"}).events[-1].data["usage"]["total_tokens"] == 6
    assert server.answer("think_in_a_thread", {"movie": "a"}).events[-1].data["usage"]["total_tokens"] == 3


def test_an_error_after_some_items_comes_after_them(serving: Start) -> None:
    def fail() -> Iterator[int]:
        yield 1
        raise ValueError("secret")

    answer = serving(fail).answer("fail")
    assert names(answer.events) == ["start", "item", "error"]
    assert b"secret" not in answer.body


# Stopping and disconnecting


def test_a_stopped_function_is_closed_and_its_text_is_kept(serving: Start) -> None:
    closed = Gate()

    async def talk() -> AsyncIterator[str]:
        try:
            yield "one"
            await asyncio.sleep(60)
        finally:
            closed.open()

    server = serving(talk)
    with server.ask("talk") as answer:
        answer.until("delta")
        assert server.stop(answer.stream).status_code == 202
        last = answer.read()[-1]
    assert (last.name, last.data["response"]) == ("stopped", "one")
    wait_until(lambda: closed.is_open)


def test_a_function_that_reads_a_stream_can_finish_when_it_is_stopped(serving: Start, speaker: Speaker) -> None:
    responses: list[str] = []

    @speaker.model.task(streaming=True)
    def say(movie: str) -> str:
        """Describe it"""

    async def tell(movie: str) -> AsyncIterator[str]:
        stream = say(movie)
        async for delta in stream.deltas():
            yield delta
        responses.append(stream.response)
        yield "!"

    server = serving(tell)
    with server.ask("tell", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        answer.until("delta")
        server.stop(answer.stream)
        last = answer.read()[-1]
    assert last.name == "stopped"
    assert responses == ["one"], "it finished by itself, with the text so far"
    assert last.data["response"] == "one!"
    assert speaker.last.left.wait(5)


def test_a_function_in_a_thread_is_stopped_where_it_reads_a_stream(serving: Start, speaker: Speaker) -> None:
    @speaker.model.task(streaming=True)
    def say(movie: str) -> str:
        """Describe it"""

    def tell(movie: str) -> Iterator[str]:
        for chunk in say(movie):
            if chunk.delta:
                yield chunk.delta

    server = serving(tell)
    with server.ask("tell", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        answer.until("delta")
        server.stop(answer.stream)
        assert names(answer.read()) == ["start", "delta", "stopped"]
    assert speaker.last.left.wait(5)


def test_a_generator_in_a_thread_is_closed_after_a_disconnect(serving: Start) -> None:
    closed = threading.Event()

    def talk() -> Iterator[str]:
        try:
            while True:
                yield "one"
                time.sleep(0.01)
        finally:
            closed.set()

    with serving(talk, grace=0).ask("talk") as answer:
        answer.until("delta")
    assert closed.wait(5)


def test_a_returned_stream_is_closed_after_a_disconnect(serving: Start, speaker: Speaker) -> None:
    @speaker.model.task(streaming=True)
    def say(movie: str) -> str:
        """Describe it"""

    def tell(movie: str) -> Stream[str]:
        return say(movie)

    with serving(tell, grace=0).ask("tell", {"movie": "Hulk"}) as answer:
        speaker.say("one")
        answer.until("delta")
    assert speaker.last.left.wait(5)


# Arguments


def test_arguments_are_validated_as_models(serving: Start) -> None:
    calls: list[Any] = []

    def take(hero: Hero, *, tags: list[str] = []) -> str:  # noqa: B006  (a user may write it)
        calls.append((hero, tags))
        return "well"

    server = serving(take)
    assert server.answer("take", {"hero": HULK, "tags": ["a"]}).events[-1].name == "done"
    assert server.answer("take", {"hero": HULK}).events[-1].name == "done"
    assert calls == [(Hero(**HULK), ["a"]), (Hero(**HULK), [])]
    assert server.post("/take", json={"hero": {"age": 1}}).status_code == 422
    assert server.post("/take", json={"hero": HULK, "more": 1}).status_code == 422


def test_a_bound_method_is_served_under_its_name(serving: Start) -> None:
    class Teller:
        def __init__(self, word: str) -> None:
            self.word = word

        async def tell(self, times: int) -> AsyncIterator[str]:
            for _ in range(times):
                yield self.word

    assert text(serving(Teller("ho").tell).answer("tell", {"times": 3}).events) == "hohoho"


def test_a_lambda_is_served_under_the_name_of_its_settings(serving: Start) -> None:
    server = serving(serve.function(lambda text: text.upper(), name="upper"))
    assert text(server.answer("upper", {"text": "a"}).events) == "A"


def test_a_blocking_generator_runs_in_one_context(serving: Start, speaker: Speaker) -> None:
    @speaker.model.task(streaming=True)
    def say(movie: str) -> str:
        """Describe it"""

    def tell(movie: str) -> Iterator[str]:
        with declarai.Watch() as watch:
            for chunk in say(movie):
                yield chunk.delta
        assert watch.usage is not None
        assert say.llm_response is not None
        yield f" ({watch.usage.total_tokens} tokens)"

    speaker.say("one")
    speaker.end()
    answer = serving(tell).answer("tell", {"movie": "Hulk"})
    assert answer.events[-1].data["response"] == "one (7 tokens)"
