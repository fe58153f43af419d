"""The buffer in which the content of a large frame is assembled from its pieces."""

from __future__ import annotations

_INITIAL_CAPACITY = 64 * 1024  # bytes


class Body:
    """The content of one frame that arrives in several pieces.

    The length in the head of a frame is the peer's claim, so it does not determine how much memory is allocated. The
    capacity is at most twice the number of bytes that arrived, and exactly the length at the end.

    Attributes:
        content: the buffer.
        missing: the number of bytes that have not arrived.
        offset: the position of the frame in the stream, in bytes.
        tag: the first byte of the frame.
    """

    __slots__ = ("_length", "content", "missing", "offset", "tag")

    def __init__(self, tag: int, length: int, offset: int) -> None:
        self.tag = tag
        self.offset = offset
        self.missing = length
        self.content = bytearray(min(length, _INITIAL_CAPACITY))
        self._length = length

    def fill(self, piece: bytes, start: int) -> int:
        """Copy the bytes of this frame from ``piece[start:]`` and return their number."""
        filled = self._length - self.missing
        taken = min(self.missing, len(piece) - start)
        end = filled + taken
        capacity = len(self.content)
        if end > capacity:
            self.content.extend(bytes(min(self._length, max(end, 2 * capacity)) - capacity))
        self.content[filled:end] = memoryview(piece)[start : start + taken]  # a slice of bytes would be another copy
        self.missing -= taken
        return taken
