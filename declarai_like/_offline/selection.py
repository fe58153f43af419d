"""Selection of the reply to a request: in order, by the prompt, by a function, or from a tape."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from .._core import checks
from ..errors import ConfigurationError
from . import wire
from .tape import Tape

ReplyFunction: TypeAlias = Callable[[list[dict[str, Any]]], Any]
ReplySource: TypeAlias = Sequence[Any] | Mapping[str, Any] | ReplyFunction | str | Path | Tape | None


class ReplySelector(Protocol):
    """Selects the reply to a request. It may be used by several threads at once."""

    def select(self, body: Mapping[str, Any]) -> Any:
        """Return the reply to a request, or None without one."""
        ...

    def unused(self) -> Sequence[str]:
        """Return the names of the replies that were never selected."""
        ...


def reply_selector(replies: ReplySource) -> ReplySelector:
    """Return the selector for a ``replies`` setting.

    Raises:
        ConfigurationError: it is of an unknown kind.
        FileNotFoundError: it is the path of a tape that does not exist.
    """
    if isinstance(replies, str) and not replies.endswith(".jsonl"):
        raise ConfigurationError(
            f"replies must not be a str; write a list of replies, [{checks.shown(replies)}], "
            "or the path of a tape, which ends in .jsonl"
        )
    if isinstance(replies, str | Path):
        return Tape(replies)
    if isinstance(replies, Tape):
        return replies
    if inspect.iscoroutinefunction(replies):
        raise ConfigurationError(f"replies must not be an async function ({replies.__name__!r}); use a plain one")
    if callable(replies):
        return _ByFunction(replies)
    if isinstance(replies, Mapping):
        return _ByPrompt(replies)
    try:
        return _InOrder(replies or ())
    except TypeError:
        expected = "a list, a dict by prompt, a function of the messages, or a tape"
        raise checks.wrong_type("replies", expected, replies) from None


class _InOrder:
    def __init__(self, replies: Iterable[Any]) -> None:
        self._remaining = deque(enumerate(replies, 1))

    def select(self, body: Mapping[str, Any]) -> Any:
        try:  # not `if self._remaining`: another thread may take the last reply in between
            return self._remaining.popleft()[1]
        except IndexError:
            return None

    def unused(self) -> list[str]:
        return [f"reply {number}" for number, _ in self._remaining]


class _ByPrompt:
    def __init__(self, replies: Mapping[str, Any]) -> None:
        self._replies = replies
        self._used: set[str] = set()

    def select(self, body: Mapping[str, Any]) -> Any:
        text = wire.last_text(body)
        for key, reply in self._replies.items():  # in order, so that a more specific key can be first
            if key in text:
                self._used.add(key)
                return reply
        return None

    def unused(self) -> list[str]:
        return [repr(key) for key in self._replies if key not in self._used]


class _ByFunction:
    def __init__(self, function: ReplyFunction) -> None:
        self._function = function

    def select(self, body: Mapping[str, Any]) -> Any:
        return self._function([dict(message) for message in body["messages"]])  # copies: `Script.calls` keeps the body

    def unused(self) -> tuple[str, ...]:
        return ()
