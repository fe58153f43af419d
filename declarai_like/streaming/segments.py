"""Binary content of a frame: the bytes that go beside its JSON, as they are.

A binary payload is the JSON's length (four bytes, big endian), the JSON, and the segments. In the JSON stands, where
a segment belongs, ``{"at": offset, "size": bytes}``; of numbers also their ``type`` and ``shape``. Offsets count from
where the segments begin. The JSON is filled up with spaces, and each segment with zeros, so that all begin at a
multiple of 8 bytes.
"""

from __future__ import annotations

import struct
from typing import Any

_LENGTH = struct.Struct(">I")
_ALIGNED = 8


class SegmentsOut:
    """Collects the segments of a frame while its JSON is written."""

    def __init__(self) -> None:
        self._segments: list[bytes | memoryview] = []
        self._end = 0

    def add(self, segment: bytes | memoryview) -> dict[str, Any]:
        """Take a segment; give what stands for it in the JSON."""
        size = segment.nbytes if isinstance(segment, memoryview) else len(segment)
        place = {"at": self._end, "size": size}
        padding = -size % _ALIGNED
        self._segments += (segment, bytes(padding)) if padding else (segment,)
        self._end += size + padding
        return place

    def payload(self, json: bytes) -> bytes:
        """Give the payload of which this is the JSON."""
        spaces = b" " * (-(_LENGTH.size + len(json)) % _ALIGNED)
        return b"".join((_LENGTH.pack(len(json) + len(spaces)), json, spaces, *self._segments))


class SegmentsIn:
    """Gives the segments of a payload to those in whose place they stand.

    Attributes:
        json: the JSON of the payload.
    """

    def __init__(self, payload: bytes | bytearray) -> None:
        whole = memoryview(payload)
        if len(whole) < _LENGTH.size or len(whole) - _LENGTH.size < _LENGTH.unpack_from(whole)[0]:
            raise ValueError("a binary payload is shorter than its JSON")
        start = _LENGTH.size + _LENGTH.unpack_from(whole)[0]
        self.json = bytes(whole[_LENGTH.size : start])
        self._segments = whole[start:]
        self._unclaimed = len(self._segments)
        self._given: dict[tuple[int, int], memoryview] = {}

    def take(self, place: dict[str, Any]) -> memoryview:
        """Give the segment that belongs in a place."""
        at, size = place.get("at"), place.get("size")
        if type(at) is not int or type(size) is not int or at < 0 or size < 0 or at + size > len(self._segments):
            raise ValueError("this is no place of a segment")
        if (at, size) not in self._given:  # a union may ask twice
            self._unclaimed -= size
            if self._unclaimed < 0:  # or a small frame could become many large values
                raise ValueError("segments overlap")
            self._given[at, size] = self._segments[at : at + size]
        return self._given[at, size]
