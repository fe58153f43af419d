"""Frames in bytes: one byte that says what it is, four that say how long, and the content.

The length is big endian. The content is JSON; where the highest bit of the first byte is set, it is a binary payload.
The decoder does no I/O, and reads frames from bytes that may be cut anywhere.
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
"""Frames of one kind in a row: their tag, the content of each, and where in the stream the first begins.

Plain values, and several frames at once: each item is one, so the time of a stream is spent here.
"""

BINARY = 0x80
HEAD_SIZE = 5
_pack_head = struct.Struct(">BI").pack
_unpack_head = struct.Struct(">BI").unpack_from
_TAGS = frozenset({*Tag, *(tag | BINARY for tag in (Tag.HEADER, Tag.ITEM, Tag.FOOTER))})
_ITEM = int(Tag.ITEM)
_BLOCK = 64 * 1024
_SMALL = 4 * 1024
"""Frames up to this size are put together from their pieces at once, larger ones as they come."""


@cache
def short_heads(tag: int) -> Sequence[bytes]:
    """Give the heads of frames with up to a thousand bytes: to look one up is faster than to make it."""
    return [_pack_head(tag, length) for length in range(1000)]


def encoded(tag: int, content: bytes) -> bytes:
    """Give the bytes of a frame.

    Raises:
        FrameTooLarge: four bytes cannot tell of so much.
    """
    try:
        return _pack_head(tag, len(content)) + content
    except struct.error:
        raise FrameTooLarge(f"a frame can have {2**32 - 1} bytes, and this one has {len(content)}") from None


class FrameDecoder:
    """Turns bytes into frames: ``feed`` gives those that a piece completes.

    Attributes:
        index: how many frames it has given.
        offset: how far in the stream it has come, in bytes; the rest that it keeps of a small frame is not counted.
    """

    def __init__(self, *, max_frame_size: int) -> None:
        self.index = 0
        self.offset = 0
        self._max_size = max_frame_size
        self._max_small = min(max_frame_size, _SMALL - HEAD_SIZE)
        self._rest: bytes = b""  # of a small frame that is not whole
        self._needed = 0  # bytes, until more is known of it
        self._body: Body | None = None  # of a large frame that is not whole

    def feed(self, piece: bytes) -> Iterable[FrameRun]:
        """Give the frames that the piece completes, in order; the next piece may follow when they have been taken.

        Raises:
            UnknownFrame: this is no frame.
            FrameTooLarge: its head says so; nothing of it is kept.
        """
        if self._rest:
            if len(self._rest) + len(piece) < self._needed:
                self._rest += piece
                return ()
            if len(piece) > _BLOCK:
                return self._in_blocks(piece)
            piece = self._rest + piece
            self._rest = b""
        if self._body is not None or len(piece) > _SMALL:
            return self._runs(piece, 0)
        # Most often there are small items, and the beginning of one: with those it is done at once
        contents: list[bytes | bytearray] = []
        at, size = 0, len(piece)
        while at < size:
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
        """Take note that there are no more bytes.

        Raises:
            StreamTruncated: they end inside a frame.
        """
        if self._body is not None:
            what = f"the {Tag(self._body.tag & ~BINARY).name} frame, {self._body.missing} bytes before its end"
            raise StreamTruncated(f"the stream ends inside {what}", frame=self.index, offset=self._body.offset)
        if self._rest:
            raise StreamTruncated("the stream ends inside a frame", frame=self.index, offset=self.offset)

    def _in_blocks(self, piece: bytes) -> Iterator[FrameRun]:
        """Read a large piece that begins inside a small frame, without a copy of the whole."""
        at = 0
        while self._rest and at < len(piece):
            rest, self._rest = self._rest, b""
            yield from self._runs(rest + piece[at : at + _BLOCK], 0)
            at += _BLOCK
        if at < len(piece):
            yield from self._runs(piece, at)

    def _runs(self, piece: bytes, at: int) -> Iterator[FrameRun]:
        before = self.offset - at  # where the piece begins
        if self._body is not None:
            at += self._body.fill(piece, at)
            self.offset = before + at
            if self._body.missing:
                return
            body, self._body = self._body, None
            self.index += 1
            yield body.tag, [body.content], body.offset
        while len(piece) - at >= HEAD_SIZE:
            contents, end = self._items(piece, at)
            if contents:
                self.index += len(contents)
                yield _ITEM, contents, before + at
                at = end
                continue
            tag, length = _unpack_head(piece, at)
            self._check(tag, length, before + at)
            end = at + HEAD_SIZE + length
            if end > len(piece):
                break
            self.index += 1
            yield tag, [piece[at + HEAD_SIZE : end]], before + at
            at = end
        self.offset = before + at
        if at < len(piece):
            self._keep(piece, at)

    def _items(self, piece: bytes, at: int) -> tuple[list[bytes | bytearray], int]:
        """Give the items that come next, a block of them at most, and where they end."""
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
        """Keep what there is of a frame that is not whole."""
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
            hint = "" if offset else looks_like(tag)
            raise UnknownFrame(f"there is no frame with the tag {tag}{hint}", frame=self.index, offset=offset)
        if length > self._max_size:
            what = f"the {Tag(tag & ~BINARY).name} frame has {length} bytes, more than the {self._max_size} of max_frame_size"
            raise FrameTooLarge(what, frame=self.index, offset=offset)


def looks_like(first: int) -> str:
    """Say what a stream may be instead, which begins with this byte."""
    if first == ord("<"):
        return "; this looks like an HTML page, which may be the error of a server or a proxy in between"
    return "; this looks like JSON or text" if first in range(0x20, 0x7F) else ""
