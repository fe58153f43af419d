"""The time limits of a call, for models and for remote streams."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from .._core import checks


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Four limits in seconds; None means no limit. Each has its own error.

    Attributes:
        connect: until the connection is established (`ConnectTimeout`).
        first_token: from the sending of the request to the first content of the answer (`FirstTokenTimeout`). For an
            answer that is not streamed, to its end; for a remote stream, to its first item.
        idle: without new content in the middle of an answer (`IdleTimeout`). A keep-alive comment is not content. The
            time that the reader takes between two reads does not count.
        total: for the whole call with its retries, in wall-clock time (`TotalTimeout`).

    Raises:
        ConfigurationError: a limit is not a number of seconds > 0.
    """

    connect: float | None = 10.0
    first_token: float | None = 600.0
    idle: float | None = 120.0
    total: float | None = None

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if value is not None and value != math.inf:  # infinity is accepted as another way to write None
                checks.seconds(f"Timeouts.{limit.name}", value, above_zero=True, hint="use None for no limit")

    @classmethod
    def of(cls, setting: Timeouts | float | None) -> Timeouts:
        """Return the limits of a ``timeout`` setting; a number limits the whole call."""
        if setting is None:
            return cls()
        return setting if isinstance(setting, Timeouts) else cls(total=setting)
