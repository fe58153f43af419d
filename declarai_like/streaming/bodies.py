"""The content of a large frame, put together from its pieces."""

from __future__ import annotations

_FIRST = 64 * 1024
"""The room that is made at first, in bytes."""


class Body:
    """The content of a frame that comes in several pieces.

    There is room for no more than twice of what has come, whatever the head says; and at the end for the content alone.
    """

    __slots__ = ("_length", "content", "missing", "offset", "tag")

    def __init__(self, tag: int, length: int, offset: int) -> None:
        self.tag = tag
        self.offset = offset
        self.missing = length
        self.content = bytearray(min(length, _FIRST))
        self._length = length

    def fill(self, piece: bytes, start: int) -> int:
        """Take from the piece what belongs here; give how many bytes that was."""
        filled = self._length - self.missing
        taken = min(self.missing, len(piece) - start)
        end = filled + taken
        room = len(self.content)
        if end > room:
            self.content.extend(bytes(min(self._length, max(end, 2 * room)) - room))
        self.content[filled:end] = memoryview(piece)[start : start + taken]
        self.missing -= taken
        return taken
