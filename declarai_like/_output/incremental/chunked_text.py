"""Text that arrives in chunks, from which any part can be read again."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import cast


class ChunkedText:
    """The chunks of a growing text, as they arrived. Reading a part costs its length, not the length of the text.

    Attributes:
        length: how many characters have arrived.
    """

    __slots__ = ("_chunks", "length")

    def __init__(self) -> None:
        self.length = 0
        # (position of the chunk in the text, index in the str that it starts at, that str). The str is kept as it
        # came: a slice would copy each chunk once more.
        self._chunks: list[tuple[int, int, str]] = []

    def add(self, text: str, index: int) -> int:
        """Add ``text[index:]``. Return the offset of ``text``: what to add to an index in it for the position."""
        length = self.length
        offset = length - index
        if index < len(text):
            self._chunks.append((length, index, text))
            self.length = offset + len(text)
        return offset

    def part(self, start: int, end: int) -> str:
        """Return the text from position ``start`` to ``end``."""
        if start >= end:
            return ""
        first, last = self._chunk_at(start), self._chunk_at(end - 1)
        position, index, text = self._chunks[last]
        end += index - position
        if first == last:
            return text[start + index - position : end]
        before = [other[from_index:] for _, from_index, other in self._chunks[first:last]]
        return "".join([*before, text[index:end]])[start - self._chunks[first][0] :]

    def _chunk_at(self, position: int) -> int:
        chunks = self._chunks
        if position >= chunks[-1][0]:  # mostly it is the last one: no search
            return len(chunks) - 1
        return bisect_right(chunks, position, key=_position) - 1


def _position(chunk: tuple[int, int, str]) -> int:
    return chunk[0]


def matcher(pattern: str) -> Callable[[str, int], re.Match[str]]:
    """Return the match function of a pattern that also matches the empty string, and so never returns None."""
    return cast("Callable[[str, int], re.Match[str]]", re.compile(pattern).match)
