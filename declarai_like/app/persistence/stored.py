"""What all persisters have in common: rows in a store, and errors that say by name what went wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..._storage.names import attempt
from ...errors import PersistenceFailed
from ..state.state import State
from .persisted import PersistedState, Row, Status, number_of, read_row, text_of, write_row

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")


class ApplicationStore(Protocol):
    """Where the rows of all applications are kept. Many threads may use it at once."""

    @property
    def secrets(self) -> Sequence[str]:
        """What may stand in no error."""
        ...

    def save(self, partition_key: str, app_id: str, sequence_id: int, row: Row) -> None:
        """Keep a row as the newest one, as a whole or not at all, in place of one that has the same three ids."""
        ...

    def load(self, partition_key: str, app_id: str | None, sequence_id: int | None) -> Row | None:
        """Give a row: the newest of those that have these ids, of the application with the newest row."""
        ...

    def list_app_ids(self, partition_key: str) -> list[str]:
        """Give the applications of a partition, that with the newest row first."""
        ...

    def close(self) -> None: ...


class StoredPersister:
    """A persister that keeps rows in a store."""

    instant = False
    """Whether the methods never wait for anything, so that async code needs no thread for them."""

    def __init__(self, store: ApplicationStore, shown: str = "") -> None:
        self._store = store
        self._shown = shown

    def save(
        self,
        partition_key: str | None,
        app_id: str,
        sequence_id: int,
        position: str,
        state: State,
        status: Status,
    ) -> None:
        """Keep how an application's step ended. A step that is saved again takes the place of what it was.

        Raises:
            PersistenceFailed: it could not be kept.
        """

        def save() -> None:
            key = _key(partition_key)
            row = write_row(key, app_id, sequence_id, position, state, status)
            self._store.save(key, app_id, sequence_id, row)

        self._try("save", save)

    def load(
        self, partition_key: str | None, app_id: str | None = None, sequence_id: int | None = None
    ) -> PersistedState | None:
        """Give an application as it was after a step; None if there is none.

        Args:
            partition_key: whose application; None is the same as "".
            app_id: which one; without it that which was saved last.
            sequence_id: which step; without it that which was saved last.

        Raises:
            PersistenceFailed: it cannot be read.
        """

        def load() -> PersistedState | None:
            row = self._store.load(
                _key(partition_key),
                None if app_id is None else text_of("app_id", app_id),
                None if sequence_id is None else number_of("sequence_id", sequence_id),
            )
            return row and read_row(row)

        return self._try("load", load)

    def list_app_ids(self, partition_key: str | None) -> list[str]:
        """Give the ids of a partition's applications, that which was saved last first.

        Raises:
            PersistenceFailed: they cannot be read.
        """
        return self._try("list the applications", lambda: self._store.list_app_ids(_key(partition_key)))

    def close(self) -> None:
        """Close the store's connections; the next use opens new ones."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown})"

    def _try(self, what: str, do: Callable[[], T]) -> T:
        return attempt(f"{self!r} could not {what}", do, failed=PersistenceFailed, secrets=self._store.secrets)


def _key(partition_key: str | None) -> str:
    return "" if partition_key is None else text_of("partition_key", partition_key)
