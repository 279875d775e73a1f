"""Files that survive a crash: append-only lines, atomic whole files, the lock of a run directory.

The only module that calls fsync. A line counts once its newline is written. A torn last line is
dropped.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.runs.hashes import Hashed, hash_of

_AT_ONCE = 1000  # lines that are parsed by a single call, since a call takes longer than a line


class Journal:
    """An append-only file of lines.

    When `append` returns, the operating system has the line, so that killing this process loses
    nothing. After `sync` the lines also outlive a power cut.
    """

    def __init__(
        self, path: Path, hashed: Hashed | None = None, *, read_only: bool = False
    ) -> None:
        """Open or create the file; `read_only` leaves all as it is, a torn last line included.

        hashed: of the file, so that no byte is hashed twice.
        """
        self.path, self._hashed = path, hashed
        self._file = os.open(path, os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT, 0o644)
        self.size = _end_of_last_line(self._file)
        self._synced = self.size
        self._hash = hashlib.sha256()
        if not read_only:
            self.truncate(self.size)

    def append(self, line: str) -> int:
        """Write `line` and a newline; return the offset in bytes where the line begins.

        Raises OSError; then nothing was written.
        """
        start, data = self.size, (line + "\n").encode("utf-8")
        try:
            written = os.write(self._file, data)
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            # A full disk takes half a line: take it back, the caller hears of the error.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, start)
                os.lseek(self._file, start, os.SEEK_SET)
            raise
        self.size += len(data)
        self._hash.update(data)
        return start

    def read(self, offset: int) -> str:
        """The line that begins at `offset`, without its newline."""
        chunk = os.pread(self._file, 1 << 12, offset)  # most lines are shorter
        while b"\n" not in chunk:
            more = os.pread(self._file, len(chunk), offset + len(chunk))
            if not more:
                raise UserError(
                    f"{self.path}: ends inside a line at byte {offset}; "
                    "was it changed while the run was using it?"
                )
            chunk += more
        return chunk[: chunk.index(b"\n")].decode("utf-8")

    def lines(self, offset: int = 0) -> Iterator[tuple[int, bytes]]:
        """Every whole line with the offset where the line begins, read anew from the file.

        `offset`: where the first of them begins.
        """
        with open(self.path, "rb") as file:
            file.seek(offset)
            for line in file:
                if line.endswith(b"\n"):
                    yield offset, line[:-1]
                offset += len(line)

    def records(self) -> Iterator[Any]:
        """Every whole line as JSON. Raises ValueError at a line that is none."""
        lines = (line for _, line in self.lines())
        while chunk := [*islice(lines, _AT_ONCE)]:
            found: list[Any] = []
            if all(line[:1] == b"{" and line[-1:] == b"}" for line in chunk):
                with contextlib.suppress(ValueError):
                    found = json.loads(b"[" + b",".join(chunk) + b"]")
            # otherwise it is a line that is none, and those before it are some
            yield from found if len(found) == len(chunk) else map(json.loads, chunk)

    def digest(self) -> str:
        """SHA-256 in hex of all that the file holds."""
        return self._hash.hexdigest()

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes and hash the bytes that stay."""
        os.ftruncate(self._file, size)
        os.lseek(self._file, size, os.SEEK_SET)
        self.size, self._synced = size, -1  # perhaps not on the disk yet
        if self._hashed and self._hashed.size > size:
            self._hashed = None  # what follows may be other bytes
        self._hash = hash_of(self.path, size, self._hashed)

    def sync(self) -> None:
        if self._synced != self.size:
            size = self.size
            os.fsync(self._file)
            self._synced = size

    def close(self) -> None:
        self.sync()
        os.close(self._file)


def write_whole(path: Path, text: str) -> None:
    """Replace a file as a whole: after a crash the file holds the old text or the new, no part.

    For a single process at a time.
    """
    # Always the same name, so that the next writer replaces the remains of a crash.
    scratch = path.with_name(f".{path.name}.new")
    try:
        with open(scratch, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
    _sync_folder(path.parent)


class Lock:
    """The lock of a run directory's only process. The kernel frees the lock when its owner dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UserError(
                f"{path}: cannot be written ({error.strerror}); choose another --out"
            ) from None
        if not _taken(self._file):
            os.close(self._file)
            raise UserError(
                f"{path.parent}: in use by {holder(path) or 'another process'}; "
                "wait for it or stop it"
            ) from None
        # On a full disk the lock holds all the same, only its owner's name is not known.
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(
                self._file,
                json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(),
                0,
            )

    def release(self) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)


def _taken(file: int) -> bool:
    for _ in range(20):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.01)  # `holder` takes the lock for a moment, to look
    return False


def holder(path: Path) -> str | None:
    """The holder of the lock at `path`, as "process PID on HOST"; None if the lock is free.

    Looking does not disturb the holder.
    """
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(ValueError, KeyError):
            owner = json.loads(os.pread(file, 4096, 0))
            return f"process {owner['pid']} on {owner['host']}"
        return "another process"
    finally:
        os.close(file)
    return None


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    lock = Lock(path)
    try:
        yield
    finally:
        lock.release()


def _end_of_last_line(file: int) -> int:
    end = os.fstat(file).st_size
    while end > 0:
        start = max(0, end - (1 << 16))
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
