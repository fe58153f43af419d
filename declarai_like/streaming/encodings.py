"""The forms in which the frames of a stream can be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from .frames import FrameDecoder, FrameRun, encoded, short_heads
from .lines import EventDecoder, LineDecoder, encoded_event, encoded_line

EncodingName: TypeAlias = Literal["frames", "ndjson", "sse"]


class Decoder(Protocol):
    """Turns bytes, cut anywhere, into frames.

    Attributes:
        index: how many frames it has given.
        offset: how far in the stream it has come, in bytes.
    """

    index: int
    offset: int

    def feed(self, piece: bytes) -> Iterable[FrameRun]: ...

    def end(self) -> None: ...


class MakesDecoder(Protocol):
    def __call__(self, *, max_frame_size: int) -> Decoder: ...


@dataclass(frozen=True)
class Encoding:
    """One of the forms.

    Attributes:
        media_type: what a server calls it.
        encoded: gives the bytes of a frame.
        decoder: makes the decoder of a stream.
        short_heads: gives what stands before short contents, by their size, where that is all that is added.
        text: whether it is for everybody who reads JSON, and has no place for binary content.
    """

    media_type: str
    encoded: Callable[[int, bytes], bytes]
    decoder: MakesDecoder
    short_heads: Callable[[int], Sequence[bytes]] = lambda _: ()
    text: bool = True


ENCODINGS: dict[EncodingName, Encoding] = {
    "frames": Encoding("application/octet-stream", encoded, FrameDecoder, short_heads, text=False),
    "ndjson": Encoding("application/x-ndjson", encoded_line, LineDecoder),
    "sse": Encoding("text/event-stream", encoded_event, EventDecoder),
}


def encoding_of(name: EncodingName) -> Encoding:
    """Give the form that has this name."""
    if name not in ENCODINGS:
        raise ValueError(f"there is no encoding {name!r}; there are {', '.join(ENCODINGS)}")
    return ENCODINGS[name]
