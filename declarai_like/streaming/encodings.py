"""The encodings of a stream: how its frames become bytes, and bytes become frames again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from .frames import FrameDecoder, FrameRun, encode_frame, short_heads
from .lines import EventDecoder, LineDecoder, encode_event, encode_line

EncodingName: TypeAlias = Literal["frames", "ndjson", "sse"]


class Decoder(Protocol):
    """An incremental decoder: bytes, cut anywhere, become frames.

    Attributes:
        index: the number of frames that it returned.
        offset: the number of bytes of the stream that it consumed.
    """

    index: int
    offset: int

    def feed(self, piece: bytes) -> Iterable[FrameRun]:
        """Return the frames that a piece completes. They must be consumed before the next call."""
        ...

    def end(self) -> None:
        """Handle the end of the bytes; raise `StreamTruncated` if it is inside a frame."""
        ...


class DecoderFactory(Protocol):
    """Creates the decoder of one stream."""

    def __call__(self, *, max_frame_size: int) -> Decoder:
        """Return a decoder that limits a frame to this many bytes."""
        ...


@dataclass(frozen=True)
class Encoding:
    """One encoding.

    Attributes:
        media_type: the media type of such a stream, for a Content-Type header.
        encode: returns the bytes of a frame from its tag and content.
        decoder: creates the decoder of one stream.
        short_heads: returns the heads of frames with short contents, indexed by their size. Only for an encoding in
            which a frame is a head and its content; the writer then saves a call for each item.
        is_text: True if it is standard JSON and text, which cannot contain binary content.
    """

    media_type: str
    encode: Callable[[int, bytes], bytes]
    decoder: DecoderFactory
    short_heads: Callable[[int], Sequence[bytes]] = lambda _: ()
    is_text: bool = True


ENCODINGS: dict[EncodingName, Encoding] = {
    "frames": Encoding("application/octet-stream", encode_frame, FrameDecoder, short_heads, is_text=False),
    "ndjson": Encoding("application/x-ndjson", encode_line, LineDecoder),
    "sse": Encoding("text/event-stream", encode_event, EventDecoder),
}


def encoding_of(name: EncodingName) -> Encoding:
    """Return the encoding with this name.

    Raises:
        ValueError: the name is unknown.
    """
    if name not in ENCODINGS:
        raise ValueError(f"encoding must be one of {', '.join(map(repr, ENCODINGS))}, got {name!r}")
    return ENCODINGS[name]
