"""The types of remote streams. This module is never run; mypy --strict and pyright strict check it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from pydantic import BaseModel

from declarai_like import remote, streaming
from declarai_like.streaming import AsyncStreamReader, StreamReader


class Number(BaseModel):
    value: int


class Audio(BaseModel):
    name: str


class Totals(BaseModel):
    seconds: float


@remote.stream
async def count(to: int, *, start: int = 0) -> AsyncIterator[Number]:
    yield Number(value=to)


@remote.stream
def count_blocking(to: int) -> Iterator[Number]:
    yield Number(value=to)


@remote.stream
async def spell(text: str) -> AsyncIterator[str]:
    yield text


@remote.stream
def pairs() -> Iterator[tuple[str, int]]:
    yield "a", 1


ALL = streaming.stream_types(Number, header_type=Audio, footer_type=Totals)


@remote.stream(ALL)
async def transcribe(name: str) -> AsyncIterator[Audio | Number | Totals]:
    yield Audio(name=name)


@remote.stream(streaming.stream_types(Number, header_type=Audio))
def with_header(name: str) -> Iterator[Audio | Number]:
    yield Audio(name=name)


assert_type(count(3), AsyncIterator[Number])
assert_type(count_blocking(3), Iterator[Number])
assert_type(transcribe("a"), AsyncIterator[Audio | Number | Totals])
count("3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

client = count.at("http://host/streams", timeout=1, errors=[KeyError])
client.stream("3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
client.stream(3, stop=4)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
client.stream(3, 4)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def blocking() -> None:
    with client.stream(to=3, start=1) as reader:
        assert_type(reader, StreamReader[Number, None, None])
        for number in reader.read_items():
            assert_type(number, Number)
        reader.read_header()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    with count_blocking.at("http://host").stream(3) as reader:
        assert_type(reader, StreamReader[Number, None, None])
    with spell.at("http://host").stream("a") as letters:
        for letter in letters.read_items():
            assert_type(letter, str)
    with pairs.at("http://host").stream() as found:
        for pair in found.read_items():
            assert_type(pair, tuple[str, int])
    with transcribe.at("http://host").stream("a") as whole:
        assert_type(whole, StreamReader[Number, Audio, Totals])
        assert_type(whole.read_header(), Audio)
        assert_type(whole.read_footer(), Totals)
    with with_header.at("http://host").stream("a") as headed:
        assert_type(headed, StreamReader[Number, Audio, None])


async def in_an_event_loop() -> None:
    async with client as kept, kept.stream(to=3) as reader:
        assert_type(reader, AsyncStreamReader[Number, None, None])
        async for number in reader.read_items():
            assert_type(number, Number)
    async with spell.at("http://host").stream("a") as letters:
        assert_type(letters, remote.AsyncValueReader[str])
        async for letter in letters.read_items():
            assert_type(letter, str)
    async with transcribe.at("http://host").stream("a") as whole:
        assert_type(await whole.read_footer(), Totals)
    async with remote.client("http://host/transcribe", ALL).stream(name="a") as elsewhere:
        assert_type(elsewhere, AsyncStreamReader[Number, Audio, Totals])
    async with remote.client("http://host/spell", str).stream(text="a") as text:
        assert_type(text, remote.AsyncValueReader[str])


def gives_one() -> Number:
    return Number(value=1)


async def gives_another() -> AsyncIterator[object]:
    yield object()


remote.stream(gives_one)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
remote.stream(gives_another)  # type: ignore[type-var]  # pyright: ignore[reportCallIssue, reportArgumentType]
remote.stream(ALL)(gives_another)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
