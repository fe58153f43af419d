"""Failed attempts of a stream: the retries and restarts that follow, and the chunks that readers get."""

from __future__ import annotations

import functools
import gc
import itertools
import threading
import time
from typing import Annotated, Any

import anyio
import pytest
import tenacity
from pydantic import AfterValidator, Field

import declarai_like as declarai
from declarai_like import errors
from declarai_like._core.replay import StreamBuffer
from declarai_like._prompts import Prompt
from declarai_like.errors import ConfigurationError, IdleTimeout, OutputError, StreamFailed, StreamInterrupted
from declarai_like.messages import ToolCallDelta, Usage
from declarai_like.stream import Commitment
from declarai_like.testing import Fault, Raw, Reply, Script
from tests.conftest import World


def counting(model: Any, **settings: Any) -> Any:
    @model.task(streaming=True, **settings)
    def count() -> list[int]:
        """Count"""

    return count


def saying(model: Any, **settings: Any) -> Any:
    @model.task(streaming=True, **settings)
    def say() -> str:
        """Describe it"""

    return say


def complete(world: World, model: Any, **settings: Any) -> Any:
    """Call a task that does not stream, in the test's world; return its value and its response."""

    @model.task(streaming=False, **settings)
    def count() -> list[int]:
        """Count"""

    @model.task(streaming=False, **settings)
    async def count_later() -> list[int]:
        """Count"""

    if world.name == "blocking":
        return count(), count.llm_response

    async def ask() -> Any:
        return await count_later(), count_later.llm_response

    return world.run(ask)


def read(world: World, stream: Any) -> tuple[list[Any], errors.DeclaraiError | None]:
    """Read a stream to its end; return its chunks, and the error that follows them."""
    chunks: list[Any] = []
    try:
        world.read(stream, chunks)
    except errors.DeclaraiError as error:
        return chunks, error
    return chunks, None


def texts(chunks: Any) -> list[tuple[int, str]]:
    """Return the attempts in order, each with its last text."""
    by_attempt = itertools.groupby(chunks, key=lambda chunk: chunk.attempt)
    return [(attempt, [chunk.response for chunk in group][-1]) for attempt, group in by_attempt]


def live(server: Any, **settings: Any) -> Any:
    return declarai.openai("m", base_url=server.url, max_retries=0, **settings)


def event(text: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n' % text.encode()


FAILED = b'data: {"error":{"message":"the engine is gone"}}\n\n'
CUT = Raw([event("one"), event(" two")], cut=True)
STALLED = Raw([event("one"), event(" two"), 30.0])
BROKEN = Raw([event("one"), event(" two"), FAILED])
DROPS: dict[str, tuple[Raw, type[errors.DeclaraiError]]] = {
    "cut": (CUT, StreamInterrupted),
    "stalled": (STALLED, IdleTimeout),
    "failed": (BROKEN, StreamFailed),
}
SHORT = declarai.Timeouts(first_token=5, idle=0.3)


# Wrong answers


def test_a_wrong_answer_is_sent_back_and_the_text_of_the_stream_starts_again(world: World) -> None:
    script = Script(["[1, oops]", "[1, 2]"])
    stream = counting(declarai.offline(script))()
    chunks, error = read(world, stream)
    assert error is None
    assert [(chunk.attempt, chunk.delta, chunk.response) for chunk in chunks] == [
        (1, "", ""),
        (1, "[1,", "[1,"),
        (1, " oops]", "[1, oops]"),
        (1, "", "[1, oops]"),
        (2, "", ""),
        (2, "[1,", "[1,"),
        (2, " 2]", "[1, 2]"),
        (2, "", "[1, 2]"),
    ]
    reasons = {chunk.attempt: chunk.restart_reason for chunk in chunks}
    assert reasons[1] == ""
    assert reasons[2] in script.calls[1]["messages"][2]["content"]
    assert "line 1, column 5" in reasons[2]
    assert stream.result() == [1, 2]


def test_the_requests_are_those_of_a_call_that_does_not_stream(world: World) -> None:
    replies = ["no JSON", '["a"]', [1]]
    streamed, at_once = Script(replies), Script(replies)
    read(world, counting(declarai.offline(streamed))())
    value, _ = complete(world, declarai.offline(at_once))
    assert value == [1]
    assert len(streamed.calls) == 3
    assert [call["messages"] for call in streamed.calls] == [call["messages"] for call in at_once.calls]


def test_after_the_last_attempt_the_iteration_raises_after_the_chunks(world: World) -> None:
    stream = counting(declarai.offline(["one", "two", "three", "four"]))()
    for _ in range(2):
        chunks, error = read(world, stream)
        assert texts(chunks) == [(1, "one"), (2, "two"), (3, "three")]
        assert isinstance(error, OutputError)
        assert "(the last of 3 attempts)" in str(error)
        assert [attempt.text for attempt in error.attempts] == ["one", "two", "three"]
        assert chunks[-1].restart_reason == error.attempts[1].reason
    with pytest.raises(OutputError, match="the last of 3 attempts"):
        stream.result()


def test_without_retries_there_is_no_second_request(world: World) -> None:
    script = Script(["one", "two"])
    chunks, error = read(world, counting(declarai.offline(script), retries=0)())
    assert texts(chunks) == [(1, "one")]
    assert isinstance(error, OutputError)
    assert len(error.attempts) == 1
    assert len(script.calls) == 1


def test_a_response_that_was_not_streamed_has_its_attempt_as_well(world: World) -> None:
    value, response = complete(world, declarai.offline(["one", [1]]))
    assert value == [1]
    assert response.attempt == 2
    assert response.restart_reason == "no JSON found (got 'one')"
    assert declarai.LLMResponse("made by hand").attempt == 1


def test_an_answer_that_was_cut_off_at_the_token_limit_is_not_sent_back(world: World) -> None:
    script = Script([Reply("[1, 2", finish_reason="length"), [1]])
    stream = counting(declarai.offline(script), restart_on={errors.StreamError, errors.Timeout})()
    chunks, error = read(world, stream)
    assert texts(chunks) == [(1, "[1, 2")]
    assert isinstance(error, errors.Truncated)
    assert error.partial == "[1, 2"
    assert len(script.calls) == 1


def test_plain_text_is_always_valid_and_a_constrained_str_may_be_sent_back(world: World) -> None:
    def limited(model: Any) -> Any:
        @model.task(streaming=True)
        def say() -> Annotated[str, Field(max_length=5)]:
            """Describe it in a word"""

        return say()

    stream = saying(declarai.offline([Reply('{"a', finish_reason="length")]))()
    assert texts(read(world, stream)[0]) == [(1, '{"a')]
    assert stream.result() == '{"a'
    chunks, error = read(world, limited(declarai.offline(["too long", "short"])))
    assert texts(chunks) == [(1, "too long"), (2, "short")]
    assert error is None


def test_each_answer_is_read_into_its_type_once(world: World) -> None:
    """This does not depend on the number of readers, nor of calls of ``result``."""
    validated: list[Any] = []

    def check(value: list[str]) -> list[str]:
        validated.append(value)
        if value == ["a"]:
            raise ValueError("not a")
        return value

    Names = Annotated[list[str], AfterValidator(check)]

    @declarai.offline([["a"], ["b"]]).task(streaming=True)
    def names() -> Names:
        """Name them"""

    stream = names()
    read(world, stream)
    read(world, stream)
    assert stream.result() == ["b"]
    assert stream.result() is stream.result()
    assert validated == [["a"], ["b"]]


def test_an_answer_by_tool_starts_again_as_well(world: World, serve: Any) -> None:
    server = serve([{"value": ["a"]}, {"value": [1, 2]}])
    stream = counting(live(server), output="tool")()
    chunks, _ = read(world, stream)
    assert texts(chunks) == [(1, '{"value":["a"]}'), (2, '{"value":[1,2]}')]
    assert stream.result() == [1, 2]
    assert not any(chunk.tool_calls for chunk in chunks)


def test_the_connection_of_an_attempt_is_free_for_the_next(world: World, serve: Any) -> None:
    server = serve(["one", "two", [1]])
    read(world, counting(live(server))())
    assert len(server.exchanges) == 3
    assert server.connections == 1


# Broken streams


@pytest.mark.slow
@pytest.mark.parametrize("drop", DROPS)
def test_a_broken_stream_is_restarted_if_the_task_allows_it(world: World, serve: Any, drop: str) -> None:
    reply, kind = DROPS[drop]
    server = serve([reply, "one two three"])
    stream = saying(live(server, timeout=SHORT), restart_on={kind})()
    chunks, error = read(world, stream)
    assert error is None
    assert texts(chunks) == [(1, "one two"), (2, "one two three")]
    assert stream.result() == "one two three"
    assert server.exchanges[0].body == server.exchanges[1].body

    unfinished, error = read(world, saying(live(serve([reply]), timeout=SHORT))())
    assert texts(unfinished) == [(1, "one two")]
    assert type(error) is kind
    assert (chunks[0].restart_reason, chunks[-1].restart_reason) == ("", str(error))


@pytest.mark.slow
def test_the_connection_of_a_stalled_attempt_is_closed_before_the_next_begins(world: World, serve: Any) -> None:
    def answers(messages: list[Any]) -> Any:
        if len(server.exchanges) == 1:
            return STALLED
        assert server.exchanges[0].left.wait(5)
        return "one two three"

    server = serve(answers)
    chunks, error = read(world, saying(live(server, timeout=SHORT), restart_on=[IdleTimeout])())
    assert error is None
    assert texts(chunks)[-1] == (2, "one two three")


@pytest.mark.slow
def test_a_class_of_errors_includes_its_subclasses(world: World) -> None:
    script = Script([STALLED, CUT, "one two three"])
    say = saying(declarai.offline(script, timeout=SHORT), restart_on=(errors.StreamError, errors.Timeout))
    chunks, error = read(world, say())
    assert texts(chunks) == [(1, "one two"), (2, "one two"), (3, "one two three")]
    assert error is None


def test_other_errors_than_those_are_raised(world: World) -> None:
    script = Script([CUT, "one two three"])
    chunks, error = read(world, saying(declarai.offline(script), restart_on={StreamFailed, errors.Timeout})())
    assert texts(chunks) == [(1, "one two")]
    assert isinstance(error, StreamInterrupted)
    assert len(script.calls) == 1


def test_after_the_last_attempt_the_last_error_is_raised(world: World) -> None:
    script = Script([BROKEN, BROKEN, CUT, "one two three"])
    chunks, error = read(world, saying(declarai.offline(script), restart_on={errors.StreamError})())
    assert texts(chunks) == [(1, "one two"), (2, "one two"), (3, "one two")]
    assert isinstance(error, StreamInterrupted)
    assert error.partial == "one two"
    assert len(script.calls) == 3


def test_without_retries_nothing_is_restarted(world: World) -> None:
    script = Script([CUT, "one two three"])
    _, error = read(world, saying(declarai.offline(script), retries=0, restart_on={StreamInterrupted})())
    assert isinstance(error, StreamInterrupted)
    assert len(script.calls) == 1


def test_broken_streams_and_wrong_answers_share_the_retries_and_corrections_stay_in_the_request(world: World) -> None:
    script = Script(["wrong", Raw([event("[1"), FAILED]), "wrong too", [1]])
    stream = counting(declarai.offline(script), retries=2, restart_on={StreamFailed})()
    chunks, error = read(world, stream)
    assert texts(chunks) == [(1, "wrong"), (2, "[1"), (3, "wrong too")]
    assert isinstance(error, OutputError)
    assert [attempt.text for attempt in error.attempts] == ["wrong", "[1", "wrong too"]
    reasons = [attempt.reason for attempt in error.attempts]
    assert reasons[1] == "the provider sent an error: the engine is gone"
    assert [next(c.restart_reason for c in chunks if c.attempt == n) for n in (1, 2, 3)] == ["", *reasons[:2]]
    first, second, third = (call["messages"] for call in script.calls)
    assert second == third
    assert [message["role"] for message in second] == ["user", "assistant", "user"]
    assert first == second[:1]


@pytest.mark.slow
def test_a_call_that_does_not_stream_is_restarted_as_well(world: World, serve: Any) -> None:
    server = serve([Reply("[1]", first_delay=30), [1, 2]])
    model = live(server, timeout=declarai.Timeouts(first_token=0.4))
    value, response = complete(world, model, restart_on={errors.FirstTokenTimeout})
    assert value == [1, 2]
    assert response.attempt == 2
    assert "within 0.4 s of the request (timeouts.first_token)" in response.restart_reason
    assert server.exchanges[0].left.wait(5)


def test_each_attempt_has_the_max_retries_of_the_model_before_its_answer_begins(world: World) -> None:
    busy = Fault(503, headers={"retry-after": "0"})
    script = Script([busy, CUT, busy, busy, "one two three"])
    chunks, error = read(world, saying(declarai.offline(script), retries=1, restart_on={StreamInterrupted})())
    assert error is None
    assert texts(chunks) == [(1, "one two"), (2, "one two three")]


@pytest.mark.parametrize(
    ("kinds", "got"),
    [
        ({ValueError}, "the class ValueError"),
        ({errors.RateLimited}, "the class RateLimited"),
        ([errors.ConnectionFailed], "the class ConnectionFailed"),
        ((OutputError,), "the class OutputError"),
        ({TimeoutError}, "the class TimeoutError"),
        ({"IdleTimeout"}, "str"),
        (IdleTimeout, "the class IdleTimeout"),
        ([IdleTimeout("slow", limit=1)], "IdleTimeout"),
        (None, "None"),
        (3, "int"),
    ],
    ids=repr,
)
def test_a_wrong_restart_on_is_refused(kinds: Any, got: str) -> None:
    model = declarai.offline()
    problem = f"must be a collection of subclasses of StreamError or Timeout, got {got}; for instance"
    with pytest.raises(ConfigurationError, match=f"^restart_on of .*count' {problem}"):
        counting(model, restart_on=kinds)
    with pytest.raises(ConfigurationError, match=f"^restart_on of 'describe' {problem}"):
        model.output_call("describe", Prompt(describe).output_type, restart_on=kinds)


def describe() -> str:
    """Describe it"""


def test_the_module_level_task_has_the_setting_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECLARAI_MODEL", "offline")
    assert saying(declarai, restart_on={IdleTimeout})().result().startswith("This is the offline model")
    with pytest.raises(ConfigurationError, match="restart_on of .*say' must be .*, got the class KeyError"):
        saying(declarai, restart_on={KeyError})()


# Policies and limits


def test_a_tenacity_policy_decides_when_to_stop_and_how_long_to_wait(world: World) -> None:
    states: list[tuple[int, float, float, type]] = []
    policy = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(4),
        wait=tenacity.wait_incrementing(0.01, 0.01),
        before_sleep=lambda state: states.append(
            (state.attempt_number, state.next_action.sleep, state.idle_for, type(state.outcome.exception()))
        ),
    )
    script = Script(["wrong", CUT, "wrong", "wrong", [1]])
    count = counting(declarai.offline(script), retries=policy, restart_on={StreamInterrupted})
    chunks, error = read(world, count())
    assert [attempt for attempt, _ in texts(chunks)] == [1, 2, 3, 4]
    assert isinstance(error, OutputError)
    assert states == [(1, 0.01, 0.01, OutputError), (2, 0.02, 0.03, StreamInterrupted), (3, 0.03, 0.06, OutputError)]
    assert counting(declarai.offline(["wrong", [2]]), retries=policy)().result() == [2]


def test_the_hooks_of_a_policy_are_called_around_each_attempt_and_it_may_stop_after_a_delay() -> None:
    calls: list[str] = []
    policy = tenacity.Retrying(
        stop=tenacity.stop_after_delay(0.2),
        before=lambda state: calls.append(f"before {state.attempt_number}"),
        after=lambda state: calls.append(f"after {state.attempt_number}"),
    )
    script = Script([Reply("wrong", first_delay=0.05)] * 20)
    with pytest.raises(OutputError):
        counting(declarai.offline(script), retries=policy)().result()
    made = len(script.calls)
    assert 1 < made < 20
    assert calls == [f"{when} {number}" for number in range(1, made + 1) for when in ("before", "after")]


def test_the_error_callback_of_a_policy_is_not_used() -> None:
    """Its stop, its wait and its hooks are used; the error is always raised."""
    policy = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(1),
        retry=tenacity.retry_never,
        retry_error_callback=lambda _: "something else",
    )
    with pytest.raises(OutputError):
        counting(declarai.offline(["wrong"]), retries=policy)().result()


def test_streams_of_one_task_do_not_mix_their_attempts(world: World) -> None:
    count = counting(declarai.offline(lambda messages: "wrong" if len(messages) < 5 else [1]))
    streams = [count() for _ in range(8)]
    if world.name == "blocking":
        for _ in itertools.zip_longest(*streams):
            pass
    else:

        async def together() -> None:
            async with anyio.create_task_group() as group:
                for stream in streams:
                    group.start_soon(stream.aresult)

        world.run(together)
    assert [texts(stream) for stream in streams] == [[(1, "wrong"), (2, "wrong"), (3, "[1]")]] * 8


@pytest.mark.slow
def test_the_total_limit_is_for_all_attempts_together(world: World) -> None:
    """Each attempt alone is within the limit. After a `TotalTimeout` no attempt follows, whatever ``restart_on`` is."""
    script = Script([Reply("wrong", first_delay=0.5), Reply("[1]", first_delay=0.5)] * 2)
    model = declarai.offline(script, timeout=declarai.Timeouts(total=0.9))
    chunks, error = read(world, counting(model, retries=8, restart_on={errors.Timeout})())
    assert texts(chunks) == [(1, "wrong")]
    assert isinstance(error, errors.TotalTimeout)
    assert len(script.calls) == 2
    with pytest.raises(errors.TotalTimeout):
        complete(world, model, retries=8, restart_on={errors.TotalTimeout})
    assert len(script.calls) == 4


def test_a_pause_that_would_exceed_the_total_limit_is_not_begun(world: World) -> None:
    policy = tenacity.Retrying(stop=tenacity.stop_never, wait=tenacity.wait_fixed(60))
    began = time.monotonic()
    _, error = read(world, counting(declarai.offline(["wrong"], timeout=5), retries=policy)())
    assert isinstance(error, OutputError)
    assert time.monotonic() - began < 30


# Readers


def test_a_second_reader_gets_all_attempts(world: World) -> None:
    script = Script(["[oops]", [1]])
    stream = counting(declarai.offline(script))()
    chunks, _ = read(world, stream)
    assert list(stream) == chunks
    assert texts(chunks) == [(1, "[oops]"), (2, "[1]")]
    assert [chunk.response for chunk in iter(functools.partial(next, stream, None), None)][-1] == "[1]"

    async def later() -> list[Any]:
        return [chunk async for chunk in stream]

    assert anyio.run(later) == chunks
    assert len(script.calls) == 2


def test_a_reader_that_starts_during_the_second_attempt_begins_with_the_first() -> None:
    stream = counting(declarai.offline(["wrong", "[1, 2]"]))()
    ahead = iter(stream)
    for chunk in ahead:
        if chunk.attempt == 2 and chunk.delta:
            break
    assert stream.response == "[1,"
    behind = iter(stream)
    assert texts(behind) == [(1, "wrong"), (2, "[1, 2]")]
    assert texts(ahead) == [(2, "[1, 2]")]


def test_without_replay_only_the_last_chunk_is_kept(world: World) -> None:
    count = counting(declarai.offline(["wrong", "[1, 2]"]), replay=False)
    stream = count()
    chunks, error = read(world, stream)
    assert error is None
    assert texts(chunks) == [(1, "wrong"), (2, "[1, 2]")]
    assert [chunk.attempt for chunk in stream.buffer.items] == [2]
    assert stream.result() == [1, 2]


def test_the_last_response_of_a_task_is_the_last_chunk_of_the_last_attempt() -> None:
    count = counting(declarai.offline(["wrong", [1], "wrong", "wrong"]), retries=1)
    stream = count()
    for chunk in stream:
        assert count.llm_response is None
        if chunk.finish_reason:
            assert stream.response == chunk.response
    assert count.llm_response is chunk
    assert (chunk.attempt, chunk.response, chunk.finish_reason) == (2, "[1]", "stop")
    assert repr(chunk).endswith(", attempt=2)")
    with pytest.raises(OutputError):
        list(count())
    assert (count.llm_response.attempt, count.llm_response.response) == (2, "wrong")


def test_a_stream_that_was_freed_after_its_end_can_be_read_again_from_its_task() -> None:
    count = counting(declarai.offline(["wrong", [1]]))
    assert texts(count()) == [(1, "wrong"), (2, "[1]")]
    gc.collect()
    again = count.llm_stream_response
    assert again.result() == [1]
    assert "".join(again.deltas()) == "[1]"
    assert texts(again) == [(1, "wrong"), (2, "[1]")]


def test_each_attempt_has_its_usage_and_that_of_the_stream_is_the_last(world: World) -> None:
    first, second = Usage(10, 2, 12), Usage(20, 1, 21)
    stream = counting(declarai.offline([Reply("wrong", usage=first), Reply("[1]", usage=second)]))()
    chunks, _ = read(world, stream)
    assert [chunk.usage for chunk in chunks if chunk.finish_reason] == [first, second]
    assert stream.usage == second


# Closing


async def closed_after(stream: Any, text: str) -> list[Any]:
    """Read a stream that another task closes soon after this text was received."""
    chunks: list[Any] = []
    received = anyio.Event()

    async def close() -> None:
        await received.wait()
        await anyio.sleep(0.1)
        await stream.aclose()

    async with anyio.create_task_group() as group:
        group.start_soon(close)
        async for chunk in stream:
            chunks.append(chunk)
            if chunk.response == text:
                received.set()
    return chunks


def test_closing_during_the_second_attempt_releases_its_connection(world: World, serve: Any) -> None:
    server = serve(["wrong", Raw([event("[1,"), 30.0])])
    stream = counting(live(server))()

    if world.name == "blocking":
        with stream:
            assert any(chunk.attempt == 2 for chunk in stream)
    else:

        async def leave() -> None:
            async with stream:
                async for chunk in stream:
                    if chunk.attempt == 2:
                        break

        world.run(leave)
    assert server.exchanges[0].done.wait(5)
    assert server.exchanges[1].left.wait(5)
    with pytest.raises(errors.StreamClosed) as caught:
        stream.result()
    assert caught.value.partial == "[1,"
    assert texts(stream) == [(1, "wrong"), (2, "[1,")]


@pytest.mark.parametrize("world", ["asyncio", "trio"], indirect=True)
def test_cancellation_during_the_second_attempt_releases_its_connection(world: World, serve: Any) -> None:
    server = serve(["wrong", Raw([event("[1,"), 30.0])])
    stream = counting(live(server))()

    async def give_up() -> None:
        async for chunk in stream:
            if chunk.attempt == 2:
                break
        with anyio.move_on_after(0.05):
            await stream.aresult()

    world.run(give_up)
    assert server.exchanges[1].left.wait(5)


@pytest.mark.slow
@pytest.mark.parametrize("world", ["asyncio", "trio"], indirect=True)
def test_a_pause_between_attempts_ends_when_its_task_is_cancelled(world: World) -> None:
    policy = tenacity.Retrying(stop=tenacity.stop_after_attempt(2), wait=tenacity.wait_fixed(60))
    script = Script(["wrong"], strict=True)
    stream = counting(declarai.offline(script), retries=policy)()

    async def leave() -> None:
        with anyio.move_on_after(0.4):
            await stream.aresult()

    world.run(leave)
    assert texts(stream.buffer.items) == [(1, "wrong")]
    with pytest.raises(errors.StreamClosed, match="was cancelled"):
        stream.result()


def test_no_attempt_follows_a_pause_in_which_the_stream_was_closed(world: World) -> None:
    policy = tenacity.Retrying(stop=tenacity.stop_never, wait=tenacity.wait_fixed(60))
    script = Script(["wrong"], strict=True)
    stream = counting(declarai.offline(script), retries=policy)()
    if world.name == "blocking":
        threading.Timer(0.2, stream.close).start()
        assert texts(stream) == [(1, "wrong")]
    else:
        assert texts(world.run(closed_after, stream, "wrong")) == [(1, "wrong")]
    with pytest.raises(errors.StreamClosed):
        stream.result()


def test_closing_from_another_thread_is_not_an_error_to_restart_on(serve: Any) -> None:
    server = serve([Raw([event("one"), 30.0]), "one two"])
    stream = saying(live(server), restart_on={errors.StreamError})()
    next(stream)
    threading.Timer(0.05, stream.close).start()
    assert list(stream) == []
    assert server.exchanges[0].left.wait(5)
    assert len(server.exchanges) == 1


@pytest.mark.parametrize("world", ["asyncio", "trio"], indirect=True)
def test_closing_from_another_task_is_not_an_error_to_restart_on(world: World, serve: Any) -> None:
    server = serve([Raw([event("one"), 30.0]), "one two"])
    stream = saying(live(server), restart_on={errors.StreamError})()

    assert texts(world.run(closed_after, stream, "one")) == [(1, "one")]
    assert server.exchanges[0].left.wait(5)
    assert len(server.exchanges) == 1


# Commitment


@pytest.mark.parametrize("replies", [["wrong", [1]], [CUT, [1]]], ids=["wrong", "cut"])
def test_a_stream_to_which_a_reader_has_committed_raises_instead_of_restarting(world: World, replies: Any) -> None:
    script = Script(replies)
    policy = tenacity.Retrying(stop=tenacity.stop_never, wait=tenacity.wait_fixed(60))
    stream = counting(declarai.offline(script), retries=policy, restart_on={StreamInterrupted})()
    assert stream.commitment.commit(1)
    chunks, error = read(world, stream)
    assert {chunk.attempt for chunk in chunks} == {1}
    assert isinstance(error, OutputError | StreamInterrupted)
    assert len(script.calls) == 1


def test_a_reader_may_commit_to_a_later_attempt_and_not_to_an_abandoned_one() -> None:
    script = Script(["wrong", "wrong too", [1]])
    stream = counting(declarai.offline(script))()
    with pytest.raises(OutputError) as caught:
        for chunk in stream:
            if chunk.attempt == 2:
                assert not stream.commitment.commit(1)
                assert stream.commitment.commit(2)
    assert [attempt.text for attempt in caught.value.attempts] == ["wrong", "wrong too"]
    assert len(script.calls) == 2


def test_the_last_attempt_is_not_abandoned_even_if_it_failed() -> None:
    stream = counting(declarai.offline(["wrong", "wrong too"]), retries=1)()
    with pytest.raises(OutputError):
        list(stream)
    assert not stream.commitment.commit(1)
    assert stream.commitment.commit(2)


def test_readers_and_the_flow_agree_on_each_attempt_in_threads() -> None:
    for _ in range(50):
        commitment = Commitment(StreamBuffer())
        together = threading.Barrier(8)
        committed: list[bool] = []
        abandoned: list[bool] = []

        def work(number: int, commitment: Commitment = commitment, together: threading.Barrier = together) -> None:
            together.wait()
            if number % 2:
                committed.append(commitment.commit(1))
            else:
                abandoned.append(commitment.try_abandon(1))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(committed)) == len(set(abandoned)) == 1
        assert committed[0] is not abandoned[0]


def test_deltas_commit_to_their_attempt(world: World) -> None:
    script = Script([CUT, "one two three"])
    stream = saying(declarai.offline(script), restart_on={StreamInterrupted})()
    deltas: list[str] = []
    if world.name == "blocking":
        with pytest.raises(StreamInterrupted):
            for delta in stream.deltas():
                deltas.append(delta)
    else:

        async def collect() -> None:
            async for delta in stream.deltas():
                deltas.append(delta)

        with pytest.raises(StreamInterrupted):
            world.run(collect)
    assert deltas == ["one", " two"]
    assert len(script.calls) == 1


def test_deltas_skip_abandoned_attempts(world: World) -> None:
    stream = saying(declarai.offline([CUT, "one two three"]), restart_on={StreamInterrupted})()
    read(world, stream)
    assert list(stream.deltas()) == ["one", " two", " three"]
    assert "".join(stream.deltas()) == stream.result()


def test_deltas_do_not_commit_to_an_attempt_without_text() -> None:
    """The first chunk has only the role."""
    role = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
    thought = b'data: {"choices":[{"index":0,"delta":{"reasoning":"hm"},"finish_reason":null}]}\n\n'
    script = Script([Raw([role, thought], cut=True), "one two"])
    stream = saying(declarai.offline(script), restart_on={StreamInterrupted})()
    assert list(stream.deltas()) == ["one", " two"]
    assert len(script.calls) == 2


# Tool calls


LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def test_calls_of_tools_in_llm_params_arrive_in_parts(world: World, serve: Any) -> None:
    reply = Reply("one moment", tool_calls=[("look", {"at": "it"}), ("wait", {})])
    server = serve([reply, reply])
    stream = saying(live(server), llm_params={"tools": [LOOK]})()
    chunks, error = read(world, stream)
    assert error is None
    parts = [part for chunk in chunks for part in chunk.tool_calls]
    assert parts[0] == ToolCallDelta(0, "call_0", "look", "")
    assert {part.index for part in parts} == {0, 1}
    assert all(not part.id and not part.name for part in parts if part.arguments)
    joined = {index: "".join(part.arguments for part in parts if part.index == index) for index in (0, 1)}
    assert joined == {0: '{"at":"it"}', 1: "{}"}
    assert chunks[-1].finish_reason == "tool_calls"
    assert stream.result() == "one moment"
    assert all(chunk.tool_calls == () for chunk in chunks if chunk.delta)


def test_a_response_that_was_not_streamed_has_its_tool_calls(world: World) -> None:
    script = Script([Reply("[1]", tool_calls=[("look", {"at": "it"})])])
    value, response = complete(world, declarai.offline(script), llm_params={"tools": [LOOK]})
    assert value == [1]
    assert response.tool_calls == (ToolCallDelta(0, "call_0", "look", '{"at":"it"}'),)


def test_the_tool_of_output_tool_is_not_in_the_tool_calls(world: World, serve: Any) -> None:
    server = serve([{"value": [1]}] * 2)
    value, response = complete(world, live(server), output="tool")
    assert (value, response.response, response.tool_calls) == ([1], '{"value":[1]}', ())
    stream = counting(live(server), output="tool")()
    chunks, _ = read(world, stream)
    assert [chunk.tool_calls for chunk in chunks] == [()] * len(chunks)
    assert stream.result() == [1]


@pytest.mark.slow
def test_the_arguments_of_a_tool_call_are_content_for_the_timeouts(world: World) -> None:
    def part(arguments: str) -> bytes:
        return (
            b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"%s"}}]}}]}\n\n'
            % arguments.encode()
        )

    pieces = list(itertools.chain.from_iterable((part(str(n)), 0.1) for n in range(6)))
    model = declarai.offline(
        [Raw([*pieces, b"data: [DONE]\n\n"])], timeout=declarai.Timeouts(first_token=0.4, idle=0.4)
    )
    chunks, error = read(world, saying(model)())
    assert error is None
    assert "".join(part.arguments for chunk in chunks for part in chunk.tool_calls) == "012345"
