"""Binary payloads: the content of a frame with raw bytes, the *segments*, beside its JSON.

A binary payload is the length of the JSON (four bytes, big endian), the JSON, and the segments. In the JSON, a reference
``{"at": offset, "size": bytes}`` replaces each segment; a reference to numbers also has their ``type`` and ``shape``.
Offsets are relative to the end of the JSON. The JSON is padded with spaces and each segment with zeros, so that all
segments begin at a multiple of 8 bytes of the payload. Arrays can then be views of it.
"""

from __future__ import annotations

import struct
from typing import Any

_LENGTH = struct.Struct(">I")
_ALIGNMENT = 8  # bytes: that of the largest number types of array, memoryview and most of numpy


class SegmentsOut:
    """Collects the segments of a frame while its JSON is written."""

    def __init__(self) -> None:
        self._segments: list[bytes | memoryview] = []
        self._end = 0

    def add(self, segment: bytes | memoryview) -> dict[str, Any]:
        """Add a segment and return the reference to it."""
        size = segment.nbytes if isinstance(segment, memoryview) else len(segment)
        reference = {"at": self._end, "size": size}
        padding = -size % _ALIGNMENT
        self._segments += (segment, bytes(padding)) if padding else (segment,)
        self._end += size + padding
        return reference

    def payload(self, json: bytes) -> bytes:
        """Return the payload with this JSON and the collected segments."""
        spaces = b" " * (-(_LENGTH.size + len(json)) % _ALIGNMENT)
        return b"".join((_LENGTH.pack(len(json) + len(spaces)), json, spaces, *self._segments))


class SegmentsIn:
    """Resolves the references in a payload. The peer may have sent anything, so each reference is checked.

    Attributes:
        json: the JSON of the payload.
    """

    def __init__(self, payload: bytes | bytearray) -> None:
        view = memoryview(payload)
        if len(view) < _LENGTH.size or len(view) - _LENGTH.size < _LENGTH.unpack_from(view)[0]:
            raise ValueError("a binary payload is shorter than its JSON")
        start = _LENGTH.size + _LENGTH.unpack_from(view)[0]
        self.json = bytes(view[_LENGTH.size : start])
        self._segments = view[start:]
        self._unclaimed = len(self._segments)
        self._taken: dict[tuple[int, int], memoryview] = {}

    def take(self, reference: dict[str, Any]) -> memoryview:
        """Return the segment of a reference, as a view of the payload.

        Raises:
            ValueError: the reference is invalid, or segments overlap.
        """
        at, size = reference.get("at"), reference.get("size")
        # type() and not isinstance(): JSON's true is an int for Python
        if type(at) is not int or type(size) is not int or at < 0 or size < 0 or at + size > len(self._segments):
            raise ValueError("'at' and 'size' must be integers that refer to bytes of the payload")
        if (at, size) not in self._taken:  # twice is allowed: the members of a union may each validate the same value
            # If references could overlap, a small frame could become many large values
            self._unclaimed -= size
            if self._unclaimed < 0:
                raise ValueError("segments overlap")
            self._taken[at, size] = self._segments[at : at + size]
        return self._taken[at, size]
