"""Connections to PostgreSQL databases."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .._core.per_process import PerProcess
from ..errors import ConfigurationError
from .names import check_text, has_open_password

if TYPE_CHECKING:
    from typing import LiteralString

    from psycopg import Connection, sql
    from psycopg_pool import ConnectionPool

MAX_CONNECTIONS = 20
MAX_NAME_LENGTH = 63  # bytes; PostgreSQL cuts off what is more
_LOCK = 0x6465636C61726169  # a number of our own, for the creation of tables


class PostgresTable:
    """A table in a PostgreSQL database, which is made when it is first needed.

    Args:
        conninfo: where the database is: a URL, or PostgreSQL's ``host=... dbname=...``.
        table: the table's name.
        columns: its columns and constraints, as ``CREATE TABLE`` has them between its brackets.
        needed_by: what the connections are for; said where there is no driver.

    Raises:
        ConfigurationError: a setting is wrong, or the driver is not installed.
    """

    def __init__(self, conninfo: str, table: str, columns: LiteralString, *, needed_by: str) -> None:
        check_text("conninfo", conninfo)
        check_text("table", table)
        if not 0 < len(table.encode("utf-8", "replace")) <= MAX_NAME_LENGTH or "\0" in table:
            raise ConfigurationError(f"table is {table!r}; PostgreSQL's names have 1 to {MAX_NAME_LENGTH} bytes")
        try:
            from psycopg import sql
            from psycopg_pool import ConnectionPool
        except ImportError as error:
            raise ConfigurationError(
                f"{needed_by} needs its driver: pip install 'declarai-like[postgres]' ({error})"
            ) from error
        self.secrets = _secrets_of(conninfo)
        self._conninfo = conninfo
        self._table = table
        self._name = sql.Identifier(table)
        self._create = sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(self._name, sql.SQL(columns))
        self._pool: PerProcess[ConnectionPool] = PerProcess(self._open, ConnectionPool.close)

    def statement(self, text: LiteralString) -> sql.Composed:
        """Give a statement with parameters, in which {} is the table."""
        from psycopg import sql

        return sql.SQL(text).format(sql.Identifier(self._table.replace("%", "%%")))  # else % would be a parameter's

    @contextmanager
    def connection(self) -> Generator[Connection[Any], None, None]:
        """Lend a connection to one thread. On it each statement is a transaction of its own."""
        with self._pool.get().connection() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._pool.close()

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
            max_size=MAX_CONNECTIONS,
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


def _secrets_of(conninfo: str) -> list[str]:
    """Give the passwords in it."""
    from psycopg import Error
    from psycopg.conninfo import conninfo_to_dict

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
    return [secret for name in ("password", "sslpassword") if (secret := settings.get(name))]
