"""The one place that touches the network: a transport opens connections, a connection gives bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..flow import Ask, Open
from ..timeouts import Timeouts
from .patience import Patience

__all__ = ["Connection", "Patience", "Request", "Timeouts", "Transport"]


@dataclass(frozen=True, slots=True)
class Request:
    """What goes to a provider: which of its endpoints, and the body of the request, as JSON values.

    ``form`` is the JSON Schema of the answer in full, also what a provider's own form cannot say. It is
    not sent: the stand-in looks at it, which has to fit it without being told of its mistakes.
    """

    endpoint: str
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    form: Mapping[str, Any] | None = None

    @property
    def stream(self) -> bool:
        """Whether the answer is asked for as a stream."""
        return bool(self.body.get("stream"))


class Connection(Ask[bytes]):
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

    def open(self, request: Request, patience: Patience) -> Open[Connection]:
        """Give the ask that sends the request, and gives the connection on which its answer comes.

        Raises:
            ProviderError: the provider answers with an error status. This and the others are raised by the ask.
            ConnectionFailed: there is no answer.
            Timeout: the patience ended.
        """
        ...
