"""A server on the loopback address that speaks the OpenAI protocol, and fails on demand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from .._offline import Fault, Raw, Replies, Script, TapeMiss, wire
from ..errors import ConfigurationError
from .listener import Exchange, Listener

if TYPE_CHECKING:
    from typing import Self

# OpenAI's path, Azure's, and Azure's newer one
_PATHS = re.compile(r"(?:/openai)?/v1/chat/completions|/openai/deployments/[^/]+/chat/completions\?api-version=.+")


class LoopbackServer:
    """Serves a script over real HTTP: ``with LoopbackServer([...]) as server: openai("m", base_url=server.url)``.

    It speaks Chat Completions, streaming and whole, with usage and tool calls, under OpenAI's and
    Azure's paths. `Fault` and `Raw` replies make it fail in each way that a server can. An exception
    in a reply's place is sent as an error: 400 where the script or the tape has no reply, else 500.

    Args:
        replies: as for `Script`.
        api_key: refuse requests that do not carry this key.
        delay: seconds between two chunks; a `Script` has its own.

    Attributes:
        script: what it says; ``script.calls`` holds the bodies of the requests that it was asked.

    Raises:
        ConfigurationError: the replies are of no kind that a `Script` takes, the tape has a broken line, or a setting is
            wrong.
        FileNotFoundError: there is no such tape.
    """

    def __init__(self, replies: Replies = None, *, api_key: str | None = None, delay: float = 0.0) -> None:
        if api_key is not None and not isinstance(cast("Any", api_key), str):
            raise ConfigurationError(
                f"api_key is of the type {type(api_key).__name__}; it is a text, or None to take any key"
            )
        if delay and isinstance(replies, Script):
            raise ConfigurationError(
                f"delay is {delay!r} beside a Script, which has its own: Script(..., delay={delay!r})"
            )
        self.script = replies if isinstance(replies, Script) else Script(replies, delay=delay)
        self._api_key = api_key
        self._listener = Listener(self._answer)

    @property
    def address(self) -> str:
        """``http://127.0.0.1:<port>``, for a client of Azure's form."""
        return f"http://127.0.0.1:{self._listener.server_port}"

    @property
    def url(self) -> str:
        """The ``base_url`` for a client of OpenAI's form."""
        return self.address + "/v1"

    @property
    def exchanges(self) -> list[Exchange]:
        """Each request, in the order of their coming."""
        return self._listener.exchanges

    @property
    def connections(self) -> int:
        """How many connections clients have opened."""
        return self._listener.connections

    def start(self) -> Self:
        """Begin to serve.

        Raises:
            RuntimeError: that was done before; a server that was stopped stays so.
        """
        self._listener.start()
        return self

    def stop(self) -> None:
        """End all connections and stop: no thread and no socket stays."""
        self._listener.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _answer(self, exchange: Exchange) -> Raw:
        return wire.raw(fault, exchange.body) if (fault := self._refusal(exchange)) else self._say(exchange)

    def _refusal(self, exchange: Exchange) -> Fault | None:
        """Find what is wrong with a request, as the real servers do."""
        if not _PATHS.fullmatch(exchange.path):
            return Fault(404, f"there is nothing at {exchange.path}")
        if self._api_key is not None and self._api_key not in _keys(exchange.headers):
            return Fault(401, "this is not the right key", "invalid_api_key")
        if not isinstance(exchange.body.get("messages"), list):
            return Fault(400, "the body is no JSON object with messages")
        return None

    def _say(self, exchange: Exchange) -> Raw:
        try:
            return self.script.say(exchange.body)
        except (AssertionError, TapeMiss) as error:
            fault = Fault(400, str(error))
        except Exception as error:  # whatever a reply raises, the client shall see it
            fault = Fault(500, f"{type(error).__name__}: {error}")
        return wire.raw(fault, exchange.body)


def _keys(headers: Mapping[str, str]) -> tuple[str, str]:
    return headers.get("authorization", "").removeprefix("Bearer "), headers.get("api-key", "")
