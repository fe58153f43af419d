"""Many concurrent conversations in each memory, and processes that are killed while they chat."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest

import declarai_like as declarai
from declarai_like import memory
from declarai_like.testing import Script
from tests.conftest import World
from tests.databases import KINDS, PERSISTENT, output_of, run_script, source_of
from tests.databases import postgresql_server as postgresql_server
from tests.databases import redis_server as redis_server

SESSIONS = 100
TURNS = 20
ROUNDS = 20


def echo(messages: list[dict[str, Any]]) -> str:
    """Answer with the message, and with the number of messages in the request."""
    return f"{messages[-1]['content']} of {len(messages)}"


@pytest.fixture(params=KINDS)
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Yield a function that opens a session, always of the same store."""
    with eval(source_of(request.param, request, tmp_path), {"memory": memory, "session": "first"}) as store:
        yield store.at


@pytest.mark.slow
def test_a_hundred_concurrent_sessions_lose_and_mix_nothing(at: Callable[[str], Any], world: World) -> None:
    class Bot:
        """Be kind."""

    kind: Any = declarai.offline(Script(echo)).chat(streaming=True)(Bot)
    bots = [kind(memory=at(f"session {number}")) for number in range(SESSIONS)]

    def talk(number: int) -> None:
        for turn in range(TURNS):
            with bots[number].send(f"{number}/{turn}") as stream:
                assert [chunk.response for chunk in stream][-1] == f"{number}/{turn} of {2 * turn + 2}"

    async def atalk(number: int) -> None:
        for turn in range(TURNS):
            async with bots[number].asend(f"{number}/{turn}") as stream:
                assert [chunk.response async for chunk in stream][-1] == f"{number}/{turn} of {2 * turn + 2}"

    async def all_of_them() -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(SESSIONS):
                tasks.start_soon(atalk, number)

    if world.name == "blocking":
        with ThreadPoolExecutor(SESSIONS) as threads:
            list(threads.map(talk, range(SESSIONS)))
    else:
        world.run(all_of_them)
    for number in range(SESSIONS):
        kept = [message.content for message in at(f"session {number}").load()]
        assert kept == [
            text for turn in range(TURNS) for text in (f"{number}/{turn}", f"{number}/{turn} of {2 * turn + 2}")
        ]


# As in the tests of memories: one process forks the others, so that each starts with the package imported.
CRASHES = """
import os, random, signal, sys, time, json
import declarai_like as declarai
from declarai_like import memory
from declarai_like.testing import Script

source, rounds = sys.argv[1], int(sys.argv[2])
eval(source, {"memory": memory, "session": "crash"})  # which imports the driver

def answer(messages):
    return " ".join([messages[-1]["content"]] * random.choice([1, 10, 1000]))

def chat(begun, finished_pipe):
    class Bot:
        "Be kind."
    kept = eval(source, {"memory": memory, "session": "crash"})
    bot = declarai.offline(Script(answer)).chat(streaming=True)(Bot)(memory=kept)
    for number in range(10**9):
        for _ in bot.send(f"{begun}/{number}"):
            pass
        os.write(finished_pipe, f"{begun}/{number}\\n".encode())

finished = []
for begun in range(rounds):
    reading, finished_pipe = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            chat(begun, finished_pipe)
        finally:
            os._exit(1)
    os.close(finished_pipe)
    with os.fdopen(reading) as lines:
        first = lines.readline().strip() if begun % 4 else ""  # most are killed after their first answer
        time.sleep(random.random() * 0.05)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, "it ended by itself"
        finished += [first] * bool(first) + lines.read().split()
print(json.dumps(finished))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("kind", PERSISTENT)
def test_after_crashes_each_exchange_is_complete_and_no_finished_one_is_lost(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source = source_of(kind, request, tmp_path)
    finished = json.loads(output_of(run_script(CRASHES, source, str(ROUNDS))))
    assert len(finished) >= ROUNDS // 2
    with eval(source, {"memory": memory, "session": "crash"}) as kept:
        messages = kept.load()
        questions: list[str] = []
        for question, answer in zip(messages[::2], messages[1::2], strict=True):
            assert (question.role, answer.role, answer.finish_reason) == ("user", "assistant", "stop")
            assert set(answer.content.split()) == {question.content}
            questions.append(question.content)
        assert len(set(questions)) == len(questions), "an exchange is stored twice"
        assert set(finished) <= set(questions), "an exchange was lost"
        assert len(questions) - len(finished) <= ROUNDS, "at most one of each process had not been finished"
