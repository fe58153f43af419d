"""The types of typed streams. This module is never run; mypy --strict and pyright strict check it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, assert_type

from pydantic import BaseModel

import declarai_like as declarai
from declarai_like import Items, Partial, Stream
from declarai_like.stream import Event, FieldCompleted, Finished, StreamState


class Person(BaseModel):
    name: str
    age: int


class Team(BaseModel):
    title: str
    people: list[Person]


gpt = declarai.openai("gpt-5.5")
live = declarai.openai("gpt-5.5", stream=True)


@gpt.task(streaming=True)
def staff(company: str) -> Team:
    """List the staff"""
    return declarai.magic(company)


@gpt.task(streaming=True)
async def people_later(company: str) -> list[Person]:
    """List the staff"""
    return declarai.magic(company)


@gpt.task
def each(company: str) -> Iterator[Person]:
    """List the staff"""
    return declarai.magic(company)


@gpt.task(retries=1)
def each_async(company: str) -> AsyncIterator[Person]:
    """List the staff"""
    return declarai.magic(company)


@live.task
async def each_later(company: str) -> AsyncIterator[Person]:
    """List the staff"""
    return declarai.magic(company)


@declarai.task
def each_of_any(company: str) -> Iterator[Person]:
    """List the staff"""
    return declarai.magic(company)


@gpt.task(streaming=True)
def each_as_stream(company: str) -> Iterator[Person]:
    """List the staff"""
    return declarai.magic(company)


@gpt.task
def each_iterable(company: str) -> Iterable[Person]:
    """List the staff"""
    return declarai.magic(company)


def partials() -> None:
    stream = staff("Acme")
    assert_type(stream, Stream[Team])
    for partial in stream.partials():
        assert_type(partial, Partial[Team])
        assert_type(partial.get(lambda team: team.people[0].name), str | None)
        assert_type(partial.get(lambda team: team.people), list[Person] | None)
        assert_type(partial.get(lambda team: len(team.people)), int | None)
        assert_type(partial.title, Any)
    assert_type(stream.result(), Team)


async def elements() -> None:
    assert_type(people_later("Acme").items(), Items[Person])
    async for person in people_later("Acme").items(on_error="collect"):
        assert_type(person, Person)
    assert_type(each("Acme"), Items[Person])
    for person in each("Acme"):
        assert_type(person, Person)
    async for person in each_async("Acme"):
        assert_type(person, Person)
    async for person in each_later("Acme"):
        assert_type(person, Person)
    assert_type(each_of_any("Acme"), Items[Person])
    assert_type(each_as_stream("Acme"), Stream[list[Person]])
    assert_type(each_as_stream("Acme").result(), list[Person])
    for person in each_iterable("Acme"):
        assert_type(person, Person)


def events() -> None:
    for event in staff("Acme").events():
        known: Event[Team] = event
        if isinstance(known, Finished):
            assert_type(known.value, Team)
        elif isinstance(known, FieldCompleted):
            assert_type(known.path, tuple[str | int, ...])


def states(state: StreamState[str]) -> None:
    assert_type(state.value, str | None)
