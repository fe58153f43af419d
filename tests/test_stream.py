"""The stream of a task: a generator that can be read again, by many readers, sync and async."""

from __future__ import annotations

import collections.abc
import gc
import itertools
import threading
from typing import Any

import anyio
import pytest

import declarai_like as declarai
from declarai_like.errors import OutputError, ServerError, StreamClosed, StreamInterrupted, StreamInUse
from declarai_like.testing import Fault, Raw, Reply, Script

WORDS = ["", "one", "one two", "one two three", "one two three"]


def make(replies: Any = None, **settings: Any) -> tuple[Any, Script]:
    """Return a streaming task, and the script that answers it."""
    script = Script(["one two three"] if replies is None else replies)

    @declarai.offline(script).task(streaming=True, **settings)
    def say(movie: str) -> str:
        """Describe the movie"""
        return declarai.magic(movie)

    return say, script


def responses(stream: Any) -> list[str]:
    return [chunk.response for chunk in stream]


def test_each_chunk_has_all_the_text_so_far_and_what_is_new() -> None:
    say, _ = make()
    chunks = list(say("Avengers"))
    assert [chunk.response for chunk in chunks] == WORDS
    assert [chunk.delta for chunk in chunks] == ["", "one", " two", " three", ""]
    assert [chunk.raw_response["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "one"},
        {"content": " two"},
        {"content": " three"},
        {},
    ]
    assert [chunk.finish_reason for chunk in chunks] == [None, None, None, None, "stop"]
    assert {chunk.role for chunk in chunks} == {"assistant"}
    last = chunks[-1]
    assert (last.completion_tokens, last.total_tokens) == (3, last.prompt_tokens + 3)
    assert chunks[0].usage is None


@pytest.mark.anyio
async def test_a_stream_of_a_plain_function_can_be_read_async() -> None:
    say, _ = make()
    assert [chunk.response async for chunk in say("Avengers")] == WORDS


@pytest.mark.anyio
async def test_an_async_function_returns_its_stream_without_await() -> None:
    @declarai.offline(["one two three"]).task(streaming=True)
    async def say(movie: str) -> str:
        """Describe the movie"""
        return declarai.magic(movie)

    stream = say("Avengers")
    assert isinstance(stream, declarai.Stream)
    assert [chunk.response async for chunk in stream] == WORDS
    assert await stream.aresult() == "one two three"


def test_nothing_is_sent_until_the_first_chunk_is_read() -> None:
    say, script = make()
    stream = say("Avengers")
    assert script.calls == []
    assert next(stream).response == ""
    assert len(script.calls) == 1


def test_it_is_a_generator() -> None:
    say, _ = make()
    stream = say("Avengers")
    assert isinstance(stream, collections.abc.Generator)
    assert stream.send(None).response == ""
    assert next(stream).response == "one"
    with pytest.raises(TypeError, match="does not receive values"):
        stream.send("x")
    with pytest.raises(KeyError, match="thrown"):
        stream.throw(KeyError("thrown"))
    with pytest.raises(KeyError, match="thrown"):
        next(stream)

    def outer() -> Any:
        return (yield from make()[0]("Avengers"))

    assert responses(outer()) == WORDS


def test_it_is_on_the_task_and_so_is_its_last_chunk_when_it_has_ended() -> None:
    say, _ = make()
    assert say.llm_stream_response is None
    assert say.llm_response is None
    stream = say("Avengers")
    assert say.llm_stream_response is stream
    assert say.llm_response is None
    first, *_, last = stream
    assert say.llm_response is last
    assert first is not last


def test_it_is_replayed_without_a_second_request() -> None:
    say, script = make()
    stream = say("Avengers")
    assert list(stream) == list(stream)
    assert responses(stream) == WORDS
    assert len(script.calls) == 1


@pytest.mark.anyio
async def test_what_was_read_blocking_is_replayed_async_and_the_other_way_round() -> None:
    say, script = make(["one two three"] * 2)
    stream = say("Avengers")
    assert responses(stream) == [chunk.response async for chunk in stream] == WORDS
    other = say("Avengers")
    assert [chunk.response async for chunk in other] == responses(other) == WORDS
    assert len(script.calls) == 2


def test_a_loop_continues_at_the_position_of_next_and_starts_again_at_the_end() -> None:
    say, _ = make()
    stream = say("Avengers")
    assert next(stream).response == ""
    assert responses(stream) == WORDS[1:]
    assert responses(itertools.islice(stream, 2)) == WORDS[1:3]
    assert [chunk.response for chunk in iter(lambda: next(stream, None), None)] == WORDS[1:]
    assert responses(stream) == WORDS
    assert next(stream, "still over") == "still over"


def test_a_second_reader_gets_the_chunks_so_far_and_continues_live() -> None:
    say, script = make()
    stream = say("Avengers")
    ahead = iter(stream)
    assert responses(itertools.islice(ahead, 2)) == WORDS[:2]
    behind = iter(stream)
    assert responses(itertools.islice(behind, 4)) == WORDS[:4]
    assert responses(ahead) == WORDS[2:]
    assert responses(behind) == WORDS[4:]
    assert len(script.calls) == 1


def test_readers_in_many_threads_each_see_every_chunk_once_in_order() -> None:
    text = " ".join(map(str, range(300)))
    say, script = make([text])
    stream = say("Avengers")
    received: list[list[str]] = []
    threads = [threading.Thread(target=lambda: received.append([c.delta for c in stream])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(received) == 8
    assert all("".join(deltas) == text for deltas in received)
    assert len(script.calls) == 1


@pytest.mark.anyio
async def test_readers_in_many_tasks_each_see_every_chunk_once_in_order() -> None:
    say, script = make([Reply(" ".join(map(str, range(50))), delay=0.0005)])
    stream = say("Avengers")
    received: list[list[str]] = []

    async def read() -> None:
        received.append([delta async for delta in stream.deltas()])

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(read)
    assert len(received) == 8
    assert {"".join(deltas) for deltas in received} == {" ".join(map(str, range(50)))}
    assert len(script.calls) == 1


def test_the_result_drains_the_stream_and_is_read_once() -> None:
    say, script = make()
    stream = say("Avengers")
    assert stream.response == ""
    assert stream.usage is None
    assert stream.result() == "one two three"
    assert stream.response == "one two three"
    assert stream.finish_reason == "stop"
    assert stream.usage.completion_tokens == 3
    assert responses(stream) == WORDS
    assert len(script.calls) == 1


def test_a_typed_result_is_the_same_object_each_time() -> None:
    @declarai.offline([[1, 2, 3]]).task(streaming=True)
    def numbers() -> list[int]:
        """Count"""

    stream = numbers()
    assert stream.result() == [1, 2, 3]
    assert stream.result() is stream.result()


def test_a_typed_result_that_is_not_valid_is_an_output_error_after_all_chunks() -> None:
    @declarai.offline(["[1, 2, oops]"]).task(streaming=True, retries=0)
    def numbers() -> list[int]:
        """Count"""

    stream = numbers()
    for _ in range(2):
        received = []
        with pytest.raises(OutputError, match="the answer of '.*numbers' is not a valid list\\[int\\]"):
            for chunk in stream:
                received.append(chunk.response)
        assert received[-1] == "[1, 2, oops]"
        with pytest.raises(OutputError) as caught:
            stream.result()
        assert caught.value.text == "[1, 2, oops]"


def test_deltas_give_the_new_text_only_and_can_be_read_again() -> None:
    say, _ = make()
    deltas = say("Avengers").deltas()
    assert list(deltas) == ["one", " two", " three"]
    assert list(deltas) == ["one", " two", " three"]


@pytest.mark.slow
@pytest.mark.anyio
async def test_deltas_can_be_left_early_without_leaving_anything_behind() -> None:
    say, _ = make()
    async with say("Avengers") as stream:
        async for delta in stream.deltas():
            assert delta == "one"
            break
    gc.collect()


@pytest.mark.slow
def test_reasoning_is_streamed_as_it_comes_and_counts_as_a_first_token() -> None:
    thinking = Reply("done", reasoning="let me think about it", delay=0.05)
    model = declarai.offline([thinking], timeout=declarai.Timeouts(first_token=0.2, idle=0.2))

    @model.task(streaming=True)
    def say(movie: str) -> str:
        """Describe the movie"""

    stream = say("Avengers")
    assert next(stream).reasoning == ""
    assert next(stream).reasoning == "let"
    assert stream.response == ""
    assert stream.result() == "done"


def broken(*pieces: bytes) -> list[Any]:
    return [Raw([event(word) for word in pieces], cut=True)]


def event(text: bytes) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"' + text + b'"},"finish_reason":null}]}\n\n'


def test_an_error_comes_after_the_chunks_before_it_and_again_to_each_later_reader() -> None:
    say, _ = make(broken(b"one", b" two"))
    stream = say("Avengers")
    for _ in range(2):
        received = []
        with pytest.raises(StreamInterrupted, match="in the middle of the answer") as caught:
            for chunk in stream:
                received.append(chunk.response)
        assert received == ["one", "one two"]
        assert caught.value.partial == "one two"
    with pytest.raises(StreamInterrupted):
        stream.result()
    assert stream.response == "one two"
    assert say.llm_response.response == "one two"


@pytest.mark.anyio
async def test_an_error_comes_to_each_async_reader_as_well() -> None:
    say, _ = make(broken(b"one", b" two"))
    stream = say("Avengers")
    for _ in range(2):
        received = []
        with pytest.raises(StreamInterrupted):
            async for chunk in stream:
                received.append(chunk.response)
        assert received == ["one", "one two"]
    with pytest.raises(StreamInterrupted):
        await stream.aresult()


def test_a_closed_stream_keeps_what_came_and_has_no_result() -> None:
    say, script = make()
    with say("Avengers") as stream:
        assert responses(itertools.islice(stream, 2)) == WORDS[:2]
    assert responses(stream) == WORDS[:2]
    with pytest.raises(StreamClosed, match="closed before its end") as caught:
        stream.result()
    assert caught.value.partial == "one"
    stream.close()
    assert len(script.calls) == 1


def test_a_stream_closed_before_it_began_sends_nothing() -> None:
    say, script = make()
    stream = say("Avengers")
    stream.close()
    assert list(stream) == []
    assert script.calls == []
    with pytest.raises(StreamClosed):
        stream.result()


@pytest.mark.anyio
async def test_an_async_stream_is_closed_by_async_with() -> None:
    say, _ = make()
    async with say("Avengers") as stream:
        async for chunk in stream:
            if chunk.response == "one":
                break
    assert [chunk.response async for chunk in stream] == WORDS[:2]
    with pytest.raises(StreamClosed):
        await stream.aresult()


@pytest.mark.anyio
async def test_the_error_for_the_other_mode_says_what_to_do() -> None:
    say, _ = make(["one two three"] * 2)
    stream = say("Avengers")
    assert (await anext(stream)).response == ""
    with pytest.raises(StreamInUse, match="async for"):
        list(stream)
    with pytest.raises(StreamInUse, match="aclose"):
        stream.close()
    assert [chunk.response async for chunk in stream] == WORDS[1:]

    other = say("Avengers")
    assert next(other).response == ""
    with pytest.raises(StreamInUse, match="`for`"):
        [chunk async for chunk in other]
    assert responses(other) == WORDS[1:]
    await other.aclose()


@pytest.mark.anyio
async def test_a_cancelled_reader_ends_the_stream_for_waiting_readers() -> None:
    say, _ = make([Raw([event(b"one"), 60.0])])
    stream = say("Avengers")
    assert (await anext(stream)).response == "one"
    received: list[str] = []

    async def wait() -> None:
        try:
            async for chunk in stream:
                received.append(chunk.response)
        except StreamClosed as error:
            received.append(str(error))

    async with anyio.create_task_group() as group:
        with anyio.move_on_after(0.05):
            group.start_soon(wait)
            async for _ in stream:
                pass
    assert received == ["the task that was reading this stream was cancelled"]


def test_without_replay_a_stream_is_read_once_and_keeps_only_its_end() -> None:
    say, script = make(replay=False)
    stream = say("Avengers")
    assert responses(stream) == WORDS
    assert len(stream.buffer.items) == 1
    assert stream.result() == "one two three"
    assert say.llm_response.response == "one two three"
    with pytest.raises(StreamInUse, match=r"replay=False.*read once"):
        list(stream)
    assert len(script.calls) == 1


@pytest.mark.slow
def test_a_dropped_stream_is_closed_and_its_chunks_stay_on_the_task() -> None:
    left = threading.Event()

    class Watched(Script):
        def answer(self, request: Any) -> Any:
            try:
                yield from super().answer(request)
            finally:
                left.set()

    @declarai.offline(Watched(["one two three"])).task(streaming=True)
    def say(movie: str) -> str:
        """Describe the movie"""

    for chunk in say("Avengers"):
        if chunk.response == "one two":
            break
    del chunk
    gc.collect()
    assert left.is_set()
    assert responses(say.llm_stream_response) == WORDS[:3]
    with pytest.raises(StreamClosed):
        say.llm_stream_response.result()
    assert say.llm_response is None or say.llm_response.response == "one two"


def test_closing_from_another_thread_ends_a_read_that_is_running() -> None:
    say, _ = make([Raw([event(b"one"), 60.0])])
    stream = say("Avengers")
    next(stream)
    threading.Timer(0.05, stream.close).start()
    assert responses(stream) == []


@pytest.mark.anyio
async def test_closing_from_another_task_ends_a_read_that_is_running() -> None:
    say, _ = make([Raw([event(b"one"), 60.0])])
    stream = say("Avengers")
    await anext(stream)
    async with anyio.create_task_group() as group:

        async def close() -> None:
            await anyio.sleep(0.05)
            await stream.aclose()

        group.start_soon(close)
        assert [chunk async for chunk in stream] == []


def test_an_error_before_the_first_chunk_is_tried_again_and_one_after_it_is_not() -> None:
    say, script = make([Fault(500, headers={"retry-after": "0"}), "one two three"])
    assert responses(say("Avengers")) == WORDS
    assert len(script.calls) == 2

    say, script = make([*broken(b"one"), "one two three"])
    with pytest.raises(StreamInterrupted):
        list(say("Avengers"))
    assert len(script.calls) == 1


def test_a_failed_first_request_is_raised_again_each_time() -> None:
    say, _ = make([Fault(500, "down", headers={"retry-after": "0"})] * 3)
    stream = say("Avengers")
    for _ in range(2):
        with pytest.raises(ServerError, match=r"HTTP 500.*down"):
            list(stream)


def test_a_long_stream_that_is_kept_can_be_read_with_next_in_linear_time() -> None:
    """100,000 chunks; if each next() looked at all that are kept, that would be 5,000,000,000 steps."""
    pieces = [b"".join(event(b"x") for _ in range(1000))] * 100
    say, _ = make([Raw([*pieces, b"data: [DONE]\n\n"])])
    stream = say("Avengers")
    stream.result()
    count = 0
    while next(stream, None) is not None:
        count += 1
    assert count == 100_000


def test_the_repr_of_a_stream_shows_its_progress() -> None:
    say, _ = make()
    stream = say("Avengers")
    assert repr(stream) == "<stream, not started, 0 chunks, ''>"
    next(stream)
    assert repr(stream).startswith("<stream, running, 2 chunks, 'one'")
    stream.result()
    assert repr(stream) == "<stream, complete, 5 chunks, 'one two three'>"
    assert repr(say.plan("Avengers")) == "<plan of say, not sent>"


def test_the_repr_of_a_chunk_shows_its_text_and_no_secrets() -> None:
    say, _ = make()
    *_, last = say("Avengers")
    assert "response='one two three'" in repr(last)
    assert "finish_reason='stop'" in repr(last)
