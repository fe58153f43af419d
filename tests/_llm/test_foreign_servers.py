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

pytestmark = pytest.mark.xdist_group("aimock")  # it is started once

AIMOCK = "@copilotkit/aimock@1.43.0"
KEY = "a-key-for-aimock"
MAX_START_TIME = 120.0  # seconds, with the download

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
    """Run aimock and yield its base address."""
    if sys.platform == "win32":
        cannot("this fixture starts and stops aimock with POSIX process groups")
    node = find_node(NODE, "aimock")
    folder = tmp_path_factory.mktemp("aimock")  # so that its files are not written into the project
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
            os.killpg(process.pid, signal.SIGKILL)  # the whole group: npx alone would leave the server running
        except ProcessLookupError:
            pass
        process.wait()


def wait_until_healthy(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + MAX_START_TIME
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
    """Call a task that is not streamed; return its text and its last response."""
    if world.name == "blocking":

        @model.task
        def ask(prompt: str) -> str:
            """{prompt}"""

        return ask(instruction), ask.llm_response

    @model.task
    async def ask_later(prompt: str) -> str:
        """{prompt}"""

    async def both() -> Any:
        return await ask_later(instruction), ask_later.llm_response

    return world.run(both)


def stream(world: Any, model: Any, instruction: str) -> tuple[Any, list[Any]]:
    """Read a stream of text to its end or its error; return the stream, or the error, and the chunks."""

    @model.task(streaming=True)
    def ask(prompt: str) -> str:
        """{prompt}"""

    chunks: list[Any] = []
    stream = ask(instruction)
    try:
        world.read(stream, chunks)
    except errors.DeclaraiError as error:
        return error, chunks
    return stream, chunks


def heroes(world: Any, model: Any, **settings: Any) -> Any:
    """Call a task with a typed answer that is not streamed."""
    if world.name == "blocking":

        @model.task(**settings)
        def heroes() -> list[Hero]:
            """List the heroes"""

        return heroes()

    @model.task(**settings)
    async def heroes() -> list[Hero]:
        """List the heroes"""

    return world.run(heroes)


def test_an_answer_that_is_not_streamed_with_its_usage(world: Any, model: Any) -> None:
    answer, response = text(world, model, "Say something")
    assert answer == SHORT
    assert response.finish_reason == "stop"
    assert response.model == "some-model"
    assert response.total_tokens == response.prompt_tokens + response.completion_tokens > 0


def test_a_stream_with_its_usage(world: Any, model: Any) -> None:
    answer_stream, chunks = stream(world, model, "Say something")
    assert answer_stream.result() == SHORT
    assert [chunk.delta for chunk in chunks if chunk.delta] == [
        SHORT[start : start + 7] for start in range(0, len(SHORT), 7)
    ]
    assert [chunk.finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert chunks[-1].raw_response["choices"][0]["delta"] == {}
    assert (
        answer_stream.usage.total_tokens
        == answer_stream.usage.prompt_tokens + answer_stream.usage.completion_tokens
        > 0
    )


def test_the_reasoning_of_a_stream(world: Any, model: Any) -> None:
    answer_stream, chunks = stream(world, model, "Think of")
    assert "".join(chunk.reasoning for chunk in chunks) == "let me think"
    assert answer_stream.result() == SHORT


@pytest.mark.parametrize("output", ["auto", "schema", "tool", "prompt"])
def test_a_typed_answer_with_each_output_mode(output: Any, world: Any, model: Any) -> None:
    assert heroes(world, model, output=output) == HEROES


@pytest.mark.parametrize("output", ["auto", "schema", "tool", "prompt"])
def test_a_typed_stream_with_each_output_mode(output: Any, world: Any, model: Any) -> None:
    @model.task(streaming=True, output=output)
    def heroes() -> list[Hero]:
        """List the heroes"""

    chunks: list[Any] = []
    answer_stream = heroes()
    world.read(answer_stream, chunks)
    assert answer_stream.result() == HEROES
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


def test_a_rate_limit_is_retried(aimock: str) -> None:
    model = declarai.openai("m", base_url=f"{aimock}/v1", api_key=KEY, headers={"X-Test-Id": "passing"})

    @model.task
    def ask() -> str:
        """Wait"""

    assert ask() == "now"


def test_an_answer_at_the_token_limit(world: Any, model: Any) -> None:
    _, chunks = stream(world, model, "Tell too much")
    assert chunks[-1].finish_reason == "length"


@pytest.mark.parametrize("instruction", ["Tell and stop", "Tell and fall"])
def test_a_broken_stream_is_interrupted_and_has_the_text_so_far(instruction: str, world: Any, model: Any) -> None:
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


def test_a_conversation_can_be_recorded_and_replayed(world: Any, model: Any, tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    _, live = stream(world, record(model, tape), "Say something")
    _, played = stream(world, replay(tape, model=model), "Say something")
    assert [chunk.raw_response for chunk in played] == [chunk.raw_response for chunk in live]
    assert KEY not in tape.read_text("utf-8")
