"""Messages in an SQLite database."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .._storage.names import key_of
from .._storage.sqlite import SQLiteFile
from ..errors import ConfigurationError
from ..messages import Message
from .records import read_record, write_record
from .stored_memory import StoredMemory

_SCHEMA = """
CREATE TABLE IF NOT EXISTS declarai_memory (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    messages TEXT NOT NULL,
    created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS declarai_memory_session ON declarai_memory (session, id);
"""


class SQLite(StoredMemory):
    """A memory in an SQLite database, in the table ``declarai_memory``, which is made when it is first needed.

    An append is on the disk when it returns. Several processes may use the database at once.

    Args:
        path: the database's file; it may hold other tables too.
        session: whose conversation it is; any text.

    Raises:
        ConfigurationError: the path is that of a database which is kept in no file, or the session is no text.
    """

    def __init__(self, path: str | os.PathLike[str], session: str = "default") -> None:
        name = os.fspath(path)
        if name in ("", ":memory:"):
            raise ConfigurationError(
                f"path is {name!r}, a database that is kept in no file; that is what InMemory() is"
            )
        super().__init__(_MessageTable(Path(name).absolute()), session, shown=f"{name!r}, ")


class _MessageTable:
    secrets = ()

    def __init__(self, path: Path) -> None:
        self._database = SQLiteFile(path, _SCHEMA)

    def load(self, session: str) -> list[Message]:
        select = "SELECT CAST(messages AS BLOB) FROM declarai_memory WHERE session = ? ORDER BY id"
        with self._database.reading() as connection:
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
        self._database.close()

    def _write(self, statement: str, values: tuple[str, ...]) -> None:
        with self._database.writing() as connection:
            connection.execute(statement, values)  # a transaction of its own
