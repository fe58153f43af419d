"""The interface of transports: a transport opens connections, a connection returns bytes."""

from __future__ import annotations

from typing import Protocol

from ..._core.flow import Effect, Open
from ..._net.timers import CallTimer
from ...providers import Request

__all__ = ["CallTimer", "Connection", "Transport"]


class Connection(Effect[bytes]):
    """A response whose head has arrived. It is the effect that returns the next bytes of the body; empty at its end.

    Connection and effect are one object, because an effect for each piece would be an allocation for each piece.

    Attributes:
        content_type: the media type without parameters; empty if the server did not send one.
    """

    content_type: str = ""

    def close(self) -> None:
        """Close the connection in blocking code."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close the connection in async code."""
        raise NotImplementedError


class Transport(Protocol):
    """Opens connections."""

    def open(self, request: Request, timer: CallTimer) -> Open[Connection]:
        """Return the effect that sends the request; its result is the connection.

        Raises:
            ProviderError: the provider sent an error status. This error and those below are raised by the effect.
            ConnectionFailed: the request could not be sent, or the connection broke before the response.
            Timeout: a limit of the timer has passed.
        """
        ...
