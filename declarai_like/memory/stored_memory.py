"""The base class of this library's memories: one session of a store of messages."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from .._core import checks
from .._storage.stored import Stored
from .._storage.stores import AppendLog, Store
from ..errors import InvalidMessage, MemoryFailed
from ..messages import Message
from .records import read_record, write_record

if TYPE_CHECKING:
    from typing import Self


class MessageStore(Store, Protocol):
    """The messages of all sessions. It is thread-safe."""

    def load(self, session: str) -> list[Message]:
        """Return the messages of a session, oldest first."""
        ...

    def append(self, session: str, messages: Sequence[Message]) -> None:
        """Store all of the messages or none. There is at least one."""
        ...

    def clear(self, session: str) -> None:
        """Delete the messages of a session."""
        ...


class MessageRecords:
    """A `MessageStore` in an `AppendLog`: messages that are appended together are one record."""

    def __init__(self, log: AppendLog) -> None:
        self._log = log
        self.secrets = log.secrets
        self.clear = log.clear
        self.close = log.close

    def load(self, session: str) -> list[Message]:
        """Return the messages of all records of a session.

        Raises:
            InvalidMessage: a record is not valid; the message names its number.
        """
        messages: list[Message] = []
        for number, record in enumerate(self._log.load(session), 1):
            try:
                messages += read_record(record)
            except InvalidMessage as error:
                raise InvalidMessage(f"record {number}: {error}") from None
        return messages

    def append(self, session: str, messages: Sequence[Message]) -> None:
        """Store the messages as one record."""
        self._log.append(session, write_record(messages))


class StoredMemory(Stored[MessageStore]):
    """One session of a store."""

    _failure = MemoryFailed

    def __init__(self, store: MessageStore, session: str, *, shown: str = "") -> None:
        """``shown`` is what the ``repr`` shows before the session."""
        super().__init__(store, shown)
        self.session = _checked(session)
        """The id of the conversation."""

    def at(self, session: str) -> Self:
        """Return another session of the same store. Both share the store's connections.

        Raises:
            ConfigurationError: the session is not a string.
        """
        other = copy.copy(self)
        other.session = _checked(session)
        return other

    def load(self) -> list[Message]:
        """Return the messages of this session, oldest first.

        Raises:
            MemoryFailed: they cannot be read.
        """
        return self._try("load", lambda: self._store.load(self.session))

    def append(self, messages: Sequence[Message], /) -> None:
        """Store messages after those of this session, all of them or none.

        Raises:
            MemoryFailed: they cannot be stored.
            InvalidMessage: one of them is not a `Message`, or cannot be written as JSON.
        """
        messages = list(messages)  # an iterator can be read only once
        for message in messages:
            if not isinstance(message, Message):  # pyright: ignore[reportUnnecessaryIsInstance]  (untyped callers)
                raise InvalidMessage(f"{self!r} cannot append {checks.shown(message)}: it is not a Message")
        if messages:
            self._try("append", lambda: self._store.append(self.session, messages))

    def clear(self) -> None:
        """Remove the messages of this session.

        Raises:
            MemoryFailed: they cannot be removed.
        """
        self._try("clear", lambda: self._store.clear(self.session))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown}session={self.session!r})"


def _checked(session: str) -> str:
    # An id often comes from a database as a number.
    return checks.string("session", session, hint=f"did you mean {str(session)!r}?" if isinstance(session, int) else "")
