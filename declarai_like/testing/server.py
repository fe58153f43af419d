"""A server on the loopback address that speaks OpenAI's protocol, and fails on demand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._core import checks
from .._offline import Fault, Raw, Replies, Script, TapeMiss, wire
from ..errors import ConfigurationError
from .listener import Exchange, Listener

if TYPE_CHECKING:
    from typing import Self

# The paths of OpenAI, of Azure, and of Azure's v1 API
_PATHS = re.compile(r"(?:/openai)?/v1/chat/completions|/openai/deployments/[^/]+/chat/completions\?api-version=.+")


class LoopbackServer:
    """Serves a script over real HTTP: ``with LoopbackServer([...]) as server: openai("m", base_url=server.url)``.

    It speaks Chat Completions, with and without streaming, with usage and tool calls, at the paths of OpenAI
    and of Azure. `Fault` and `Raw` replies make it fail in each way that a server can. A reply that is an
    exception is sent as an error with the status 500; a request without a reply is one with the status 400.

    Args:
        replies: as for `Script`.
        api_key: requests without this key are refused; None accepts all.
        delay: seconds between two chunks; for a `Script`, set it there.

    Attributes:
        script: the scripted model; ``script.calls`` has the bodies of the requests.

    Raises:
        ConfigurationError: the replies are of an unknown kind, the tape has a broken line, or a setting is wrong.
        FileNotFoundError: the tape does not exist.
    """

    def __init__(self, replies: Replies = None, *, api_key: str | None = None, delay: float = 0.0) -> None:
        if api_key is not None:
            checks.string("api_key", api_key, hint="None accepts any key")
        if delay and isinstance(replies, Script):
            raise ConfigurationError(f"delay must not be set for a Script; use Script(..., delay={delay!r})")
        self.script = replies if isinstance(replies, Script) else Script(replies, delay=delay)
        self._api_key = api_key
        self._listener = Listener(self._answer)

    @property
    def address(self) -> str:
        """``http://127.0.0.1:<port>``, the endpoint for an Azure client."""
        return f"http://127.0.0.1:{self._listener.server_port}"

    @property
    def url(self) -> str:
        """The ``base_url`` for an OpenAI client."""
        return self.address + "/v1"

    @property
    def exchanges(self) -> list[Exchange]:
        """The requests, in the order of their arrival."""
        return self._listener.exchanges

    @property
    def connections(self) -> int:
        """The number of connections that clients have opened."""
        return self._listener.connections

    def start(self) -> Self:
        """Start serving.

        Raises:
            RuntimeError: it was started before; a server that was stopped cannot be started again.
        """
        self._listener.start()
        return self

    def stop(self) -> None:
        """Close all connections and stop; no thread and no socket is left."""
        self._listener.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _answer(self, exchange: Exchange) -> Raw:
        return wire.encode(fault, exchange.body) if (fault := self._refusal(exchange)) else self._reply(exchange)

    def _refusal(self, exchange: Exchange) -> Fault | None:
        """Return the error of an invalid request, with the status that OpenAI sends; else None."""
        if not _PATHS.fullmatch(exchange.path):
            return Fault(404, f"there is nothing at {exchange.path}")
        if self._api_key is not None and self._api_key not in _keys(exchange.headers):
            return Fault(401, "the API key is invalid", "invalid_api_key")
        if not isinstance(exchange.body.get("messages"), list):
            return Fault(400, "the body must be a JSON object with a list of messages")
        return None

    def _reply(self, exchange: Exchange) -> Raw:
        try:
            return self.script.say(exchange.body)
        except (AssertionError, TapeMiss) as error:  # a status that clients do not retry: the test must fail at once
            fault = Fault(400, str(error))
        except Exception as error:  # a reply may be any exception; the client gets it as an error
            fault = Fault(500, f"{type(error).__name__}: {error}")
        return wire.encode(fault, exchange.body)


def _keys(headers: Mapping[str, str]) -> tuple[str, str]:
    return headers.get("authorization", "").removeprefix("Bearer "), headers.get("api-key", "")
