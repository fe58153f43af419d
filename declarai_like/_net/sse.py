"""An incremental decoder of server-sent events: bytes, cut anywhere, become events.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

The decoder does no I/O. Its time is linear in the number of bytes, and it keeps at most one event.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EventTooLarge

_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class ServerSentEvent:
    """One event. ``data`` stays bytes, since its consumer is a JSON parser, which takes bytes."""

    data: bytes
    event: str = "message"
    id: str = ""


class SSEDecoder:
    """Decodes a stream of bytes into events.

    An event that is incomplete at the end of the stream is dropped, as the standard requires.

    Args:
        max_event_size: in bytes. A larger event raises `EventTooLarge` before more of it is kept.

    Attributes:
        retry: the reconnection time in milliseconds, if the server sent one.
    """

    # `streaming.lines.EventDecoder` decodes the same format, but the two cannot share code; see the comment there.

    def __init__(self, *, max_event_size: int = 16 * 1024 * 1024) -> None:
        self.retry: int | None = None
        self._max_size = max_event_size
        # The incomplete last line, in pieces: joining them for each piece would be quadratic in the length of the line
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._at_start = True  # a byte order mark is allowed here only
        self._at_boundary = False  # nothing is pending: the next byte begins an event
        self._after_cr = False  # the last line ended with CR: an LF at the start of the next piece belongs to it
        self._data: list[bytes] = []
        self._data_size = 0
        self._event = ""
        self._id = ""

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """Return the events that ``piece`` completes, in order.

        Raises:
            EventTooLarge: one event is larger than the limit. The events before it in this piece are lost.
        """
        # Three paths, the fast ones first: one event of one data line (most pieces of most providers), whole events in
        # one piece (`_whole_events`), and anything else, line by line (`_read_piece`)
        if self._at_boundary:
            end = len(piece) - 2
            one_line = piece.find(b"\n") == end and piece[-1:] == b"\n" and b"\r" not in piece
            if one_line and piece[:6] == b"data: " and end < self._max_size:
                return [ServerSentEvent(piece[6:end], "message", self._id)]
            return self._whole_events(piece)
        # Line by line up to the end of the pending event only, so that the rest can take a fast path
        boundary = piece.find(b"\n\n") + 2  # 1 if not found
        events = self._read_piece(piece[:boundary] if boundary > 1 else piece)
        if 1 < boundary < len(piece):
            events += self.feed(piece[boundary:])
        return events

    def _whole_events(self, piece: bytes) -> list[ServerSentEvent]:
        """Decode a piece that begins with an event; most such pieces have whole events of one data line each."""
        if b"\r" in piece:  # then b"\n\n" is not the only boundary
            return self._read_piece(piece)
        head, boundary, rest = piece.rpartition(b"\n\n")
        events: list[ServerSentEvent] = []
        if boundary:
            for block in head.split(b"\n\n"):
                if block.startswith(b"data: ") and b"\n" not in block and len(block) <= self._max_size:
                    events.append(ServerSentEvent(block[6:], "message", self._id))
                else:
                    events += self._read_lines([*block.split(b"\n"), b""])
        return events + self._read_piece(rest) if rest else events

    def _read_piece(self, piece: bytes) -> list[ServerSentEvent]:
        """Decode any piece, line by line."""
        if self._after_cr and piece:
            self._after_cr = False
            if piece.startswith(b"\n"):
                piece = piece[1:]
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
        if not end:
            self._keep(piece)
            return []
        self._after_cr = end == len(piece) and piece.endswith(b"\r")
        lines = piece[:end].splitlines()  # of bytes, so it splits at CR, LF and CRLF only, as the standard does
        if self._rest:
            lines[0] = b"".join(self._rest) + lines[0]
            self._rest.clear()
            self._rest_size = 0
        if self._at_start:
            self._at_start = False
            lines[0] = lines[0].removeprefix(_BOM)
        events = self._read_lines(lines)
        if end < len(piece):
            self._keep(piece[end:])
        self._at_boundary = not (self._rest or self._data or self._event or self._after_cr)
        return events

    def _keep(self, piece: bytes) -> None:
        if not piece:
            return
        self._at_boundary = False
        self._rest.append(piece)
        self._rest_size += len(piece)
        if self._data_size + self._rest_size > self._max_size:
            raise self._too_large()

    def _read_lines(self, lines: list[bytes]) -> list[ServerSentEvent]:
        events: list[ServerSentEvent] = []
        data = self._data
        for line in lines:
            if line.startswith(b"data:"):  # nearly every line, so it is first and without a call
                data.append(line[6:] if line.startswith(b"data: ") else line[5:])
                self._data_size += len(line)
                if self._data_size > self._max_size:
                    raise self._too_large()
            elif line:
                self._read_field(line)
            else:
                if data:
                    body = data[0] if len(data) == 1 else b"\n".join(data)
                    events.append(ServerSentEvent(body, self._event or "message", self._id))
                    data.clear()
                    self._data_size = 0
                self._event = ""
        return events

    def _read_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"data":  # a field name without a colon has an empty value
            self._data.append(b"")
        elif name == b"id":
            if b"\0" not in value:  # such an id must be ignored
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) < 10:  # int() raises for thousands of digits
            self.retry = int(value)

    def _too_large(self) -> EventTooLarge:
        return EventTooLarge(f"a server-sent event is larger than the limit of {self._max_size} bytes")
