"""How long a call may take: four limits, for models and for remote streams."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Four limits in seconds; None means no limit. Each has its own error.

    Attributes:
        connect: until the connection stands (`ConnectTimeout`).
        first_token: from the sending of the request to the first content of the answer
            (`FirstTokenTimeout`); for an answer that comes whole, until it is there; for a remote stream, until its
            first item.
        idle: without new content in the middle of an answer (`IdleTimeout`). A keep-alive comment is
            not content. The time that the reader takes between two reads is not counted.
        total: for the whole call, with its retries, by the clock on the wall (`TotalTimeout`).

    Raises:
        ConfigurationError: a limit is no number of seconds above 0.
    """

    connect: float | None = 10.0
    first_token: float | None = 600.0
    idle: float | None = 120.0
    total: float | None = None

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if value is not None and (isinstance(value, bool) or not (isinstance(value, int | float) and value > 0)):
                raise ConfigurationError(
                    f"the timeout {limit.name!r} is {value!r}; it takes a number of seconds above 0, or None for no limit"
                )

    @classmethod
    def of(cls, setting: Timeouts | float | None) -> Timeouts:
        """Read the ``timeout`` setting: limits, or one number, which limits the whole call."""
        if setting is None:
            return cls()
        return setting if isinstance(setting, Timeouts) else cls(total=setting)
