"""Numbers and bytes round-trip through a typed stream as raw bytes."""

from __future__ import annotations

import array
import json
import math
import struct
import sys
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
)

from declarai_like import streaming
from declarai_like.streaming import FloatArray, IntArray, InvalidPayload, NotSerializable, Numbers
from tests.streaming.frame_streams import Segment, byte_by_byte, read, two_ways

NATIVE_ORDER = "<" if sys.byteorder == "little" else ">"


class Sound(BaseModel):
    samples: FloatArray
    raw: bytes = b""
    marks: IntArray | None = None
    named: dict[str, bytes] = {}


class Deep(BaseModel):
    type: str = "deep"  # fields may have the names that schemas use
    metadata: list[Sound] = []
    either: bytes | str | int = 0
    short: Annotated[bytes, Field(max_length=3)] = b""


class View(BaseModel):
    view: Annotated[memoryview, Numbers()]


SOUND = Sound(
    samples=array.array("f", [0.5, math.nan, -math.inf]),
    raw=bytes(range(256)),
    marks=array.array("q", [-1, 2**62]),
    named={"a": b"\xff", "b": b""},
)


def types_of(model: type[BaseModel]) -> Any:
    return streaming.stream_types(model)


def frames_of(*items: BaseModel, **settings: Any) -> list[bytes]:
    writer = streaming.stream_writer(types_of(type(items[0])), **settings)
    return [*(writer.yield_item(item) for item in items), writer.close()]


def same_sound(one: Sound, other: Sound) -> bool:
    """Compare arrays by their bytes, since NaN is not equal to itself."""
    return (one.samples.tobytes(), one.raw, one.marks, one.named) == (
        other.samples.tobytes(),
        other.raw,
        other.marks,
        other.named,
    )


def test_numbers_and_bytes_round_trip() -> None:
    data = b"".join(frames_of(SOUND, SOUND))
    for pieces in ([data], byte_by_byte(data), *list(two_ways(data))[::40]):
        first, second = read(types_of(Sound), pieces)
        assert same_sound(first, SOUND)
        assert same_sound(second, SOUND)


def test_the_binary_payload_has_the_documented_format() -> None:
    sound = Sound(samples=array.array("f", [0.5]), raw=b"\xff\x00")
    content = (
        b'{"samples":{"type":"%bf4","shape":[1],"at":0,"size":4},"raw":{"at":8,"size":2},"marks":null,"named":{}}'
        % NATIVE_ORDER.encode()
    )
    spaces = b" " * (-(4 + len(content)) % 8)
    segments = struct.pack("=f", 0.5) + bytes(4) + b"\xff\x00" + bytes(6)
    payload = struct.pack(">I", len(content + spaces)) + content + spaces + segments
    assert frames_of(sound)[0] == b"\x83" + struct.pack(">I", len(payload)) + payload
    assert len(payload) % 8 == 0


def test_nothing_is_written_in_base64() -> None:
    noise = bytes(range(256)) * 400
    frame = frames_of(Sound(samples=array.array("d", range(1000)), raw=noise))[0]
    assert noise in frame
    assert array.array("d", range(1000)).tobytes() in frame
    assert len(frame) < len(noise) + 8000 + 300


@given(
    st.lists(st.floats(width=32)),
    st.binary(),
    st.none() | st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.dictionaries(st.text(), st.binary(), max_size=3),
    st.integers(1, 100),
)
def test_any_numbers_and_bytes_round_trip(
    floats: list[float], raw: bytes, marks: list[int] | None, named: dict[str, bytes], size: int
) -> None:
    sound = Sound(
        samples=array.array("f", floats), raw=raw, marks=None if marks is None else array.array("q", marks), named=named
    )
    data = b"".join(frames_of(sound))
    [got] = read(types_of(Sound), [data[at : at + size] for at in range(0, len(data), size)])
    assert same_sound(got, sound)


def test_binary_content_is_supported_anywhere_in_a_model() -> None:
    for either in (b"\xff", "text", 3):
        deep = Deep(metadata=[SOUND, SOUND], either=either, short=b"\xfe")
        [got] = read(types_of(Deep), frames_of(deep))
        assert (got.type, got.either, got.short) == ("deep", either, b"\xfe")
        assert same_sound(got.metadata[1], SOUND)


def test_binary_content_is_validated_by_the_model() -> None:
    frame = frames_of(Deep.model_construct(metadata=[], either=0, short=b"four"))
    error = read(types_of(Deep), frame)[-1]
    assert isinstance(error, InvalidPayload)
    assert "at most 3 bytes" in str(error)


def test_binary_headers_and_footers_are_read() -> None:
    types = streaming.stream_types(Segment, header_type=Sound, footer_type=Sound)
    writer = streaming.stream_writer(types)
    frames = [
        writer.yield_header(SOUND),
        writer.yield_item(Segment(text="a")),
        writer.yield_footer(SOUND),
        writer.close(),
    ]
    assert [frame[0] for frame in frames] == [0x82, 3, 0x84, 5]
    header, item, footer = read(types, frames)
    assert same_sound(header, SOUND)
    assert same_sound(footer, SOUND)
    assert item == Segment(text="a")


def test_a_stream_without_binary_fields_is_json_only() -> None:
    assert frames_of(Segment(text="a"))[0][0] == 3


class Encoded(BaseModel):
    base64: Base64Bytes
    by_hand: bytes
    by_key: dict[bytes, int] = {}

    @field_serializer("by_hand")
    def in_hex(self, value: bytes) -> str:
        return value.hex()


def test_bytes_with_a_custom_serializer_are_json() -> None:
    item = Encoded(base64=b"//4=", by_hand=b"ab", by_key={b"k": 1})
    frame = frames_of(item)[0]
    assert frame[0] == 3
    assert json.loads(frame[5:]) == {"base64": "//4=", "by_hand": "6162", "by_key": {"k": 1}}


def test_without_binary_payloads_a_stream_is_json_only() -> None:
    sound = Sound(samples=array.array("f", [0.5, math.nan]), raw=b"text", marks=array.array("b", [1]))
    frames = frames_of(sound, binary=False)
    assert frames[0][0] == 3
    assert json.loads(frames[0][5:])["samples"] == {"type": f"{NATIVE_ORDER}f4", "shape": [2], "base64": "AAAAPwAAwH8="}
    [got] = read(types_of(Sound), frames)
    assert same_sound(got, sound)


@pytest.mark.parametrize("encoding", ["ndjson", "sse"])
def test_in_text_encodings_numbers_are_base64_and_bytes_follow_the_model(encoding: Any) -> None:
    sound = Sound(samples=array.array("f", [0.5, math.nan]), raw="ä".encode())
    [got] = read(types_of(Sound), frames_of(sound, encoding=encoding), encoding=encoding)
    assert same_sound(got, sound)
    with pytest.raises(NotSerializable, match="invalid utf-8"):
        frames_of(SOUND, encoding=encoding)


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    value: float


class Nested(BaseModel):
    value: float = 0.0
    nested: list[Strict] = []


NOT_FINITE = Nested(value=math.nan, nested=[Strict(value=math.inf), Strict(value=-math.inf)])


def test_nan_and_infinity_are_kept() -> None:
    frames = frames_of(NOT_FINITE)
    assert frames[0][5:] == b'{"value":NaN,"nested":[{"value":Infinity},{"value":-Infinity}]}'
    [got] = read(types_of(Nested), frames)
    assert math.isnan(got.value)
    assert got.nested == NOT_FINITE.nested


@pytest.mark.parametrize("encoding", ["ndjson", "sse"])
def test_in_text_encodings_nan_is_standard_json(encoding: Any) -> None:
    item = Nested(value=math.nan)
    frame = frames_of(item, encoding=encoding)[0]
    assert b'"value":"NaN"' in frame
    [got] = read(types_of(Nested), frames_of(item, encoding=encoding), encoding=encoding)
    assert math.isnan(got.value)


class Null(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="null")

    value: float | None


def test_the_nan_setting_of_a_model_has_precedence() -> None:
    assert frames_of(Null(value=math.nan))[0][5:] == b'{"value":null}'


class Aliased(BaseModel):
    long_name: int = Field(alias="longName")
    nested: list[Aliased] = []


def test_fields_are_read_by_name_and_by_alias() -> None:
    item = Aliased(longName=1, nested=[Aliased(longName=2)])
    assert read(types_of(Aliased), frames_of(item)) == [item]
    content = item.model_dump_json(by_alias=True).encode()
    frame = b"\x03" + struct.pack(">I", len(content)) + content
    assert read(types_of(Aliased), [frame], end="optional") == [item]


class Early(BaseModel):
    later: Later


class Later(BaseModel):
    raw: bytes


def test_a_model_can_refer_to_a_model_defined_later() -> None:
    types = types_of(Early)
    item = Early(later=Later(raw=b"\xff"))
    assert read(types, frames_of(item)) == [item]


class AliasedBytes(BaseModel):
    raw: bytes = Field(alias="r")


def test_binary_fields_can_have_aliases() -> None:
    item = AliasedBytes(r=b"\xff")
    assert read(types_of(AliasedBytes), frames_of(item)) == [item]


@pytest.mark.parametrize(
    "view",
    [
        memoryview(b"abc"),
        memoryview(array.array("d", [1.5, math.nan])),
        memoryview(array.array("h", range(6))).cast("B").cast("h", [2, 3]),
        memoryview(b"\x01\x00").cast("?"),
        memoryview(array.array("i", range(10)))[::3],
        memoryview(b""),
    ],
    ids=lambda view: f"{view.format}{list(view.shape)}",
)
def test_a_memoryview_keeps_its_type_and_shape(view: memoryview) -> None:
    [got] = read(types_of(View), frames_of(View(view=view)))
    assert (got.view.format, got.view.shape, got.view.tobytes()) == (view.format, view.shape, view.tobytes())
    [got] = read(types_of(View), frames_of(View(view=view), binary=False))
    assert (got.view.format, got.view.shape, got.view.tobytes()) == (view.format, view.shape, view.tobytes())


def binary_frame(content: Any, segments: bytes = b"") -> bytes:
    text = json.dumps(content).encode()
    payload = struct.pack(">I", len(text)) + text + segments
    return b"\x83" + struct.pack(">I", len(payload)) + payload


@pytest.mark.parametrize("order", "<>")
def test_numbers_of_both_byte_orders_are_read(order: str) -> None:
    segment = struct.pack(f"{order}3h", 1, -2, 300)
    described = {"type": f"{order}i2", "shape": [3], "at": 0, "size": 6}
    [got] = read(types_of(Ints), [binary_frame({"ints": described}, segment)], end="optional")
    assert got.ints == array.array("h", [1, -2, 300])
    [view] = read(types_of(View), [binary_frame({"view": described}, segment)], end="optional")
    assert view.view.tolist() == [1, -2, 300]
    described["shape"] = [3, 1]
    [view] = read(types_of(View), [binary_frame({"view": described}, segment)], end="optional")
    assert view.view.tolist() == [[1], [-2], [300]]


class Ints(BaseModel):
    ints: IntArray


GOOD = {"type": "<i2", "shape": [2], "at": 0, "size": 4}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"at": -1}, "must be integers that refer to bytes of the payload"),
        ({"at": 5}, "must be integers that refer to bytes of the payload"),
        ({"at": "0"}, "must be integers that refer to bytes of the payload"),
        ({"at": True}, "must be integers that refer to bytes of the payload"),
        ({"size": 9}, "must be integers that refer to bytes of the payload"),
        ({"size": -4}, "must be integers that refer to bytes of the payload"),
        ({"size": 2**70}, "must be integers that refer to bytes of the payload"),
        ({"size": None}, "must be integers that refer to bytes of the payload"),
        ({"size": 2}, "must have 4 bytes, got 2"),
        ({"shape": [3]}, "must have 6 bytes, got 4"),
        ({"shape": [-2]}, "shape must be a list of integers >= 0"),
        ({"shape": [2.0]}, "shape must be a list of integers >= 0"),
        ({"shape": "2"}, "shape must be a list of integers >= 0"),
        ({"shape": None}, "shape must be a list of integers >= 0"),
        ({"shape": [1, 2]}, "array does not support the type '<i2' with the shape [1, 2]"),
        ({"type": "<f2", "size": 4}, "must be of a kind in 'iu', got '<f2'"),
        ({"type": "<i3", "shape": [1], "size": 3}, "array does not support the type '<i3' with the shape [1]"),
        ({"type": "|b1", "shape": [4]}, "must be of a kind in 'iu', got '|b1'"),
        ({"type": "|O8"}, "must be of a kind in 'iu', got '|O8'"),
        ({"type": "nonsense"}, "must be of a kind in 'iu', got 'nonsense'"),
        ({"type": None}, "must be of a kind in 'iu', got 'None'"),
    ],
    ids=repr,
)
def test_hostile_segment_references_are_rejected(wrong: dict[str, Any], message: str) -> None:
    error = read(types_of(Ints), [binary_frame({"ints": {**GOOD, **wrong}}, b"\1\0\2\0\3\0\4\0")])[-1]
    assert isinstance(error, InvalidPayload)
    assert message in str(error)


class Many(BaseModel):
    parts: list[bytes]


def test_a_small_frame_cannot_become_many_large_values() -> None:
    same = {"at": 0, "size": 1000}
    error = read(types_of(Many), [binary_frame({"parts": [same]}, bytes(1000))], end="optional")
    assert error == [Many(parts=[bytes(1000)])]
    other = [{"at": at, "size": 1000 - at} for at in range(10)]
    error = read(types_of(Many), [binary_frame({"parts": other}, bytes(1000))])[-1]
    assert isinstance(error, InvalidPayload)
    assert "segments overlap" in str(error)


def test_references_to_the_same_segment_are_accepted() -> None:
    same = {"at": 0, "size": 1000}
    [got] = read(types_of(Many), [binary_frame({"parts": [same] * 3}, bytes(1000))], end="optional")
    assert got.parts == [bytes(1000)] * 3


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_binary_payload_without_its_json_is_rejected(length: int) -> None:
    error = read(types_of(Many), [b"\x83" + struct.pack(">I", length) + bytes(length)])[-1]
    assert isinstance(error, InvalidPayload)
    assert "shorter than its JSON" in str(error)


def test_a_json_longer_than_its_payload_is_rejected() -> None:
    error = read(types_of(Many), [b"\x83\x00\x00\x00\x06\xff\xff\xff\xff{}"])[-1]
    assert isinstance(error, InvalidPayload)


@pytest.mark.filterwarnings("ignore:The 'u' type code is deprecated")
def test_numbers_are_validated_when_a_model_is_created() -> None:
    with pytest.raises(ValidationError, match="must be of type array, got list"):
        Sound(samples=[1.0])  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="must be of a kind in 'f', got '.i4'"):
        Sound(samples=array.array("i", [1]))  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="the elements must be numbers, got the type code 'u'"):
        Sound(samples=array.array("u", "text"))  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="the elements must be numbers, got the type code 'c'"):
        View(view=memoryview(b"a").cast("c"))


def test_numbers_can_mark_arrays_only() -> None:
    with pytest.raises(
        TypeError, match=r"Numbers\(\) must mark an array.array, a memoryview or a numpy.ndarray, got <class 'list'>"
    ):

        class Wrong(BaseModel):
            numbers: Annotated[list, Numbers()]


def test_a_wrong_value_instead_of_numbers_warns_and_is_invalid() -> None:
    with pytest.warns(UserWarning, match="must be of type array, got list"):
        frames = frames_of(Sound.model_construct(samples=[1.0]))
    assert isinstance(read(types_of(Sound), frames)[-1], InvalidPayload)


def test_models_with_numbers_support_plain_json() -> None:
    sound = Sound(samples=array.array("f", [0.5]))
    assert Sound.model_validate_json(sound.model_dump_json()) == sound
    assert sound.model_dump()["samples"] is sound.samples
    schema = Sound.model_json_schema()["properties"]["samples"]
    assert schema["required"] == ["type", "shape", "base64"]


def test_numpy_arrays_round_trip() -> None:
    numpy = pytest.importorskip("numpy")

    class Image(BaseModel):
        pixels: Annotated[numpy.ndarray, Numbers()]

    noise = numpy.arange(24, dtype="f8").reshape(2, 3, 4)
    for pixels in (
        noise,
        noise.astype("f2"),
        noise.astype(">i4"),
        noise.astype("c16"),
        noise.astype("?"),
        noise[:, ::2, ::-1],
        numpy.asfortranarray(noise),
        numpy.array(numpy.nan),
        numpy.empty((0, 3)),
    ):
        for settings in ({}, {"binary": False}):
            [got] = read(types_of(Image), frames_of(Image(pixels=pixels), **settings))
            assert got.pixels.dtype == pixels.dtype
            assert got.pixels.shape == pixels.shape
            assert numpy.array_equal(got.pixels, pixels, equal_nan=pixels.dtype != bool)
    with pytest.raises(ValidationError, match=r"the elements must be numbers, got the dtype '\|O'"):
        Image(pixels=numpy.array([object()]))
