"""The limits of typed streams: memory, the size of a frame, and the packages that they import."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from declarai_like import streaming
from declarai_like.streaming import FrameTooLarge, UnknownFrame
from declarai_like.streaming.frames import FrameDecoder, encode_frame
from declarai_like.streaming.order import Tag
from tests.streaming.frame_streams import ITEMS, TYPES, Segment, byte_by_byte, read, two_ways, written

MEGABYTE = 1_000_000


@pytest.mark.parametrize("encoding", ["frames", "ndjson", "sse"])
def test_the_size_limit_of_frames_is_exact(encoding: Any) -> None:
    content = len(written("items", ITEMS[:1], encoding="frames")[0]) - 5
    data = b"".join(written("items", ITEMS[:1], encoding=encoding))
    for pieces in (*two_ways(data), byte_by_byte(data)):
        assert read("items", pieces, encoding=encoding, max_frame_size=content) == ITEMS[:1]
        error = read("items", pieces, encoding=encoding, max_frame_size=content - 1)[-1]
        assert type(error) is FrameTooLarge
        assert (error.frame, error.offset) == (0, 0)


@pytest.mark.parametrize("tag", [Tag.HEADER, Tag.FOOTER, Tag.END, Tag.ERROR])
def test_the_size_limit_is_exact_for_frames_of_each_kind(tag: Tag) -> None:
    frame = encode_frame(tag, b"abc")
    assert list(FrameDecoder(max_frame_size=3).feed(frame)) == [(tag, [b"abc"], 0)]
    with pytest.raises(FrameTooLarge):
        list(FrameDecoder(max_frame_size=2).feed(frame))


def test_the_items_before_a_frame_that_is_too_large_are_read() -> None:
    data = b"".join(written("items", [*ITEMS, Segment(text="x" * 100)]))
    for pieces in ([data], byte_by_byte(data)):
        results = read("items", pieces, max_frame_size=90)
        assert results[:-1] == ITEMS
        assert str(results[-1]).startswith(
            "the ITEM frame has 123 bytes, more than max_frame_size (90) (frame 3, byte "
        )


@pytest.mark.parametrize("tag", [2, 3, 4, 5, 6, 0x83])
@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\x04\x00\x00\x01"])
def test_a_hostile_length_is_rejected_before_anything_is_kept(tag: int, length: bytes) -> None:
    def source() -> Iterator[bytes]:
        yield bytes([tag]) + length
        pytest.fail("more was read")

    assert type(read("items", source())[-1]) is FrameTooLarge


def test_an_announced_length_does_not_allocate_memory() -> None:
    tracemalloc.start()
    try:
        read("items", [b"\x03\x04\x00\x00\x00"])
        assert tracemalloc.get_traced_memory()[1] < MEGABYTE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b'{"item":{"text":"' + b"x" * 200_000,
        b"data: " + b"x" * 200_000,
        (b"data: " + b"x" * 94 + b"\n") * 2000,
        b": " + b"x" * 200_000,
    ],
    ids=["a line", "a line of an event", "an event", "a comment"],
)
def test_endless_text_is_rejected_at_the_limit(data: bytes) -> None:
    read_on: list[int] = []

    def source() -> Iterator[bytes]:
        for at in range(0, len(data), 1000):
            read_on.append(at)
            yield data[at : at + 1000]

    encoding = "ndjson" if data.startswith(b"{") else "sse"
    assert type(read("items", source(), encoding=encoding, max_frame_size=10_000)[-1]) is FrameTooLarge
    assert len(read_on) <= 12


class Bytes(BaseModel):
    raw: bytes


@pytest.mark.parametrize("size", [65_536, 1_000_003])
@pytest.mark.parametrize("rest", [0, 3])
def test_a_large_item_takes_at_most_twice_its_size(size: int, rest: int) -> None:
    data = b"".join(written("items", [Segment(text="x" * 20 * MEGABYTE)]))
    pieces = (data[at : at + size] for at in range(rest, len(data), size))
    reader = streaming.stream_reader(TYPES["items"], iter([data[:rest], *pieces]) if rest else pieces)
    tracemalloc.start()
    try:
        [item] = reader.read_items()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(item.text) == 20 * MEGABYTE
    assert peak < 42 * MEGABYTE + 2 * size + (len(data) if rest else 0)


def test_a_large_binary_item_takes_at_most_twice_its_size() -> None:
    writer = streaming.stream_writer(streaming.stream_types(Bytes))
    data = writer.yield_item(Bytes(raw=bytes(20 * MEGABYTE))) + writer.close()
    reader = streaming.stream_reader(
        streaming.stream_types(Bytes), (data[at : at + 65536] for at in range(0, len(data), 65536))
    )
    tracemalloc.start()
    try:
        [item] = reader.read_items()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(item.raw) == 20 * MEGABYTE
    assert peak < 42 * MEGABYTE


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 40, 3))
def test_a_large_piece_that_begins_inside_a_frame_is_read(start: int) -> None:
    items = [Segment(text=str(number)) for number in range(10_000)]
    data = b"".join(written("items", [*items, Segment(text="x" * 300_000), *items]))
    assert read("items", [data[:start], data[start:]]) == [*items, Segment(text="x" * 300_000), *items]


def test_content_of_four_gigabytes_is_rejected() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 2**32

    with pytest.raises(FrameTooLarge, match="the content of a frame must be at most 4294967295 bytes, got 4294967296"):
        encode_frame(3, Huge())


ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
allowed = set(sys.stdlib_module_names) | {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection", "typed_streams"}

class Others:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed and not name.startswith("_"):
            raise ImportError(name + " is not installed")

sys.meta_path.insert(0, Others())
import typed_streams
from pydantic import BaseModel

class Item(BaseModel):
    text: str
    raw: bytes = b""

types = typed_streams.stream_types(Item)
for encoding in ("frames", "ndjson", "sse"):
    writer = typed_streams.stream_writer(types, encoding=encoding)
    pieces = [writer.yield_item(Item(text="a")), writer.error(typed_streams.OutOfOrder("b"))]
    reader = typed_streams.stream_reader(types, pieces, encoding=encoding)
    items = reader.read_items()
    assert next(items) == Item(text="a")
    try:
        next(items)
    except typed_streams.OutOfOrder as error:
        assert str(error) == "b"
print("".join(typed_streams.text_reader([b"com", b"plete"])))
"""


def test_the_package_can_be_used_alone(tmp_path: Path) -> None:
    shutil.copytree(
        Path(streaming.__file__).parent, tmp_path / "typed_streams", ignore=shutil.ignore_patterns("__pycache__")
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALONE, tmp_path], capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.stderr) == ("complete\n", "")


def test_an_error_of_a_copy_of_the_package_is_known_here() -> None:
    content = b'{"type":"streaming.UnknownFrame","message":"x"}'
    assert type(read("items", [encode_frame(6, content)])[-1]) is UnknownFrame
