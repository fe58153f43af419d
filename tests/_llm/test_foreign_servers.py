"""Compatibility with a third-party server, aimock (https://github.com/CopilotKit/aimock), through ``base_url``."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel

import declarai_like as declarai
from declarai_like import errors
from declarai_like.testing import record, replay
from tests.node import cannot, find_node

AIMOCK = "@copilotkit/aimock@1.43.0"
KEY = "a-key-for-aimock"
LONGEST_START = 120.0  # seconds, with the download

SHORT = "Avengers is an action-packed superhero extravaganza — 日本語"
LONG = "The Avengers assemble, and then they go on for quite some time"


class Hero(BaseModel):
    name: str
    powers: list[str]


HEROES = [Hero(name="Thor", powers=["thunder"]), Hero(name="Hulk", powers=[])]
HEROES_JSON = [hero.model_dump() for hero in HEROES]

FIXTURES: list[dict[str, Any]] = [
    {
        "match": {"userMessage": "Think of"},
        "response": {"content": SHORT, "reasoning": "let me think"},
        "chunkSize": 7,
    },
    {"match": {"userMessage": "Say something"}, "response": {"content": SHORT}, "chunkSize": 7},
    {
        "match": {"userMessage": "Tell and stop"},
        "response": {"content": LONG},
        "latency": 20,
        "truncateAfterChunks": 3,
    },
    {
        "match": {"userMessage": "Tell and fall"},
        "response": {"content": LONG},
        "chunkSize": 5,
        "latency": 30,
        "disconnectAfterMs": 200,
    },
    {"match": {"userMessage": "Tell too much"}, "response": {"content": "so mu", "finishReason": "length"}},
    {
        "match": {"userMessage": "List", "responseFormat": "json_schema"},
        "response": {"content": {"value": HEROES_JSON}},
        "chunkSize": 5,
    },
    {
        "match": {"userMessage": "List", "toolName": "heroes"},
        "response": {"toolCalls": [{"name": "heroes", "arguments": {"value": HEROES_JSON}}]},
        "chunkSize": 5,
    },
    {
        "match": {"userMessage": "List"},
        "response": {"content": f"Surely:\n```json\n{json.dumps(HEROES_JSON)}\n```"},
        "chunkSize": 5,
    },
    {
        "match": {"userMessage": "Hurry"},
        "response": {"error": {"message": "too fast", "code": "hurry"}, "status": 429, "retryAfter": 7},
    },
    {"match": {"userMessage": "Fail"}, "response": {"error": {"message": "overloaded"}, "status": 503}},
    {
        "match": {"userMessage": "Wait", "sequenceIndex": 0},
        "response": {"error": {"message": "not yet"}, "status": 429, "retryAfter": 0},
    },
    {"match": {"userMessage": "Wait"}, "response": {"content": "now"}},
]


NODE = (20, 15)


@pytest.fixture(scope="module")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run aimock, and give its address."""
    if sys.platform == "win32":
        cannot("aimock is started and ended here as on Unix")
    node = find_node(NODE, "aimock")
    folder = tmp_path_factory.mktemp("aimock")  # nothing that it writes gets into the project
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": FIXTURES}), "utf-8")
    log = folder / "log"
    command = [
        *node.npx,
        "--yes",
        "--package",
        AIMOCK,
        "llmock",
        "-h",
        "127.0.0.1",
        "-p",
        "0",
        "-f",
        "fixtures.json",
        "--strict",
    ]
    environment = {**os.environ, "PATH": node.path, "AIMOCK_API_KEYS": KEY, "npm_config_update_notifier": "false"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield wait_until_healthy(process, log)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)  # npx leaves the server running when it is killed alone
        except ProcessLookupError:
            pass
        process.wait()


def wait_until_healthy(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + LONGEST_START
    while time.monotonic() < until and process.poll() is None:
        if listening := re.search(r"listening on (http://127\.0\.0\.1:\d+)", log.read_text("utf-8", "replace")):
            address = listening[1]
            if httpx2.get(f"{address}/health").status_code == 200:
                return address
        time.sleep(0.05)
    cannot(f"aimock did not start: {log.read_text('utf-8', 'replace')[-1000:]}")


@pytest.fixture
def model(aimock: str) -> Any:
    return declarai.openai("some-model", base_url=f"{aimock}/v1", api_key=KEY, max_retries=0)


def text(world: Any, model: Any, instruction: str) -> Any:
    """Ask for a whole text, and give the task's last response."""
    if world.name == "blocking":

        @model.task
        def ask(words: str) -> str:
            """{words}"""

        return ask(instruction), ask.llm_response

    @model.task
    async def ask_later(words: str) -> str:
        """{words}"""

    async def both() -> Any:
        return await ask_later(instruction), ask_later.llm_response

    return world.run(both)


def stream(world: Any, model: Any, instruction: str) -> tuple[Any, list[Any]]:
    """Read a stream of text to its end or its error; give it and its chunks."""

    @model.task(streaming=True)
    def ask(words: str) -> str:
        """{words}"""

    chunks: list[Any] = []
    made = ask(instruction)
    try:
        world.read(made, chunks)
    except errors.DeclaraiError as error:
        return error, chunks
    return made, chunks


def heroes(world: Any, model: Any, **settings: Any) -> Any:
    """Ask for heroes, whole."""
    if world.name == "blocking":

        @model.task(**settings)
        def heroes() -> list[Hero]:
            """List the heroes"""

        return heroes()

    @model.task(**settings)
    async def heroes() -> list[Hero]:
        """List the heroes"""

    return world.run(heroes)


def test_a_whole_answer_with_its_usage(world: Any, model: Any) -> None:
    said, response = text(world, model, "Say something")
    assert said == SHORT
    assert response.finish_reason == "stop"
    assert response.model == "some-model"
    assert response.total_tokens == response.prompt_tokens + response.completion_tokens > 0


def test_a_stream_with_its_usage(world: Any, model: Any) -> None:
    made, chunks = stream(world, model, "Say something")
    assert made.result() == SHORT
    assert [chunk.delta for chunk in chunks if chunk.delta] == [
        SHORT[start : start + 7] for start in range(0, len(SHORT), 7)
    ]
    assert [chunk.finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert chunks[-1].raw_response["choices"][0]["delta"] == {}
    assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens > 0


def test_the_reasoning_of_a_stream(world: Any, model: Any) -> None:
    made, chunks = stream(world, model, "Think of")
    assert "".join(chunk.reasoning for chunk in chunks) == "let me think"
    assert made.result() == SHORT


@pytest.mark.parametrize("output", ["auto", "schema", "tool", "prompt"])
def test_a_typed_answer_however_it_is_asked_for(output: Any, world: Any, model: Any) -> None:
    assert heroes(world, model, output=output) == HEROES


@pytest.mark.parametrize("output", ["auto", "schema", "tool", "prompt"])
def test_a_typed_stream_however_it_is_asked_for(output: Any, world: Any, model: Any) -> None:
    @model.task(streaming=True, output=output)
    def heroes() -> list[Hero]:
        """List the heroes"""

    chunks: list[Any] = []
    made = heroes()
    world.read(made, chunks)
    assert made.result() == HEROES
    assert len(chunks) > 10


def test_a_rate_limit_with_its_pause(world: Any, model: Any) -> None:
    with pytest.raises(errors.RateLimited, match="too fast") as caught:
        text(world, model, "Hurry")
    assert (caught.value.status, caught.value.retry_after, caught.value.code) == (429, 7.0, "hurry")
    error, chunks = stream(world, model, "Hurry")
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == 7.0
    assert chunks == []


def test_a_failing_server(world: Any, model: Any) -> None:
    with pytest.raises(errors.ServerError, match=r"503.*overloaded"):
        text(world, model, "Fail")
    error, chunks = stream(world, model, "Fail")
    assert isinstance(error, errors.ServerError)
    assert (error.status, chunks) == (503, [])


def test_a_rate_limit_that_passes_is_waited_for(aimock: str) -> None:
    model = declarai.openai("m", base_url=f"{aimock}/v1", api_key=KEY, headers={"X-Test-Id": "passing"})

    @model.task
    def ask() -> str:
        """Wait"""

    assert ask() == "now"


def test_an_answer_at_the_token_limit(world: Any, model: Any) -> None:
    _, chunks = stream(world, model, "Tell too much")
    assert chunks[-1].finish_reason == "length"


@pytest.mark.parametrize("instruction", ["Tell and stop", "Tell and fall"])
def test_a_stream_that_is_cut_is_interrupted_and_gives_the_text_so_far(
    instruction: str, world: Any, model: Any
) -> None:
    error, chunks = stream(world, model, instruction)
    assert isinstance(error, errors.StreamInterrupted)
    assert error.partial == chunks[-1].response != ""
    assert LONG.startswith(error.partial)
    assert len(error.partial) < len(LONG)


def test_a_wrong_key(world: Any, aimock: str) -> None:
    with pytest.raises(errors.AuthenticationError, match="401"):
        text(world, declarai.openai("m", base_url=f"{aimock}/v1", api_key="wrong"), "Say something")


def test_a_wrong_address(world: Any, aimock: str) -> None:
    with pytest.raises(errors.NotFoundError, match="check base_url"):
        text(world, declarai.openai("m", base_url=f"{aimock}/v2", api_key=KEY), "Say something")


def test_azures_paths(world: Any, aimock: str) -> None:
    model = declarai.azure_openai("some-deployment", azure_openai_key=KEY, azure_openai_api_base=aimock)
    assert text(world, model, "Say something")[0] == SHORT
    assert stream(world, model, "Say something")[0].result() == SHORT


def test_what_it_said_can_be_recorded_and_played_back(world: Any, model: Any, tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    _, live = stream(world, record(model, tape), "Say something")
    _, played = stream(world, replay(tape, model=model), "Say something")
    assert [chunk.raw_response for chunk in played] == [chunk.raw_response for chunk in live]
    assert KEY not in tape.read_text("utf-8")
