"""Persisters store applications after each step: in the process, in databases, or in a user's own class."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from ..state.state import State
from .effects import PersisterCall
from .persisted import PersistedState, Status
from .persisters import InMemoryPersister, PostgreSQLPersister, RedisPersister, SQLitePersister

__all__ = [
    "InMemoryPersister",
    "PersistedState",
    "Persister",
    "PersisterCall",
    "PostgreSQLPersister",
    "RedisPersister",
    "SQLitePersister",
    "Status",
]


class Persister(Protocol):
    """Stores applications. Each method may be blocking or async.

    The methods of a persister may be called by several threads or tasks at the same time. An application raises their
    errors as `PersistenceFailed`, except for errors of this library, which it raises unchanged.
    """

    def save(
        self, partition_key: str, app_id: str, sequence_id: int, position: str, state: State, status: Status
    ) -> Awaitable[None] | None:
        """Store how a step ended, completely or not at all; it replaces what was saved with the same three ids."""
        ...

    def load(
        self, partition_key: str, app_id: str | None = None, sequence_id: int | None = None
    ) -> Awaitable[PersistedState | None] | PersistedState | None:
        """Return what was saved; without an id, what was saved last."""
        ...

    def list_app_ids(self, partition_key: str) -> Awaitable[list[str]] | list[str]:
        """Return the ids of a partition's applications; the one that was saved last comes first."""
        ...
