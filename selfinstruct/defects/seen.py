"""Digests of the examples seen so far, outside the memory, so that a million cost none."""

from __future__ import annotations

import sqlite3
from hashlib import blake2b

_CACHE = 4_000  # KiB of the tables that are held in memory


class Seen:
    """Digests of examples, and the first label of each prompt, in a file without a name.

    The system removes the file with the process.
    """

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        for order in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            f"PRAGMA cache_size = -{_CACHE}",
            "CREATE TABLE whole (digest BLOB PRIMARY KEY) WITHOUT ROWID",
            "CREATE TABLE labels (digest BLOB PRIMARY KEY, label TEXT) WITHOUT ROWID",
            "BEGIN",
        ):
            self._file.execute(order)

    def add(self, *texts: str) -> bool:
        """Whether these texts are new. They count from now on."""
        order = "INSERT OR IGNORE INTO whole VALUES (?)"
        return self._file.execute(order, (_digest(texts),)).rowcount == 1

    def first_label(self, label: str, *texts: str) -> str:
        """The label with which these texts came first: this label if they are new."""
        digest = _digest(texts)
        order = "INSERT OR IGNORE INTO labels VALUES (?, ?)"
        if self._file.execute(order, (digest, label)).rowcount == 1:
            return label
        found = self._file.execute("SELECT label FROM labels WHERE digest = ?", (digest,))
        return str(found.fetchone()[0])


def _digest(texts: tuple[str, ...]) -> bytes:
    joined = "".join(f"{len(text)}:{text}" for text in texts)  # two lists never look alike
    return blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()
