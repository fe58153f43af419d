"""Applications in an SQLite database."""

from __future__ import annotations

import os
from pathlib import Path

from ..._storage.names import key_of
from ..._storage.sqlite import SQLiteFile
from ...errors import ConfigurationError
from .persisted import Row, app_id_of
from .stored import StoredPersister

_SCHEMA = """
CREATE TABLE IF NOT EXISTS declarai_states (
    id INTEGER PRIMARY KEY,
    partition_key TEXT NOT NULL,
    app_id TEXT NOT NULL,
    sequence_id INTEGER NOT NULL,
    step TEXT NOT NULL,
    state TEXT NOT NULL,
    UNIQUE (partition_key, app_id, sequence_id)
);
CREATE INDEX IF NOT EXISTS declarai_states_of_apps ON declarai_states (partition_key, app_id, id);
CREATE INDEX IF NOT EXISTS declarai_states_of_partitions ON declarai_states (partition_key, id);
"""

# What is replaced gets a new id, the highest one.
_SAVE = """
INSERT OR REPLACE INTO declarai_states (partition_key, app_id, sequence_id, step, state) VALUES (?, ?, ?, ?, ?)
"""

_LOAD = """
SELECT step, state FROM declarai_states
WHERE partition_key = :partition_key
AND app_id = coalesce(
    :app_id, (SELECT app_id FROM declarai_states WHERE partition_key = :partition_key ORDER BY id DESC LIMIT 1)
)
"""

_LIST = """
SELECT step FROM declarai_states
WHERE id IN (SELECT max(id) FROM declarai_states WHERE partition_key = ? GROUP BY app_id)
ORDER BY id DESC
"""


class SQLitePersister(StoredPersister):
    """A persister in an SQLite database, in the table ``declarai_states``, which is made when it is first needed.

    What was saved is on the disk when `save` returns. Several processes may use the database at once.

    Args:
        path: the database's file; it may hold other tables too.

    Raises:
        ConfigurationError: the path is that of a database which is kept in no file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        name = os.fspath(path)
        if name in ("", ":memory:"):
            raise ConfigurationError(
                f"path is {name!r}, a database that is kept in no file; that is what InMemoryPersister() is"
            )
        super().__init__(_StepTable(Path(name).absolute()), shown=repr(name))


class _StepTable:
    secrets = ()

    def __init__(self, path: Path) -> None:
        self._database = SQLiteFile(path, _SCHEMA)

    def save(self, partition_key: str, app_id: str, sequence_id: int, row: Row) -> None:
        with self._database.writing() as connection:
            connection.execute(_SAVE, (key_of(partition_key), key_of(app_id), sequence_id, *row))

    def load(self, partition_key: str, app_id: str | None, sequence_id: int | None) -> Row | None:
        which = "ORDER BY id DESC LIMIT 1" if sequence_id is None else "AND sequence_id = :sequence_id"
        ids = {
            "partition_key": key_of(partition_key),
            "app_id": None if app_id is None else key_of(app_id),
            "sequence_id": sequence_id,
        }
        with self._database.reading() as connection:
            found = connection.execute(_LOAD + which, ids).fetchone()
        return Row(*found) if found else None

    def list_app_ids(self, partition_key: str) -> list[str]:
        with self._database.reading() as connection:
            rows = connection.execute(_LIST, (key_of(partition_key),)).fetchall()
        return [app_id_of(step) for (step,) in rows]

    def close(self) -> None:
        self._database.close()
