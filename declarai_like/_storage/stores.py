"""The two protocols of a store: a log that is appended to, and snapshots of which the newest counts.

Both are keyed logs, but their operations differ: a log reads all records of a key, in order; a snapshot store replaces
records and reads one. So databases keep them in different tables and in different data types of Redis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

Snapshot: TypeAlias = tuple[str, str]
"""The stored form of a step: the step and the state, two JSON texts without line ends."""


class Store(Protocol):
    """The part that both protocols share. A store is thread-safe, and raises the errors of its database's driver."""

    @property
    def secrets(self) -> Sequence[str]:
        """The passwords, which no error may show."""
        ...

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        ...


class AppendLog(Store, Protocol):
    """Records of sessions, in the order in which they were appended.

    A record is stored completely or not at all. Records that are appended concurrently do not mix.
    """

    def append(self, session: str, record: bytes) -> None:
        """Add a record after those of its session. It is UTF-8 text without a line end."""
        ...

    def load(self, session: str) -> list[bytes]:
        """Return the records of a session, oldest first."""
        ...

    def clear(self, session: str) -> None:
        """Remove the records of a session."""
        ...


class SnapshotStore(Store, Protocol):
    """Snapshots of applications, each under three ids. The newest is the one that was saved last."""

    def save(self, partition_key: str, app_id: str, sequence_id: int, snapshot: Snapshot) -> None:
        """Store a snapshot as the newest one, completely or not at all; it replaces the one with the same ids."""
        ...

    def load(self, partition_key: str, app_id: str | None, sequence_id: int | None) -> Snapshot | None:
        """Return a snapshot; without an app id, of the application with the newest one; without a sequence id, its
        newest one."""
        ...

    def list_app_ids(self, partition_key: str) -> list[str]:
        """Return the app ids of a partition; the application with the newest snapshot comes first."""
        ...
