"""The persisters of this library: in the process and in databases."""

from __future__ import annotations

import os

from ..._storage.in_process import InProcessSnapshots
from ..._storage.postgresql import PostgresSnapshots
from ..._storage.redis import RedisSnapshots
from ..._storage.sqlite import SQLiteSnapshots, database_path
from .persisted import app_id_of
from .stored_persister import StoredPersister


class InMemoryPersister(StoredPersister):
    """A persister that ends with the process. States are written as JSON and read back, as in a database."""

    instant = True

    def __init__(self) -> None:
        super().__init__(InProcessSnapshots())


class SQLitePersister(StoredPersister):
    """A persister in an SQLite database, in the table ``declarai_states``, which is created on first use.

    A step is on the disk when `save` returns. Several processes may use the database at the same time.

    Args:
        path: the database file; it may have other tables too.

    Raises:
        ConfigurationError: the path names a database without a file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        snapshots = SQLiteSnapshots(database_path(path, "SQLitePersister", "InMemoryPersister"), app_id_of)
        super().__init__(snapshots, shown=repr(os.fspath(path)))


class PostgreSQLPersister(StoredPersister):
    """A persister in a PostgreSQL database, in a table that is created on first use.

    Several processes may use the table at the same time. It needs ``pip install 'declarai-like[postgres]'``.

    Args:
        conninfo: the address of the database: a URL, or PostgreSQL's ``host=... dbname=...``. The rest comes from the
            variables that PostgreSQL's own programs read (``PGPASSWORD``, ...).
        table: the table's name. If the table exists, the role needs no right to create tables.

    Raises:
        ConfigurationError: a setting is wrong, or the driver is not installed.
    """

    def __init__(self, conninfo: str, *, table: str = "declarai_states") -> None:
        snapshots = PostgresSnapshots(conninfo, table, app_id_of, needed_by="PostgreSQLPersister")
        super().__init__(snapshots, shown=f"table={table!r}")


class RedisPersister(StoredPersister):
    """A persister in a Redis server: a hash of steps for each application, and a sorted set of each partition's ids.

    Several processes may use the server at the same time. The server's setting ``appendonly`` determines if a step
    survives the server's end. It needs ``pip install 'declarai-like[redis]'``.

    Args:
        url: the address of the server: ``redis://user:password@host:6379/0``, ``rediss://`` or ``unix://``.
        prefix: the prefix of the keys; no other keys of the server may begin with it.

    Raises:
        ConfigurationError: a setting is wrong, or the driver is not installed.
    """

    def __init__(self, url: str, *, prefix: str = "declarai:app:") -> None:
        super().__init__(RedisSnapshots(url, prefix, needed_by="RedisPersister"), shown=f"prefix={prefix!r}")
