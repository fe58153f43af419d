"""The memory in files: torn lines, full disks, and file names of sessions."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from declarai_like import Message
from declarai_like.errors import InvalidMessage, MemoryFailed
from declarai_like.memory import File
from tests.databases import output_of, run_script

HI = [Message("user", "hi"), Message("assistant", "grüß dich")]
MORE = [Message("user", "more"), Message("assistant", "日本")]


def test_a_file_has_one_line_of_json_for_each_append(tmp_path: Path) -> None:
    kept = File(tmp_path / "chats", "alice@example.com")
    kept.append(HI)
    kept.append(MORE)
    lines = (tmp_path / "chats" / "alice%40example%2ecom.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)[1] for line in lines] == [
        {"role": "assistant", "content": "grüß dich"},
        {"role": "assistant", "content": "日本"},
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be opened there")
def test_the_name_of_a_new_file_is_on_the_disk_as_well_as_its_content(tmp_path: Path) -> None:
    """After a power failure a file without its name is lost, so the folder is synced, too (fsync(2))."""
    kept = File(tmp_path)
    assert syncs(lambda: kept.append(HI), tmp_path) == [False, True]
    assert syncs(lambda: kept.append(MORE), tmp_path) == [False]


def syncs(function: Callable[[], object], folder: Path) -> list[bool]:
    """Return for each call of ``os.fsync`` if the folder is open at that time."""
    found: list[bool] = []

    def note(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called is os.fsync:  # a profiler sees the call, but not its argument
            found.append(any(each.exists() and each.samefile(folder) for each in Path("/dev/fd").iterdir()))

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return found


def test_loading_and_clearing_create_no_file(tmp_path: Path) -> None:
    kept = File(tmp_path / "chats")
    assert kept.load() == []
    kept.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_line_torn_at_any_position_is_skipped_and_no_other_is_lost(tmp_path: Path) -> None:
    kept = File(tmp_path)
    kept.append(HI)
    path = tmp_path / "default.jsonl"
    first = path.read_bytes()
    kept.append(MORE)
    complete = path.read_bytes()
    for end in range(len(first), len(complete)):
        path.write_bytes(complete[:end])
        assert kept.load() == HI
        kept.append(MORE)
        assert path.read_bytes() == complete
    for end in range(len(first)):
        path.write_bytes(first[:end])
        assert kept.load() == []
        kept.append(MORE)
        assert kept.load() == MORE


def test_a_torn_line_longer_than_a_block_is_cut_off(tmp_path: Path) -> None:
    kept = File(tmp_path)
    kept.append(HI)
    with (tmp_path / "default.jsonl").open("ab") as file:
        file.write(b"x" * 200_000)
    kept.append(MORE)
    assert kept.load() == [*HI, *MORE]


def test_an_invalid_line_is_an_error_that_names_it(tmp_path: Path) -> None:
    kept = File(tmp_path)
    kept.append(HI)
    with (tmp_path / "default.jsonl").open("ab") as file:
        file.write(b"not JSON\n")
    kept.append(MORE)
    with pytest.raises(
        InvalidMessage, match=r"^File\('.*', session='default'\) could not load: record 2: a record must be JSON, got "
    ):
        kept.load()


def test_a_folder_that_is_a_file_is_an_error_with_its_cause(tmp_path: Path) -> None:
    (tmp_path / "chats").write_text("")
    with pytest.raises(MemoryFailed, match="could not append: .*exists") as caught:
        File(tmp_path / "chats").append(HI)
    assert isinstance(caught.value.__cause__, OSError)


def test_the_folder_does_not_change_with_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kept = File("chats")
    assert repr(kept) == "File('chats', session='default')"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    kept.append(HI)
    assert (tmp_path / "chats" / "default.jsonl").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the lock between processes needs POSIX")
def test_a_reader_waits_for_a_writer_of_its_session_only(tmp_path: Path) -> None:
    import fcntl

    kept = File(tmp_path)
    kept.append(HI)
    loaded: list[Message] = []
    reader = threading.Thread(target=lambda: loaded.extend(kept.load()))
    with (tmp_path / "default.jsonl").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        reader.start()
        kept.at("another").append(MORE)
        assert kept.at("another").load() == MORE
        reader.join(0.05)
        assert reader.is_alive()
        assert loaded == []
    reader.join(10)
    assert loaded == HI


def test_a_writer_waits_for_a_reader_of_its_session(tmp_path: Path) -> None:
    import fcntl

    kept = File(tmp_path)
    kept.append(HI)
    writer = threading.Thread(target=lambda: kept.append(MORE))
    with (tmp_path / "default.jsonl").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert kept.load() == HI  # another reader does not wait
        writer.start()
        writer.join(0.05)
        assert writer.is_alive()
        assert kept.load() == HI
    writer.join(10)
    assert kept.load() == [*HI, *MORE]


def test_sessions_have_different_files_even_if_the_file_system_ignores_case(tmp_path: Path) -> None:
    sessions = ["a", "A", "%41", "ä", "Ä", "con", "CON", "%con", "a.", "a ", "", "%"]
    for session in sessions:
        File(tmp_path, session).append([Message("user", session)])
    names = [path.name for path in tmp_path.iterdir()]
    assert len({name.lower() for name in names}) == len(sessions)
    assert [File(tmp_path, session).load()[0].content for session in sessions] == sessions


FULL = """
import os, resource, signal, sys
from declarai_like import Message
from declarai_like.errors import MemoryFailed
from declarai_like.memory import File

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
kept = File(sys.argv[1])
kept.append([Message("user", "fits")])
try:
    kept.append([Message("user", "x" * 20_000)])
except MemoryFailed as error:
    print(error)
print(os.listdir(sys.argv[1]), os.path.getsize(os.path.join(sys.argv[1], "default.jsonl")))
kept.append([Message("user", "fits too")])
print([message.content for message in kept.load()])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="this system has no limit for the size of files")
def test_a_record_that_does_not_fit_on_the_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    error, files, kept = output_of(run_script(FULL, str(tmp_path))).splitlines()
    assert "could not append: [Errno 27] File too large" in error
    assert files == "['default.jsonl'] 35"
    assert kept == "['fits', 'fits too']"
