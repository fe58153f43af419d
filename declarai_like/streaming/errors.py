"""The errors of typed streams, in one tree.

```text
TypedStreamError
├── StreamTruncated       the bytes end before the stream does (also an EOFError)
├── FrameError            the bytes are not a valid stream (also a ValueError)
│   ├── UnknownFrame          not a frame of this format, for instance an HTML page
│   ├── FrameTooLarge         a frame is larger than the limit
│   ├── InvalidPayload        the content of a frame does not fit its model
│   ├── UnexpectedFrame       a frame is in a wrong position
│   │   ├── MissingHeader         the declared header is missing
│   │   ├── MissingFooter         the declared footer is missing
│   │   └── DataAfterEnd          data follows the end of the stream
│   ├── WrongCount            the end of the stream counts more or fewer items than arrived
│   └── InvalidText           a stream of text is not UTF-8
├── OutOfOrder            the writer or the reader cannot do this now (also a ValueError)
├── WrongModel            the writer received an object of another type (also a TypeError)
├── NotSerializable       the writer received a model that cannot be serialized (also a ValueError)
└── RemoteError           the producer failed with an error whose class is not known here
```

`remote.errors` adds the errors of a stream over HTTP to this tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class TypedStreamError(Exception):
    """The base class of all errors of typed streams.

    Attributes:
        frame: the index of the frame that the error is about, from 0; None if it is not about a frame.
        offset: the position in the stream where that frame begins, in bytes.
    """

    def __init__(self, message: str, *, frame: int | None = None, offset: int | None = None) -> None:
        # Not super(): an error of two trees (remote.errors) has a second base, whose constructor takes other arguments
        Exception.__init__(self, message)
        self.frame = frame
        self.offset = offset

    def __str__(self) -> str:
        message = str(self.args[0])
        position = [f"frame {self.frame}"] if self.frame is not None else []
        position += [f"byte {self.offset}"] if self.offset is not None else []
        return f"{message} ({', '.join(position)})" if position else message

    @property
    def details(self) -> dict[str, Any]:
        """The details that are sent with this error if it ends another stream."""
        return {"frame": self.frame, "offset": self.offset}


class StreamTruncated(TypedStreamError, EOFError):
    """Raised if the bytes end before the stream does: the connection was cut, or the producer stopped."""


class FrameError(TypedStreamError, ValueError):
    """Base of the errors that are raised if the bytes are not a valid stream; no more of it can be read."""


class UnknownFrame(FrameError):
    """Raised if the bytes are not a frame of the format, often an error page of a server or a proxy."""


class FrameTooLarge(FrameError):
    """Raised if a frame is larger than the limit; its content is not kept."""


class InvalidPayload(FrameError):
    """Raised if the content of a frame does not fit the declared model."""


class UnexpectedFrame(FrameError):
    """Raised if a frame is not allowed in its position, or if the types do not declare its kind."""


class MissingHeader(UnexpectedFrame):
    """Raised if the stream does not have the declared header. The items can still be read."""


class MissingFooter(UnexpectedFrame):
    """Raised if the stream ends correctly, but without the declared footer."""


class DataAfterEnd(UnexpectedFrame):
    """Raised if data follows the end of the stream."""


class WrongCount(FrameError):
    """Raised if the end of the stream counts more or fewer items than arrived."""


class InvalidText(FrameError):
    """Raised if a stream of text is not valid UTF-8."""


class OutOfOrder(TypedStreamError, ValueError):
    """Raised if the writer or the reader cannot do this now; its state does not change."""


class WrongModel(TypedStreamError, TypeError):
    """Raised if the writer receives an object that is not of the declared type; nothing is written."""


class NotSerializable(TypedStreamError, ValueError):
    """Raised if the writer receives a model that cannot be serialized; nothing is written."""


class RemoteError(TypedStreamError):
    """Raised if the producer failed with an error whose class is not known here.

    Attributes:
        type: the qualified name of its class.
        message: its message.
        details: the further details that the producer sent.
    """

    def __init__(
        self,
        message: str,
        *,
        type: str,
        details: Mapping[str, Any] | None = None,
        frame: int | None = None,
        offset: int | None = None,
    ) -> None:
        super().__init__(f"the producer failed: {type}: {message}", frame=frame, offset=offset)
        self.type = type
        self.message = message
        self._details = dict(details or {})

    @property
    def details(self) -> dict[str, Any]:
        """The producer's report beside the type and the message."""
        return self._details


def type_name(value: object) -> str:
    """Return the name of a value's type in an error: ``int``, ``None``, ``the class Film``."""
    # The same as _core.checks.type_name, which this package cannot import: it depends on pydantic only
    if value is None:
        return "None"
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
