"""The errors that a stream has because it comes from elsewhere.

They belong to the tree of typed streams: who reads one catches `TypedStreamError` for all that can go wrong with it,
here or there, and an answer of a language model has nothing to do with it.

```text
TypedStreamError
├── ServerUnreachable     no connection, or it broke before the answer began (also a ConnectionError)
├── RequestRefused        the server answered with an error status
│   └── InvalidArguments      422: the arguments do not fit the function (also a ValueError)
├── NotAStream            something else came, for instance an HTML page
└── RemoteTimeout         a time limit passed (also a TimeoutError)
    ├── ConnectTimeout
    ├── GapTimeout
    └── TotalTimeout
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..streaming import TypedStreamError


class ServerUnreachable(TypedStreamError, ConnectionError):
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


class RemoteTimeout(TypedStreamError, TimeoutError):
    """A time limit passed; ``limit`` is in seconds."""

    def __init__(self, message: str, *, limit: float) -> None:
        super().__init__(message)
        self.limit = limit


class ConnectTimeout(RemoteTimeout):
    """No connection within ``connect``."""


class GapTimeout(RemoteTimeout):
    """Nothing came within ``gap``: neither the beginning of the answer, nor its next bytes."""


class TotalTimeout(RemoteTimeout):
    """The whole stream took longer than ``total``."""
