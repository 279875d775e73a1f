"""The records of a component on disk: rendered rows one after the other, and an index of them.

A store takes constant memory for any number of records: its index is arrays of numbers in files, of
which a block is in memory at a time.
"""

from __future__ import annotations

import mmap
import os
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FLUSH = 1 << 16  # numbers of an index that are held before they are written


class Column:
    """A column of numbers in a file. kind: as of `array`: Q, I or d."""

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._kind, self._held = path, kind, array(kind)
        self._file = path.open("wb")

    def append(self, number: float) -> None:
        self._held.append(number)  # type: ignore[arg-type]
        if len(self._held) >= _FLUSH:
            self._flush()

    def done(self, maps: list[mmap.mmap]) -> NDArray[Any]:
        """The numbers, mapped from the file; the map joins `maps`."""
        self._flush()
        self._file.close()
        kind = {"Q": np.uint64, "I": np.uint32, "d": np.float64}[self._kind]
        if self._path.stat().st_size == 0:
            return np.zeros(0, kind)
        with self._path.open("rb") as file:
            maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return np.frombuffer(maps[-1], kind)

    def _flush(self) -> None:
        self._held.tofile(self._file)
        del self._held[:]


@dataclass
class Rows:
    """Rows of a file and their index. begins, ends: of each row in bytes, its line end included."""

    path: Path
    begins: NDArray[np.uint64]
    ends: NDArray[np.uint64]
    places: NDArray[np.uint64]  # of each row in its source, counted from 1
    tokens: NDArray[np.uint32]  # empty where none are counted
    numbers: NDArray[np.float64]  # by which rows are ordered; empty where by none
    maps: list[mmap.mmap] = field(default_factory=list, repr=False)  # of the columns above
    _file: int | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.ends)

    def lines(self, records: NDArray[np.int64]) -> list[bytes]:
        """The lines of these rows, each with its line end."""
        if self._file is None:
            self._file = os.open(self.path, os.O_RDONLY)
        file, begins, ends = self._file, self.begins[records], self.ends[records]
        sizes = (ends - begins).tolist()
        places = zip(sizes, begins.tolist(), strict=True)
        return [os.pread(file, size, begin) for size, begin in places]

    def release(self) -> None:
        """Give the memory of the columns back to the system, which reads them again when asked."""
        if hasattr(mmap, "MADV_DONTNEED"):
            for column in self.maps:
                column.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Store:
    """Takes rendered rows; `done` gives them back as `Rows`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._end = folder / "rows.jsonl", 0
        self._file = self._path.open("wb", buffering=1 << 20)
        self._begins = Column(folder / "begins", "Q")
        self._ends = Column(folder / "ends", "Q")
        self._places = Column(folder / "places", "Q")
        self._tokens = Column(folder / "tokens", "I")
        self._numbers = Column(folder / "numbers", "d")

    def take(
        self, line: bytes, place: int, tokens: int | None = None, number: float | None = None
    ) -> None:
        """A row with its line end."""
        self._file.write(line)
        self._begins.append(self._end)
        self._end += len(line)
        self._ends.append(self._end)
        self._places.append(place)
        if tokens is not None:
            self._tokens.append(min(tokens, 2**32 - 1))
        if number is not None:
            self._numbers.append(number)

    def done(self) -> Rows:
        self._file.close()
        maps = list[mmap.mmap]()
        rows = Rows(
            self._path,
            self._begins.done(maps),
            self._ends.done(maps),
            self._places.done(maps),
            self._tokens.done(maps),
            self._numbers.done(maps),
            maps,
        )
        rows.release()
        return rows
