"""How a script chooses its replies: in order, by the prompt, by a function, or from a tape."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from ..errors import ConfigurationError
from . import wire
from .tape import Tape

ReplyFunction: TypeAlias = Callable[[list[dict[str, Any]]], Any]
ReplySource: TypeAlias = Sequence[Any] | Mapping[str, Any] | ReplyFunction | str | Path | Tape | None


class Choice(Protocol):
    """Finds the reply to a request. All of them may be asked from several threads."""

    def choose(self, body: Mapping[str, Any]) -> Any:
        """Find the reply to a request; None where there is none."""
        ...

    def unused(self) -> Sequence[str]:
        """Name the replies that were not asked for."""
        ...


def choice(replies: ReplySource) -> Choice:
    """Read the ``replies`` setting.

    Raises:
        ConfigurationError: it is none of the kinds that there are.
        FileNotFoundError: it is the path of a tape that does not exist.
    """
    if isinstance(replies, str) and not replies.endswith(".jsonl"):
        raise ConfigurationError(
            f"replies is the text {replies!r}; give a list of replies, [{replies!r}], "
            "or the path of a tape, which ends in .jsonl"
        )
    if isinstance(replies, str | Path):
        return Tape(replies)
    if isinstance(replies, Tape):
        return replies
    if inspect.iscoroutinefunction(replies):
        raise ConfigurationError(f"replies is the async function {replies.__name__!r}; give a plain one")
    if callable(replies):
        return ByFunction(replies)
    if isinstance(replies, Mapping):
        return ByPrompt(replies)
    try:
        return InOrder(replies or ())
    except TypeError:
        raise ConfigurationError(
            f"replies is {replies!r}; it takes a list, a dict by prompt, a function of the messages, or a tape"
        ) from None


class InOrder:
    def __init__(self, replies: Iterable[Any]) -> None:
        self._left = deque(enumerate(replies, 1))

    def choose(self, body: Mapping[str, Any]) -> Any:
        try:
            return self._left.popleft()[1]
        except IndexError:
            return None

    def unused(self) -> list[str]:
        return [f"reply {place}" for place, _ in self._left]


class ByPrompt:
    def __init__(self, replies: Mapping[str, Any]) -> None:
        self._replies = replies
        self._used: set[str] = set()

    def choose(self, body: Mapping[str, Any]) -> Any:
        asked = wire.last_words(body)
        for key, reply in self._replies.items():
            if key in asked:
                self._used.add(key)
                return reply
        return None

    def unused(self) -> list[str]:
        return [repr(key) for key in self._replies if key not in self._used]


class ByFunction:
    def __init__(self, function: ReplyFunction) -> None:
        self._function = function

    def choose(self, body: Mapping[str, Any]) -> Any:
        return self._function([dict(message) for message in body["messages"]])

    def unused(self) -> tuple[str, ...]:
        return ()
