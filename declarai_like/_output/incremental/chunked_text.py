"""A text that comes in pieces, and of which any part can be read again."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import cast


class ChunkedText:
    """The pieces of a growing text, as they came. A part costs what it is long, not what is there.

    Attributes:
        length: how many characters have come.
    """

    __slots__ = ("_pieces", "length")

    def __init__(self) -> None:
        self.length = 0
        self._pieces: list[tuple[int, int, str]] = []  # where each begins in the whole, and where in the text it is of

    def add(self, text: str, place: int) -> int:
        """Add what stands in ``text`` from a place on. Give where ``text`` itself would begin."""
        length = self.length
        offset = length - place
        if place < len(text):
            self._pieces.append((length, place, text))
            self.length = offset + len(text)
        return offset

    def part(self, start: int, end: int) -> str:
        """Give the text from ``start`` to ``end``."""
        if start >= end:
            return ""
        first, last = self._piece_with(start), self._piece_with(end - 1)
        begin, place, text = self._pieces[last]
        end += place - begin
        if first == last:
            return text[start + place - begin : end]
        whole = [other[own:] for _, own, other in self._pieces[first:last]]
        return "".join([*whole, text[place:end]])[start - self._pieces[first][0] :]

    def _piece_with(self, place: int) -> int:
        pieces = self._pieces
        if place >= pieces[-1][0]:  # it mostly is the last
            return len(pieces) - 1
        return bisect_right(pieces, place, key=_begin) - 1


def _begin(piece: tuple[int, int, str]) -> int:
    return piece[0]


def always(pattern: str) -> Callable[[str, int], re.Match[str]]:
    """Give the matcher of a pattern that fits nothing as well, and so always matches."""
    return cast("Callable[[str, int], re.Match[str]]", re.compile(pattern).match)
