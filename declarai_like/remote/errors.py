"""The errors that a stream has because it comes from elsewhere.

They belong to two trees. Who reads a typed stream catches `TypedStreamError` for all that can go wrong with it, here or
there; and a connection that fails or a time limit that passes is what it is everywhere: `errors.ConnectionFailed`, and
the errors of `Timeouts` under their own names.

```text
TypedStreamError
├── ServerUnreachable     no connection, or it broke before the answer began (also an errors.ConnectionFailed)
├── RequestRefused        the server answered with an error status
│   └── InvalidArguments      422: the arguments do not fit the function (also a ValueError)
├── NotAStream            something else came, for instance an HTML page
└── RemoteTimeout         a time limit passed (also an errors.Timeout)
    ├── ConnectTimeout
    ├── FirstTokenTimeout
    ├── IdleTimeout
    └── TotalTimeout
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import errors
from ..streaming import TypedStreamError


class ServerUnreachable(TypedStreamError, errors.ConnectionFailed):
    """The server could not be reached, or the connection broke before its answer began."""


class RequestRefused(TypedStreamError):
    """The server answered with an error instead of a stream.

    Attributes:
        status: the HTTP status.
        details: what else the server told of it.
    """

    def __init__(self, message: str, *, status: int, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self._details = dict(details or {})

    @property
    def details(self) -> dict[str, Any]:
        return self._details


class InvalidArguments(RequestRefused, ValueError):
    """The arguments do not fit the function's signature; ``details["errors"]`` lists what is wrong with each."""


class NotAStream(TypedStreamError):
    """The answer is of another content type than the stream that was asked for; mostly a wrong address."""


class RemoteTimeout(TypedStreamError, errors.Timeout):
    """A time limit passed; ``limit`` is in seconds."""

    def __init__(self, message: str, *, limit: float) -> None:
        TypedStreamError.__init__(self, message)
        self.limit = limit


class ConnectTimeout(RemoteTimeout, errors.ConnectTimeout):
    """No connection within ``Timeouts.connect``."""


class FirstTokenTimeout(RemoteTimeout, errors.FirstTokenTimeout):
    """Nothing of the stream within ``Timeouts.first_token``."""


class IdleTimeout(RemoteTimeout, errors.IdleTimeout):
    """Nothing came within ``Timeouts.idle``, in the middle of the stream."""


class TotalTimeout(RemoteTimeout, errors.TotalTimeout):
    """The whole stream took longer than ``Timeouts.total``."""
