"""An append log in the files of a folder: for each session a file of JSON Lines, to which records are appended.

A line is one record, so it is complete or not there at all. A line without its end was being written when the process
was killed: readers skip it, and the next writer cuts it off.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\Z")  # names of devices on Windows
_BLOCK = 65536


class FileLog:
    """An `AppendLog` in a folder, which is created on first use."""

    secrets: Sequence[str] = ()

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, session: str, record: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Without a buffer: after a failed write, close() would write what is left in the buffer.
        with self._file(session).open("ab+", buffering=0) as file, _locked(file):
            end = _end_of_last_line(file)
            try:
                file.truncate(end)
                rest = memoryview(record + b"\n")
                while rest:
                    rest = rest[file.write(rest) :]  # a raw write may be partial
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(end)
                raise
        if end == 0:
            self._sync_folder()

    def load(self, session: str) -> list[bytes]:
        try:
            with self._file(session).open("rb", buffering=0) as file, _locked(file, shared=True):
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return []
        return lines[:-1]  # the last item is empty, or a line without its end

    def clear(self, session: str) -> None:
        try:
            # The file is not removed: another process may have it open and wait for the lock, and would then append
            # to a file without a name.
            with self._file(session).open("rb+", buffering=0) as file, _locked(file):
                file.truncate(0)
                os.fsync(file.fileno())
        except FileNotFoundError:
            pass

    def close(self) -> None:
        pass  # no file stays open between two calls

    def _file(self, session: str) -> Path:
        return self._folder / _file_name(session)

    def _sync_folder(self) -> None:
        """Write the name of a new file to the disk; fsync of the file covers its content only."""
        if sys.platform != "win32":  # where folders cannot be opened
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _file_name(session: str) -> str:
    """Return the file name of a session. Names of different sessions differ, also if the file system ignores case."""
    name = re.sub(rb"[^a-z0-9_-]", lambda found: b"%%%02x" % ord(found[0]), session.encode("utf-8", "surrogatepass"))
    if len(name) > 200:  # most file systems allow 255 bytes
        import hashlib

        return f"%sha256-{hashlib.sha256(name).hexdigest()}.jsonl"
    text = name.decode("ascii") or "%"
    if _RESERVED.match(text):
        text = f"%{ord(text[0]):02x}{text[1:]}"
    return text + ".jsonl"


def _end_of_last_line(file: FileIO) -> int:
    """Return the position after the last line end. It is read backwards in blocks, as the file may be long."""
    position = file.seek(0, os.SEEK_END)
    while position > 0:
        start = max(0, position - _BLOCK)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


if sys.platform == "win32":
    _threads = threading.Lock()

    @contextmanager
    def _locked(file: FileIO, *, shared: bool = False) -> Generator[None, None, None]:
        with _threads:
            yield

else:
    import fcntl

    @contextmanager
    def _locked(file: FileIO, *, shared: bool = False) -> Generator[None, None, None]:
        """Lock the file against other processes and threads."""
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        try:
            yield
        finally:
            # Closing does not unlock if a fork has inherited the open file: the lock belongs to both (flock(2)).
            fcntl.flock(file, fcntl.LOCK_UN)
