"""Limits of a router: sizes of requests, and numbers of streams, readers and events."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from .._core import checks


@dataclass(frozen=True, slots=True)
class Limits:
    """Maximum sizes and counts of a router.

    Attributes:
        body: bytes of a request's body.
        message: characters of a message to a chat.
        streams: answers that run at the same time.
        readers: connections that read one answer at the same time.
        events: events kept of an answer, for clients that reconnect.
        event_bytes: bytes of data of these events.
        kept: finished answers that are kept.
        sessions: sessions kept in this process, for endpoints without a database. The least recently used one is
            dropped.

    Raises:
        ConfigurationError: a limit is not an integer >= 1.
    """

    body: int = 1024 * 1024
    message: int = 32 * 1024
    streams: int = 1000
    readers: int = 16
    events: int = 10_000
    event_bytes: int = 8 * 1024 * 1024
    kept: int = 1000
    sessions: int = 10_000

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            checks.integer(f"Limits.{field.name}", getattr(self, field.name), minimum=1)
