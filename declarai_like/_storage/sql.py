"""Both stores for SQL databases: one set of statements, which SQLite and PostgreSQL execute alike.

Statements are written in psycopg's style: ``%s`` and ``%(name)s`` are parameters, ``{table}`` is the table. Rows are
ordered by the column ``id``, which the database counts up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from .names import key_of
from .stores import Snapshot, Store

if TYPE_CHECKING:
    from typing import LiteralString


class SQLDatabase(Store, Protocol):
    """A table in a database, which is created on first use. Each statement is a transaction."""

    def statement(self, text: LiteralString) -> Any:
        """Return a statement in the database's own form."""
        ...

    def read(self, statement: Any, values: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Execute a statement and return its rows."""
        ...

    def write(self, statement: Any, values: Sequence[Any]) -> None:
        """Execute a statement that changes rows."""
        ...


class _SQLStore:
    def __init__(self, database: SQLDatabase) -> None:
        self._database = database
        self.secrets = database.secrets

    def close(self) -> None:
        self._database.close()


class SQLLog(_SQLStore):
    """An `AppendLog` in a table. A record is one row, so that concurrent appends do not mix."""

    _LOAD: ClassVar[LiteralString]
    """The statement that reads records, for which each database has its own form."""

    def __init__(self, database: SQLDatabase) -> None:
        super().__init__(database)
        self._append = database.statement("INSERT INTO {table} (session, messages) VALUES (%s, %s)")
        self._load = database.statement(self._LOAD)
        self._clear = database.statement("DELETE FROM {table} WHERE session = %s")

    def append(self, session: str, record: bytes) -> None:
        self._database.write(self._append, (key_of(session), record.decode()))

    def load(self, session: str) -> list[bytes]:
        return [record for (record,) in self._database.read(self._load, (key_of(session),))]

    def clear(self, session: str) -> None:
        self._database.write(self._clear, (key_of(session),))


# Without an app id, the application is the one with the partition's newest row.
_LOAD_SNAPSHOT: LiteralString = """
SELECT step, state FROM {table}
WHERE partition_key = %(partition_key)s
AND app_id = coalesce(
    CAST(%(app_id)s AS text),
    (SELECT app_id FROM {table} WHERE partition_key = %(partition_key)s ORDER BY id DESC LIMIT 1)
)
"""

_LIST_APPS: LiteralString = """
SELECT step FROM {table}
WHERE partition_key = %(partition_key)s
AND id IN (SELECT max(id) FROM {table} WHERE partition_key = %(partition_key)s GROUP BY app_id)
ORDER BY id DESC
"""


class SQLSnapshots(_SQLStore):
    """A `SnapshotStore` in a table. A row that is replaced gets a new, the highest, ``id``."""

    _SAVE: ClassVar[LiteralString]
    """The statement that inserts or replaces a row, for which each database has its own form."""

    def __init__(self, database: SQLDatabase, app_id_of: Callable[[str], str]) -> None:
        """``app_id_of`` reads the app id of a step: the column ``app_id`` has a key, which may be a hash."""
        super().__init__(database)
        self._app_id_of = app_id_of
        self._save = database.statement(self._SAVE)
        self._load_newest = database.statement(_LOAD_SNAPSHOT + "ORDER BY id DESC LIMIT 1")
        self._load_step = database.statement(_LOAD_SNAPSHOT + "AND sequence_id = %(sequence_id)s")
        self._list = database.statement(_LIST_APPS)

    def save(self, partition_key: str, app_id: str, sequence_id: int, snapshot: Snapshot) -> None:
        self._database.write(self._save, (key_of(partition_key), key_of(app_id), sequence_id, *snapshot))

    def load(self, partition_key: str, app_id: str | None, sequence_id: int | None) -> Snapshot | None:
        ids = {
            "partition_key": key_of(partition_key),
            "app_id": None if app_id is None else key_of(app_id),
            "sequence_id": sequence_id,
        }
        rows = self._database.read(self._load_newest if sequence_id is None else self._load_step, ids)
        for step, state in rows:
            return step, state
        return None

    def list_app_ids(self, partition_key: str) -> list[str]:
        rows = self._database.read(self._list, {"partition_key": key_of(partition_key)})
        return [self._app_id_of(step) for (step,) in rows]
