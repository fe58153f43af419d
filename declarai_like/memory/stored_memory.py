"""What all memories have in common: each is one session of a store, and says by name what went wrong with it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from .._storage.names import attempt
from ..errors import ConfigurationError, InvalidMessage, MemoryFailed
from ..messages import Message

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")


class MessageStore(Protocol):
    """Where the messages of all sessions are kept. Many threads may use it at once."""

    @property
    def secrets(self) -> Sequence[str]:
        """What may stand in no error."""
        ...

    def load(self, session: str) -> list[Message]: ...

    def append(self, session: str, messages: Sequence[Message]) -> None:
        """Keep all of the messages, of which there is at least one, or none."""
        ...

    def clear(self, session: str) -> None: ...

    def close(self) -> None: ...


class StoredMemory:
    """One session of a store."""

    instant = False
    """Whether the methods never wait for anything, so that async code needs no thread for them."""

    def __init__(self, store: MessageStore, session: str, *, shown: str = "") -> None:
        self._store = store
        self._shown = shown
        self.session = _checked(session)
        """Whose conversation this is."""

    def at(self, session: str) -> Self:
        """Give another session of the same store. Both share the store's connections.

        Raises:
            ConfigurationError: the session is no text.
        """
        other = copy.copy(self)
        other.session = _checked(session)
        return other

    def load(self) -> list[Message]:
        """Give what was remembered, the oldest first.

        Raises:
            MemoryFailed: it cannot be read.
        """
        return self._try("load", lambda: self._store.load(self.session))

    def append(self, messages: Sequence[Message], /) -> None:
        """Remember these messages, all of them or none, after those that there are.

        Raises:
            MemoryFailed: they could not be kept.
            InvalidMessage: one of them is none, or cannot be kept.
        """
        messages = list(messages)  # also of what can be gone through only once
        if strange := [message for message in messages if not isinstance(message, Message)]:  # pyright: ignore[reportUnnecessaryIsInstance]  (users' code calls this)
            raise InvalidMessage(f"{self!r} was given {strange[0]!r:.80} to remember, which is no Message")
        if messages:
            self._try("append", lambda: self._store.append(self.session, messages))

    def clear(self) -> None:
        """Forget this session.

        Raises:
            MemoryFailed: it could not be forgotten.
        """
        self._try("clear", lambda: self._store.clear(self.session))

    def close(self) -> None:
        """Close the store's connections, those of its other sessions too; the next use opens new ones."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown}session={self.session!r})"

    def _try(self, what: str, do: Callable[[], T]) -> T:
        return attempt(f"{self!r} could not {what}", do, failed=MemoryFailed, secrets=self._store.secrets)


def _checked(session: str) -> str:
    if not isinstance(session, str):  # pyright: ignore[reportUnnecessaryIsInstance]  (a number comes easily from a database)
        raise ConfigurationError(f"session is {session!r}; it is a text, for instance {str(session)!r}")
    return session
