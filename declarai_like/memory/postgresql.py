"""Messages in a PostgreSQL database."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..messages import Message
from .per_process import PerProcess
from .records import read_record, write_record
from .sessions import Session, has_open_password, key_of

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg_pool import ConnectionPool

MOST_CONNECTIONS = 20
LONGEST_NAME = 63  # bytes; PostgreSQL cuts off what is more
_LOCK = 0x6465636C61726169  # a number of our own, for the creation of tables


class PostgreSQL(Session):
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
        if not 0 < len(table.encode("utf-8", "replace")) <= LONGEST_NAME or "\0" in table:
            raise ConfigurationError(f"table is {table!r}; PostgreSQL's names have 1 to {LONGEST_NAME} bytes")
        super().__init__(_Database(conninfo, table), session, shown=f"table={table!r}, ")


class _Database:
    def __init__(self, conninfo: str, table: str) -> None:
        try:
            from psycopg import Error, sql
            from psycopg.conninfo import conninfo_to_dict
            from psycopg_pool import ConnectionPool
        except ImportError as error:
            raise ConfigurationError(
                f"the memory PostgreSQL needs its driver: pip install 'declarai-like[postgres]' ({error})"
            ) from error
        settings: dict[str, Any] | None = None
        try:
            settings = None if has_open_password(conninfo) else conninfo_to_dict(conninfo)
        except Error:  # its text has parts of the conninfo
            pass
        if settings is None:
            raise ConfigurationError(
                "conninfo is not understood (it is not shown here, as there may be a password in it); "
                "it is like postgresql://user:password@host:5432/database, or like host=... dbname=...; "
                "in a URL, write a password's @ and / as %40 and %2F"
            )
        self.secrets = [secret for name in ("password", "sslpassword") if (secret := settings.get(name))]
        self._conninfo = conninfo
        self._name = sql.Identifier(table)
        self._create = sql.SQL("""
            CREATE TABLE IF NOT EXISTS {} (
                session text NOT NULL,
                id bigint GENERATED ALWAYS AS IDENTITY,
                messages jsonb NOT NULL,
                created timestamptz NOT NULL DEFAULT now(),
                PRIMARY KEY (session, id)
            )
        """).format(self._name)
        name = sql.Identifier(table.replace("%", "%%"))  # where there are parameters, % is theirs
        self._select = sql.SQL("SELECT messages::text FROM {} WHERE session = %s ORDER BY id").format(name)
        # What is appended at once is one row, so that what others append at the same time comes before or after it.
        self._insert = sql.SQL("INSERT INTO {} (session, messages) VALUES (%s, %s::jsonb)").format(name)
        self._delete = sql.SQL("DELETE FROM {} WHERE session = %s").format(name)
        self._pool: PerProcess[ConnectionPool] = PerProcess(self._open, ConnectionPool.close)

    def load(self, session: str) -> list[Message]:
        with self._connection() as connection:
            rows = connection.execute(self._select, (key_of(session),)).fetchall()
        return [message for (record,) in rows for message in read_record(_unquoted(record))]

    def append(self, session: str, messages: Sequence[Message]) -> None:
        record = _quoted(write_record(messages))
        with self._connection() as connection:
            connection.execute(self._insert, (key_of(session), record))

    def clear(self, session: str) -> None:
        with self._connection() as connection:
            connection.execute(self._delete, (key_of(session),))

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _connection(self) -> Generator[Connection[Any], None, None]:
        with self._pool.get().connection() as connection:
            yield connection

    def _open(self) -> ConnectionPool:
        from psycopg import connect
        from psycopg_pool import ConnectionPool

        # Not through the pool, which would try again for a long time, and then not say what was wrong.
        with connect(self._conninfo, autocommit=True) as connection:
            self._prepare(connection)
        return ConnectionPool(
            self._conninfo,
            # Statements that the server keeps for a connection do not go with poolers such as pgbouncer.
            kwargs={"autocommit": True, "prepare_threshold": None},
            min_size=0,
            max_size=MOST_CONNECTIONS,
            check=ConnectionPool.check_connection,  # the server may have been restarted
            open=True,
        )

    def _prepare(self, connection: Connection[Any]) -> None:
        name = self._name.as_string(connection)
        if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() != (None,):
            return
        with connection.transaction():
            # IF NOT EXISTS alone fails when two processes start at once.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            connection.execute(self._create)


def _quoted(record: bytes) -> str:
    """Give the record, or a JSON string that holds it where JSONB cannot: it has no NUL and no half characters."""
    text = record.decode()
    return json.dumps(text) if "\\u0000" in text or "\\ud" in text else text


def _unquoted(text: str) -> bytes:
    return (json.loads(text) if text.startswith('"') else text).encode()
