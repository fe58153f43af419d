"""Server-sent events, decoded from bytes that may be cut anywhere.

The format is the WHATWG's: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
The decoder does no I/O, looks at each byte a fixed number of times, and keeps no more than one event.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EventTooLarge

_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class ServerSentEvent:
    """One event. ``data`` stays bytes: what reads it next is a JSON parser, which takes bytes."""

    data: bytes
    event: str = "message"
    id: str = ""


class SSEDecoder:
    """Turns bytes into events: ``feed`` gives those that the piece completes.

    An event that the stream's end leaves unfinished is dropped, as the standard says.

    ``max_event_size`` is in bytes; an event that grows past it is an `EventTooLarge`, raised before
    more is kept.
    """

    def __init__(self, *, max_event_size: int = 16 * 1024 * 1024) -> None:
        self.retry: int | None = None
        """The reconnection time in milliseconds, where the server gave one."""
        self._max_size = max_event_size
        self._rest: list[bytes] = []  # the pieces of a line whose end has not come
        self._rest_size = 0
        self._at_start = True
        self._clean = False  # nothing is pending: the next byte begins an event
        self._after_cr = False  # a line feed that comes next belongs to the carriage return before it
        self._data: list[bytes] = []
        self._data_size = 0
        self._event = ""
        self._id = ""

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """Give the events that ``piece`` completes, in order.

        Raises:
            EventTooLarge: one event is larger than the limit; the events before it are lost with
                the connection that sent it.
        """
        if self._clean:
            # Mostly a piece is one event of one line of data, which is seen at a glance
            end = len(piece) - 2
            one_line = piece.find(b"\n") == end and piece[-1:] == b"\n" and b"\r" not in piece
            if one_line and piece[:6] == b"data: " and end < self._max_size:
                return [ServerSentEvent(piece[6:end], "message", self._id)]
            return self._whole_events(piece)
        boundary = piece.find(b"\n\n") + 2
        events = self._any(piece[:boundary] if boundary > 1 else piece)
        if 1 < boundary < len(piece):
            events += self.feed(piece[boundary:])
        return events

    def _whole_events(self, piece: bytes) -> list[ServerSentEvent]:
        """Read a piece that begins with an event; mostly it holds whole events of one line of data each."""
        if b"\r" in piece:
            return self._any(piece)
        head, boundary, rest = piece.rpartition(b"\n\n")
        events: list[ServerSentEvent] = []
        if boundary:
            for block in head.split(b"\n\n"):
                if block.startswith(b"data: ") and b"\n" not in block and len(block) <= self._max_size:
                    events.append(ServerSentEvent(block[6:], "message", self._id))
                else:
                    events += self._read([*block.split(b"\n"), b""])
        return events + self._any(rest) if rest else events

    def _any(self, piece: bytes) -> list[ServerSentEvent]:
        """Read any piece, line by line."""
        if self._after_cr and piece:
            self._after_cr = False
            if piece.startswith(b"\n"):
                piece = piece[1:]
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
        if not end:
            self._keep(piece)
            return []
        self._after_cr = end == len(piece) and piece.endswith(b"\r")
        lines = piece[:end].splitlines()
        if self._rest:
            lines[0] = b"".join(self._rest) + lines[0]
            self._rest.clear()
            self._rest_size = 0
        if self._at_start:
            self._at_start = False
            lines[0] = lines[0].removeprefix(_BOM)
        events = self._read(lines)
        if end < len(piece):
            self._keep(piece[end:])
        self._clean = not (self._rest or self._data or self._event or self._after_cr)
        return events

    def _keep(self, piece: bytes) -> None:
        if not piece:
            return
        self._clean = False
        self._rest.append(piece)
        self._rest_size += len(piece)
        if self._data_size + self._rest_size > self._max_size:
            raise self._too_large()

    def _read(self, lines: list[bytes]) -> list[ServerSentEvent]:
        events: list[ServerSentEvent] = []
        data = self._data
        for line in lines:
            if line.startswith(b"data:"):  # nearly every line: kept inline and first
                data.append(line[6:] if line.startswith(b"data: ") else line[5:])
                self._data_size += len(line)
                if self._data_size > self._max_size:
                    raise self._too_large()
            elif line:
                self._field(line)
            else:
                if data:
                    body = data[0] if len(data) == 1 else b"\n".join(data)
                    events.append(ServerSentEvent(body, self._event or "message", self._id))
                    data.clear()
                    self._data_size = 0
                self._event = ""
        return events

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"data":  # a bare "data", without a colon, is an empty line of data
            self._data.append(b"")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) < 10:
            self.retry = int(value)

    def _too_large(self) -> EventTooLarge:
        return EventTooLarge(f"a server-sent event is larger than the limit of {self._max_size} bytes")
