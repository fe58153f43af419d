"""The types of tasks. This module is never run; mypy --strict and pyright strict check it."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, Literal, assert_type

from pydantic import BaseModel

import declarai_like as declarai
from declarai_like import LLMResponse, Message, Model, Stream, Usage


class Hero(BaseModel):
    name: str


gpt = declarai.openai("gpt-5.5")
live = declarai.openai("gpt-5.5", stream=True)
azure = declarai.azure_openai("d", stream=True)
dry = declarai.offline()
dry_live = declarai.offline(["a reply"], stream=True)

assert_type(gpt, Model[Literal[False]])
assert_type(live, Model[Literal[True]])
assert_type(azure, Model[Literal[True]])
assert_type(dry, Model[Literal[False]])
assert_type(dry_live, Model[Literal[True]])
assert_type(declarai.model("openai:gpt-5.5"), Model[Literal[False]])


@gpt.task
def rank(message: str, scale: int = 5) -> int:
    """Rank the message"""
    return declarai.magic(message)


@gpt.task()
def rank_too(message: str, scale: int = 5) -> int:
    """Rank the message"""
    return declarai.magic(message)


@gpt.task
async def rank_later(message: str) -> int:
    """Rank the message"""
    return declarai.magic(message)


@gpt.task(llm_params={"temperature": 0}, output="tool", retries=1)
async def heroes_later(movie: str) -> list[Hero]:
    """List the heroes"""
    return declarai.magic(movie)


@gpt.task(streaming=True)
def say(movie: str) -> str:
    """Describe it"""
    return declarai.magic(movie)


@gpt.task(streaming=True)
async def heroes(movie: str, *, count: int = 3) -> list[Hero]:
    """List the heroes"""
    return declarai.magic(movie)


@live.task
def say_live(movie: str) -> str:
    """Describe it"""
    return declarai.magic(movie)


@live.task
async def say_live_later(movie: str) -> str:
    """Describe it"""
    return declarai.magic(movie)


@live.task(llm_params={"temperature": 0})
def hero_live(movie: str) -> Hero:
    """Describe it"""
    return declarai.magic(movie)


@live.task(streaming=False)
def say_at_once(movie: str) -> str:
    """Describe it"""
    return declarai.magic(movie)


@declarai.task
def module_level(movie: str) -> Hero:
    """Describe it"""
    return declarai.magic(movie)


@declarai.task(streaming=True)
def module_level_stream(movie: str) -> Hero:
    """Describe it"""
    return declarai.magic(movie)


class Critic:
    @gpt.task
    def judge(self, movie: str) -> bool:
        """Judge"""
        return declarai.magic(movie)

    @gpt.task(streaming=True)
    def explain(self, movie: str) -> str:
        """Explain"""
        return declarai.magic(movie)


async def results() -> None:
    assert_type(rank("a"), int)
    assert_type(rank("a", 3), int)
    assert_type(rank(message="a", scale=3), int)
    assert_type(rank_too("a"), int)
    assert_type(rank("a", llm_params={"temperature": 0}), int)
    waiting = assert_type(rank_later("a"), Coroutine[Any, Any, int])
    assert_type(await waiting, int)
    assert_type(await rank_later("a"), int)
    assert_type(await heroes_later("a"), list[Hero])
    assert_type(say("a"), Stream[str])
    assert_type(heroes("a", count=2), Stream[list[Hero]])
    assert_type(say_live("a"), Stream[str])
    assert_type(say_live_later("a"), Stream[str])
    assert_type(hero_live("a"), Stream[Hero])
    assert_type(say_at_once("a"), str)
    assert_type(module_level("a"), Hero)
    assert_type(module_level_stream("a"), Stream[Hero])
    assert_type(Critic().judge("a"), bool)
    assert_type(Critic().explain("a"), Stream[str])
    assert_type(Critic.judge(Critic(), "a"), bool)


async def streams() -> None:
    stream = heroes("a")
    for chunk in stream:
        assert_type(chunk, LLMResponse)
        assert_type(chunk.response, str)
        assert_type(chunk.delta, str)
        assert_type(chunk.raw_response, dict[str, Any])
        assert_type(chunk.usage, Usage | None)
    async for chunk in stream:
        assert_type(chunk, LLMResponse)
    for delta in stream.deltas():
        assert_type(delta, str)
    async for delta in stream.deltas():
        assert_type(delta, str)
    with stream as opened:
        assert_type(opened, Stream[list[Hero]])
    async with stream as opened:
        assert_type(opened, Stream[list[Hero]])
    assert_type(next(stream), LLMResponse)
    assert_type(await anext(stream), LLMResponse)
    assert_type(stream.result(), list[Hero])
    assert_type(await stream.aresult(), list[Hero])
    generator: Generator[LLMResponse, None, None] = stream
    assert_type(say.llm_stream_response, Stream[str] | None)
    assert_type(say.llm_response, LLMResponse | None)
    del generator


def plans() -> None:
    plan = rank.plan("a", scale=3)
    assert_type(plan(), int)
    assert_type(plan.populated_prompt, str)
    assert_type(say.plan("a")(), Stream[str])
    assert_type(rank.compile(message="a"), list[Message])


def mistakes() -> None:
    """Each line is an error in both checkers, because they report ignores that are not needed."""
    rank(3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    rank()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    rank("a", scal=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    rank.compile(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Critic().judge()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    number: int = say("a")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    del number
