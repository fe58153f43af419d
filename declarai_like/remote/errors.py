"""The errors that a stream can have because it is remote, in one tree.

```text
TypedStreamError
├── ServerUnreachable     no connection, or it broke before the response began (also an errors.ConnectionFailed)
├── RequestRefused        the server responded with an error status
│   └── InvalidArguments      422: the arguments do not fit the function (also a ValueError)
├── NotAStream            the response is something else, for instance an HTML page
└── RemoteTimeout         a time limit has passed (also an errors.Timeout)
    ├── ConnectTimeout        no connection in time (also an errors.ConnectTimeout)
    ├── FirstTokenTimeout     no response in time (also an errors.FirstTokenTimeout)
    ├── IdleTimeout           nothing more in time (also an errors.IdleTimeout)
    └── TotalTimeout          the whole stream took too long (also an errors.TotalTimeout)
```

They belong to two trees. A reader of typed streams can catch `TypedStreamError` for everything that can go wrong, local
or remote. A failed connection or a time limit is also an error of `errors`, as it is for models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import errors
from ..streaming import TypedStreamError


class ServerUnreachable(TypedStreamError, errors.ConnectionFailed):
    """Raised if the server could not be reached, or if the connection broke before its response began."""


class RequestRefused(TypedStreamError):
    """Raised if the server responded with an error status instead of a stream.

    Attributes:
        status: the HTTP status.
        details: the further details that the server sent.
    """

    def __init__(self, message: str, *, status: int, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self._details = dict(details or {})

    @property
    def details(self) -> dict[str, Any]:
        """The server's report about the refusal."""
        return self._details


class InvalidArguments(RequestRefused, ValueError):
    """Raised if the arguments do not fit the function's signature; ``details["errors"]`` lists each problem."""


class NotAStream(TypedStreamError):
    """Raised if the response has another content type than the requested stream, often because of a wrong URL."""


class RemoteTimeout(TypedStreamError, errors.Timeout):
    """Base of the errors that are raised if a time limit has passed; ``limit`` is in seconds."""

    def __init__(self, message: str, *, limit: float) -> None:
        TypedStreamError.__init__(self, message)
        self.limit = limit


class ConnectTimeout(RemoteTimeout, errors.ConnectTimeout):
    """Raised if the connection is not established within ``Timeouts.connect``."""


class FirstTokenTimeout(RemoteTimeout, errors.FirstTokenTimeout):
    """Raised if the response does not begin within ``Timeouts.first_token``."""


class IdleTimeout(RemoteTimeout, errors.IdleTimeout):
    """Raised if nothing arrives within ``Timeouts.idle``, in the middle of the stream."""


class TotalTimeout(RemoteTimeout, errors.TotalTimeout):
    """Raised if the whole stream takes longer than ``Timeouts.total``."""
