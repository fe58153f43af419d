"""The base class of this library's persisters: it writes steps to a snapshot store, and reads them back."""

from __future__ import annotations

from ..._storage.stored import Stored
from ..._storage.stores import SnapshotStore
from ...errors import PersistenceFailed
from ..state.state import State
from .persisted import PersistedState, Status, integer_of, read_step, string_of, write_step


class StoredPersister(Stored[SnapshotStore]):
    """A persister over a snapshot store."""

    _failure = PersistenceFailed

    def save(
        self,
        partition_key: str | None,
        app_id: str,
        sequence_id: int,
        position: str,
        state: State,
        status: Status,
    ) -> None:
        """Store how a step ended; it replaces a step with the same three ids.

        Raises:
            PersistenceFailed: the step could not be stored.
        """

        def save() -> None:
            key = _key(partition_key)
            self._store.save(key, app_id, sequence_id, write_step(key, app_id, sequence_id, position, state, status))

        self._try("save", save)

    def load(
        self, partition_key: str | None, app_id: str | None = None, sequence_id: int | None = None
    ) -> PersistedState | None:
        """Return an application as it was after a step; None if it is not stored.

        Args:
            partition_key: the owner of the application; None means "".
            app_id: the application; by default the one that was saved last.
            sequence_id: the step; by default the one that was saved last.

        Raises:
            PersistenceFailed: the step cannot be read.
        """

        def load() -> PersistedState | None:
            snapshot = self._store.load(
                _key(partition_key),
                None if app_id is None else string_of("app_id", app_id),
                None if sequence_id is None else integer_of("sequence_id", sequence_id),
            )
            return None if snapshot is None else read_step(snapshot)

        return self._try("load", load)

    def list_app_ids(self, partition_key: str | None) -> list[str]:
        """Return the ids of a partition's applications; the one that was saved last comes first.

        Raises:
            PersistenceFailed: they cannot be read.
        """
        return self._try("list the applications", lambda: self._store.list_app_ids(_key(partition_key)))


def _key(partition_key: str | None) -> str:
    return "" if partition_key is None else string_of("partition_key", partition_key)
