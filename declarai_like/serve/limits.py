"""The limits of a router: sizes of requests, numbers of streams and of events."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Limits:
    """What a router takes and keeps at most.

    Attributes:
        body: bytes of a request's body.
        message: characters of a message to a chat.
        streams: answers that are under way at once.
        readers: connections that follow one answer at once.
        events: events that are kept of an answer, for those who come back.
        event_bytes: bytes of these.
        kept: answers that are over and kept.
        sessions: sessions that are kept in this process, where nothing else keeps them. The one that has not been
            used for longest is forgotten.

    Raises:
        ConfigurationError: one is no whole number from 1.
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
            limit = getattr(self, field.name)
            if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
                raise ConfigurationError(f"Limits({field.name}={limit!r}): this is a whole number, from 1")
