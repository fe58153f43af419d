"""The memories of this library: in the process, in files and in databases."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .._storage.files import FileLog
from .._storage.postgresql import PostgresLog
from .._storage.redis import RedisLog
from .._storage.sqlite import SQLiteLog, database_path
from ..messages import Message
from .stored_memory import MessageRecords, StoredMemory


class InMemory(StoredMemory):
    """A memory that ends with the process.

    Args:
        session: the id of the conversation; any string.

    Raises:
        ConfigurationError: the session is not a string.
    """

    instant = True

    def __init__(self, session: str = "default") -> None:
        super().__init__(_MessageLists(), session)


class File(StoredMemory):
    """A memory in the files of a folder, which is created on first use.

    An append is on the disk when it returns, and survives a process that is killed. Several processes may use a folder
    at the same time; on Windows, only the threads of one process may.

    Args:
        path: the folder.
        session: the id of the conversation; any string. It is escaped, so it cannot name a file outside of the folder.

    Raises:
        ConfigurationError: the session is not a string.
    """

    def __init__(self, path: str | os.PathLike[str], session: str = "default") -> None:
        super().__init__(MessageRecords(FileLog(Path(path).absolute())), session, shown=f"{os.fspath(path)!r}, ")


class SQLite(StoredMemory):
    """A memory in an SQLite database, in the table ``declarai_memory``, which is created on first use.

    An append is on the disk when it returns. Several processes may use the database at the same time.

    Args:
        path: the database file; it may have other tables too.
        session: the id of the conversation; any string.

    Raises:
        ConfigurationError: the path names a database without a file, or the session is not a string.
    """

    def __init__(self, path: str | os.PathLike[str], session: str = "default") -> None:
        log = SQLiteLog(database_path(path, "SQLite", "InMemory"))
        super().__init__(MessageRecords(log), session, shown=f"{os.fspath(path)!r}, ")


class PostgreSQL(StoredMemory):
    """A memory in a PostgreSQL database, in a table that is created on first use.

    Several processes may use the table at the same time. It needs ``pip install 'declarai-like[postgres]'``.

    Args:
        conninfo: the address of the database: a URL, or PostgreSQL's ``host=... dbname=...``. The rest comes from the
            variables that PostgreSQL's own programs read (``PGPASSWORD``, ...).
        session: the id of the conversation; any string.
        table: the table's name. If the table exists, the role needs no right to create tables.

    Raises:
        ConfigurationError: a setting is wrong, or the driver is not installed.
    """

    def __init__(self, conninfo: str, session: str = "default", *, table: str = "declarai_memory") -> None:
        log = PostgresLog(conninfo, table, needed_by="the memory PostgreSQL")
        super().__init__(MessageRecords(log), session, shown=f"table={table!r}, ")


class Redis(StoredMemory):
    """A memory in a Redis server: for each session a list, at the key ``<prefix><session>``.

    Several processes may use the server at the same time. The server's setting ``appendonly`` determines if an append
    survives the server's end. It needs ``pip install 'declarai-like[redis]'``.

    Args:
        url: the address of the server: ``redis://user:password@host:6379/0``, ``rediss://`` or ``unix://``.
        session: the id of the conversation; any string.
        prefix: the prefix of the keys; no other keys of the server may begin with it.

    Raises:
        ConfigurationError: a setting is wrong, or the driver is not installed.
    """

    def __init__(self, url: str, session: str = "default", *, prefix: str = "declarai:memory:") -> None:
        log = RedisLog(url, prefix, needed_by="the memory Redis")
        super().__init__(MessageRecords(log), session, shown=f"prefix={prefix!r}, ")


class _MessageLists:
    """The messages themselves, not records: nothing is written as JSON. Dict and list methods are thread-safe."""

    secrets: Sequence[str] = ()

    def __init__(self) -> None:
        self._sessions: dict[str, list[Message]] = {}

    def load(self, session: str) -> list[Message]:
        return list(self._sessions.get(session, ()))

    def append(self, session: str, messages: Sequence[Message]) -> None:
        self._sessions.setdefault(session, []).extend(messages)

    def clear(self, session: str) -> None:
        self._sessions.get(session, []).clear()

    def close(self) -> None:
        pass
