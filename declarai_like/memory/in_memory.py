"""Messages in this process, for as long as it runs."""

from __future__ import annotations

from collections.abc import Sequence

from ..messages import Message
from .stored_memory import StoredMemory


class InMemory(StoredMemory):
    """A memory that ends with the process.

    Args:
        session: whose conversation it is; any text.

    Raises:
        ConfigurationError: the session is no text.
    """

    instant = True

    def __init__(self, session: str = "default") -> None:
        super().__init__(_MessageLists(), session)


class _MessageLists:
    # No lock: each step on a dict or a list is one that threads cannot divide.
    secrets = ()

    def __init__(self) -> None:
        self._sessions: dict[str, list[Message]] = {}

    def load(self, session: str) -> list[Message]:
        return list(self._sessions.get(session, ()))

    def append(self, session: str, messages: Sequence[Message]) -> None:
        self._sessions.setdefault(session, []).extend(tuple(messages))

    def clear(self, session: str) -> None:
        self._sessions.get(session, []).clear()

    def close(self) -> None:
        """There is nothing to close."""
