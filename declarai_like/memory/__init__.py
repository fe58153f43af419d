"""Memories store the messages of chats: in the process, in files, in databases, or in a user's own class."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from ..messages import Message
from .effects import MemoryCall
from .memories import File, InMemory, PostgreSQL, Redis, SQLite
from .records import message_from_dict, message_to_dict

__all__ = [
    "File",
    "InMemory",
    "Memory",
    "MemoryCall",
    "PostgreSQL",
    "Redis",
    "SQLite",
    "message_from_dict",
    "message_to_dict",
]


class Memory(Protocol):
    """The stored messages of one session. Each method may be blocking or async.

    The methods of a memory may be called by several threads or tasks at the same time. A chat raises their errors as
    `MemoryFailed`, except for errors of this library, which it raises unchanged.
    """

    def load(self) -> Sequence[Message] | Awaitable[Sequence[Message]]:
        """Return the messages, oldest first."""
        ...

    def append(self, messages: Sequence[Message], /) -> Awaitable[None] | None:
        """Store messages after the others, all of them or none."""
        ...

    def clear(self) -> Awaitable[None] | None:
        """Remove all messages."""
        ...
