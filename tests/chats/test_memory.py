"""The messages that a chat remembers, in complete exchanges one after the other, and those that it sends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import declarai_like as declarai
from declarai_like import LLMResponse, Message, errors, memory, window
from declarai_like.testing import Fault, Raw, Reply, Script
from tests.conftest import World

WORDS = Reply("one two three four", chunks=["one ", "two ", "three ", "four"])

CUT = Raw(
    [b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"one "}}]}\n\n',
     b'data: {"choices":[{"index":0,"delta":{"content":"two"}}]}\n\n'],
    cut=True,
)  # fmt: skip


def chat(script: Any, **settings: Any) -> Any:
    """Return a chat class that streams, unless the settings override it."""

    class Bot:
        """Be kind."""

    return declarai.offline(script).chat(**{"streaming": True, **settings})(Bot)


def stored(kept: Any) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in kept.load()]


def ask(world: World, bot: Any, text: str) -> Any:
    """Send a message in sync or async code, and return the value of its answer."""
    if world.name == "blocking":
        answer = bot.send(text)
        return answer.result() if isinstance(answer, declarai.Stream) else answer

    async def send() -> Any:
        answer = bot.asend(text)
        return await (answer.aresult() if isinstance(answer, declarai.Stream) else answer)

    return world.run(send)


class Failing(memory.InMemory):
    """A memory whose method ``fails`` raises: ``load`` or ``append``."""

    fails = ""

    def load(self) -> list[Message]:
        self._check("load")
        return super().load()

    def append(self, messages: Sequence[Message], /) -> None:
        self._check("append")
        super().append(messages)

    def _check(self, name: str) -> None:
        if self.fails == name:
            raise OSError("the disk is full")


def test_an_exchange_is_remembered_when_its_answer_has_ended(world: World) -> None:
    kept = memory.InMemory()
    bot = chat([WORDS])(memory=kept)
    counts: list[int] = []

    def count(chunk: Any) -> None:
        counts.append(len(kept.load()))

    stream = bot.send("count")
    if world.name == "blocking":
        for chunk in stream:
            count(chunk)
    else:

        async def read() -> None:
            async for chunk in stream:
                count(chunk)

        world.run(read)
    assert set(counts) == {0}
    question, answer = kept.load()
    assert (question.role, question.content) == ("user", "count")
    assert (answer.role, answer.content, answer.model) == ("assistant", "one two three four", "offline")
    assert answer.finish_reason == "stop"
    assert answer.usage == stream.usage
    assert answer.created >= question.created
    assert len({question.id, answer.id, ""}) == 3


@pytest.mark.parametrize("streaming", [True, False])
def test_an_answer_that_fails_is_not_remembered(world: World, streaming: bool) -> None:
    kept = memory.InMemory()
    failure = CUT if streaming else Fault(status=400)
    bot = chat([failure, "fine"], streaming=streaming)(memory=kept)
    with pytest.raises(errors.StreamInterrupted if streaming else errors.BadRequestError):
        ask(world, bot, "count")
    assert stored(kept) == []
    assert ask(world, bot, "again") == "fine"
    assert stored(kept) == [("user", "again"), ("assistant", "fine")]


def test_a_partial_answer_may_be_kept(world: World) -> None:
    kept = memory.InMemory()
    bot = chat([CUT], keep_partial=True)(memory=kept)
    with pytest.raises(errors.StreamInterrupted) as caught:
        ask(world, bot, "count")
    assert caught.value.partial
    assert stored(kept) == [("user", "count"), ("assistant", caught.value.partial)]
    assert kept.load()[-1].finish_reason == "failed"


def test_a_call_that_fails_before_its_answer_is_never_remembered(world: World) -> None:
    kept = memory.InMemory()
    bot = chat([Fault(status=401)], keep_partial=True)(memory=kept)
    with pytest.raises(errors.AuthenticationError):
        ask(world, bot, "count")
    assert stored(kept) == []


def close_stream(world: World, bot: Any, *, after: int) -> None:
    """Send, and close the stream after some chunks."""
    stream = bot.send("count")
    if world.name == "blocking":
        for _ in range(after):
            next(stream)
        stream.close()
        return

    async def close_early() -> None:
        async with stream:
            for _ in range(after):
                await anext(stream)

    world.run(close_early)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("after", [0, 2])
def test_a_stream_closed_early_is_remembered_only_with_keep_partial(world: World, keep: bool, after: int) -> None:
    kept = memory.InMemory()
    bot = chat([WORDS, "fine"], keep_partial=keep)(memory=kept)
    close_stream(world, bot, after=after)
    if not keep or not after:
        assert stored(kept) == []
    else:
        assert stored(kept) == [("user", "count"), ("assistant", bot.llm_response.response)]
        assert kept.load()[-1].finish_reason == "closed"
        assert bot.llm_response.response.startswith("one")
    stream = bot.send("again")
    read: list[Any] = []
    world.read(stream, read)
    assert read


def test_a_complete_answer_is_remembered_if_its_stream_is_closed_before_the_end(world: World) -> None:
    kept = memory.InMemory()
    bot = chat([WORDS])(memory=kept)
    stream = bot.send("count")
    if world.name == "blocking":
        with stream:
            for chunk in stream:
                if chunk.finish_reason:
                    break
    else:

        async def read() -> None:
            async with stream:
                async for chunk in stream:
                    if chunk.finish_reason:
                        break

        world.run(read)
    assert stored(kept) == [("user", "count"), ("assistant", "one two three four")]
    assert kept.load()[-1].finish_reason == "stop"


def test_an_invalid_answer_is_not_remembered_if_its_stream_is_closed_before_the_end() -> None:
    @declarai.offline(["many"]).chat(streaming=True)
    class Bot:
        def send(self, message: str) -> int: ...

    bot: Any = Bot()
    with bot.send("hi") as stream:
        for chunk in stream:
            if chunk.finish_reason:
                break
    assert bot.conversation == []


def test_a_stream_that_is_garbage_collected_releases_the_lock() -> None:
    bot = chat([WORDS, "fine"], keep_partial=True)()
    for _ in bot.send("count"):
        break
    assert bot.send("again").result() == "fine"
    assert [message.finish_reason for message in bot.conversation if message.role == "assistant"] == ["closed", "stop"]


@pytest.mark.slow
def test_a_cancelled_answer_is_remembered_only_with_keep_partial() -> None:
    async def cancelled(bot: Any) -> None:
        with anyio.move_on_after(0.15):
            async for _ in bot.asend("count"):
                pass

    for keep, expected in ((True, ["user", "assistant"]), (False, [])):
        kept = memory.InMemory()
        bot = chat(Script([Reply("a b c d", chunks=["a ", "b ", "c ", "d"], delay=0.1)]), keep_partial=keep)(
            memory=kept
        )
        anyio.run(cancelled, bot)
        assert [message.role for message in kept.load()] == expected


@pytest.mark.anyio
async def test_a_complete_answer_is_remembered_even_if_its_reader_is_cancelled_while_it_is_stored() -> None:
    storing = anyio.Event()
    kept: list[Message] = []

    class Slow:
        """A memory that is in the middle of an append when the reader is cancelled."""

        async def load(self) -> list[Message]:
            return list(kept)

        async def append(self, messages: Sequence[Message]) -> None:
            storing.set()
            await anyio.lowlevel.checkpoint()
            kept.extend(messages)

        async def clear(self) -> None:
            kept.clear()

    bot = chat([WORDS], streaming=False)(memory=Slow())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bot.asend, "count")
        await storing.wait()
        tasks.cancel_scope.cancel()
    assert [message.content for message in kept] == ["count", "one two three four"]


class TestFailingMemories:
    @pytest.mark.parametrize("streaming", [True, False])
    def test_an_answer_that_cannot_be_stored_is_on_the_error(self, world: World, streaming: bool) -> None:
        kept = Failing()
        bot = chat([WORDS, "fine"], streaming=streaming)(memory=kept)
        kept.fails = "append"
        with pytest.raises(errors.MemoryFailed, match=r"Failing.append failed: OSError: the disk is full") as caught:
            ask(world, bot, "count")
        assert caught.value.partial == caught.value.result == "one two three four"
        assert isinstance(caught.value.response, LLMResponse)
        kept.fails = ""
        assert ask(world, bot, "again") == "fine"
        assert [message.content for message in kept.load()] == ["again", "fine"]

    def test_all_chunks_come_before_the_error(self, world: World) -> None:
        kept = Failing()
        kept.fails = "append"
        bot = chat([WORDS])(memory=kept)
        stream, chunks = bot.send("count"), []
        with pytest.raises(errors.MemoryFailed):
            world.read(stream, chunks)
        assert chunks[-1].response == "one two three four"
        assert chunks[-1].finish_reason == "stop"
        with pytest.raises(errors.MemoryFailed):
            stream.result()

    def test_nothing_is_sent_if_the_conversation_cannot_be_loaded(self, world: World) -> None:
        script = Script(["fine"])
        kept = Failing()
        kept.fails = "load"
        bot = chat(script)(memory=kept)
        with pytest.raises(errors.MemoryFailed, match="Failing.load failed"):
            ask(world, bot, "count")
        assert script.calls == []
        kept.fails = ""
        assert ask(world, bot, "again") == "fine"

    def test_a_partial_answer_that_cannot_be_stored_does_not_hide_why_it_is_partial(self, world: World) -> None:
        kept = Failing()
        kept.fails = "append"
        bot = chat([CUT], keep_partial=True)(memory=kept)
        with pytest.raises(errors.StreamInterrupted) as caught:
            ask(world, bot, "count")
        assert (
            "The partial answer could not be remembered: the memory's Failing.append failed"
            in caught.value.__notes__[0]
        )

    def test_closing_a_stream_raises_if_its_partial_answer_cannot_be_stored(self, world: World) -> None:
        kept = Failing()
        bot = chat([WORDS, "fine"], keep_partial=True)(memory=kept)
        kept.fails = "append"
        with pytest.raises(errors.MemoryFailed):
            close_stream(world, bot, after=2)
        kept.fails = ""
        assert ask(world, bot, "again") == "fine"  # the lock was released


class TestConcurrency:
    def test_threads_queue_for_one_instance(self) -> None:
        script = Script(lambda messages: f"re {messages[-1]['content']}", delay=0.002)
        bot = chat(script)()
        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(lambda number: bot.send(f"q{number}").result(), range(24)))
        assert results == [f"re q{number}" for number in range(24)]
        assert_pairs(bot.conversation, 24)
        assert sorted(len(call["messages"]) for call in script.calls) == [2 * number + 2 for number in range(24)]

    @pytest.mark.anyio
    async def test_tasks_queue_for_one_instance(self) -> None:
        script = Script(lambda messages: f"re {messages[-1]['content']}", delay=0.001)
        bot = chat(script)()
        order: list[str] = []

        async def one(number: int) -> None:
            await anyio.sleep(number / 1000)
            order.append(await bot.asend(f"q{number:02}").aresult())

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, number)
        assert len(order) == 20
        assert_pairs(bot.conversation, 20)
        assert sorted(len(call["messages"]) for call in script.calls) == [2 * number + 2 for number in range(20)]

    def test_threads_and_event_loops_queue_together(self) -> None:
        bot = chat(Script(lambda messages: f"re {messages[-1]['content']}", delay=0.002))()

        async def several(name: str) -> None:
            async with anyio.create_task_group() as tasks:
                for number in range(5):
                    tasks.start_soon(bot.asend(f"{name}{number}").aresult)

        with ThreadPoolExecutor(6) as threads:
            running = [threads.submit(anyio.run, several, name, backend=name) for name in ("asyncio", "trio")]
            running += [
                threads.submit(lambda number=number: bot.send(f"thread{number}").result()) for number in range(10)
            ]
            for each in running:
                each.result(timeout=30)
        assert_pairs(bot.conversation, 20)

    def test_instances_do_not_wait_for_each_other(self) -> None:
        kind = chat(["first", "second"])
        one, two = kind(), kind()
        held = one.send("hi")
        next(held)
        assert two.send("hi").result() == "second"
        assert held.result() == "first"

    @pytest.mark.slow
    def test_waiting_for_an_unread_stream_times_out(self, world: World) -> None:
        bot = chat([WORDS, "fine", "fine"])()
        bot._chat_runtime.conversation._lock.unread_timeout = 0.5
        held = bot.send("count")
        next(held)
        start = time.monotonic()
        with pytest.raises(errors.StreamInUse, match="a previous answer of this chat is still open and not being read"):
            ask(world, bot, "again")
        assert time.monotonic() - start < 5
        held.close()
        assert ask(world, bot, "again") == "fine"

    @pytest.mark.slow
    def test_waiting_for_a_slow_provider_does_not_time_out(self) -> None:
        bot = chat(Script([Reply("a b", chunks=["a ", "b"], delay=0.8), "fine"]))()
        bot._chat_runtime.conversation._lock.unread_timeout = 0.3
        with ThreadPoolExecutor(2) as threads:
            first = threads.submit(lambda: bot.send("one").result())
            time.sleep(0.1)
            assert bot.send("two").result() == "fine"
            assert first.result() == "a b"

    def test_a_stream_may_be_closed_while_it_waits(self) -> None:
        bot = chat([WORDS, "fine"])()
        held = bot.send("count")
        next(held)
        waiting = bot.send("again")
        with ThreadPoolExecutor(1) as threads:
            reading = threads.submit(lambda: list(waiting))
            time.sleep(0.1)
            waiting.close()
            assert reading.result(timeout=5) == []
        assert held.result() == "one two three four"
        assert bot.send("more").result() == "fine"

    @pytest.mark.anyio
    async def test_a_task_may_be_cancelled_while_it_waits(self) -> None:
        bot = chat([WORDS, "fine"])()
        held = bot.asend("count")
        await anext(held)
        with anyio.move_on_after(0.1):
            await bot.asend("again").aresult()
        assert await held.aresult() == "one two three four"
        assert await bot.asend("more").aresult() == "fine"

    def test_a_waiter_of_a_closed_event_loop_is_skipped(self) -> None:
        bot = chat([WORDS, "fine"])()
        held = bot.send("count")
        next(held)
        waiting: Any = None

        async def wait() -> None:
            nonlocal waiting
            import asyncio

            waiting = asyncio.get_running_loop().create_task(bot.asend("again").aresult())
            await anyio.sleep(0.05)

        loop = __import__("asyncio").new_event_loop()
        loop.run_until_complete(wait())
        loop.close()
        assert held.result() == "one two three four"
        assert bot.send("more").result() == "fine"

    def test_messages_may_be_added_and_cleared_while_an_answer_streams(self) -> None:
        bot = chat([WORDS])()
        for _ in bot.send("count"):
            bot.clear()
            bot.add_message("note", "user")
        assert [message.content for message in bot.conversation] == ["note", "count", "one two three four"]


def assert_pairs(messages: list[Message], count: int) -> None:
    """Assert that each question is followed by its answer."""
    assert len(messages) == 2 * count
    for question, answer in zip(messages[::2], messages[1::2], strict=True):
        assert (question.role, answer.role) == ("user", "assistant")
        assert answer.content == f"re {question.content}"


class TestGreetings:
    def test_a_greeting_is_remembered_with_the_first_exchange(self, world: World) -> None:
        kept = memory.InMemory()
        script = Script(["fine", "good"])
        kind = declarai.offline(script).chat(type("Bot", (), {"greeting": "Hello!"}))
        bot: Any = kind(memory=kept)
        assert [message.content for message in bot.conversation] == ["Hello!"]
        assert kept.load() == []
        ask(world, bot, "hi")
        assert stored(kept) == [("assistant", "Hello!"), ("user", "hi"), ("assistant", "fine")]
        later: Any = kind(memory=kept, greeting="Welcome back!")
        assert ask(world, later, "again") == "good"
        assert [message["content"] for message in script.calls[-1]["messages"]] == ["Hello!", "hi", "fine", "again"]
        later.clear()
        assert [message.content for message in later] == ["Welcome back!"]

    def test_a_greeting_is_remembered_before_an_added_message(self) -> None:
        bot: Any = declarai.offline().chat(type("Bot", (), {"greeting": "Hello!"}))()
        bot.add_message("hi", "user")
        assert [message.content for message in bot.memory.load()] == ["Hello!", "hi"]


class TestWindows:
    def talk(self, chosen: Any, turns: int, **settings: Any) -> tuple[Any, Script]:
        script = Script(lambda messages: f"re {messages[-1]['content']}")
        bot = chat(script, window=chosen, **settings)()
        for number in range(turns):
            bot.send(f"q{number}").result()
        return bot, script

    def test_the_last_messages_are_sent_and_all_are_remembered(self) -> None:
        bot, script = self.talk(window.Messages(3), 3)
        assert [message["content"] for message in script.calls[-1]["messages"]] == ["Be kind.", "q1", "re q1", "q2"]
        assert len(bot) == 6
        assert [message.content for message in bot.compile("q3")] == ["Be kind.", "q2", "re q2", "q3"]

    def test_an_instance_may_have_its_own_window(self) -> None:
        script = Script(["a", "b"])
        bot = chat(script, window=window.Messages(1))(window=window.Messages(9))
        bot.send("one").result()
        bot.send("two").result()
        assert len(script.calls[-1]["messages"]) == 4

    def test_a_users_own_window(self) -> None:
        class First:
            def select(self, messages: Sequence[Message], /) -> Sequence[Message]:
                return [messages[0], messages[-1]]

        _, script = self.talk(First(), 3)
        assert [message["content"] for message in script.calls[-1]["messages"]] == ["Be kind.", "q2"]

    def test_a_summary_replaces_the_messages_that_do_not_fit(self, world: World) -> None:
        def answer(messages: list[dict[str, Any]]) -> str:
            if messages[0]["content"].startswith("Summarise"):
                return f"[{messages[-1]['content'].count('user:')} questions]"
            return f"re {messages[-1]['content']}"

        script = Script(answer)
        kept = memory.InMemory()
        kind = chat(script, window=window.Summary(window.Messages(5)), streaming=False)
        bot = kind(memory=kept)
        for number in range(7):
            ask(world, bot, f"q{number}")
        summaries = [call for call in script.calls if call["messages"][0]["content"].startswith("Summarise")]
        first, second = [call["messages"][-1]["content"] for call in summaries]
        assert first == "\n\n".join(f"user: q{number}\n\nassistant: re q{number}" for number in range(3))
        assert second.startswith("system: This is a summary of the conversation before:\n[3 questions]\n\nuser: q3")
        last = [message["content"] for message in script.calls[-1]["messages"]]
        assert last[0] == "Be kind."
        assert last[1].startswith("This is a summary of the conversation before:\n[")
        assert last[2:] == ["q6"]
        # The summary is remembered, but it is not a message of the conversation
        assert [message.content for message in bot] == [text for n in range(7) for text in (f"q{n}", f"re q{n}")]
        assert len([message for message in kept.load() if message.id.startswith("summary:")]) == 2
        calls = len(script.calls)
        ask(world, kind(memory=kept), "q7")  # another instance uses the stored summary
        assert len(script.calls) == calls + 1
        assert [message["content"] for message in script.calls[-1]["messages"]][1:] == [last[1], "q6", "re q6", "q7"]

    def test_a_summary_is_made_again_after_an_answer_that_failed(self) -> None:
        def answer(messages: list[dict[str, Any]]) -> Any:
            if messages[0]["content"].startswith("Summarise"):
                return "short"
            return Fault(status=400) if messages[-1]["content"] == "bad" else "ok"

        kept = memory.InMemory()
        bot = chat(Script(answer), window=window.Summary(window.Messages(2)), streaming=False)(memory=kept)
        bot.send("q0")
        with pytest.raises(errors.BadRequestError):
            bot.send("bad")
        assert len(kept.load()) == 2
        bot.send("q1")
        assert [message.id.startswith("summary:") for message in kept.load()] == [False, False, True, False, False]


@pytest.mark.parametrize("kind", ["InMemory", "File", "SQLite"])
def test_a_new_instance_continues_the_conversation(kind: str, world: World, tmp_path: Any) -> None:
    in_memory = memory.InMemory("42")
    opened: Callable[[], Any] = {
        "InMemory": lambda: in_memory,
        "File": lambda: memory.File(tmp_path / "chats", "42"),
        "SQLite": lambda: memory.SQLite(tmp_path / "chats.db", "42"),
    }[kind]
    script = Script(["Hi Ann!", "You are Ann."])
    kept = chat(script)
    ask(world, kept(memory=opened()), "I am Ann.")
    assert ask(world, kept(memory=opened()), "Who am I?") == "You are Ann."
    assert [message["content"] for message in script.calls[-1]["messages"]] == [
        "Be kind.", "I am Ann.", "Hi Ann!", "Who am I?",
    ]  # fmt: skip
