"""Messages in a PostgreSQL database."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .._storage.names import key_of
from .._storage.postgresql import PostgresTable
from ..messages import Message
from .records import read_record, write_record
from .stored_memory import StoredMemory

_COLUMNS = """
    session text NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    messages jsonb NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session, id)
"""


class PostgreSQL(StoredMemory):
    """A memory in a PostgreSQL database, in a table that is made when it is first needed.

    Several processes may use the table at once. It needs ``pip install 'declarai-like[postgres]'``.

    Args:
        conninfo: where the database is: a URL, or PostgreSQL's ``host=... dbname=...``. What is not there
            comes from the variables that PostgreSQL's own programs read (``PGPASSWORD``, ...).
        session: whose conversation it is; any text.
        table: the table's name. Give one that exists, and no right to make tables is needed.

    Raises:
        ConfigurationError: a setting is wrong, or the driver is not installed.
    """

    def __init__(self, conninfo: str, session: str = "default", *, table: str = "declarai_memory") -> None:
        super().__init__(_MessageTable(conninfo, table), session, shown=f"table={table!r}, ")


class _MessageTable:
    def __init__(self, conninfo: str, table: str) -> None:
        self._table = PostgresTable(conninfo, table, _COLUMNS, needed_by="the memory PostgreSQL")
        self.secrets = self._table.secrets
        self._select = self._table.statement("SELECT messages::text FROM {} WHERE session = %s ORDER BY id")
        # What is appended at once is one row, so that what others append at the same time comes before or after it.
        self._insert = self._table.statement("INSERT INTO {} (session, messages) VALUES (%s, %s::jsonb)")
        self._delete = self._table.statement("DELETE FROM {} WHERE session = %s")

    def load(self, session: str) -> list[Message]:
        with self._table.connection() as connection:
            rows = connection.execute(self._select, (key_of(session),)).fetchall()
        return [message for (record,) in rows for message in read_record(_unquoted(record))]

    def append(self, session: str, messages: Sequence[Message]) -> None:
        record = _quoted(write_record(messages))
        with self._table.connection() as connection:
            connection.execute(self._insert, (key_of(session), record))

    def clear(self, session: str) -> None:
        with self._table.connection() as connection:
            connection.execute(self._delete, (key_of(session),))

    def close(self) -> None:
        self._table.close()


def _quoted(record: bytes) -> str:
    """Give the record, or a JSON string that holds it where JSONB cannot: it has no NUL and no half characters."""
    text = record.decode()
    return json.dumps(text) if "\\u0000" in text or "\\ud" in text else text


def _unquoted(text: str) -> bytes:
    return (json.loads(text) if text.startswith('"') else text).encode()
