"""In which order the frames of a stream stand. This does not know who writes and who reads; one rule holds for both."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Any

from .declared import StreamTypes


class Tag(IntEnum):
    """What a frame is: its first byte. The numbers are those of the format; 1 is never sent."""

    HEADER = 2
    ITEM = 3
    FOOTER = 4
    END = 5
    ERROR = 6


class Phase(Enum):
    """How far a stream has come."""

    START = "start"  # the header, which the types declare, is next
    ITEMS = "items"
    FOOTER = "footer"  # the footer was the last
    OVER = "over"


_NEXT = {
    (Phase.START, Tag.HEADER): Phase.ITEMS,
    (Phase.ITEMS, Tag.ITEM): Phase.ITEMS,
    (Phase.ITEMS, Tag.FOOTER): Phase.FOOTER,
    (Phase.ITEMS, Tag.END): Phase.OVER,
    (Phase.FOOTER, Tag.END): Phase.OVER,
    (Phase.START, Tag.ERROR): Phase.OVER,
    (Phase.ITEMS, Tag.ERROR): Phase.OVER,
    (Phase.FOOTER, Tag.ERROR): Phase.OVER,
}
_NO_HEADER = "the header that the types declare has to come first"
_WRONG = {
    (Phase.START, Tag.ITEM): _NO_HEADER,
    (Phase.START, Tag.FOOTER): _NO_HEADER,
    (Phase.START, Tag.END): _NO_HEADER,
    (Phase.ITEMS, Tag.HEADER): "a header can only come first, and once",
    (Phase.FOOTER, Tag.HEADER): "a header can only come first, and once",
    (Phase.FOOTER, Tag.ITEM): "no item can come after the footer",
    (Phase.FOOTER, Tag.FOOTER): "there can be only one footer",
}


class Order:
    """Knows which frame may come next."""

    def __init__(self, types: StreamTypes[Any, Any, Any]) -> None:
        self._has_header = types.header_type is not None
        self._has_footer = types.footer_type is not None
        self.state = Phase.START if self._has_header else Phase.ITEMS

    def problem(self, tag: Tag) -> str | None:
        """Say why a frame cannot come now; None if it can."""
        if self.state is Phase.OVER:
            return "the stream is at its end"
        if tag is Tag.HEADER and not self._has_header:
            return "the types declare no header"
        if tag is Tag.FOOTER and not self._has_footer:
            return "the types declare no footer"
        if tag is Tag.END and self.state is Phase.ITEMS and self._has_footer:
            return "the footer that the types declare is missing"
        return _WRONG.get((self.state, tag))

    def advance(self, tag: Tag) -> None:
        """Note that a frame, which may come now, has come."""
        self.state = _NEXT[self.state, tag]
