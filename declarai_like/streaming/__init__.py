"""Typed streams: a header, items and a footer, each a pydantic model, as bytes between processes.

from declarai_like import streaming

TYPES = streaming.stream_types(Segment, header_type=Audio, footer_type=Totals)

writer = streaming.stream_writer(TYPES)
yield writer.yield_header(Audio(...))
yield writer.yield_item(Segment(...))
yield writer.yield_footer(Totals(...))
yield writer.close()

with streaming.stream_reader(TYPES, pieces) as reader:
    header = reader.read_header()
    for item in reader.read_items(): ...
    footer = reader.read_footer()

This package imports pydantic and nothing else, not even the library around it. So a client can use a copy of the folder.

The modules, in the order in which an item passes through them::

    declaration  the types of a stream
    writer       models -> bytes, one frame for each call        order      which frame may follow which
    payloads     a model <-> the content of a frame              segments, arrays   binary content beside the JSON
    encodings    the three encodings: frames (with bodies); lines (NDJSON and server-sent events)
    sources      the iterators that the bytes come from
    receiver     bytes -> models, without I/O                    failures   the error of a producer <-> an ERROR frame
    reader       the sync and the async reader around a receiver

Beside them are `errors`, and `text` for a stream of plain text.
"""

from __future__ import annotations

from .arrays import FloatArray as FloatArray
from .arrays import IntArray as IntArray
from .arrays import Numbers as Numbers
from .declaration import StreamTypes as StreamTypes
from .declaration import stream_types as stream_types
from .errors import DataAfterEnd as DataAfterEnd
from .errors import FrameError as FrameError
from .errors import FrameTooLarge as FrameTooLarge
from .errors import InvalidPayload as InvalidPayload
from .errors import InvalidText as InvalidText
from .errors import MissingFooter as MissingFooter
from .errors import MissingHeader as MissingHeader
from .errors import NotSerializable as NotSerializable
from .errors import OutOfOrder as OutOfOrder
from .errors import RemoteError as RemoteError
from .errors import StreamTruncated as StreamTruncated
from .errors import TypedStreamError as TypedStreamError
from .errors import UnexpectedFrame as UnexpectedFrame
from .errors import UnknownFrame as UnknownFrame
from .errors import WrongCount as WrongCount
from .errors import WrongModel as WrongModel
from .reader import AsyncStreamReader as AsyncStreamReader
from .reader import StreamReader as StreamReader
from .reader import stream_reader as stream_reader
from .text import text_reader as text_reader
from .writer import StreamWriter as StreamWriter
from .writer import stream_writer as stream_writer
