"""Connections to SQLite databases."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .._core.per_process import PerProcess

if TYPE_CHECKING:
    import sqlite3

BUSY_TIMEOUT = 30.0  # seconds that one waits for the lock of another process


class SQLiteFile:
    """An SQLite database, in a file that is made with its tables when it is first needed.

    Each statement is a transaction of its own, and on the disk when it has been executed.

    Args:
        path: the file.
        schema: the statements that make the tables where they do not exist.
    """

    def __init__(self, path: Path, schema: str) -> None:
        script = f"BEGIN IMMEDIATE;\n{schema}\nCOMMIT;"
        self._connections = PerProcess(lambda: _Connections(path, script), _Connections.close)

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection, None, None]:
        """Lend a connection to one thread. After an error it is not used again."""
        with self._connections.get().reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection, None, None]:
        """Lend a connection that is about to write. SQLite lets one write at a time, and others ask again and again;
        among the threads of a process, this is a fair and quicker way to wait for the same."""
        with self._connections.get().writing() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._connections.close()


class _Connections:
    """As many connections as are in use at once."""

    def __init__(self, path: Path, script: str) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._writer = threading.Lock()
        with self.reading() as connection:
            _use_log(connection)
            connection.executescript(script)

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection, None, None]:
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
        if not self._writer.acquire(timeout=BUSY_TIMEOUT):
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
        import sqlite3  # here, as is all that only those need who keep something

        connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = FULL")  # what has been written survives a loss of power
        except BaseException:
            connection.close()
            raise
        return connection


def _use_log(connection: sqlite3.Connection) -> None:
    """Let the database write ahead to a log, so that readers do not wait for a writer."""
    import sqlite3

    until = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # Another process does the same now, or is about to leave. For this step SQLite does not always wait itself.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
