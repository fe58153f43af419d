"""Every error of typed streams, in one tree.

```text
TypedStreamError
├── StreamTruncated       the bytes end before the stream does (also an EOFError)
├── FrameError            what came is not what it has to be (also a ValueError)
│   ├── UnknownFrame          no frame of this format, for instance an HTML page
│   ├── FrameTooLarge
│   ├── InvalidPayload        its content does not fit the model
│   ├── UnexpectedFrame       it cannot stand where it stands
│   │   ├── MissingHeader
│   │   ├── MissingFooter
│   │   └── DataAfterEnd
│   ├── WrongCount            the end tells of more or of fewer items than have come
│   └── InvalidText           a stream of text is not UTF-8
├── OutOfOrder            the writer or the reader cannot do this now (also a ValueError)
├── WrongModel            the writer was given something of another type (also a TypeError)
├── NotSerializable       the writer was given a model that cannot be written (also a ValueError)
└── RemoteError           the producer failed, with an error that is not known here
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class TypedStreamError(Exception):
    """The base of all errors of typed streams.

    Attributes:
        frame: which frame it is about, from 0; None where it is about none.
        offset: where that frame begins in the stream, in bytes.
    """

    def __init__(self, message: str, *, frame: int | None = None, offset: int | None = None) -> None:
        Exception.__init__(self, message)  # an error of two trees has another base, which takes more
        self.frame = frame
        self.offset = offset

    def __str__(self) -> str:
        message = str(self.args[0])
        place = [f"frame {self.frame}"] if self.frame is not None else []
        place += [f"byte {self.offset}"] if self.offset is not None else []
        return f"{message} ({', '.join(place)})" if place else message

    @property
    def details(self) -> dict[str, Any]:
        """What else is told of it to a consumer elsewhere."""
        return {"frame": self.frame, "offset": self.offset}


class StreamTruncated(TypedStreamError, EOFError):
    """The bytes end before the stream does: the connection was cut, or the producer stopped in the middle."""


class FrameError(TypedStreamError, ValueError):
    """What came is not what it has to be; nothing more can be read."""


class UnknownFrame(FrameError):
    """This is no frame of the format; often the page of a server or a proxy that has an error of its own."""


class FrameTooLarge(FrameError):
    """A frame is larger than the limit; nothing of it was kept."""


class InvalidPayload(FrameError):
    """The content of a frame does not fit the model that the types declare."""


class UnexpectedFrame(FrameError):
    """A frame cannot stand where it stands, or is of a kind that the types do not declare."""


class MissingHeader(UnexpectedFrame):
    """The stream has not the header that the types declare. The items can be read all the same."""


class MissingFooter(UnexpectedFrame):
    """The stream ends as it should, but for the footer that the types declare."""


class DataAfterEnd(UnexpectedFrame):
    """Something follows on the end of the stream."""


class WrongCount(FrameError):
    """The end tells of another number of items than have come."""


class InvalidText(FrameError):
    """A stream of text holds bytes that are not UTF-8."""


class OutOfOrder(TypedStreamError, ValueError):
    """The writer or the reader cannot do this now; it stays as it was."""


class WrongModel(TypedStreamError, TypeError):
    """What the writer was given is not of the type that is declared; nothing was written."""


class NotSerializable(TypedStreamError, ValueError):
    """The model that the writer was given cannot be written; nothing was."""


class RemoteError(TypedStreamError):
    """The producer failed, with an error whose class is not known here.

    Attributes:
        type: the name of its class there, with its module.
        message: its message.
        details: what else the producer told of it.
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
        return self._details
