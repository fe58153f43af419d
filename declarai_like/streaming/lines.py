"""Frames in lines of text: NDJSON, with one line for each, and server-sent events, with one event for each.

```text
{"header": {...}}          event: header
                           data: {...}

{"item": {...}}            event: item
                           data: {...}

{"footer": {...}}          event: footer
                           data: {...}

{"end": {"items": 1}}      event: end
                           data: {"items": 1}

{"error": {...}}           event: error
                           data: {...}
```

The decoders do no I/O, and read lines from bytes that may be cut anywhere. What a server may put between events to keep
a connection open (empty lines, comments) is passed over, and so are fields of events that say nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .errors import FrameTooLarge, InvalidPayload, StreamTruncated, UnknownFrame
from .frames import FrameRun, looks_like
from .order import Tag

_NAMES = {tag: tag.name.lower().encode() for tag in Tag}
_TAGS = {name: tag for tag, name in _NAMES.items()}
_LINE_BEGINS = {tag: b'{"%b":' % name for tag, name in _NAMES.items()}
_EVENT_BEGINS = {tag: b"event: %b\ndata: " % name for tag, name in _NAMES.items()}
_LINE = re.compile(rb'[ \t]*\{[ \t]*"([^"\\]*)"[ \t]*:')
_BOM = b"\xef\xbb\xbf"
_MAX_AROUND = 64
"""How much longer than its content a line may be."""


def encoded_line(tag: int, content: bytes) -> bytes:
    """Give the line of a frame."""
    return _LINE_BEGINS[Tag(tag)] + content + b"}\n"


def encoded_event(tag: int, content: bytes) -> bytes:
    """Give the event of a frame."""
    return _EVENT_BEGINS[Tag(tag)] + content + b"\n\n"


class _Lines:
    """Turns bytes into lines, and those into frames.

    Attributes:
        index: how many frames it has given.
        offset: how many bytes it has taken in.
    """

    begins = b""
    """The bytes with which a stream can begin."""

    def __init__(self, *, max_frame_size: int) -> None:
        self.index = 0
        self.offset = 0
        self._max_size = max_frame_size
        self._rest = bytearray()  # of a line whose end has not come
        self._after_cr = False  # a line feed that comes next belongs to the carriage return before it

    def feed(self, piece: bytes) -> Iterator[FrameRun]:
        """Give the frames that the piece completes, in order; the next piece may follow when they have been taken.

        Raises:
            UnknownFrame: this is no frame.
            FrameTooLarge: it has grown past the limit.
            InvalidPayload: this is no JSON.
        """
        if not piece:
            return
        if not self.offset and piece[0] not in self.begins:
            raise UnknownFrame(f"this is no frame{looks_like(piece[0])}", frame=0, offset=0)
        start = self.offset - len(self._rest)  # of the line
        end = self.offset  # of what has been read
        self.offset += len(piece)
        lines = piece.splitlines(keepends=True)
        if self._after_cr and lines[0] == b"\n":
            del lines[0]
            start = end = end + 1
        self._after_cr = piece.endswith(b"\r")
        for line in lines:
            end += len(line)
            text = line.rstrip(b"\r\n")
            self._check_size(len(self._rest) + len(text) - _MAX_AROUND, start)
            if text == line:
                self._rest += text
                return
            if self._rest:
                self._rest += text
                text, self._rest = bytes(self._rest), bytearray()
            frame = self.read(text if start else text.removeprefix(_BOM), start)
            start = end
            if frame is not None:
                self.index += 1
                yield frame

    def end(self) -> None:
        """Take note that there are no more bytes.

        Raises:
            StreamTruncated: they end inside a frame.
        """
        if self._rest or self.is_inside():
            raise StreamTruncated("the stream ends inside a frame", frame=self.index, offset=self.offset)

    def read(self, line: bytes, start: int) -> FrameRun | None:
        """Give the frame that a line completes."""
        raise NotImplementedError

    def is_inside(self) -> bool:
        """Whether lines of a frame have come, and not its last one."""
        return False

    def _frame(self, name: bytes, content: bytes, start: int) -> FrameRun:
        tag = _TAGS.get(name)
        if tag is None:
            raise UnknownFrame(
                f"there is no frame with the name {name.decode('utf-8', 'replace')!r}", frame=self.index, offset=start
            )
        self._check_size(len(content), start)
        return tag, [content], start

    def _check_size(self, size: int, start: int) -> None:
        if size > self._max_size:
            what = f"a frame is larger than the limit of {self._max_size} bytes (max_frame_size)"
            raise FrameTooLarge(what, frame=self.index, offset=start)


class LineDecoder(_Lines):
    """Reads NDJSON."""

    begins = b"{ \t\r\n" + _BOM[:1]

    def read(self, line: bytes, start: int) -> FrameRun | None:
        line = line.strip()
        if not line:
            return None
        match = _LINE.match(line)
        if match is None:
            raise UnknownFrame(f"this line is no frame: {line[:40]!r}", frame=self.index, offset=start)
        if not line.endswith(b"}"):
            raise InvalidPayload("this line is no JSON", frame=self.index, offset=start)
        return self._frame(match[1], line[match.end() : -1], start)


class EventDecoder(_Lines):
    """Reads server-sent events."""

    begins = bytes(set(range(256)) - set(b"<{["))

    def __init__(self, *, max_frame_size: int) -> None:
        super().__init__(max_frame_size=max_frame_size)
        self._event = b""
        self._data: list[bytes] = []
        self._size = 0
        self._start: int | None = None  # of the event

    def read(self, line: bytes, start: int) -> FrameRun | None:
        if not line:
            name, data, first = self._event or b"message", self._data, self._start
            self._event, self._data, self._size, self._start = b"", [], 0, None
            return self._frame(name, b"\n".join(data), first or 0) if data else None
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._event = value
        elif field == b"data":
            self._data.append(value)
            self._size += len(value) + 1
            self._check_size(self._size - 1, start)
        else:
            return None
        if self._start is None:
            self._start = start
        return None

    def is_inside(self) -> bool:
        return self._start is not None

    def _check_size(self, size: int, start: int) -> None:
        super()._check_size(size, start if self._start is None else self._start)
