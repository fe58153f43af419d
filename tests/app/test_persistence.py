"""The behaviour of every persister, of this library and of users, in sync and async code."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import FrozenInstanceError, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from declarai_like._core.flow import Flow
from declarai_like.app import persistence
from declarai_like.app.persistence import PersistedState, PersisterCall
from declarai_like.app.state.state import State
from declarai_like.errors import ApplicationError, ConfigurationError, PersistenceFailed
from tests.conftest import World, examples
from tests.databases import drive, drive_together, free_port, output_of, run_script
from tests.databases import postgresql_server as postgresql_server
from tests.databases import redis_server as redis_server

Make = Callable[[], Any]

KINDS = ["InMemory", "SQLite", "PostgreSQL", "Redis"]
PERSISTENT = KINDS[1:]
"""The persisters whose steps outlive the process."""


@dataclass
class OwnAsync:
    """A persister as a user may write it: with a lock of an event loop, and with async methods."""

    rows: dict[tuple[str, str, int], PersistedState]
    lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def save(
        self, partition_key: str, app_id: str, sequence_id: int, position: str, state: State, status: Any
    ) -> None:
        async with self.lock:
            await anyio.lowlevel.checkpoint()
            key = (partition_key or "", app_id, sequence_id)
            self.rows.pop(key, None)
            self.rows[key] = PersistedState(*key, position, state, datetime.now(UTC), status)

    async def load(
        self, partition_key: str, app_id: str | None = None, sequence_id: int | None = None
    ) -> PersistedState | None:
        async with self.lock:
            rows = [row for row in reversed(self.rows.values()) if row.partition_key == (partition_key or "")]
            if app_id is None and rows:
                app_id = rows[0].app_id
            rows = [row for row in rows if row.app_id == app_id]
            return next((row for row in rows if sequence_id in (None, row.sequence_id)), None)

    async def list_app_ids(self, partition_key: str) -> list[str]:
        async with self.lock:
            rows = [row for row in reversed(self.rows.values()) if row.partition_key == (partition_key or "")]
            return list(dict.fromkeys(row.app_id for row in rows))


def source_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """Return the Python expression for a persister that is empty at first."""
    name = f"p{uuid.uuid4().hex}"
    if kind == "InMemory":
        return "persistence.InMemoryPersister()"
    if kind == "SQLite":
        return f"persistence.SQLitePersister({str(folder / name)!r})"
    if kind == "PostgreSQL":
        return f"persistence.PostgreSQLPersister({request.getfixturevalue('postgresql_server')!r}, table={name!r})"
    return f"persistence.RedisPersister({request.getfixturevalue('redis_server')!r}, prefix='{name}:')"


def opened(source: str) -> Any:
    return eval(source, {"persistence": persistence})


@pytest.fixture(params=[*KINDS, "OwnAsync"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Yield a function that opens a persister, always the same one."""
    if request.param == "OwnAsync":
        rows: dict[tuple[str, str, int], PersistedState] = {}
        yield lambda: OwnAsync(rows)
        return
    source = source_of(request.param, request, tmp_path)
    single = [opened(source)] if request.param == "InMemory" else []  # its steps are in the object
    with ExitStack() as all_of_them:
        yield lambda: all_of_them.enter_context(single[0] if single else opened(source))


def save(kept: Any, *steps: tuple[Any, ...]) -> Flow[Any, None]:
    for partition_key, app_id, sequence_id, position, values, status in steps:
        yield PersisterCall(kept.save, partition_key, app_id, sequence_id, position, State(values), status)


def load(kept: Any, *ids: Any) -> Flow[Any, Any]:
    return (yield PersisterCall(kept.load, *ids))


def list_app_ids(kept: Any, partition_key: Any) -> Flow[Any, Any]:
    return (yield PersisterCall(kept.list_app_ids, partition_key))


def shown(row: PersistedState | None) -> Any:
    """Return a row as the tuple with which it is saved."""
    if row is None:
        return None
    return row.partition_key, row.app_id, row.sequence_id, row.position, dict(row.state), row.status


def step(app_id: str, sequence_id: int, status: str = "completed", *, partition_key: Any = "ann", **values: Any) -> Any:
    return partition_key, app_id, sequence_id, f"step {sequence_id}", values or {"n": sequence_id}, status


def test_a_new_persister_is_empty(world: World, make: Make) -> None:
    kept = make()
    assert drive(world, load(kept, "ann")) is None
    assert drive(world, load(kept, "ann", "chat")) is None
    assert drive(world, load(kept, "ann", "chat", 1)) is None
    assert drive(world, load(kept, "ann", None, 1)) is None
    assert drive(world, list_app_ids(kept, "ann")) == []


def test_all_fields_of_a_step_come_back(world: World, make: Make) -> None:
    values = {"prompt": "hi", "history": [{"role": "user", "n": 1.0}, None, True], "big": 2**70, "far": 1e22}
    saved = [("ann", "chat", number, "answer", values, status) for number, status in enumerate(STATUSES)]
    before = datetime.now(UTC)
    drive(world, save(make(), *saved))
    for number in range(3):
        row = drive(world, load(make(), "ann", "chat", number))
        assert shown(row) == saved[number]
        assert type(row.state) is State
        assert type(row.state["far"]) is float
        assert before <= row.created_at <= datetime.now(UTC)
        assert row.created_at.utcoffset() == timedelta(0)


STATUSES = ["completed", "failed", "cancelled"]


def test_without_a_sequence_id_the_newest_step_is_loaded(world: World, make: Make) -> None:
    kept = make()
    for number in (1, 2, 3):
        drive(world, save(kept, step("chat", number)))
        assert shown(drive(world, load(kept, "ann", "chat"))) == step("chat", number)


def test_without_an_app_id_the_application_that_was_saved_last_is_loaded(world: World, make: Make) -> None:
    kept = make()
    drive(world, save(kept, step("a", 1), step("b", 7), step("a", 2), step("z", 9, partition_key="ben")))
    assert shown(drive(world, load(kept, "ann"))) == step("a", 2)
    assert shown(drive(world, load(kept, "ann", None, 1))) == step("a", 1)
    assert drive(world, load(kept, "ann", None, 7)) is None
    drive(world, save(kept, step("b", 8)))
    assert shown(drive(world, load(kept, "ann"))) == step("b", 8)
    assert shown(drive(world, load(kept, "ann", None, 7))) == step("b", 7)


def test_every_step_stays_stored(world: World, make: Make) -> None:
    kept = make()
    drive(world, save(kept, *(step("chat", number) for number in range(12))))
    for number in range(12):
        assert shown(drive(world, load(make(), "ann", "chat", number))) == step("chat", number)
    assert drive(world, load(kept, "ann", "chat", 12)) is None


def test_a_step_that_is_saved_again_is_replaced(world: World, make: Make) -> None:
    kept = make()
    drive(world, save(kept, step("chat", 1), step("chat", 2, "failed", tried=1), step("other", 1)))
    drive(world, save(kept, step("chat", 2, "completed", tried=2)))
    assert shown(drive(world, load(kept, "ann", "chat", 2))) == step("chat", 2, tried=2)
    assert shown(drive(world, load(kept, "ann"))) == step("chat", 2, tried=2)
    assert shown(drive(world, load(kept, "ann", "chat", 1))) == step("chat", 1)
    assert drive(world, list_app_ids(kept, "ann")) == ["chat", "other"]


def test_an_earlier_step_that_is_saved_again_is_the_newest(world: World, make: Make) -> None:
    kept = make()
    drive(world, save(kept, *(step("chat", number) for number in range(5)), step("chat", 2, other="way")))
    assert shown(drive(world, load(kept, "ann", "chat"))) == step("chat", 2, other="way")
    assert shown(drive(world, load(kept, "ann", "chat", 4))) == step("chat", 4)


def test_applications_are_listed_newest_first(world: World, make: Make) -> None:
    kept = make()
    drive(world, save(kept, *(step(app_id, 1) for app_id in "cabd"), step("a", 2), step("x", 1, partition_key="ben")))
    assert drive(world, list_app_ids(kept, "ann")) == ["a", "d", "b", "c"]
    assert drive(world, list_app_ids(kept, "ben")) == ["x"]


def test_partitions_are_isolated(world: World, make: Make) -> None:
    kept = make()
    drive(world, save(kept, step("chat", 1, n=1), step("chat", 1, n=2, partition_key="ben")))
    assert shown(drive(world, load(kept, "ann", "chat"))) == step("chat", 1, n=1)
    assert shown(drive(world, load(kept, "ben", "chat"))) == step("chat", 1, n=2, partition_key="ben")
    assert drive(world, load(kept, "", "chat")) is None


def test_no_partition_is_the_empty_one(world: World, make: Make) -> None:
    kept = make()
    drive(world, save(kept, step("chat", 1, partition_key=None)))
    for partition_key in (None, ""):
        assert shown(drive(world, load(kept, partition_key, "chat"))) == step("chat", 1, partition_key="")
        assert drive(world, list_app_ids(kept, partition_key)) == ["chat"]


def test_the_caller_may_change_what_load_returns(world: World, make: Make) -> None:
    kept = make()
    drive(world, save(kept, step("chat", 1, history=["hi"])))
    drive(world, load(kept, "ann", "chat")).state.get_all()["history"] = ["not reason"]
    drive(world, list_app_ids(kept, "ann")).append("no such chat")
    assert shown(drive(world, load(kept, "ann", "chat"))) == step("chat", 1, history=["hi"])
    assert drive(world, list_app_ids(kept, "ann")) == ["chat"]


def test_a_persisted_state_does_not_change() -> None:
    row = PersistedState("", "chat", 1, "answer", State(), datetime.now(UTC), "completed")
    with pytest.raises(FrozenInstanceError):
        row.position = "other"  # type: ignore[misc]


def test_concurrent_applications_lose_and_mix_nothing(world: World, make: Make) -> None:
    kept = make()
    drive_together(world, [save(kept, *(step(f"chat {each}", n, by=each, n=n) for n in range(5))) for each in range(8)])
    for each in range(8):
        for n in range(5):
            assert shown(drive(world, load(kept, "ann", f"chat {each}", n))) == step(f"chat {each}", n, by=each, n=n)
        assert shown(drive(world, load(kept, "ann", f"chat {each}"))) == step(f"chat {each}", 4, by=each, n=4)
    assert sorted(drive(world, list_app_ids(kept, "ann"))) == [f"chat {each}" for each in range(8)]


# Any ids, any values

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=8),
    st.sampled_from(["", ":", "a:b", "a\\:b", "a\\", "\0", "\\0", "\ud800", "\\ud800", "newest", "%s", "{}", "*", "1"]),
    st.sampled_from(["'; DROP TABLE declarai_states; --", "é", "e\u0301", "a ", "A", "a", "x" * 5000, "x" * 5001]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=8,
)


@st.composite
def histories(draw: st.DrawFn) -> list[Any]:
    """Return steps with few ids, so that some are saved again."""
    partition_keys = st.sampled_from(draw(st.lists(TEXTS, min_size=1, max_size=3)))
    app_ids = st.sampled_from(draw(st.lists(TEXTS, min_size=1, max_size=3)))
    numbers = st.sampled_from(draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3)))
    states = st.dictionaries(TEXTS, VALUES, max_size=3)
    steps = st.tuples(partition_keys, app_ids, numbers, TEXTS, states, st.sampled_from(STATUSES))
    return draw(st.lists(steps, min_size=1, max_size=8))


@pytest.mark.parametrize("kind", KINDS)
def test_any_ids_and_any_values_come_back(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A persister returns what a list of all saves would."""

    @settings(max_examples=examples(30), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(histories())
    def same(history: list[Any]) -> None:
        with opened(source_of(kind, request, tmp_path)) as kept:
            for partition_key, app_id, number, position, values, status in history:
                kept.save(partition_key, app_id, number, position, State(values), status)
            newest: dict[Any, Any] = {}
            for saved in reversed(history):
                newest.setdefault(saved[:3], saved)
                newest.setdefault(saved[:2], saved)
                newest.setdefault(saved[:1], saved)
            for ids, saved in newest.items():
                assert shown(kept.load(*ids)) == saved
            for partition_key in {saved[0] for saved in history}:
                apps = [saved[1] for saved in reversed(history) if saved[0] == partition_key]
                assert kept.list_app_ids(partition_key) == list(dict.fromkeys(apps))

    same()


@pytest.mark.parametrize("kind", KINDS)
def test_ids_with_separators_do_not_collide(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    pairs = [("a", "b:c"), ("a:b", "c"), ("a\\", "b"), ("a", "\\b"), ("a\\:b", "c"), ("", "a"), ("a", "")]
    with opened(source_of(kind, request, tmp_path)) as kept:
        for number, ids in enumerate(pairs):
            kept.save(*ids, 1, "count", State({"n": number}), "completed")
        for number, ids in enumerate(pairs):
            assert kept.load(*ids).state == {"n": number}


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_are_not_json_come_back(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with opened(source_of(kind, request, tmp_path)) as kept:
        kept.save("", "chat", 1, "learn", State({"loss": float("nan"), "best": float("-inf")}), "completed")
        state = kept.load("", "chat").state
        assert (str(state["loss"]), str(state["best"])) == ("nan", "-inf")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_steps_are_stored(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with opened(source_of(kind, request, tmp_path)) as kept:
        state = State({"n": 0})
        for number in range(10_000):
            kept.save("ann", f"chat {number % 10}", number, "count", state.update(n=number), "completed")
        assert shown(kept.load("ann")) == ("ann", "chat 9", 9_999, "count", {"n": 9_999}, "completed")
        assert kept.load("ann", "chat 3", 4_203).state == {"n": 4_203}
        assert kept.list_app_ids("ann") == [f"chat {n}" for n in reversed(range(10))]


# Processes

SAVES = """
import sys
from declarai_like.app import persistence
from declarai_like.app.state.state import State

source, writer, steps = sys.argv[1:]
kept = eval(source, {"persistence": persistence})
sys.stdin.readline()
for number in range(int(steps)):
    kept.save("ann", f"chat {writer}", number, "count", State({"by": writer, "n": number}), "completed")
    kept.save("ann", "shared", number, "count", State({"by": writer, "n": number}), "completed")
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", PERSISTENT)
def test_concurrent_processes_lose_and_mix_nothing(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    source = source_of(kind, request, tmp_path)
    writers = [run_script(SAVES, source, str(writer), "25") for writer in range(2)]
    for process in writers:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in writers:
        output_of(process)
    with opened(source) as kept:
        assert sorted(kept.list_app_ids("ann")) == ["chat 0", "chat 1", "shared"]
        for number in range(25):
            for writer in "01":
                assert kept.load("ann", f"chat {writer}", number).state == {"by": writer, "n": number}
            row = kept.load("ann", "shared", number)
            assert row.state in [{"by": writer, "n": number} for writer in "01"]
        assert kept.load("ann", "shared").sequence_id == 24


# One process forks the others, so that each starts with the package imported. It opens no connection itself. The texts
# are long, so that some kills interrupt a save.
CRASHES = """
import json, os, random, signal, sys, time
from declarai_like.app import persistence
from declarai_like.app.state.state import State

source, rounds = sys.argv[1], int(sys.argv[2])
eval(source, {"persistence": persistence})  # which imports the driver

def is_complete(row):
    return row.state["n"] == row.state["end"] == int(row.state["text"].rstrip("!")) == row.sequence_id

def save_steps(number, finished_pipe):
    kept = eval(source, {"persistence": persistence})
    newest = kept.load("ann", "chat")
    if newest and not is_complete(newest):
        return
    while True:
        text = str(number) + "!" * random.choice([10, 1_000, 3_000_000])
        kept.save("ann", "chat", number, "count", State({"n": number, "text": text, "end": number}), "completed")
        os.write(finished_pipe, b"%d\\n" % number)
        number += 1

finished = []
for begun in range(rounds):
    reading, finished_pipe = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            save_steps(1000 * begun, finished_pipe)
        finally:
            os._exit(1)
    os.close(finished_pipe)
    with os.fdopen(reading) as lines:
        if begun % 4:
            finished.append(int(lines.readline()))  # some are killed while they start, most after their first save
        time.sleep(random.random() * 0.03)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, "it ended by itself"
        finished += map(int, lines.read().split())
print(json.dumps(finished))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("kind", PERSISTENT)
def test_after_crashes_each_step_is_complete_and_no_finished_one_is_lost(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    rounds = 16
    source = source_of(kind, request, tmp_path)
    finished = json.loads(output_of(run_script(CRASHES, source, str(rounds))))
    assert len(finished) >= rounds // 2
    with opened(source) as kept:
        newest = kept.load("ann", "chat").sequence_id
        # The server may have executed the last save of a process that was killed.
        assert newest == finished[-1] or newest not in finished
        for number in {*finished, newest}:
            row = kept.load("ann", "chat", number)
            assert row.state["n"] == row.state["end"] == int(row.state["text"].rstrip("!")) == number


FORKS = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads, of which newer versions of Python warn
from declarai_like.app import persistence
from declarai_like.app.state.state import State

kept = eval(sys.argv[1], {"persistence": persistence})
kept.save("ann", "parent", 0, "fork", State(), "completed")
child = os.fork()
process = "parent" if child else "child"
for number in range(1, 6):
    kept.save("ann", process, number, "count", State({"by": process}), "completed")
if child:
    assert os.waitpid(child, 0)[1] == 0
    print([kept.load("ann", process, n).state["by"] for process in ("parent", "child") for n in range(1, 6)])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_persister_used_before_a_fork_works_in_both_processes(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    output = output_of(run_script(FORKS, source_of(kind, request, tmp_path)))
    assert output == f"{['parent'] * 5 + ['child'] * 5}\n"


def test_a_save_does_not_replace_one_that_was_begun_later(postgresql_server: str) -> None:
    import psycopg

    with persistence.PostgreSQLPersister(postgresql_server, table="late") as kept:
        kept.save("ann", "chat", 1, "count", State({"by": "the new process"}), "completed")
        with psycopg.connect(postgresql_server, autocommit=True) as other:
            other.execute("UPDATE late SET id = 1000")  # as if this save was begun after the next one
        kept.save("ann", "chat", 1, "count", State({"by": "a process that was killed"}), "completed")
        assert kept.load("ann", "chat").state == {"by": "the new process"}


@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_closed_persister_opens_again_when_it_is_used(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with opened(source_of(kind, request, tmp_path)) as kept:
        kept.save("ann", "chat", 1, "count", State({"n": 1}), "completed")
    kept.close()
    assert kept.load("ann", "chat").state == {"n": 1}
    kept.close()


# Errors of save and load


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ((0, "chat", 1, "count", State(), "completed"), "partition_key must be a str, got int; did you mean '0'?"),
        (("ann", 7, 1, "count", State(), "completed"), "app_id must be a str, got int; did you mean '7'?"),
        (("ann", "chat", "1", "count", State(), "completed"), "sequence_id must be an integer, got str"),
        (("ann", "chat", 1, None, State(), "completed"), "position must be a str, got None"),
        (
            ("ann", "chat", 1, "count", State(), "done"),
            "status must be one of 'completed', 'failed', 'cancelled', got 'done'",
        ),
    ],
    ids=["partition", "app", "sequence", "position", "status"],
)
def test_a_wrong_field_is_an_error_that_names_it_and_nothing_is_saved(
    kind: str, wrong: Any, reason: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with opened(source_of(kind, request, tmp_path)) as kept:
        kept.save("ann", "chat", 1, "count", State({"n": 1}), "completed")
        with pytest.raises(PersistenceFailed, match=rf"^{kind}Persister\(.*\) could not save: {re.escape(reason)}"):
            kept.save(*wrong)
        assert kept.load("ann", "chat").state == {"n": 1}
        assert kept.list_app_ids("ann") == ["chat"]


@pytest.mark.parametrize("value", [object(), 10**5000], ids=["object", "too many digits"])
def test_a_value_that_is_not_json_is_an_error_that_names_its_key(value: Any) -> None:
    kept = persistence.InMemoryPersister()
    with pytest.raises(PersistenceFailed, match=r"^InMemoryPersister\(\) could not save: .*'tags'"):
        kept.save("ann", "chat", 1, "count", State({"n": 1, "tags": value}), "completed")
    assert kept.load("ann", "chat") is None


class Broken:
    """A persister of a user whose disk is full."""

    def save(self, *args: Any) -> None:
        raise OSError("no space left")

    async def load(self, *args: Any) -> None:
        raise OSError("no such disk")


def test_an_error_of_a_users_persister_names_the_method(world: World) -> None:
    for flow, method in ((save(Broken(), step("chat", 1)), "save"), (load(Broken(), "ann"), "load")):
        reason = rf"^the persister's Broken.{method} failed: OSError: no s"
        with pytest.raises(PersistenceFailed, match=reason) as caught:
            drive(world, flow)
        assert type(caught.value.__cause__) is OSError


def test_an_invalid_snapshot_is_an_error_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "apps.db"
    for column, written, reason in [
        ("step", "{}", "could not load: step is not valid: {} (KeyError('created_at'))"),
        ("step", "no", "could not load: step must be JSON, got no (Expecting value"),
        ("step", "[]", "could not load: step must be a JSON object, got []"),
        ("state", '{"n":', 'could not load: state must be JSON, got {"n": (Expecting value'),
        ("state", '{"n":{"$kind":"enum","class":"a:B","name":"C"}}', "could not load: the field 'n' cannot be read"),
    ]:
        with persistence.SQLitePersister(path) as kept:
            kept.save("ann", "chat", 1, "count", State({"n": 1}), "completed")
            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute(f"UPDATE declarai_states SET {column} = ?", (written,))
            connection.close()
            with pytest.raises(PersistenceFailed, match=re.escape(reason)):
                kept.load("ann", "chat")


def test_a_file_that_is_not_an_sqlite_database_is_an_error_and_stays_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear all, " * 100)
    for use in (persistence.SQLitePersister(path).load, persistence.SQLitePersister(tmp_path / "no" / "such.db").load):
        reason = r"could not load: (file is not a database|unable to open database file)"
        with pytest.raises(PersistenceFailed, match=reason):
            use("ann")
    assert path.read_text() == "Dear all, " * 100


# Unreachable databases, and passwords


def test_an_unreachable_server_is_an_error_with_its_reason_at_once() -> None:
    port = free_port()
    for kept in (
        persistence.PostgreSQLPersister(f"host=127.0.0.1 port={port}"),
        persistence.RedisPersister(f"redis://127.0.0.1:{port}"),
    ):
        for use, action in (
            (lambda: kept.load("ann"), "load"),
            (lambda: kept.list_app_ids("ann"), "list the applications"),
            (lambda: kept.save("ann", "chat", 1, "count", State(), "completed"), "save"),
        ):
            with pytest.raises(PersistenceFailed, match=rf"could not {action}: .*{port}.*refused") as caught:
                use()
            assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "make",
    [
        lambda port: persistence.PostgreSQLPersister(f"postgresql://me:hunter2@127.0.0.1:{port}/db"),
        lambda port: persistence.PostgreSQLPersister(f"host=hunter2.invalid port={port} user=me password='hunter2'"),
        lambda port: persistence.RedisPersister(f"redis://me:hunter2@127.0.0.1:{port}/0"),
        lambda _: persistence.RedisPersister("unix://me:hunter2@/no/hunter2.sock"),
    ],
    ids=["PostgreSQL", "PostgreSQL, in the reason", "Redis", "Redis, in the reason"],
)
def test_a_password_is_in_no_repr_and_in_no_error(make: Any) -> None:
    kept = make(free_port())
    for text in (repr(kept), str(kept), repr(vars(kept))):
        assert "hunter2" not in text
    for use in (
        lambda: kept.load("ann"),
        lambda: kept.list_app_ids("ann"),
        lambda: kept.save("ann", "chat", 1, "count", State(), "completed"),
    ):
        with pytest.raises(PersistenceFailed) as caught:
            use()
        text = io.StringIO()
        traceback.print_exception(caught.value, file=text)
        without_code = re.sub(r"^    .*$", "", text.getvalue(), flags=re.MULTILINE)
        assert "hunter2" not in without_code
    kept.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda: persistence.PostgreSQLPersister("postgresql://me:hun/ter2@127.0.0.1:bad/db"),
        lambda: persistence.PostgreSQLPersister("host=127.0.0.1 password=it is hunter2"),
        lambda: persistence.RedisPersister("redis://:hun/ter2@127.0.0.1:6379/0"),
        lambda: persistence.RedisPersister("http://:hunter2@127.0.0.1/0"),
    ],
)
def test_an_address_that_is_not_understood_is_an_error_at_once_that_does_not_show_it(make: Any) -> None:
    with pytest.raises(ConfigurationError, match="is not understood .* write it like ") as caught:
        make()
    assert "hun" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("driver", "make", "extra"),
    [
        ("psycopg", "PostgreSQLPersister('')", "postgres"),
        ("redis", "RedisPersister('redis://h')", "redis"),
    ],
)
def test_a_missing_driver_is_an_error_that_names_the_extra(driver: str, make: str, extra: str) -> None:
    script = f"""
import sys
sys.modules[{driver!r}] = None
from declarai_like import errors
from declarai_like.app import persistence
try:
    persistence.{make}
except errors.ConfigurationError as error:
    print(error)
"""
    output = output_of(run_script(script))
    assert output.startswith(f"{make.split('(')[0]} needs its driver: pip install 'declarai-like[{extra}]'")


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_an_sqlite_database_without_a_file_is_an_error(path: str) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"^SQLitePersister\('{path}'\) is not supported; use InMemoryPersister\(\)$"
    ):
        persistence.SQLitePersister(path)


@pytest.mark.parametrize("table", ["", "x" * 64, "ü" * 32, "a\0b"])
def test_an_invalid_table_name_is_an_error(table: str) -> None:
    with pytest.raises(ConfigurationError, match="^table must be a name of 1 to 63 bytes without NUL, got '"):
        persistence.PostgreSQLPersister("", table=table)


@pytest.mark.parametrize("table", ["x" * 63, 'a"; DROP TABLE apps; --', "Ünï cödé", "a.b", "%s", "{}", "select"])
def test_any_other_string_is_a_table_name(table: str, postgresql_server: str) -> None:
    table = table.replace("apps", uuid.uuid4().hex[:8])
    with persistence.PostgreSQLPersister(postgresql_server, table=table) as kept:
        kept.save("ann", "chat", 1, "count", State({"n": 1}), "completed")
        assert kept.load("ann").state == {"n": 1}
        assert kept.list_app_ids("ann") == ["chat"]


def test_errors_of_persisters_are_errors_of_applications() -> None:
    assert issubclass(PersistenceFailed, ApplicationError)
