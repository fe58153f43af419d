"""Memories in databases: hidden passwords, missing drivers, unreachable servers, and forks."""

from __future__ import annotations

import io
import os
import re
import sqlite3
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

from declarai_like import Message, memory, serve
from declarai_like.errors import ConfigurationError, DeclaraiError, InvalidMessage, MemoryFailed
from tests.databases import PERSISTENT, free_port, output_of, run_script, source_of
from tests.databases import postgresql_server as postgresql_server
from tests.databases import redis_server as redis_server

HI = [Message("user", "hi"), Message("assistant", "hello")]
MORE = [Message("user", "more"), Message("assistant", "and more")]


def opened(source: str, session: str = "default") -> Any:
    return eval(source, {"memory": memory, "session": session})


def shown_of(error: BaseException) -> str:
    """Return all that is shown of an error: its message, those of its causes, and its traceback."""
    messages: list[str] = []
    each: BaseException | None = error
    while each is not None:
        messages += [str(each), repr(each)]
        each = each.__cause__ or each.__context__
    text = io.StringIO()
    traceback.print_exception(error, file=text)
    return "\n".join(messages) + re.sub(
        r"^    .*$", "", text.getvalue(), flags=re.MULTILINE
    )  # without the lines of code


# Passwords


def test_an_address_that_is_not_set_is_an_error() -> None:
    missing: Any = None
    for make in (memory.Redis, serve.RedisStreams):
        with pytest.raises(ConfigurationError, match="^url must be a str, got None$"):
            make(missing)
    with pytest.raises(ConfigurationError, match="^conninfo must be a str, got None$"):
        memory.PostgreSQL(missing)
    with pytest.raises(ConfigurationError, match="^table must be a str, got int$"):
        memory.PostgreSQL("host=localhost", table=5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda port: memory.PostgreSQL(f"postgresql://me:hunter2@127.0.0.1:{port}/db"),
        lambda port: memory.PostgreSQL(f"postgresql://127.0.0.1:{port}/db?user=me&password=hunter2"),
        lambda port: memory.PostgreSQL(f"host=127.0.0.1 port={port} user=me password='hunter2'"),
        lambda port: memory.PostgreSQL(f"host=hunter2.invalid port={port} user=me password='hunter2'"),
        lambda port: memory.Redis(f"redis://me:hunter2@127.0.0.1:{port}/0"),
        lambda port: memory.Redis(f"redis://127.0.0.1:{port}/0?password=hunter2"),
        lambda _: memory.Redis("unix://me:hunter2@/no/hunter2.sock"),
    ],
    ids=["url", "query", "keywords", "in the reason", "Redis", "Redis, query", "Redis, in the reason"],
)
def test_a_password_is_in_no_repr_and_in_no_error(make: Any) -> None:
    kept = make(free_port())
    for text in (repr(kept), str(kept), repr(kept.at("other")), repr(vars(kept))):
        assert "hunter2" not in text
    for use in (kept.load, kept.clear, lambda: kept.append(HI)):
        with pytest.raises(MemoryFailed) as caught:
            use()
        assert "hunter2" not in shown_of(caught.value)
    kept.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda: memory.PostgreSQL("postgresql://me:hun/ter2@127.0.0.1:bad/db"),
        lambda: memory.PostgreSQL("postgresql://me:@hunter2@127.0.0.1/db"),
        lambda: memory.PostgreSQL("postgresql://me:123/hunter2@127.0.0.1/db"),
        lambda: memory.PostgreSQL("postgresql://me:hunter2@[::1/db"),
        lambda: memory.PostgreSQL("postgresql://me@127.0.0.1/db?pasword=hunter2&x"),
        lambda: memory.PostgreSQL("host=127.0.0.1 password=it is hunter2"),
        lambda: memory.Redis("redis://:hun/ter2@127.0.0.1:6379/0"),
        lambda: memory.Redis("redis://:123/hunter2@127.0.0.1:6379/0"),
        lambda: memory.Redis("redis://:hunter2@127.0.0.1:hunter2/0"),
        lambda: memory.Redis("http://:hunter2@127.0.0.1/0"),
        lambda: memory.Redis("redis://:hunter2@127.0.0.1/0?db=hunter2"),
    ],
)
def test_an_address_that_is_not_understood_is_an_error_at_once_that_does_not_show_it(make: Any) -> None:
    with pytest.raises(ConfigurationError, match="is not understood .* write it like ") as caught:
        make()
    assert "hun" not in shown_of(caught.value)


def test_a_wrong_password_is_an_error_that_does_not_show_it(redis_server: str) -> None:
    kept = memory.Redis(redis_server.replace("redis://", "redis://nobody:hunter2@"))
    with pytest.raises(MemoryFailed, match="could not load: .*") as caught:
        kept.load()
    assert "hunter2" not in shown_of(caught.value)
    kept.close()


# Settings


@pytest.mark.parametrize(("driver", "kind", "url"), [("psycopg", "PostgreSQL", ""), ("redis", "Redis", "redis://h")])
def test_a_missing_driver_is_an_error_that_names_the_extra(driver: str, kind: str, url: str) -> None:
    script = f"""
import sys
sys.modules[{driver!r}] = None
from declarai_like import memory, errors
try:
    memory.{kind}({url!r})
except errors.ConfigurationError as error:
    print(error)
"""
    extra = {"psycopg": "postgres", "redis": "redis"}[driver]
    output = output_of(run_script(script))
    assert output.startswith(f"the memory {kind} needs its driver: pip install 'declarai-like[{extra}]'")


def test_importing_the_package_imports_no_driver() -> None:
    script = "import declarai_like.memory, sys; print({'psycopg', 'psycopg_pool', 'redis'} & set(sys.modules))"
    assert output_of(run_script(script)) == "set()\n"


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_an_sqlite_database_without_a_file_is_an_error(path: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^SQLite\('{path}'\) is not supported; use InMemory\(\)$"):
        memory.SQLite(path)


@pytest.mark.parametrize("table", ["", "x" * 64, "ü" * 32, "a\0b"])
def test_an_invalid_table_name_is_an_error(table: str) -> None:
    with pytest.raises(ConfigurationError, match="^table must be a name of 1 to 63 bytes without NUL, got '"):
        memory.PostgreSQL("", table=table)


@pytest.mark.parametrize("table", ["x" * 63, 'a"; DROP TABLE chats; --', "Ünï cödé", "a.b", "%s", "{}", "select"])
def test_any_other_string_is_a_table_name(table: str, postgresql_server: str) -> None:
    with memory.PostgreSQL(postgresql_server, table=table) as kept:
        kept.clear()
        kept.append(HI)
        assert kept.load() == HI
        assert kept.at("other").load() == []


# Servers that are unreachable, or close connections


def test_an_unreachable_server_is_an_error_with_its_reason_at_once() -> None:
    port = free_port()
    for kept in (memory.PostgreSQL(f"host=127.0.0.1 port={port}"), memory.Redis(f"redis://127.0.0.1:{port}")):
        with pytest.raises(MemoryFailed, match=rf"could not load: .*{port}.*refused") as caught:
            kept.load()
        assert caught.value.__cause__ is not None
        assert not caught.value.transient


def test_postgresql_is_used_again_after_it_closed_the_connections(postgresql_server: str) -> None:
    import psycopg

    with memory.PostgreSQL(postgresql_server, "a", table="after an end") as kept:
        kept.append(HI)
        with psycopg.connect(postgresql_server, autocommit=True) as other:
            ended = other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND query LIKE '%after an end%'"
            ).fetchall()
            assert ended == [(True,)]
        kept.append(MORE)
        assert kept.load() == [*HI, *MORE]


def test_redis_is_used_again_after_it_closed_the_connections(redis_server: str) -> None:
    import redis

    with memory.Redis(redis_server, "a", prefix="after an end:") as kept, redis.Redis.from_url(redis_server) as other:
        kept.append(HI)
        assert other.client_kill_filter(_type="normal", skipme=True) >= 1
        time.sleep(0.02)
        kept.append(MORE)
        assert kept.load() == [*HI, *MORE]


def test_a_command_without_a_response_is_not_sent_to_redis_again() -> None:
    """A server that reads a command and closes the connection gets it once: it may have executed it."""
    import socket

    commands: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                while got := client.recv(65536):
                    if b"RPUSH" in got:
                        commands.append(got)
                        break
                    client.sendall(b"+OK\r\n" * got.count(b"\r\n*") + b"+OK\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        kept = memory.Redis(f"redis://127.0.0.1:{listener.getsockname()[1]}/0?protocol=2")
        with pytest.raises(MemoryFailed, match="could not append"):
            kept.append(HI)
        kept.close()
        listener.shutdown(socket.SHUT_RDWR)
    assert len(commands) == 1


# Tables and files of others


def test_an_existing_table_needs_no_right_to_create_one(postgresql_server: str) -> None:
    import psycopg

    with memory.PostgreSQL(postgresql_server, table="created by another") as kept:
        kept.append(HI)
    with psycopg.connect(postgresql_server, autocommit=True) as owner:
        owner.execute("CREATE ROLE guest LOGIN")
        owner.execute('GRANT SELECT, INSERT, DELETE ON "created by another" TO guest')
    guest = postgresql_server.replace("postgres@", "guest@")
    with memory.PostgreSQL(guest, table="created by another") as kept:
        kept.append(MORE)
        assert kept.load() == [*HI, *MORE]
    with pytest.raises(MemoryFailed, match="permission denied"), memory.PostgreSQL(guest, table="new") as kept:
        kept.load()


def test_an_invalid_record_is_an_error_that_names_the_session(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    with memory.SQLite(path, "a") as kept:
        kept.append(HI)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE declarai_memory SET messages = '[{}]'")
        connection.close()
        with pytest.raises(
            InvalidMessage, match=r"session='a'\) could not load: record 1: a message must have a role$"
        ):
            kept.load()


def test_a_file_that_is_not_an_sqlite_database_is_an_error_and_stays_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear all, " * 100)
    for use in (memory.SQLite(path).load, memory.SQLite(tmp_path / "no" / "such.db").load):
        with pytest.raises(MemoryFailed, match="could not load: (file is not a database|unable to open database file)"):
            use()
    assert path.read_text() == "Dear all, " * 100


def test_a_reader_of_sqlite_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    with memory.SQLite(tmp_path / "chats.db") as kept:
        kept.append(HI)
        writer = sqlite3.connect(tmp_path / "chats.db", isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        assert kept.load() == HI
        appending = threading.Thread(target=kept.append, args=(MORE,))
        appending.start()
        appending.join(0.05)
        assert appending.is_alive()
        assert kept.load() == HI
        writer.execute("ROLLBACK")
        writer.close()
        appending.join(10)
        assert kept.load() == [*HI, *MORE]


def test_sqlite_waits_while_another_process_creates_the_database(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "chats.db", isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE mine (x)")
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.05, other.execute, ("ROLLBACK",))
    release.start()
    with memory.SQLite(tmp_path / "chats.db") as kept:
        kept.append(HI)
        assert kept.load() == HI
    release.join()
    other.close()


# Processes


OPENS = """
import os, sys
from declarai_like import Message, memory

for number in range(15):
    starting, start = os.pipe()
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            failed = 1
            try:
                os.close(start)
                os.read(starting, 1)
                with memory.SQLite(f"{sys.argv[1]}/{number}.db") as kept:
                    kept.append([Message("user", "hi")])
                failed = 0
            finally:
                os._exit(failed)
        children.append(child)
    os.close(starting)
    os.close(start)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    assert len(memory.SQLite(f"{sys.argv[1]}/{number}.db").load()) == 8
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_processes_that_create_and_close_an_sqlite_database_at_once_do_not_fail(tmp_path: Path) -> None:
    output_of(run_script(OPENS, str(tmp_path)))


FORKS = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads, of which newer versions of Python warn
from declarai_like import Message, memory

kept = eval(sys.argv[1], {"memory": memory, "session": "forks"})
kept.append([Message("user", "before")])
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        for _ in range(5):
            kept.append([Message("user", f"child {number}")])
        kept.at("other").load()
        sys.exit(0)
    children.append(child)
for _ in range(5):
    kept.append([Message("user", "parent")])
for child in children:
    assert os.waitpid(child, 0)[1] == 0
print(sorted(message.content for message in kept.load()))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_memory_used_before_a_fork_works_in_both_processes(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    contents = ["before", *(f"child {number}" for number in range(3) for _ in range(5)), *["parent"] * 5]
    assert output_of(run_script(FORKS, source_of(kind, request, tmp_path))) == f"{contents}\n"


INHERITED = """
import gc, os
from declarai_like._core.per_process import PerProcess

class Connection:
    def __del__(self):
        print("finalized in", "the parent" if os.getpid() == parent else "the child", flush=True)

parent = os.getpid()
kept = PerProcess(Connection, lambda connection: print("closed", flush=True))
assert kept.get() is kept.get()
inherited = id(kept.get())
child = os.fork()
if child == 0:
    assert id(kept.get()) != inherited
    gc.collect()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
kept.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_does_not_close_what_its_parent_opened() -> None:
    assert output_of(run_script(INHERITED)) == "closed\nfinalized in the parent\n"


FORKED_WHILE_BUSY = """
import os, threading, warnings
from declarai_like._core.per_process import PerProcess

warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, of threads and forks
making, go_on = threading.Event(), threading.Event()

def make():
    making.set()
    go_on.wait(0.2)
    return os.getpid()

kept = PerProcess(make, lambda _: None)
thread = threading.Thread(target=kept.get)
thread.start()
making.wait()
child = os.fork()
if child == 0:
    go_on.set()
    os._exit(kept.get() != os.getpid())
go_on.set()
thread.join()
print(os.waitpid(child, 0)[1], kept.get() == os.getpid())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_forked_while_a_resource_is_created_does_not_wait_for_it() -> None:
    assert output_of(run_script(FORKED_WHILE_BUSY)) == "0 True\n"


EXITS = """
import sys
from declarai_like import Message, memory

kept = eval(sys.argv[1], {"memory": memory, "session": "exits"})
kept.append([Message("user", "hi")])
"""


@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_process_that_does_not_close_its_memory_exits_without_a_warning(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source = source_of(kind, request, tmp_path)
    assert output_of(run_script("import warnings; warnings.simplefilter('always')\n" + EXITS, source)) == ""
    with opened(source, "exits") as kept:
        assert kept.load() == [Message("user", "hi")]


def test_errors_of_memories_are_errors_of_this_library() -> None:
    assert issubclass(MemoryFailed, DeclaraiError)
    assert issubclass(InvalidMessage, MemoryFailed)
