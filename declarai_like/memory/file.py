"""Messages in a folder: for each session a file of JSON Lines that only grows.

A line is what was appended at once, so it is there as a whole or not at all. A line without its end was
being written when the process was killed: readers pass over it, and the next writer cuts it off.
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

from ..errors import InvalidMessage
from ..messages import Message
from .records import read_record, write_record
from .stored_memory import StoredMemory

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\Z")  # names that Windows gives to devices
_BLOCK = 65536


class File(StoredMemory):
    """A memory in the files of a folder, which is made when it is first needed.

    An append is on the disk when it returns, and survives a process that is killed. Several processes
    may use a folder at once; on Windows, only the threads of one process may.

    Args:
        path: the folder.
        session: whose conversation it is; any text. It never becomes a path as it stands.

    Raises:
        ConfigurationError: the session is no text.
    """

    def __init__(self, path: str | os.PathLike[str], session: str = "default") -> None:
        super().__init__(_Folder(Path(path).absolute()), session, shown=f"{os.fspath(path)!r}, ")


class _Folder:
    secrets = ()

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self, session: str) -> list[Message]:
        try:
            with self._file(session).open("rb", buffering=0) as file, _locked(file, shared=True):
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return []
        messages: list[Message] = []
        for number, line in enumerate(lines[:-1], 1):  # after the last end of a line is nothing, or a torn line
            try:
                messages += read_record(line)
            except InvalidMessage as error:
                raise InvalidMessage(f"line {number}: {error}") from None
        return messages

    def append(self, session: str, messages: Sequence[Message]) -> None:
        line = write_record(messages) + b"\n"
        self._path.mkdir(parents=True, exist_ok=True)
        # Without a buffer: after a failed write, closing the file would write what is left in it.
        with self._file(session).open("ab+", buffering=0) as file, _locked(file):
            end = _end_of_last_line(file)
            try:
                file.truncate(end)
                rest = memoryview(line)
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(end)
                raise
        if end == 0:
            self._sync_folder()

    def clear(self, session: str) -> None:
        try:
            # The file stays: another process may have opened it, and wait for its turn to append.
            with self._file(session).open("rb+", buffering=0) as file, _locked(file):
                file.truncate(0)
                os.fsync(file.fileno())
        except FileNotFoundError:
            pass

    def close(self) -> None:
        """No file stays open between two calls."""

    def _file(self, session: str) -> Path:
        return self._path / _file_name(session)

    def _sync_folder(self) -> None:
        """Bring the name of a new file to the disk, as its lines are."""
        if sys.platform != "win32":  # where folders cannot be opened
            folder = os.open(self._path, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _file_name(session: str) -> str:
    """Give a session's own file name, also where names do not tell capitals from small letters."""
    name = re.sub(rb"[^a-z0-9_-]", lambda found: b"%%%02x" % ord(found[0]), session.encode("utf-8", "surrogatepass"))
    if len(name) > 200:
        import hashlib

        return f"%sha256-{hashlib.sha256(name).hexdigest()}.jsonl"
    text = name.decode("ascii") or "%"
    if _RESERVED.match(text):
        text = f"%{ord(text[0]):02x}{text[1:]}"
    return text + ".jsonl"


def _end_of_last_line(file: FileIO) -> int:
    """Give the place after the last whole line, from where a torn one is to be cut off."""
    place = file.seek(0, os.SEEK_END)
    while place > 0:
        begin = max(0, place - _BLOCK)
        file.seek(begin)
        found = file.read(place - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        place = begin
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
        """Keep other processes and threads away."""
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # closing is not enough when a fork has taken the open file with it
