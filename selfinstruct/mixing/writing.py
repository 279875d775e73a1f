"""Rows of a stage, drawn from stores and written in order, each with a line about its origin."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfinstruct.mixing.drawing import BLOCK, Draw, Numbers, Permutation
from selfinstruct.mixing.store import Rows

ORIGINS_HEADER = "component\trecord\tpass\treplay\n"


@dataclass(frozen=True, slots=True)
class Take:
    """Draws of a component: its rows, and how many draws."""

    name: str
    rows: Rows
    draws: int
    size: int  # rows that may be drawn
    stage: str = ""  # of an earlier stage, whose rows these are


@dataclass(frozen=True, slots=True)
class File:
    """A file that was written."""

    rows: int
    bytes: int
    sha256: str

    def to_record(self) -> dict[str, Any]:
        return {"rows": self.rows, "bytes": self.bytes, "sha256": self.sha256}


class Stream:
    """A file that is written line by line, with its digest."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=1 << 20)
        self._digest, self._bytes, self._rows = hashlib.sha256(), 0, 0

    def write(self, line: bytes) -> None:
        self._file.write(line)
        self._digest.update(line)
        self._bytes += len(line)
        self._rows += 1

    def done(self) -> File:
        self._file.close()
        return File(self._rows, self._bytes, self._digest.hexdigest())


def near(rows: Rows, size: int, seed: int, name: str, tokens: int) -> int:
    """How many draws come nearest to `tokens`: off by half a record at most."""
    if tokens <= 0 or size == 0:
        return 0
    draw, done, total = Draw(size, seed, name), 0, 0
    while True:
        numbers = np.arange(done, done + BLOCK, dtype=np.uint64)
        records, _ = draw.records(numbers)
        sums = total + np.cumsum(rows.tokens[records.astype(np.int64)].astype(np.int64))
        if sums[-1] >= tokens:
            place = int(np.searchsorted(sums, tokens))
            before = int(sums[place - 1]) if place else total
            closer = tokens - before < int(sums[place]) - tokens
            return done + place + (0 if closer and done + place else 1)
        if sums[-1] == total:
            return 0  # nothing but rows without tokens
        done, total = done + BLOCK, int(sums[-1])


def slots(
    takes: Sequence[Take], seed: int, order: str, key: str
) -> Iterator[tuple[NDArray[np.int64], Numbers, Numbers]]:
    """The rows in order, in blocks: for each the number of its take, its record and its pass.

    order: mixed, component, or ordered by the stores' numbers, from low to high.
    """
    starts = np.cumsum([0, *(take.draws for take in takes)]).astype(np.uint64)
    draws = [Draw(take.size, seed, take.name) if take.size else None for take in takes]
    total = int(starts[-1])
    mixed = Permutation(max(total, 1), seed, "order", key)
    ordered = None if order in ("mixed", "component") else _sorted(takes, draws, starts, mixed)
    for begin in range(0, total, BLOCK):
        places = np.arange(begin, min(begin + BLOCK, total), dtype=np.uint64)
        if ordered is not None:
            places = ordered[begin : begin + BLOCK]
        elif order == "mixed":
            places = mixed.of(places)
        number = (np.searchsorted(starts, places, side="right") - 1).astype(np.int64)
        records, passes = np.empty_like(places), np.empty_like(places)
        for each in np.unique(number):
            chosen, draw = number == each, draws[int(each)]
            assert draw is not None
            records[chosen], passes[chosen] = draw.records(places[chosen] - starts[each])
        yield number, records, passes


def _sorted(
    takes: Sequence[Take], draws: Sequence[Draw | None], starts: Numbers, mixed: Permutation
) -> Numbers:
    """All places by the number of their row, from low to high; equal numbers mixed."""
    numbers = np.empty(int(starts[-1]), np.float64)
    for take, draw, start in zip(takes, draws, starts, strict=False):
        for begin in range(0, take.draws, BLOCK):
            block = np.arange(begin, min(begin + BLOCK, take.draws), dtype=np.uint64)
            assert draw is not None
            records, _ = draw.records(block)
            place = int(start) + begin
            numbers[place : place + len(block)] = take.rows.numbers[records.astype(np.int64)]
    ties = np.concatenate(list(mixed.blocks(0, len(numbers)))) if len(numbers) else starts[:0]
    found: Numbers = np.lexsort((ties, numbers)).astype(np.uint64)
    return found


Written = Callable[[bytes, int, int], None]
"""Hears of each row: its line, its tokens (0: not counted), the number of its take."""


def write(
    takes: Sequence[Take], seed: int, order: str, key: str, data: Stream, origins: Stream,
    written: Written,
) -> None:  # fmt: skip
    """Writes the drawn rows, and for each a line about its origin."""
    for number, records, passes in slots(takes, seed, order, key):
        lines = [b""] * len(number)
        places, tokens = np.zeros(len(number), np.uint64), np.zeros(len(number), np.int64)
        for each in np.unique(number):
            chosen, rows = np.flatnonzero(number == each), takes[int(each)].rows
            drawn = records[chosen].astype(np.int64)
            places[chosen] = rows.places[drawn]
            if len(rows.tokens):
                tokens[chosen] = rows.tokens[drawn]
            for at, line in zip(chosen.tolist(), rows.lines(drawn), strict=True):
                lines[at] = line
        for take in takes:
            take.rows.release()
        columns = (number.tolist(), places.tolist(), passes.tolist(), tokens.tolist())
        for line, each, place, turn, count in zip(lines, *columns, strict=True):
            take = takes[each]
            data.write(line)
            origins.write(f"{take.name}\t{place}\t{turn}\t{take.stage}\n".encode())
            written(line, count, each)
