"""The one place that touches the network: a transport opens connections, a connection gives bytes."""

from __future__ import annotations

from typing import Protocol

from ..._core.flow import Effect, Open
from ..._net.timers import CallTimer
from ...providers import Request

__all__ = ["CallTimer", "Connection", "Transport"]


class Connection(Effect[bytes]):
    """An answer on its way. It is itself the ask for its next bytes, which are empty at the end.

    Attributes:
        content_type: of the answer, without parameters, or empty where the server sent none.
    """

    content_type: str = ""

    def close(self) -> None:
        """Close the connection, in blocking code."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close the connection, in async code."""
        raise NotImplementedError


class Transport(Protocol):
    """Opens connections."""

    def open(self, request: Request, timer: CallTimer) -> Open[Connection]:
        """Give the ask that sends the request, and gives the connection on which its answer comes.

        Raises:
            ProviderError: the provider answers with an error status. This and the others are raised by the ask.
            ConnectionFailed: there is no answer.
            Timeout: the patience ended.
        """
        ...
