"""A process is killed at random times while it appends: no finished append is lost, and none is stored in part."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from declarai_like import memory
from tests.databases import PERSISTENT, output_of, run_script, source_of
from tests.databases import postgresql_server as postgresql_server
from tests.databases import redis_server as redis_server

ROUNDS = 30

# One process forks the others, so that each starts with the package imported. It opens no memory itself. The contents
# are long, so that some kills interrupt an append.
CRASHES = """
import json, os, random, signal, sys, time
from declarai_like import Message, memory

source, rounds = sys.argv[1], int(sys.argv[2])
eval(source, {"memory": memory, "session": "crash"})  # which imports the driver

def append_exchanges(begun, finished_pipe):
    kept = eval(source, {"memory": memory, "session": "crash"})
    number = 0
    while True:
        name = f"{begun}/{number}"
        size = random.choice([10, 1_000, 3_000_000])
        kept.append([Message("user", name), Message("assistant", name + "!" * size), Message("tool", name)])
        os.write(finished_pipe, (name + "\\n").encode())
        number += 1

finished = []
for begun in range(rounds):
    reading, finished_pipe = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            append_exchanges(begun, finished_pipe)
        finally:
            os._exit(1)
    os.close(finished_pipe)
    with os.fdopen(reading) as lines:
        if begun % 4:
            lines.readline()  # some are killed while they start, most after their first exchange
        time.sleep(random.random() * 0.03)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, "it ended by itself"
        finished += lines.read().split()
        if begun % 4:
            finished.append(f"{begun}/0")
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
        begun: list[str] = []
        for index in range(0, len(messages), 3):
            question, answer, result = messages[index : index + 3]
            assert [question.role, answer.role, result.role] == ["user", "assistant", "tool"]
            assert question.content == answer.content.rstrip("!") == result.content
            begun.append(question.content)
        assert len(set(begun)) == len(begun), "an exchange is stored twice"
        assert set(finished) <= set(begun), "an exchange was lost"
        assert len(begun) - len(finished) <= ROUNDS, "at most one of each process had not been finished"
        kept.clear()
        assert kept.load() == []
