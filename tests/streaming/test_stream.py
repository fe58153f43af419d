"""Typed streams round-trip for any cut of the bytes, and an incomplete stream is always an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarai_like import streaming
from declarai_like.streaming import StreamTruncated
from declarai_like.streaming.errors import type_name
from tests.streaming.frame_streams import (
    ITEMS,
    TYPES,
    Audio,
    Segment,
    Totals,
    byte_by_byte,
    cut,
    models_of,
    read,
    read_in,
    same_results,
    two_ways,
    written,
)

KINDS = list(TYPES)
ENCODINGS = ["frames", "ndjson", "sse"]


def test_the_bytes_have_the_documented_format() -> None:
    writer = streaming.stream_writer(TYPES["both"])
    frames = [
        writer.yield_header(Audio(name="ä")),
        writer.yield_item(Segment(text="a", start=1.5)),
        writer.yield_footer(Totals(seconds=2)),
        writer.close(),
    ]
    assert frames == [
        b"\x02\x00\x00\x00\x0d" + '{"name":"ä"}'.encode(),
        b'\x03\x00\x00\x00\x18{"text":"a","start":1.5}',
        b'\x04\x00\x00\x00\x0f{"seconds":2.0}',
        b'\x05\x00\x00\x00\x0b{"items":1}',
    ]
    assert [type(frame) for frame in frames] == [bytes] * 4


def test_the_bytes_of_an_error_have_the_documented_format() -> None:
    writer = streaming.stream_writer(TYPES["items"])
    frame = writer.error(ValueError("no"), details={"at": 3})
    assert frame == b'\x06\x00\x00\x00\x45{"type":"ValueError","message":"no","args":["no"],"details":{"at":3}}'


def test_without_an_end_a_stream_is_items_only() -> None:
    assert written("items", ITEMS[:1], end=False) == [b'\x03\x00\x00\x00\x1a{"text":"one","start":0.0}', b""]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("items", [[], ITEMS[:1], ITEMS, ITEMS * 50], ids=len)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_round_trips(world: Any, kind: str, items: list[Segment], encoding: str) -> None:
    frames = written(kind, items, encoding=encoding)
    assert read_in(world, kind, frames, encoding=encoding) == models_of(kind, items)
    assert read_in(world, kind, [b"".join(frames)], encoding=encoding) == models_of(kind, items)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_round_trips_byte_by_byte(world: Any, kind: str, encoding: str) -> None:
    data = b"".join(written(kind, encoding=encoding))
    assert read_in(world, kind, byte_by_byte(data), encoding=encoding) == models_of(kind)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_round_trips_cut_at_each_position(kind: str, encoding: str) -> None:
    data = b"".join(written(kind, encoding=encoding))
    for pieces in two_ways(data):
        assert read(kind, pieces, encoding=encoding) == models_of(kind)


@pytest.mark.slow
@given(
    kind=st.sampled_from(KINDS),
    encoding=st.sampled_from(ENCODINGS),
    texts=st.lists(st.text() | st.text(min_size=3000, max_size=9000)),
    positions=st.lists(st.integers(0, 100_000), max_size=9),
)
def test_any_stream_round_trips_with_any_cuts(kind: str, encoding: str, texts: list[str], positions: list[int]) -> None:
    items = [Segment(text=text) for text in texts]
    data = b"".join(written(kind, items, encoding=encoding))
    assert read(kind, cut(data, positions), encoding=encoding) == models_of(kind, items)


@given(st.lists(st.sampled_from([0, 1, 5, 40, 5000, 200_000]), max_size=12), st.integers(1, 300_000))
def test_small_and_large_items_round_trip_in_pieces_of_any_size(sizes: list[int], size: int) -> None:
    items = [Segment(text="x" * length) for length in sizes]
    data = b"".join(written("items", items))
    size = max(size, len(data) // 400)
    assert read("items", [data[at : at + size] for at in range(0, len(data), size)]) == items


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_truncation_is_an_error(kind: str, encoding: str) -> None:
    frames = written(kind, encoding=encoding)
    data = b"".join(frames)
    footer_ends = len(data) - len(frames[-1]) if TYPES[kind].footer_type else None
    for length in range(len(data)):
        results = read(kind, [data[:length]], encoding=encoding)
        if length == footer_ends:
            assert results == models_of(kind), "a footer that the types declare ends a stream"
        else:
            assert isinstance(results[-1], StreamTruncated), f"cut after {length} bytes: {results}"
            assert results[:-1] == models_of(kind)[: len(results) - 1]


def test_a_stream_without_an_end_is_complete_if_the_end_is_optional(world: Any) -> None:
    frames = written("items", end=False)
    assert isinstance(read_in(world, "items", frames)[-1], StreamTruncated)
    assert read_in(world, "items", frames, end="optional") == ITEMS
    assert read_in(world, "items", [], end="optional") == []


@pytest.mark.parametrize("kind", ["footer", "both"])
def test_a_declared_footer_is_required_even_if_the_end_is_optional(kind: str) -> None:
    frames = written(kind, end=False)
    assert read(kind, frames, end="optional") == models_of(kind)
    assert isinstance(read(kind, frames[:-2], end="optional")[-1], StreamTruncated)


def test_a_cut_inside_a_frame_is_an_error_even_if_the_end_is_optional() -> None:
    data = b"".join(written("items", ITEMS[:1], end=False))
    for length in range(1, len(data)):
        assert isinstance(read("items", [data[:length]], end="optional")[-1], StreamTruncated)


def test_a_truncation_has_a_position() -> None:
    data = b"".join(written("items", ITEMS[:2], end=False))
    error = read("items", [data])[-1]
    assert (error.frame, error.offset) == (2, len(data))
    assert str(error) == f"the stream ends before its END frame, after 2 items (frame 2, byte {len(data)})"
    error = read("items", [data[:-1]])[-1]
    assert (error.frame, error.offset) == (1, len(written("items", ITEMS[:1])[0]))


def test_empty_pieces_are_ignored(world: Any) -> None:
    pieces = [b"", *(piece for frame in written("both") for piece in (b"", frame, b"")), b""]
    assert read_in(world, "both", pieces) == models_of("both")


@pytest.mark.parametrize("as_type", [bytearray, memoryview])
def test_pieces_can_be_other_bytes_types(as_type: Any) -> None:
    assert read("both", [as_type(frame) for frame in written("both")]) == models_of("both")


@pytest.mark.parametrize("piece", ["text", 5, None])
def test_a_piece_that_is_not_bytes_is_rejected(world: Any, piece: Any) -> None:
    error = read_in(world, "items", [piece])[-1]
    assert str(error) == f"the source of a stream must yield bytes, got {type_name(piece)}"


@given(
    data=st.binary(max_size=60), positions=st.lists(st.integers(0, 60), max_size=4), encoding=st.sampled_from(ENCODINGS)
)
def test_any_bytes_raise_the_same_stream_error_for_each_cut(data: bytes, positions: list[int], encoding: Any) -> None:
    at_once = read("items", [data], encoding=encoding)
    assert isinstance(at_once[-1], streaming.TypedStreamError)
    assert same_results(read("items", cut(data, positions), encoding=encoding), at_once)


@given(
    frames=st.lists(st.sampled_from(b"\x01\x02\x03\x04\x05\x06\x09\x82\x83\x84\x85"), max_size=8),
    kind=st.sampled_from(KINDS),
    size=st.integers(1, 40),
)
def test_frames_in_any_order_are_read_alike_for_each_cut(frames: list[int], kind: str, size: int) -> None:
    contents = {2: b'{"name":"a"}', 3: b'{"text":"a"}', 4: b'{"seconds":1}', 5: b'{"items":1}'}
    data = b"".join(
        bytes([tag, 0, 0, 0, len(content)]) + content for tag in frames for content in [contents.get(tag, b"")]
    )
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert same_results(read(kind, pieces), read(kind, [data]))
