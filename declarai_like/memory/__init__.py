"""Where a chat's messages are kept: in this process, in files, in a database; or in a place of your own."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from ..messages import Message
from .effects import MemoryCall
from .file import File
from .in_memory import InMemory
from .postgresql import PostgreSQL
from .records import message_from_dict, message_to_dict
from .redis import Redis
from .sqlite import SQLite

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
    """One session of a conversation, as it is kept somewhere. Each method may be a plain one or async.

    The methods of one memory may be called from several threads or tasks at once. What they raise, a chat raises as
    a `MemoryFailed`; an error of this library stays what it is.
    """

    def load(self) -> Sequence[Message] | Awaitable[Sequence[Message]]:
        """Give what was remembered, the oldest first."""
        ...

    def append(self, messages: Sequence[Message], /) -> Awaitable[None] | None:
        """Remember these messages, all of them or none, after those that there are."""
        ...

    def clear(self) -> Awaitable[None] | None:
        """Forget all of them."""
        ...
