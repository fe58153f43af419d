"""A watch tracks the calls made in its block, sums up their tokens, and can stop their streams."""

from __future__ import annotations

import contextvars
import gc
import threading
from typing import Any

import anyio
import anyio.to_thread
import pytest

import declarai_like as declarai
from declarai_like.errors import BadRequestError, StreamClosed
from declarai_like.testing import Fault, Reply
from tests.conftest import World
from tests.serve.serving import Speaker, wait_until
from tests.serve.serving import speaker as speaker

USAGE = declarai.Usage(10, 2, 12)
REPLY = Reply("well said", usage=USAGE)


def offline(*replies: Any) -> Any:
    return declarai.offline([*replies])


def streaming(model: Any) -> Any:
    @model.task(streaming=True)
    def say(movie: str) -> str:
        """Describe the movie"""

    return say


def run_in(world: World, watch: declarai.Watch, function: Any) -> Any:
    """Call a function in the block of a watch: in this context, or in a task of the event loop."""
    if world.name == "blocking":
        with watch:
            return function()

    async def inside() -> Any:
        with watch:
            return await function()

    return world.run(inside)


def test_before_any_call_there_are_no_tokens() -> None:
    watch = declarai.Watch()
    assert watch.usage is None
    with watch:
        assert watch.usage is None
    assert not watch.is_stopped
    assert not watch.stopped_any


def test_a_call_that_returns_a_value_is_counted(world: World) -> None:
    watch = declarai.Watch()
    if world.name == "blocking":

        @offline(REPLY).task
        def say(movie: str) -> str:
            """Describe it"""

        run_in(world, watch, lambda: say("Hulk"))
    else:

        @offline(REPLY).task
        async def say_later(movie: str) -> str:
            """Describe it"""

        run_in(world, watch, lambda: say_later("Hulk"))
    assert watch.usage == USAGE


def test_a_stream_is_counted_as_far_as_it_has_been_read(world: World) -> None:
    watch = declarai.Watch()
    with watch:
        stream = streaming(offline(Reply("well said, and more", usage=USAGE)))("Hulk")
    assert watch.usage is None, "nothing was sent yet"
    if world.name == "blocking":
        next(stream)
        next(stream)
        live = watch.usage
        stream.result()
    else:

        async def read() -> Any:
            await anext(stream)
            await anext(stream)
            live = watch.usage
            await stream.aresult()
            return live

        live = world.run(read)
    assert live is not None
    assert live.estimated
    assert live.total_tokens == live.prompt_tokens + live.completion_tokens
    assert watch.usage == USAGE


def test_the_tokens_of_all_calls_are_added_up_including_nested_ones(world: World) -> None:
    model = offline(REPLY, REPLY, REPLY)

    @model.chat(streaming=True)
    class Bot:
        """Be kind."""

    say = streaming(model)
    watch = declarai.Watch()
    if world.name == "blocking":

        def deep() -> None:
            say("Hulk").result()
            Bot().send("hi").result()  # type: ignore[call-arg]
            say("Thor").result()

        run_in(world, watch, deep)
    else:

        async def deep_later() -> None:
            async def one(movie: str) -> None:
                await say(movie).aresult()

            async with anyio.create_task_group() as group:  # its tasks are in the same context
                group.start_soon(one, "Hulk")
                group.start_soon(one, "Thor")
            await Bot().send("hi").aresult()  # type: ignore[call-arg]

        run_in(world, watch, deep_later)
    assert watch.usage == declarai.Usage(30, 6, 36)


def test_the_sum_is_estimated_if_one_part_is() -> None:
    say = streaming(offline(REPLY, REPLY))
    with declarai.Watch() as watch:
        say("Hulk").result()
        next(say("Thor"))
    assert watch.usage is not None
    assert watch.usage.estimated
    assert watch.usage.total_tokens > 12


def test_calls_outside_of_the_block_are_not_tracked() -> None:
    say = streaming(offline(REPLY, REPLY, REPLY))
    say("before").result()
    with declarai.Watch() as watch:
        say("inside").result()
        thread = threading.Thread(target=lambda: say("in another context").result())
        thread.start()
        thread.join()
    assert watch.usage == USAGE
    offline_usage = watch.usage
    streaming(offline(REPLY))("after").result()
    assert watch.usage == offline_usage


def test_a_nested_watch_tracks_its_calls_and_the_outer_one_all() -> None:
    say = streaming(offline(REPLY, REPLY, REPLY))
    with declarai.Watch() as outer:
        say("one").result()
        with declarai.Watch() as inner:
            say("two").result()
        say("three").result()
    assert inner.usage == USAGE
    assert outer.usage == declarai.Usage(30, 6, 36)


def test_the_partial_answer_of_a_failed_call_is_counted(speaker: Speaker) -> None:
    with declarai.Watch() as watch:
        with pytest.raises(BadRequestError):
            streaming(offline(Fault(400)))("Hulk").result()
        assert watch.usage is None
        stream = streaming(speaker.model)("Hulk")
        speaker.say("well")
        next(stream)
        stream.close()
    assert watch.usage is not None
    assert watch.usage.estimated


def test_the_tokens_of_each_attempt_at_an_answer_are_counted() -> None:
    model = offline(Reply("no number", usage=declarai.Usage(10, 2, 12)), Reply("42", usage=declarai.Usage(20, 1, 21)))

    @model.task(retries=1, output="prompt")
    def count(movie: str) -> int:
        """Count the heroes"""

    with declarai.Watch() as watch:
        assert count("Avengers") == 42
    assert watch.usage is not None
    assert watch.usage.total_tokens == 33


# Stopping


def test_stopping_ends_a_stream_and_its_reader_keeps_its_chunks(world: World, speaker: Speaker) -> None:
    watch = declarai.Watch()
    say = streaming(speaker.model)
    deltas: list[str] = []
    begun = threading.Event()

    def receive(delta: str) -> None:
        deltas.append(delta)
        begun.set()

    if world.name == "blocking":
        with watch:
            stream = say("Hulk")
        reader = threading.Thread(target=lambda: [receive(delta) for delta in stream.deltas()])
        reader.start()
        speaker.say("well")
        assert begun.wait(5)
        watch.stop()
        reader.join(5)
        assert not reader.is_alive()
    else:

        async def both() -> None:
            with watch:
                stream = say("Hulk")

            async def read() -> None:
                async for delta in stream.deltas():
                    receive(delta)

            async with anyio.create_task_group() as group:
                group.start_soon(read)
                speaker.say("well")
                await anyio.to_thread.run_sync(begun.wait, 5)
                await watch.astop()

        world.run(both)
    assert deltas == ["well"]
    assert watch.is_stopped
    assert watch.stopped_any
    assert watch.usage is not None
    assert watch.usage.estimated
    assert speaker.last.left.wait(5), "the connection is closed"


def test_a_stream_made_after_the_stop_ends_at_once_and_sends_nothing(world: World, speaker: Speaker) -> None:
    say = streaming(speaker.model)

    def stop_and_read() -> Any:
        watch.stop()
        stream = say("Hulk")
        assert list(stream) == []
        return stream

    async def stop_and_read_later() -> Any:
        await watch.astop()
        stream = say("Hulk")
        assert [chunk async for chunk in stream] == []
        return stream

    watch = declarai.Watch()
    stream = run_in(world, watch, stop_and_read if world.name == "blocking" else stop_and_read_later)
    assert stream.response == ""
    with pytest.raises(StreamClosed):
        stream.result()
    assert watch.stopped_any
    assert speaker.server.exchanges == []


def test_stopping_after_the_end_stops_nothing(world: World) -> None:
    say = streaming(offline(REPLY))
    watch = declarai.Watch()

    async def read_later() -> None:
        await say("Hulk").aresult()
        await watch.astop()

    def read() -> None:
        say("Hulk").result()
        watch.stop()

    run_in(world, watch, read if world.name == "blocking" else read_later)
    assert watch.is_stopped
    assert not watch.stopped_any
    assert watch.usage == USAGE


def test_stopping_twice_is_like_stopping_once(speaker: Speaker) -> None:
    with declarai.Watch() as watch:
        stream = streaming(speaker.model)("Hulk")
        speaker.say("well")
        next(stream)
    watch.stop()
    watch.stop()
    assert next(stream, None) is None
    assert stream.response == "well"
    assert watch.stopped_any


def test_a_call_that_does_not_stream_is_not_stopped() -> None:
    @offline("well").task
    def say(movie: str) -> str:
        """Describe it"""

    with declarai.Watch() as watch:
        watch.stop()
        assert say("Hulk") == "well"
    assert not watch.stopped_any


def test_stopping_an_inner_watch_does_not_stop_the_outer_one(speaker: Speaker) -> None:
    say = streaming(speaker.model)
    with declarai.Watch() as outer:
        with declarai.Watch() as inner:
            cut = say("Hulk")
            speaker.say("one")
            next(cut)
        inner.stop()
        assert next(cut, None) is None
        assert speaker.last.left.wait(5)
        stream = say("Thor")
        speaker.say("two")
        speaker.end()
        assert stream.result() == "two"
    assert inner.stopped_any
    assert not outer.is_stopped


def test_stopping_an_outer_watch_stops_the_inner_ones_as_well(speaker: Speaker) -> None:
    say = streaming(speaker.model)
    with declarai.Watch() as outer, declarai.Watch():
        stream = say("Hulk")
        speaker.say("one")
        next(stream)
        outer.stop()
        assert next(stream, None) is None
        later = say("Thor")
        assert list(later) == []
    assert len(speaker.server.exchanges) == 1


def test_a_chat_that_is_stopped_can_be_used_again(world: World) -> None:
    @offline("one two three", "again").chat(streaming=True, keep_partial=True)
    class Bot:
        """Be kind."""

    bot: Any = Bot()
    watch = declarai.Watch()

    def cut() -> None:
        next(stream := bot.send("hi"))
        next(stream)
        watch.stop()

    async def cut_later() -> None:
        await anext(stream := bot.send("hi"))
        await anext(stream)
        await watch.astop()

    run_in(world, watch, cut if world.name == "blocking" else cut_later)
    assert [message.content for message in bot] == ["hi", "one"]
    assert bot.send("more").result() == "again"


def test_a_watch_keeps_no_stream_alive(speaker: Speaker) -> None:
    with declarai.Watch() as watch:
        stream = streaming(speaker.model)("Hulk")
        speaker.say("well")
        next(stream)
        del stream
        gc.collect()
        assert speaker.last.left.wait(5)
    assert watch.usage is not None, "its tokens are still known"


def test_a_copied_context_is_tracked_too() -> None:
    say = streaming(offline(REPLY))
    with declarai.Watch() as watch:
        context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(lambda: say("Hulk").result(),))
    thread.start()
    thread.join()
    assert watch.usage == USAGE


def test_after_its_block_nothing_is_tracked_even_if_the_block_failed() -> None:
    say = streaming(offline(REPLY, REPLY))
    watch = declarai.Watch()
    with pytest.raises(ZeroDivisionError), watch:
        raise ZeroDivisionError
    say("Hulk").result()
    assert watch.usage is None


def test_calls_of_many_threads_are_counted() -> None:
    say = streaming(declarai.offline(lambda _: REPLY))
    with declarai.Watch() as watch:
        contexts = [contextvars.copy_context() for _ in range(8)]
        threads = [
            threading.Thread(target=context.run, args=(lambda: [say("Hulk").result() for _ in range(10)],))
            for context in contexts
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: not any(thread.is_alive() for thread in threads))
        for thread in threads:
            thread.join()
    assert watch.usage == declarai.Usage(800, 160, 960)


@pytest.mark.anyio
async def test_stopping_from_blocking_code_ends_all_streams_but_those_of_an_event_loop(speaker: Speaker) -> None:
    say = streaming(speaker.model)
    with declarai.Watch() as watch:
        in_loop, blocking = say("Avengers"), say("Alien")
    speaker.say("one", "two")
    await anext(in_loop)
    with pytest.raises(declarai.errors.StreamInUse, match="aclose"):
        watch.stop()
    assert list(blocking) == []
    await in_loop.aclose()
