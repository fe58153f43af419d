"""Frames as lines of text: NDJSON, with one line for each frame, and server-sent events, with one event for each frame.

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

NDJSON: https://github.com/ndjson/ndjson-spec. Server-sent events:
https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

The decoders do no I/O and accept bytes that are cut anywhere. They ignore what servers send to keep a connection open
(empty lines, comments), and fields of events that frames do not use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .errors import FrameTooLarge, InvalidPayload, StreamTruncated, UnknownFrame
from .frames import FrameRun, content_hint
from .order import Tag

_NAMES = {tag: tag.name.lower().encode() for tag in Tag}
_TAGS = {name: tag for tag, name in _NAMES.items()}
_LINE_PREFIXES = {tag: b'{"%b":' % name for tag, name in _NAMES.items()}
_EVENT_PREFIXES = {tag: b"event: %b\ndata: " % name for tag, name in _NAMES.items()}
_LINE = re.compile(rb'[ \t]*\{[ \t]*"([^"\\]*)"[ \t]*:')
_BOM = b"\xef\xbb\xbf"
_MAX_EXTRA = 64
"""The number of bytes that a line may have beside the content of its frame: braces, the name, spaces."""


def encode_line(tag: int, content: bytes) -> bytes:
    """Return the line of a frame."""
    return _LINE_PREFIXES[Tag(tag)] + content + b"}\n"


def encode_event(tag: int, content: bytes) -> bytes:
    """Return the event of a frame."""
    return _EVENT_PREFIXES[Tag(tag)] + content + b"\n\n"


class _LineBasedDecoder:
    """The common part of the decoders: bytes become lines. A subclass makes frames of them.

    Attributes:
        index: the number of frames that it yielded.
        offset: the number of bytes that it consumed.
        first_bytes: the bytes with which a stream of this encoding can begin.
    """

    first_bytes = b""

    def __init__(self, *, max_frame_size: int) -> None:
        self.index = 0
        self.offset = 0
        self._max_size = max_frame_size
        self._rest = bytearray()  # an incomplete line
        self._after_cr = False  # the last line ended with CR: an LF at the start of the next piece belongs to it

    def feed(self, piece: bytes) -> Iterator[FrameRun]:
        """Yield the frames that the piece completes, in order. They must be consumed before the next call.

        Raises:
            UnknownFrame: the bytes are not a frame.
            FrameTooLarge: a frame is larger than the limit.
            InvalidPayload: a line is not JSON.
        """
        if not piece:
            return
        # An HTML page may contain no line break for megabytes, so it is recognised by its first byte
        if not self.offset and piece[0] not in self.first_bytes:
            raise UnknownFrame(f"the stream does not begin with a frame{content_hint(piece[0])}", frame=0, offset=0)
        start = self.offset - len(self._rest)  # the position of the current line in the stream
        end = self.offset  # the position up to which the piece was decoded
        self.offset += len(piece)
        lines = piece.splitlines(keepends=True)  # of bytes, so it splits at CR, LF and CRLF only
        if self._after_cr and lines[0] == b"\n":
            del lines[0]
            start = end = end + 1
        self._after_cr = piece.endswith(b"\r")
        for line in lines:
            end += len(line)
            text = line.rstrip(b"\r\n")
            # Before anything is kept, so that a line without an end cannot fill the memory
            self._check_size(len(self._rest) + len(text) - _MAX_EXTRA, start)
            if text == line:
                self._rest += text
                return
            if self._rest:
                self._rest += text
                text, self._rest = bytes(self._rest), bytearray()
            # A byte order mark is allowed at the start of the stream only
            frame = self.decode_line(text if start else text.removeprefix(_BOM), start)
            start = end
            if frame is not None:
                self.index += 1
                yield frame

    def end(self) -> None:
        """Handle the end of the bytes.

        Raises:
            StreamTruncated: it is inside a frame.
        """
        if self._rest or self.is_inside_frame():
            raise StreamTruncated("the stream ends inside a frame", frame=self.index, offset=self.offset)

    def decode_line(self, line: bytes, start: int) -> FrameRun | None:
        """Return the frame that a line completes; None if it does not complete one."""
        raise NotImplementedError

    def is_inside_frame(self) -> bool:
        """True if the last line of the current frame has not arrived."""
        return False

    def _frame(self, name: bytes, content: bytes, start: int) -> FrameRun:
        tag = _TAGS.get(name)
        if tag is None:
            raise UnknownFrame(
                f"unknown frame name {name.decode('utf-8', 'replace')!r}", frame=self.index, offset=start
            )
        self._check_size(len(content), start)
        return tag, [content], start

    def _check_size(self, size: int, start: int) -> None:
        if size > self._max_size:
            message = f"a frame is larger than max_frame_size ({self._max_size} bytes)"
            raise FrameTooLarge(message, frame=self.index, offset=start)


class LineDecoder(_LineBasedDecoder):
    """An incremental decoder of frames in NDJSON."""

    first_bytes = b"{ \t\r\n" + _BOM[:1]

    def decode_line(self, line: bytes, start: int) -> FrameRun | None:
        """Return the frame of a line; None for an empty line."""
        line = line.strip()
        if not line:
            return None
        # The content is cut out and not parsed: its model parses it, and a wrong line is then not valid JSON
        match = _LINE.match(line)
        if match is None:
            raise UnknownFrame(f"the line is not a frame: {line[:40]!r}", frame=self.index, offset=start)
        if not line.endswith(b"}"):
            raise InvalidPayload("the line is not valid JSON", frame=self.index, offset=start)
        return self._frame(match[1], line[match.end() : -1], start)


class EventDecoder(_LineBasedDecoder):
    """An incremental decoder of frames in server-sent events."""

    # `_net.sse.SSEDecoder` decodes the same format, but the two cannot share code. This one reports the position of each
    # event and limits its content without field names. An event that is incomplete at the end of the stream is an error.
    # The other drops an incomplete event, as the standard requires. It is written for speed: most events take a path on
    # which no line is split and no position is known.

    first_bytes = bytes(set(range(256)) - set(b"<{["))  # a field may have any name; these begin HTML and JSON

    def __init__(self, *, max_frame_size: int) -> None:
        super().__init__(max_frame_size=max_frame_size)
        self._event = b""
        self._data: list[bytes] = []
        self._size = 0
        self._start: int | None = None  # the position of the current event; None between two events

    def decode_line(self, line: bytes, start: int) -> FrameRun | None:
        """Add a line to the current event; return the frame of the event that an empty line ends."""
        if not line:
            name, data, first = self._event or b"message", self._data, self._start
            self._event, self._data, self._size, self._start = b"", [], 0, None
            return self._frame(name, b"\n".join(data), first or 0) if data else None  # without data it is not an event
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._event = value
        elif field == b"data":
            self._data.append(value)
            self._size += len(value) + 1
            self._check_size(self._size - 1, start)  # each line is within the limit, but their number is not limited
        else:
            return None
        if self._start is None:
            self._start = start
        return None

    def is_inside_frame(self) -> bool:
        """True between the first line of an event and the empty line that ends it."""
        return self._start is not None

    def _check_size(self, size: int, start: int) -> None:
        super()._check_size(size, start if self._start is None else self._start)
