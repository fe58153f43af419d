"""The behaviour of every memory, of this library and of users, in sync and async code."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from declarai_like import Message, Usage, memory
from declarai_like._core.flow import Flow
from declarai_like.errors import InvalidMessage, MemoryFailed
from declarai_like.messages import ToolCall
from tests.conftest import World
from tests.databases import KINDS, PERSISTENT, drive, drive_together, output_of, run_script, source_of
from tests.databases import postgresql_server as postgresql_server
from tests.databases import redis_server as redis_server

Make = Callable[..., Any]

HI = [Message("user", "hi"), Message("assistant", "hello")]
MORE = [Message("user", "more"), Message("assistant", "and more")]


@dataclass
class OwnAsync:
    """A memory as a user may write it: not hashable, with a lock of an event loop, and with async methods."""

    sessions: dict[str, list[Message]]
    session: str
    lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def load(self) -> list[Message]:
        async with self.lock:
            await anyio.lowlevel.checkpoint()
            return list(self.sessions.get(self.session, ()))

    async def append(self, messages: Sequence[Message]) -> None:
        async with self.lock:
            messages_now = [*self.sessions.get(self.session, ()), *messages]
            await anyio.lowlevel.checkpoint()
            self.sessions[self.session] = messages_now

    async def clear(self) -> None:
        async with self.lock:
            self.sessions.pop(self.session, None)


class OwnBlocking:
    """A memory as a user may write it, with only the methods of the protocol."""

    def __init__(self, sessions: dict[str, list[Message]], session: str) -> None:
        self.messages = sessions.setdefault(session, [])

    def load(self) -> tuple[Message, ...]:
        return tuple(self.messages)

    def append(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)

    def clear(self) -> None:
        self.messages.clear()


@pytest.fixture(params=[*KINDS, "OwnAsync", "OwnBlocking"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Yield a function that opens a session, always of the same store."""
    opened: list[Any] = []
    if request.param.startswith("Own"):
        sessions: dict[str, list[Message]] = {}
        own = {"OwnAsync": OwnAsync, "OwnBlocking": OwnBlocking}[request.param]
        yield lambda session="default": own(sessions, session)
        return
    source = source_of(request.param, request, tmp_path)

    def open_one(session: str = "default") -> Any:
        if opened and request.param == "InMemory":  # its store is in the object
            return opened[0].at(session)
        opened.append(eval(source, {"memory": memory, "session": session}))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def remember(kept: Any, *exchanges: Sequence[Message]) -> Flow[Any, list[Message]]:
    for messages in exchanges:
        yield memory.MemoryCall(kept.append, messages)
    return list((yield memory.MemoryCall(kept.load)))


def forget(kept: Any) -> Flow[Any, list[Message]]:
    yield memory.MemoryCall(kept.clear)
    return list((yield memory.MemoryCall(kept.load)))


def test_a_new_memory_is_empty_and_may_be_cleared(world: World, make: Make) -> None:
    assert drive(world, remember(make())) == []
    assert drive(world, forget(make("never used"))) == []


def test_messages_come_back_in_the_order_in_which_they_were_appended(world: World, make: Make) -> None:
    assert drive(world, remember(make(), HI, MORE)) == [*HI, *MORE]


@pytest.mark.slow
def test_messages_are_still_stored_when_the_memory_is_opened_again(world: World, make: Make) -> None:
    drive(world, remember(make(), HI))
    gc.collect()
    assert drive(world, remember(make(), MORE)) == [*HI, *MORE]


def test_the_caller_may_change_the_list_of_load(world: World, make: Make) -> None:
    kept = make()
    drive(world, remember(kept, HI)).append(Message("user", "not messages"))
    assert drive(world, remember(kept)) == HI


def test_a_cleared_memory_is_empty_and_can_be_used_again(world: World, make: Make) -> None:
    kept = make()
    drive(world, remember(kept, HI))
    drive(world, remember(make("other"), MORE))
    assert drive(world, forget(kept)) == []
    assert drive(world, remember(kept, MORE)) == MORE
    assert drive(world, remember(make("other"))) == MORE


def test_sessions_are_isolated(world: World, make: Make) -> None:
    drive(world, remember(make("a"), HI))
    drive(world, remember(make("b"), MORE))
    assert drive(world, remember(make("a"))) == HI
    assert drive(world, remember(make("b"))) == MORE


HOSTILE = [
    "",
    ".",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\Windows",
    "con",
    "%63on",
    "a/b",
    "a%2fb",
    "a\\b",
    "a\\\\b",
    "a\0b",
    "a\\0b",
    "A",
    "a",
    "é",
    "e\u0301",
    "日本語",
    "half \ud800",
    "half \\ud800",
    "'; DROP TABLE declarai_memory; --",
    '"',
    "%s",
    "{}",
    "a\r\nFLUSHALL\r\n",
    " a",
    "a ",
    "*",
    "x" * 5000,
    "x" * 5001,
    "é" * 3000,
]


def test_any_string_is_a_session(world: World, make: Make, tmp_path: Path) -> None:
    at = getattr(make(), "at", make)
    for number, session in enumerate(HOSTILE):
        drive(world, remember(at(session), [Message("user", str(number))]))
    at = getattr(make(), "at", make)
    for number, session in enumerate(HOSTILE):
        assert drive(world, remember(at(session))) == [Message("user", str(number))], session
    outside = {path.name for path in tmp_path.iterdir()} - {"chats", "chats.db", "chats.db-wal", "chats.db-shm"}
    assert outside == set()


CONTENTS = [
    "",
    " ",
    "日本語 🙂 e\u0301",
    "\u2028\u2029\x85\r\n\n",
    "\0",
    "\\u0000",
    "\ud800",
    "\\ud800",
    "\"'\\",
    "[]",
    "NaN",
]


def test_any_string_is_a_content(world: World, make: Make) -> None:
    messages = [[Message("user", content), Message("assistant", content)] for content in CONTENTS]
    assert drive(world, remember(make(), *messages)) == [message for exchange in messages for message in exchange]


def test_all_fields_of_a_message_come_back(world: World, make: Make) -> None:
    now = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)
    messages = [
        Message("system", "be brief", id="m0", created=now),
        Message("user", "what is the weather?", id="m1", created=now.astimezone(timezone(timedelta(hours=2)))),
        Message(
            "assistant",
            "",
            id="m2",
            model="gpt-5.5",
            usage=Usage(10, 20, 35),
            finish_reason="tool_calls",
            tool_calls=(ToolCall("c1", "weather", '{"city": "Köln"}'), ToolCall("c2", "time", "")),
        ),
        Message("tool", '{"sun": true}', tool_call_id="c1"),
        Message("tool", "12:00", tool_call_id="c2"),
    ]
    assert drive(world, remember(make(), messages)) == messages


@pytest.mark.slow
def test_ten_thousand_messages_come_back(world: World, make: Make) -> None:
    messages = [Message("user" if number % 2 == 0 else "assistant", f"{number} of many") for number in range(10_000)]
    exchanges = [messages[begin : begin + 500] for begin in range(0, len(messages), 500)]
    assert drive(world, remember(make(), *exchanges)) == messages


def test_appending_no_messages_stores_nothing(world: World, make: Make) -> None:
    assert drive(world, remember(make(), [], HI, ())) == HI


def exchange_of(writer: int, number: int) -> list[Message]:
    return [Message("user", f"{writer} asks {number}"), Message("assistant", f"{writer} hears {number}")]


def test_concurrent_sessions_lose_and_mix_nothing(world: World, make: Make) -> None:
    sessions = [make(f"session {writer}") for writer in range(12)]
    flows = [remember(kept, *(exchange_of(writer, n) for n in range(5))) for writer, kept in enumerate(sessions)]
    drive_together(world, flows)
    for writer, kept in enumerate(sessions):
        assert drive(world, remember(kept)) == [message for n in range(5) for message in exchange_of(writer, n)]


def test_messages_appended_together_stay_together_in_a_shared_session(world: World, make: Make) -> None:
    kept = make()
    drive_together(world, [remember(kept, *(exchange_of(writer, n) for n in range(5))) for writer in range(8)])
    assert_complete(drive(world, remember(kept)), writers=8, each=5)


def assert_complete(messages: list[Message], *, writers: int, each: int) -> None:
    """Assert that each exchange is stored once and complete, and those of a writer in their order."""
    exchanges = [messages[index : index + 2] for index in range(0, len(messages), 2)]
    for writer in range(writers):
        own = [exchange for exchange in exchanges if exchange[0].content.startswith(f"{writer} ")]
        assert own == [exchange_of(writer, number) for number in range(each)]
    assert len(exchanges) == writers * each


@pytest.mark.parametrize("make", PERSISTENT, indirect=True)
@pytest.mark.parametrize(
    "wrong",
    [
        Message("user", None),  # type: ignore[arg-type]
        Message("user", "hi", created=datetime(2026, 1, 1)),
        Message("user", "hi", usage="many"),  # type: ignore[arg-type]
    ],
    ids=["content", "created", "usage"],
)
def test_all_messages_are_stored_or_none(world: World, make: Make, wrong: Message) -> None:
    kept = make()
    drive(world, remember(kept, HI))
    with pytest.raises(MemoryFailed, match="could not append"):
        drive(world, remember(kept, [*MORE, wrong]))
    assert drive(world, remember(kept)) == HI


@pytest.mark.parametrize("make", KINDS, indirect=True)
def test_an_object_that_is_not_a_message_is_not_stored(world: World, make: Make) -> None:
    kept = make()
    strange: Any = [*HI, "hi"]
    with pytest.raises(InvalidMessage, match=r"cannot append 'hi': it is not a Message$"):
        drive(world, remember(kept, strange))
    assert drive(world, remember(kept)) == []


@pytest.mark.parametrize("make", KINDS, indirect=True)
def test_messages_of_an_iterator_are_stored(world: World, make: Make) -> None:
    kept = make()
    iterator: Any = iter(HI)
    assert drive(world, remember(kept, iterator)) == HI


WRITE = """
import sys
from declarai_like import Message, memory

source, writer, exchanges = sys.argv[1:]
kept = eval(source, {"memory": memory, "session": "shared"})
sys.stdin.readline()
for number in range(int(exchanges)):
    kept.append([Message("user", f"{writer} asks {number}"), Message("assistant", f"{writer} hears {number}")])
"""


@pytest.mark.parametrize("kind", PERSISTENT)
def test_concurrent_processes_lose_and_mix_nothing(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    source = source_of(kind, request, tmp_path)
    writers = [run_script(WRITE, source, str(writer), "25") for writer in range(3)]
    for process in writers:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in writers:
        output_of(process)
    with eval(source, {"memory": memory, "session": "shared"}) as kept:
        assert_complete(kept.load(), writers=3, each=25)


@pytest.mark.parametrize("make", KINDS, indirect=True)
def test_at_returns_another_session_of_the_same_store(make: Make) -> None:
    kept = make("a")
    other = kept.at("b")
    kept.append(HI)
    other.append(MORE)
    assert (kept.session, other.session) == ("a", "b")
    assert (kept.load(), other.load(), other.at("a").load()) == (HI, MORE, HI)
    assert type(other) is type(kept)


@pytest.mark.parametrize("make", PERSISTENT, indirect=True)
def test_a_closed_memory_opens_again_when_it_is_used(make: Make) -> None:
    with make() as kept:
        kept.append(HI)
    kept.close()
    assert kept.load() == HI


@pytest.mark.parametrize("make", KINDS, indirect=True)
def test_a_session_that_is_not_a_str_is_an_error_at_once(make: Make) -> None:
    with pytest.raises(ValueError, match=r"^session must be a str, got int; did you mean '42'\?$"):
        make(42)
    with pytest.raises(ValueError, match="^session must be a str, got None$"):
        make().at(None)
