"""The order of the frames in a stream, as a state machine in tables. The writer and the reader use the same one."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Any

from .declaration import StreamTypes


class Tag(IntEnum):
    """The kind of a frame, which is its first byte.

    The numbers of header, item and footer are those of `truss_chains.streaming`. 1 is never sent.
    """

    HEADER = 2
    ITEM = 3
    FOOTER = 4
    END = 5
    ERROR = 6


class Phase(Enum):
    """The state of a stream: which frames have been written or read."""

    START = "start"  # nothing yet, and the types declare a header
    ITEMS = "items"
    FOOTER = "footer"  # the footer; only the end can follow
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
_HEADER_FIRST = "the declared header must come first"
_ONE_HEADER = "a header is allowed only once, as the first frame"
_PROBLEMS = {
    (Phase.START, Tag.ITEM): _HEADER_FIRST,
    (Phase.START, Tag.FOOTER): _HEADER_FIRST,
    (Phase.START, Tag.END): _HEADER_FIRST,
    (Phase.ITEMS, Tag.HEADER): _ONE_HEADER,
    (Phase.FOOTER, Tag.HEADER): _ONE_HEADER,
    (Phase.FOOTER, Tag.ITEM): "an item is not allowed after the footer",
    (Phase.FOOTER, Tag.FOOTER): "a footer is allowed only once",
}


class Order:
    """The state machine of one stream.

    Attributes:
        phase: the current one.
    """

    def __init__(self, types: StreamTypes[Any, Any, Any]) -> None:
        self._has_header = types.header_type is not None
        self._has_footer = types.footer_type is not None
        self.phase = Phase.START if self._has_header else Phase.ITEMS

    def problem(self, tag: Tag) -> str | None:
        """Return the reason why a frame is not allowed now; None if it is allowed."""
        if self.phase is Phase.OVER:
            return "the stream has ended"
        if tag is Tag.HEADER and not self._has_header:
            return "the types declare no header"
        if tag is Tag.FOOTER and not self._has_footer:
            return "the types declare no footer"
        if tag is Tag.END and self.phase is Phase.ITEMS and self._has_footer:
            return "the declared footer is missing"
        return _PROBLEMS.get((self.phase, tag))

    def advance(self, tag: Tag) -> None:
        """Change the phase for a frame that is allowed."""
        self.phase = _NEXT[self.phase, tag]
