"""Rows of earlier stages, which a later stage may show again."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selfinstruct.mixing.store import Column, Rows

REPLAY = "replay"  # in the place of a component's name


@dataclass(frozen=True, slots=True)
class Done:
    """The rows of a stage that was written, for later stages to replay."""

    name: str
    rows: Rows


class Own:
    """The rows of a stage that come from its components, while the stage is written."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._columns = [
            Column(folder / name, kind)
            for name, kind in (("begins", "Q"), ("ends", "Q"), ("places", "Q"), ("tokens", "I"))
        ]
        self._end = self._row = 0

    def take(self, line: bytes, tokens: int, *, is_own: bool) -> None:
        begin, self._end, self._row = self._end, self._end + len(line), self._row + 1
        if is_own:
            values = (begin, self._end, self._row, min(tokens, 2**32 - 1))
            for column, value in zip(self._columns, values, strict=True):
                column.append(value)

    def rows(self, path: Path, *, has_tokens: bool) -> Rows:
        maps = list[mmap.mmap]()
        begins, ends, places, tokens = (column.done(maps) for column in self._columns)
        if not has_tokens:
            tokens = tokens[:0]
        return Rows(path, begins, ends, places, tokens, tokens.astype(np.float64), maps)
