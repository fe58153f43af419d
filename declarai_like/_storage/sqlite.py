"""SQLite: both stores, the tables, and the connections of a process to a database file."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._core.per_process import PerProcess
from ..errors import ConfigurationError
from .sql import SQLLog, SQLSnapshots

if TYPE_CHECKING:
    import sqlite3

BUSY_TIMEOUT = 30.0  # seconds to wait for the lock of another process

_LOG_TABLE = "declarai_memory"
_LOG_SCHEMA = """
CREATE TABLE IF NOT EXISTS declarai_memory (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    messages TEXT NOT NULL,
    created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS declarai_memory_session ON declarai_memory (session, id);
"""

_SNAPSHOT_TABLE = "declarai_states"
_SNAPSHOT_SCHEMA = """
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


class SQLiteLog(SQLLog):
    """An `AppendLog` in the table ``declarai_memory`` of a database file."""

    # As bytes, since the JSON parser reads those.
    _LOAD = "SELECT CAST(messages AS BLOB) FROM {table} WHERE session = %s ORDER BY id"

    def __init__(self, path: Path) -> None:
        super().__init__(SQLiteFile(path, _LOG_TABLE, _LOG_SCHEMA))


class SQLiteSnapshots(SQLSnapshots):
    """A `SnapshotStore` in the table ``declarai_states`` of a database file."""

    # REPLACE deletes the old row and inserts a new one, which gets the highest id.
    _SAVE = """
    INSERT OR REPLACE INTO {table} (partition_key, app_id, sequence_id, step, state) VALUES (%s, %s, %s, %s, %s)
    """

    def __init__(self, path: Path, app_id_of: Callable[[str], str]) -> None:
        super().__init__(SQLiteFile(path, _SNAPSHOT_TABLE, _SNAPSHOT_SCHEMA), app_id_of)


def database_path(path: str | os.PathLike[str], used_by: str, instead: str) -> Path:
    """Return the absolute path of a database file. ``used_by`` and ``instead`` are classes, for the error.

    Raises:
        ConfigurationError: the path is one of SQLite's names for a database without a file.
    """
    name = os.fspath(path)
    if name in ("", ":memory:"):
        # Each connection would open another, empty database.
        raise ConfigurationError(f"{used_by}({name!r}) is not supported; use {instead}()")
    return Path(name).absolute()


class SQLiteFile:
    """A table in an SQLite database file. The file and the table are created on first use.

    A statement is on the disk when it has been executed.

    Args:
        path: the database file.
        table: the table of `statement`.
        schema: the statements that create the table if it does not exist.
    """

    secrets: Sequence[str] = ()

    def __init__(self, path: Path, table: str, schema: str) -> None:
        script = f"BEGIN IMMEDIATE;\n{schema}\nCOMMIT;"
        self._table = table
        self._connections = PerProcess(lambda: _Connections(path, script), _Connections.close)

    def statement(self, text: str) -> str:
        """Return a statement with the table's name and with SQLite's parameters, ``?`` and ``:name``."""
        return re.sub(r"%\((\w+)\)s", r":\1", text).replace("%s", "?").format(table=self._table)

    def read(self, statement: str, values: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
        with self._connections.get().lend() as connection:
            return connection.execute(statement, values).fetchall()

    def write(self, statement: str, values: Sequence[Any]) -> None:
        connections = self._connections.get()
        # SQLite allows one writer at a time, and makes others poll. Between the threads of a process, a lock is
        # fair, and faster than polling.
        if not connections.writer.acquire(timeout=BUSY_TIMEOUT):
            raise TimeoutError("the database is locked")
        try:
            with connections.lend() as connection:
                connection.execute(statement, values)
        finally:
            connections.writer.release()

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._connections.close()


class _Connections:
    """The connections of one process; there are as many as were in use at the same time."""

    def __init__(self, path: Path, script: str) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self.writer = threading.Lock()
        with self.lend() as connection:
            _use_write_ahead_log(connection)
            connection.executescript(script)

    @contextmanager
    def lend(self) -> Generator[sqlite3.Connection, None, None]:
        """Lend a connection to one thread. After an error the connection is closed, as a transaction may be open."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        if self._closed:  # while the connection was lent
            self._close_idle()

    def close(self) -> None:
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        # Another thread may pop as well, so the list is not tested before.
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _open(self) -> sqlite3.Connection:
        import sqlite3  # a slow import, which programs without a database do not need

        connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            # With a write-ahead log, NORMAL may lose the last transactions at a power failure (sqlite.org/wal.html).
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the database to a write-ahead log, so that readers do not wait for a writer."""
    import sqlite3

    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # Another process switches now, or closes its last connection. SQLite's own busy timeout does not cover
            # all locks of this statement. The low byte is the primary code of an extended one.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
