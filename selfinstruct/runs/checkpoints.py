"""When checkpoint.json is written, and by whom: beside the event loop, which goes on meanwhile.

Bringing the files of a run to the disk takes tens of milliseconds, in which no reply would be read.
So the loop notes how things stand, and the thread that brings replies to the disk every second
writes the note, after the bytes that it is about (asking/sitting.py).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

from selfinstruct.errors import NoRoom
from selfinstruct.models.disk import disk_errors
from selfinstruct.runs.directory import note

_EVERY = 5.0  # seconds


class _File(Protocol):
    def sync(self) -> None:
        """Bring all that is in the file to the disk."""
        ...


class Checkpoints:
    """The notes of a run: a record of how things stand. An older one never replaces a newer one.

    books: calls and replies. files: the dataset.
    """

    def __init__(self, directory: Path, books: Collection[_File], files: Collection[_File]) -> None:
        self._directory, self._books, self._files = directory, books, files
        self._lock = threading.Lock()
        self._made = self._written = 0
        self._waiting: tuple[int, Mapping[str, Any]] | None = None  # with its number
        self._at = time.monotonic()

    def write_if_due(self, record: Callable[[], Mapping[str, Any]]) -> None:
        """As `write_soon`, if some seconds have passed since the last note."""
        if time.monotonic() - self._at > _EVERY:
            self.write_soon(record())

    def write_soon(self, record: Mapping[str, Any]) -> None:
        """Have the next `sync` write a note."""
        self._made, self._at = self._made + 1, time.monotonic()
        self._waiting = (self._made, record)

    def write(self, record: Mapping[str, Any]) -> None:
        """Bring everything to the disk, and write a note. Raises NoRoom or UserError."""
        self._made, self._at = self._made + 1, time.monotonic()
        number, self._waiting = self._made, None
        self._sync_books()
        self._write(number, record)

    def sync(self) -> None:
        """Bring the books to the disk, then the note that waits. Raises NoRoom or UserError."""
        waiting, self._waiting = self._waiting, None
        self._sync_books()
        if waiting is not None:
            with contextlib.suppress(NoRoom):  # the next outcome waits for room, and says so
                self._write(*waiting)

    def _sync_books(self) -> None:
        for book in self._books:
            book.sync()

    def _write(self, number: int, record: Mapping[str, Any]) -> None:
        with self._lock, disk_errors(self._directory / "checkpoint.json"):
            if number > self._written:
                for file in self._files:
                    file.sync()
                note(self._directory, record)
                self._written = number
