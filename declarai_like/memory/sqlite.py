"""Messages in an SQLite database."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ConfigurationError
from ..messages import Message
from .per_process import PerProcess
from .records import read_record, write_record
from .sessions import Session, key_of

PATIENCE = 30.0  # seconds that one waits for the lock of another process

_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS declarai_memory (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    messages TEXT NOT NULL,
    created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS declarai_memory_session ON declarai_memory (session, id);
COMMIT;
"""


class SQLite(Session):
    """A memory in an SQLite database, in the table ``declarai_memory``, which is made when it is first needed.

    An append is on the disk when it returns. Several processes may use the database at once.

    Args:
        path: the database's file; it may hold other tables too.
        session: whose conversation it is; any text.

    Raises:
        ConfigurationError: the path is that of a database which is kept in no file.
    """

    def __init__(self, path: str | os.PathLike[str], session: str = "default") -> None:
        name = os.fspath(path)
        if name in ("", ":memory:"):
            raise ConfigurationError(
                f"path is {name!r}, a database that is kept in no file; that is what InMemory() is"
            )
        super().__init__(_Database(Path(name).absolute()), session, shown=f"{name!r}, ")


class _Database:
    secrets = ()

    def __init__(self, path: Path) -> None:
        self._connections = PerProcess(lambda: _Connections(path), _Connections.close)

    def load(self, session: str) -> list[Message]:
        select = "SELECT CAST(messages AS BLOB) FROM declarai_memory WHERE session = ? ORDER BY id"
        with self._connections.get().reading() as connection:
            rows = connection.execute(select, (key_of(session),)).fetchall()
        return [message for (record,) in rows for message in read_record(record)]

    def append(self, session: str, messages: Sequence[Message]) -> None:
        self._write(
            "INSERT INTO declarai_memory (session, messages) VALUES (?, ?)",
            (key_of(session), write_record(messages).decode()),
        )

    def clear(self, session: str) -> None:
        self._write("DELETE FROM declarai_memory WHERE session = ?", (key_of(session),))

    def close(self) -> None:
        self._connections.close()

    def _write(self, statement: str, values: tuple[str, ...]) -> None:
        with self._connections.get().writing() as connection:
            connection.execute(statement, values)  # a transaction of its own


class _Connections:
    """The connections to one database: as many as are in use at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._writer = threading.Lock()
        with self.reading() as connection:
            _prepare(connection)

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection, None, None]:
        """Lend a connection to one thread. After an error it is not used again."""
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
        if self._closed:
            self._close_idle()

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection, None, None]:
        """Lend a connection that is about to write. SQLite lets one write at a time, and others ask again and again;
        among the threads of a process, this is a fair and quicker way to wait for the same."""
        if not self._writer.acquire(timeout=PATIENCE):
            raise TimeoutError("the database is locked")
        try:
            with self.reading() as connection:
                yield connection
        finally:
            self._writer.release()

    def close(self) -> None:
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = FULL")  # an append that has returned survives a loss of power
        except BaseException:
            connection.close()
            raise
        return connection


def _prepare(connection: sqlite3.Connection) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # Another process does the same now, or is about to leave. For this step SQLite does not always wait itself.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
    connection.executescript(_SCHEMA)
