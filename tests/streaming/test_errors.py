"""The error of a producer is raised at the consumer, and a name in a stream never causes an import."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from declarai_like import streaming
from declarai_like.streaming import NotSerializable, OutOfOrder, RemoteError, StreamTruncated
from tests.streaming.frame_streams import HEADER, ITEMS, TYPES, Segment, later, read, read_in, written


class Broken(Exception):
    """An error that only the producer defines."""


class Limited(Exception):
    """An error whose constructor has a keyword parameter."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds

    @property
    def details(self) -> dict[str, Any]:
        return {"seconds": self.seconds}


class Unprintable(Exception):
    """An error whose message and details cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError("no message")

    @property
    def details(self) -> dict[str, Any]:
        raise RuntimeError("no details")


def failing(error: BaseException, encoding: Any = "frames", **settings: Any) -> list[bytes]:
    writer = streaming.stream_writer(TYPES["items"], encoding=encoding)
    return [*(writer.yield_item(item) for item in ITEMS[:2]), writer.error(error, **settings)]


@pytest.mark.parametrize("encoding", ["frames", "ndjson", "sse"])
def test_the_original_error_is_raised_after_the_items_before_it(world: Any, encoding: str) -> None:
    results = read_in(world, "items", failing(KeyError("drei"), encoding), encoding=encoding)
    assert results[:-1] == ITEMS[:2]
    assert type(results[-1]) is KeyError
    assert results[-1].args == ("drei",)
    cause = results[-1].__cause__
    assert isinstance(cause, RemoteError)
    assert (cause.type, cause.message, cause.details, cause.frame) == ("KeyError", "'drei'", {}, 2)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        OSError(2, "no such file"),
        TimeoutError(),
        ZeroDivisionError("1/0"),
        UnicodeError("x"),
        Warning("w"),
    ],
    ids=repr,
)
def test_builtin_errors_are_raised_as_the_same_class(error: Exception) -> None:
    got = read("items", failing(error))[-1]
    assert (type(got), got.args, str(got)) == (type(error), error.args, str(error))


def test_an_error_class_passed_to_the_reader_is_raised() -> None:
    got = read("items", failing(Broken("a", 1, None, 2.5)), errors=[Broken])[-1]
    assert type(got) is Broken
    assert got.args == ("a", 1, None, 2.5)


def test_details_are_passed_as_keywords_to_the_error_class() -> None:
    got = read("items", failing(Limited("slow down", seconds=3)), errors=[Limited])[-1]
    assert (type(got), str(got), got.seconds) == (Limited, "slow down", 3)


def test_an_unknown_error_class_becomes_a_remote_error_with_all_details() -> None:
    got = read("items", failing(Limited("slow down", seconds=3)))[-1]
    assert type(got) is RemoteError
    assert (got.type, got.message, got.details) == (f"{__name__}.Limited", "slow down", {"seconds": 3})
    assert str(got).startswith(f"the producer failed: {__name__}.Limited: slow down (frame 2, byte ")


def test_an_error_class_with_other_parameters_becomes_a_remote_error() -> None:
    got = read("items", failing(Limited("slow down", seconds=3), details={}), errors=[Limited])[-1]
    assert type(got) is RemoteError
    got = read("items", failing(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid")))[-1]
    assert (type(got), got.type) == (RemoteError, "UnicodeDecodeError")


def test_details_can_be_passed() -> None:
    got = read("items", failing(ValueError("no"), details={"line": 3, "of": object}))[-1]
    assert got.__cause__.details == {"line": 3, "of": "<class 'object'>"}


@pytest.mark.parametrize(
    "error", [StopIteration("a"), StopAsyncIteration(), KeyboardInterrupt(), SystemExit(3), GeneratorExit()], ids=repr
)
def test_exceptions_with_a_meaning_for_control_flow_become_remote_errors(world: Any, error: BaseException) -> None:
    got = read_in(world, "items", failing(error))[-1]
    assert (type(got), got.type) == (RemoteError, type(error).__name__)


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "antigravity.Error",
        "subprocess.Popen",
        "print",
        "eval",
        "builtins.ValueError",
        "",
        "..",
        "json.JSONDecodeError",
    ],
)
def test_a_name_in_a_stream_never_causes_an_import_or_a_call(name: str) -> None:
    content = b'{"type":"%b","message":"echo"}' % name.encode()
    loaded = set(sys.modules)
    got = read("items", [b"\x06" + len(content).to_bytes(4, "big") + content])[-1]
    assert (type(got), got.type) == (RemoteError, name)
    assert set(sys.modules) == loaded


def test_a_forwarded_stream_error_keeps_its_class() -> None:
    original = read("items", [b"".join(written("items"))[:-3]])[-1]
    got = read("items", failing(original))[-1]
    assert type(got) is StreamTruncated
    assert (str(got), got.frame, got.offset) == (str(original), original.frame, original.offset)


def test_a_forwarded_remote_error_keeps_its_type_name() -> None:
    original = read("items", failing(Limited("slow down", seconds=3)))[-1]
    got = read("items", failing(original))[-1]
    assert (got.type, got.message, got.details) == (original.type, original.message, original.details)
    got = read("items", failing(original), errors=[Limited])[-1]
    assert (type(got), str(got), got.seconds) == (Limited, "slow down", 3)


def test_an_error_that_cannot_be_serialized_is_still_sent() -> None:
    got = read("items", failing(Unprintable("x")))[-1]
    assert (got.type, got.message) == (f"{__name__}.Unprintable", "")
    got = read("items", failing(Broken("\ud800 half")))[-1]
    assert got.message == "? half"
    around: dict[str, Any] = {}
    around["around"] = around
    got = read("items", failing(Broken("x"), details=around))[-1]
    assert (got.message, got.details) == ("x", {})


def test_an_error_can_replace_the_header_or_the_footer() -> None:
    writer = streaming.stream_writer(TYPES["both"])
    assert isinstance(read("both", [writer.error(KeyError("k"))])[-1], KeyError)
    writer = streaming.stream_writer(TYPES["both"])
    frames = [writer.yield_header(HEADER), writer.error(KeyError("k"))]
    reader = streaming.stream_reader(TYPES["both"], frames)
    assert reader.read_header() == HEADER
    with pytest.raises(KeyError):
        reader.read_footer()
    with pytest.raises(KeyError):
        list(reader.read_items())


def test_an_error_after_the_footer_is_raised() -> None:
    frames = [*written("both")[:-1], failing(KeyError("k"))[-1]]
    reader = streaming.stream_reader(TYPES["both"], frames)
    assert reader.read_header() == HEADER
    assert list(reader.read_items()) == ITEMS
    with pytest.raises(KeyError):
        reader.read_footer()


def test_a_model_that_cannot_be_serialized_does_not_change_the_stream() -> None:
    writer = streaming.stream_writer(TYPES["header"])
    wrong: Any = HEADER.model_copy(update={"name": object()})
    with pytest.raises(NotSerializable, match="cannot serialize Audio: "):
        writer.yield_header(wrong)
    frames = [writer.yield_header(HEADER)]
    wrong = Segment.model_construct(text=object())
    with pytest.raises(NotSerializable, match="cannot serialize Segment: "):
        writer.yield_item(wrong)
    frames += [writer.yield_item(ITEMS[0]), writer.close()]
    assert read("header", frames) == [HEADER, ITEMS[0]]


def produce(writer: Any, error: Exception | None = None) -> Iterator[bytes]:
    for item in ITEMS:
        yield writer.yield_item(item)
    if error is not None:
        raise error


async def produce_later(writer: Any, error: Exception | None = None) -> AsyncIterator[bytes]:
    for item in ITEMS:
        await anyio.lowlevel.checkpoint()
        yield writer.yield_item(item)
    if error is not None:
        raise error


def test_a_guarded_producer_ends_its_stream(world: Any) -> None:
    assert guarded(world, "items", None) == (written("items"), None)


def test_a_guarded_producer_that_fails_ends_its_stream_with_the_error(world: Any) -> None:
    error = Broken("x")
    frames, raised = guarded(world, "items", error)
    assert raised is error
    got = read("items", frames, errors=[Broken])
    assert got[:-1] == ITEMS
    assert (type(got[-1]), got[-1].args) == (Broken, ("x",))


def test_a_guarded_producer_without_its_footer_is_an_error_at_both_ends(world: Any) -> None:
    frames, raised = guarded(world, "footer", None)
    got = read("footer", frames)[-1]
    assert isinstance(raised, OutOfOrder)
    assert type(got) is OutOfOrder
    assert str(got) == str(raised) == "the declared footer is missing (frame 3)"


def guarded(world: Any, kind: str, error: Exception | None) -> tuple[list[bytes], Exception | None]:
    writer = streaming.stream_writer(TYPES[kind])
    frames: list[bytes] = []

    async def collect() -> None:
        async for frame in writer.guard(produce_later(writer, error)):
            frames.append(frame)

    try:
        if world.name == "blocking":
            frames.extend(iter(writer.guard(produce(writer, error))))
        else:
            world.run(collect)
    except Exception as raised:
        return frames, raised
    return frames, None


def test_a_guarded_producer_that_has_ended_its_stream_is_not_ended_twice(world: Any) -> None:
    frames = written("items")

    def ending(writer: Any) -> Iterator[bytes]:
        yield from produce(writer)
        yield writer.close()
        raise Broken("too late")

    async def collect() -> list[bytes]:
        writer = streaming.stream_writer(TYPES["items"])
        got = []
        with pytest.raises(Broken):
            async for frame in writer.guard(later(ending(writer))):
                got.append(frame)
        return got

    if world.name == "blocking":
        got = []
        writer = streaming.stream_writer(TYPES["items"])
        with pytest.raises(Broken):
            for frame in writer.guard(ending(writer)):
                got.append(frame)
    else:
        got = world.run(collect)
    assert got == frames


def test_closing_the_guard_closes_the_producer(world: Any) -> None:
    closed: list[str] = []
    writer = streaming.stream_writer(TYPES["items"])

    def producing() -> Iterator[bytes]:
        try:
            yield from produce(writer)
        finally:
            closed.append("closed")

    async def producing_later() -> AsyncIterator[bytes]:
        try:
            for item in ITEMS:
                await anyio.lowlevel.checkpoint()
                yield writer.yield_item(item)
        finally:
            closed.append("closed")

    async def leave() -> None:
        guard = writer.guard(producing_later())
        await anext(guard)
        await guard.aclose()

    if world.name == "blocking":
        guard = writer.guard(producing())
        next(guard)
        guard.close()
    else:
        world.run(leave)
    assert closed == ["closed"]


def test_without_an_end_a_guard_adds_nothing(world: Any) -> None:
    writer = streaming.stream_writer(TYPES["items"], end=False)
    if world.name == "blocking":
        assert b"" not in list(writer.guard(produce(writer)))
    else:

        async def collect() -> list[bytes]:
            return [piece async for piece in writer.guard(produce_later(writer))]

        assert b"" not in world.run(collect)
