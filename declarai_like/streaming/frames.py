"""Frames as bytes: one byte for the tag, four for the length (big endian), and the content.

The content is JSON. If the highest bit of the tag is set, it is a binary payload, see `segments`. The decoder does no I/O
and accepts bytes that are cut anywhere.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TypeAlias

from .bodies import Body
from .errors import FrameTooLarge, StreamTruncated, UnknownFrame
from .order import Tag

FrameRun: TypeAlias = "tuple[int, list[bytes | bytearray], int]"
"""Consecutive frames of one kind: their tag, the content of each, and the position of the first one in the stream.

A stream has one frame for each item, so its time is spent here. That is why a run is a plain tuple and not an object for
each frame.
"""

BINARY = 0x80
HEAD_SIZE = 5
_pack_head = struct.Struct(">BI").pack
_unpack_head = struct.Struct(">BI").unpack_from
_TAGS = frozenset({*Tag, *(tag | BINARY for tag in (Tag.HEADER, Tag.ITEM, Tag.FOOTER))})
_ITEM = int(Tag.ITEM)  # an int: comparing it is faster than comparing an IntEnum
_BLOCK = 64 * 1024
_SMALL = 4 * 1024
"""The size up to which an incomplete frame is kept as bytes and joined with the next piece. Larger ones get a `Body`."""


@cache
def short_heads(tag: int) -> Sequence[bytes]:
    """Return the heads of frames with up to 999 bytes of content. Looking one up is faster than packing it."""
    return [_pack_head(tag, length) for length in range(1000)]


def encode_frame(tag: int, content: bytes) -> bytes:
    """Return the bytes of a frame.

    Raises:
        FrameTooLarge: the length does not fit into four bytes.
    """
    try:
        return _pack_head(tag, len(content)) + content
    except struct.error:
        raise FrameTooLarge(f"the content of a frame must be at most {2**32 - 1} bytes, got {len(content)}") from None


class FrameDecoder:
    """An incremental decoder of frames.

    Attributes:
        index: the number of frames that it returned.
        offset: the number of bytes of the stream that it consumed, without those of an incomplete small frame.
    """

    def __init__(self, *, max_frame_size: int) -> None:
        self.index = 0
        self.offset = 0
        self._max_size = max_frame_size
        self._max_small = min(max_frame_size, _SMALL - HEAD_SIZE)
        self._rest: bytes = b""  # an incomplete small frame
        self._needed = 0  # the size that `_rest` must have before it is looked at again
        self._body: Body | None = None  # an incomplete large frame

    def feed(self, piece: bytes) -> Iterable[FrameRun]:
        """Return the frames that the piece completes, in order. They must be consumed before the next call.

        Raises:
            UnknownFrame: the bytes are not a frame.
            FrameTooLarge: the head of a frame announces more than the limit; the content is not kept.
        """
        if self._rest:
            if len(self._rest) + len(piece) < self._needed:
                self._rest += piece
                return ()
            if len(piece) > _BLOCK:
                return self._runs_of_blocks(piece)
            piece = self._rest + piece
            self._rest = b""
        if self._body is not None or len(piece) > _SMALL:
            return self._runs(piece, 0)
        # The usual piece has a few small items and maybe the beginning of one. For it this loop does all the work, without
        # a generator; for anything else it returns before it has changed any state.
        contents: list[bytes | bytearray] = []
        at, size = 0, len(piece)
        while at < size:
            # An incomplete head is checked by its tag alone, so that another kind of content fails with its first byte
            tag, length = _unpack_head(piece, at) if size - at >= HEAD_SIZE else (piece[at], 0)
            if tag != _ITEM or length > self._max_small:
                return self._runs(piece, 0)
            end = at + HEAD_SIZE + length
            if end > size:
                self._rest, self._needed = piece[at:], end - at
                break
            contents.append(piece[at + HEAD_SIZE : end])
            at = end
        if not contents:
            return ()
        self.index += len(contents)
        offset = self.offset
        self.offset += at
        return ((_ITEM, contents, offset),)

    def end(self) -> None:
        """Handle the end of the bytes.

        Raises:
            StreamTruncated: it is inside a frame.
        """
        if self._body is not None:
            what = f"the {Tag(self._body.tag & ~BINARY).name} frame, {self._body.missing} bytes before its end"
            raise StreamTruncated(f"the stream ends inside {what}", frame=self.index, offset=self._body.offset)
        if self._rest:
            raise StreamTruncated("the stream ends inside a frame", frame=self.index, offset=self.offset)

    def _runs_of_blocks(self, piece: bytes) -> Iterator[FrameRun]:
        """Decode a large piece that begins inside a small frame; joining the two at once would copy the whole piece."""
        at = 0
        while self._rest and at < len(piece):
            rest, self._rest = self._rest, b""
            yield from self._runs(rest + piece[at : at + _BLOCK], 0)
            at += _BLOCK
        if at < len(piece):
            yield from self._runs(piece, at)

    def _runs(self, piece: bytes, at: int) -> Iterator[FrameRun]:
        """Decode any ``piece[at:]``."""
        start = self.offset - at  # the position of the piece in the stream
        if self._body is not None:
            at += self._body.fill(piece, at)
            self.offset = start + at
            if self._body.missing:
                return
            body, self._body = self._body, None
            self.index += 1
            yield body.tag, [body.content], body.offset
        while len(piece) - at >= HEAD_SIZE:
            contents, end = self._items(piece, at)
            if contents:
                self.index += len(contents)
                yield _ITEM, contents, start + at
                at = end
                continue
            tag, length = _unpack_head(piece, at)
            self._check(tag, length, start + at)  # also for an incomplete frame: before its content is kept
            end = at + HEAD_SIZE + length
            if end > len(piece):
                break
            self.index += 1
            yield tag, [piece[at + HEAD_SIZE : end]], start + at
            at = end
        self.offset = start + at
        if at < len(piece):
            self._keep(piece, at)

    def _items(self, piece: bytes, at: int) -> tuple[list[bytes | bytearray], int]:
        """Return the contents of the next items, at most a block of them, and the position after them.

        Without the limit, all contents of a large piece would be in memory a second time.
        """
        size, limit = len(piece), self._max_size
        last = min(size - HEAD_SIZE, at + _BLOCK)
        contents: list[bytes | bytearray] = []
        while at <= last:
            tag, length = _unpack_head(piece, at)
            end = at + HEAD_SIZE + length
            if tag != _ITEM or end > size or length > limit:
                break
            contents.append(piece[at + HEAD_SIZE : end])
            at = end
        return contents, at

    def _keep(self, piece: bytes, at: int) -> None:
        """Keep an incomplete frame, which begins at ``piece[at]``."""
        left = len(piece) - at
        tag, length = _unpack_head(piece, at) if left >= HEAD_SIZE else (piece[at], 0)
        self._check(tag, length, self.offset)
        if HEAD_SIZE + length <= _SMALL:
            self._rest = piece[at:]
            self._needed = HEAD_SIZE + length
        else:
            self._body = Body(tag, length, self.offset)
            self._body.fill(piece, at + HEAD_SIZE)
            self.offset += left

    def _check(self, tag: int, length: int, offset: int) -> None:
        if tag not in _TAGS:
            hint = "" if offset else content_hint(tag)
            raise UnknownFrame(f"unknown frame tag {tag}{hint}", frame=self.index, offset=offset)
        if length > self._max_size:
            raise FrameTooLarge(
                f"the {Tag(tag & ~BINARY).name} frame has {length} bytes, more than max_frame_size ({self._max_size})",
                frame=self.index,
                offset=offset,
            )


def content_hint(first: int) -> str:
    """Return a hint for the error if the first byte of a stream suggests another kind of content, else ``""``."""
    if first == ord("<"):
        return "; this looks like an HTML page, for instance the error page of a server or a proxy"
    return "; this looks like JSON or text" if first in range(0x20, 0x7F) else ""
