"""Where applications are kept after each step: in this process, in a database; or in a place of your own."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from ..state.state import State
from .effects import PersisterCall
from .in_memory import InMemoryPersister
from .persisted import PersistedState, Status
from .postgresql import PostgreSQLPersister
from .redis import RedisPersister
from .sqlite import SQLitePersister

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
    """Where applications are kept. Each method may be a plain one or async.

    The methods of one persister may be called from several threads or tasks at once. What they raise, an application
    raises as a `PersistenceFailed`; an error of this library stays what it is.
    """

    def save(
        self, partition_key: str, app_id: str, sequence_id: int, position: str, state: State, status: Status
    ) -> Awaitable[None] | None:
        """Keep how a step ended, as a whole or not at all. What was saved with the same three ids is replaced."""
        ...

    def load(
        self, partition_key: str, app_id: str | None = None, sequence_id: int | None = None
    ) -> Awaitable[PersistedState | None] | PersistedState | None:
        """Give what was saved; without an id, what was saved last."""
        ...

    def list_app_ids(self, partition_key: str) -> Awaitable[list[str]] | list[str]:
        """Give the ids of a partition's applications, that which was saved last first."""
        ...
