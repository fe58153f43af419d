"""Several workers that share streams: an answer of one can be followed and stopped at another."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

import declarai_like as declarai
from declarai_like import serve
from declarai_like.errors import ConfigurationError
from tests.databases import free_port, redis_server
from tests.serve.serving import TIMEOUT, Client, Serving, Speaker, Start, names, serving, speaker, text, wait_until

__all__ = ["redis_server", "serving", "speaker"]  # pytest finds the fixtures here

BEAT = 0.1
Workers = Callable[..., tuple[Serving, Serving]]


@pytest.fixture
def workers(serving: Start, redis_server: str) -> Workers:
    """Serve the same things at two workers."""
    prefix = f"{uuid.uuid4().hex}:"

    def start(*things: object, grace: float = 1.0, **settings: object) -> tuple[Serving, Serving]:
        first, second = (
            serving(
                *things, streams=serve.RedisStreams(redis_server, prefix=prefix, beat=BEAT), grace=grace, **settings
            )
            for _ in range(2)
        )
        return first, second

    return start


def test_an_answer_is_followed_at_another_worker_from_the_last_event_id(workers: Workers, speaker: Speaker) -> None:
    @speaker.model.task
    def say(movie: str) -> str:
        "Describe it"  # type: ignore[empty-body]

    first, second = workers(say)
    speaker.say("one ", "two ")
    with first.ask("say", {"movie": "m"}) as answer:
        before = answer.until("delta", 2)
    with second.follow(answer.stream, after=before[-1].id) as rest:
        speaker.say("three ", "four")
        speaker.end()
        events = [*before, *rest.read()]
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert text(events) == "one two three four"
    assert events[-1].name == "done"
    assert second.followed(answer.stream).body == first.followed(answer.stream).body


def test_a_reader_at_another_worker_keeps_the_answer_running(workers: Workers, speaker: Speaker) -> None:
    @speaker.model.task
    def say(movie: str) -> str:
        "Describe it"  # type: ignore[empty-body]

    first, second = workers(say, grace=4 * BEAT)
    speaker.say("one ")
    with first.ask("say", {"movie": "m"}) as answer:
        answer.until("delta")
    with second.follow(answer.stream) as rest:
        rest.until("delta")
        assert not speaker.last.left.wait(10 * BEAT)
        speaker.say("two")
        speaker.end()
        assert rest.read()[-1].name == "done"


def test_an_answer_without_a_reader_at_any_worker_is_abandoned(workers: Workers, speaker: Speaker) -> None:
    @speaker.model.task
    def say(movie: str) -> str:
        "Describe it"  # type: ignore[empty-body]

    first, second = workers(say, grace=2 * BEAT)
    speaker.say("one ")
    with first.ask("say", {"movie": "m"}) as answer:
        answer.until("delta")
    with second.follow(answer.stream) as rest:
        rest.until("delta")
    assert speaker.last.left.wait(TIMEOUT)
    assert second.followed(answer.stream).events[-1].data["type"] == "Abandoned"


def test_an_answer_is_stopped_at_another_worker(workers: Workers, speaker: Speaker) -> None:
    @speaker.model.chat
    class Bot:
        """You are a bot."""

    first, second = workers(Bot)
    speaker.say("one ")
    with first.ask("Bot", {"message": "hi", "session": "s"}) as answer:
        answer.until("delta")
        assert second.stop(answer.stream).status_code == 202
        last = answer.read()[-1]
    assert (last.name, last.data["response"]) == ("stopped", "one ")
    messages = first.session("Bot", "s")["messages"]
    assert [message["content"] for message in messages] == ["hi", "one "]


def test_a_session_that_is_busy_at_one_worker_is_busy_at_all(workers: Workers, speaker: Speaker) -> None:
    @speaker.model.chat
    class Bot:
        """You are a bot."""

    first, second = workers(Bot)
    speaker.say("one")
    with first.ask("Bot", {"message": "hi", "session": "s"}) as answer:
        answer.until("delta")
        with second.ask("Bot", {"message": "hi", "session": "s"}) as refused:
            assert refused.status == 409
            assert refused.json()["detail"]["stream"] == answer.stream
        assert second.session("Bot", "s")["stream"] == answer.stream
        speaker.end()
        assert answer.read()[-1].name == "done"
    wait_until(lambda: second.session("Bot", "s")["stream"] is None)
    speaker.say("two")
    speaker.end()
    assert second.answer("Bot", {"message": "hi", "session": "s"}).events[-1].name == "done"


def test_streams_of_other_owners_are_not_found_at_another_worker(workers: Workers, speaker: Speaker) -> None:
    from fastapi import Header

    def caller(x_user: str = Header()) -> str:
        return x_user

    @speaker.model.task
    def say(movie: str) -> str:
        "Describe it"  # type: ignore[empty-body]

    first, second = workers(say, auth=caller)
    speaker.say("one")
    speaker.end()
    answer = first.as_client(**{"X-User": "ann"}).answer("say", {"movie": "m"})
    assert second.as_client(**{"X-User": "bob"}).followed(answer.stream).status == 404
    assert second.as_client(**{"X-User": "ann"}).followed(answer.stream).body == answer.body


def test_dropped_events_are_gone_at_another_worker_too(workers: Workers) -> None:
    def count(to: int) -> object:
        yield from range(to)

    first, second = workers(serve.function(count, name="count"), limits=serve.Limits(events=8))
    answer = first.answer("count", {"to": 100})
    assert names(answer.events)[-1] == "done"
    with second.follow(answer.stream, after=1) as late:
        assert late.status == 410
    assert second.followed(answer.stream, after=100).events == answer.events[100:]
    with second.follow(answer.stream, after=answer.events[-1].id) as nothing:
        assert nothing.status == 204


def test_a_reader_at_another_worker_gets_an_error_when_the_worker_is_killed(
    serving: Start, redis_server: str, tmp_path: Path
) -> None:
    script = f"""
import asyncio, sys, uvicorn
from collections.abc import AsyncIterator
from fastapi import FastAPI
from declarai_like import serve

async def count(to: int) -> AsyncIterator[int]:
    for number in range(to):
        yield number
        await asyncio.sleep(0.02)

app = FastAPI()
streams = serve.RedisStreams({redis_server!r}, prefix="killed:", beat={BEAT})
app.include_router(serve.router(count, streams=streams), prefix="/api")
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
"""
    port = free_port()
    settings = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with ExitStack() as cleanup:
        worker = cleanup.enter_context(subprocess.Popen([sys.executable, "-c", script, str(port)], env=settings))
        cleanup.callback(worker.kill)  # or its `with` waits for ever where the test fails
        first = Client(f"http://127.0.0.1:{port}")

        def is_up() -> bool:
            try:
                return first.get("/streams/x").status_code == 404
            except httpx2.TransportError:
                return False

        wait_until(is_up, "the worker is up")

        async def count(to: int) -> object:
            return to

        second = serving(count, streams=serve.RedisStreams(redis_server, prefix="killed:", beat=BEAT))
        with first.ask("count", {"to": 10_000}) as answer, second.follow(answer.stream) as elsewhere:
            elsewhere.until("item", 3)
            worker.send_signal(signal.SIGKILL)
            events = elsewhere.read()
        first.close()
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert events[-1].name == "error"
    message = "The server process that ran this answer died. Try again."
    assert events[-1].data == {"type": "WorkerLost", "message": message, "retryable": True}


def test_without_redis_an_answer_continues_at_its_worker_and_a_session_is_refused(
    serving: Start, speaker: Speaker
) -> None:
    @speaker.model.task
    def say(movie: str) -> str:
        "Describe it"  # type: ignore[empty-body]

    @speaker.model.chat
    class Bot:
        """You are a bot."""

    nowhere = serve.RedisStreams(f"redis://:secret@127.0.0.1:{free_port()}/0", beat=BEAT)
    server = serving(say, Bot, streams=nowhere)
    speaker.say("one")
    speaker.end()
    assert server.answer("say", {"movie": "m"}).events[-1].name == "done"
    with server.ask("Bot", {"message": "hi"}) as refused:
        assert refused.status == 503
        message = "Redis is not reachable; try again in a moment"
        assert refused.json()["detail"] == {"type": "SharingFailed", "message": message}


def test_the_grace_must_be_longer_than_the_beat_of_workers(redis_server: str) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"^grace of router\(\) must be longer than the beat of its streams \(2\.0 s\), got 1\.0$",
    ):
        serve.router(streams=serve.RedisStreams(redis_server), grace=1.0)


@pytest.mark.parametrize("beat", [0, -1, "x", None, True, math.nan, math.inf])
def test_the_beat_of_workers_must_be_a_number_of_seconds(beat: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^RedisStreams\.beat must be a number of seconds > 0, got "):
        serve.RedisStreams("redis://127.0.0.1", beat=beat)


@pytest.mark.parametrize("prefix", [5, b"streams", None])
def test_the_prefix_of_keys_must_be_a_str(prefix: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^RedisStreams\.prefix must be a str, got (int|bytes|None)$"):
        serve.RedisStreams("redis://127.0.0.1", prefix=prefix)


def test_a_session_can_continue_as_soon_as_its_answer_has_ended(workers: Workers) -> None:
    @declarai.offline(lambda _: "one").chat
    class Bot:
        """You are a bot."""

    first, _ = workers(Bot)
    for _ in range(20):
        assert first.answer("Bot", {"message": "hi", "session": "s"}).status == 200
