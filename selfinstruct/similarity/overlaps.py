"""How many tokens every text of a pool shares with another text, counted for all texts at once.

For low thresholds, where most texts share a rare token and no prefix excludes them.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfinstruct.similarity.bounds import Demands, f_measures, length_class
from selfinstruct.similarity.codes import Code, occurrences, to_ids

_ROOM = 1024  # records that a new index has room for
_COMMON = 24  # a token that more than one in so many records have gets a row of bits
_RARE = 16  # a token of so few records stays a list in the smallest pool as well
_COMMONEST = 64  # rows that are there as bytes too: of few rows, their sum takes less time
_MORE = 8  # tokens counted beyond those that are needed: each excludes more records
_CACHED = 1 << 26  # bytes of the cached demands

Counts = NDArray[Any]  # of uint8, of uint16 where texts have 255 tokens or more


class Overlaps:
    """The records of a pool by token: a row of bits for a common token, a list for a rare token.

    A text with n tokens must share l of them with a record. So it must share l - (n - p) of any p
    tokens. The rarest p are counted, for all records at once: the rows by adders of bits, 64
    records a word.
    """

    def __init__(self) -> None:
        self.size = 0
        self._positions = array("q")  # in the pool, by record
        self._lists: dict[int, array[int]] = {}
        self._rows: dict[int, int] = {}
        self._bits = np.zeros((64, 0), np.uint64)
        self._frequencies: list[int] = []  # by row, how many records had its token of late
        self._unused: list[int] = []  # rows
        self._commonest: dict[int, NDArray[np.uint8]] = {}  # by row, its bits as bytes
        self._classes = np.zeros(0, np.uint8)  # by record, the class of its length
        self._lengths = array("q")
        self._needs: dict[tuple[float, int], _Needs] = {}
        self._last: tuple[Sequence[int], Sequence[int]] = ((), ())
        self._grow()

    @classmethod
    def of(cls, codes: Sequence[Code]) -> Overlaps:
        """All texts of a pool."""
        overlaps = cls()
        for position, ids in enumerate(codes):
            overlaps.add(position, to_ids(ids))
        return overlaps

    def add(self, position: int, ids: Sequence[int]) -> None:
        """Add a text by its position in the pool and its token ids."""
        record, lists = self.size, self._lists
        if record == len(self._classes):
            self._grow()
        keys = self._told_apart(ids)
        if rows := [row for row in map(self._rows.get, keys) if row is not None]:
            self._bits[rows, record >> 6] |= np.uint64(1 << (record & 63))
            for row in self._commonest.keys() & rows:
                self._commonest[row][record] = 1
        for key in [key for key in keys if key not in self._rows]:
            if (records := lists.get(key)) is None:
                lists[key] = array("q", (record,))
            else:
                records.append(record)
                if len(records) > self._limit:
                    self._promote(key)
        self._classes[record] = length_class(len(ids))
        self._lengths.append(len(ids))
        self._positions.append(position)
        self.size += 1

    def likely(
        self, ids: Sequence[int], demands: Demands, above: float
    ) -> tuple[NDArray[np.int64], Callable[[], NDArray[np.float64]]]:
        """The positions of texts that may be above the threshold, and the highest F of each."""
        length = len(ids)
        counted = min(length, length - demands.fewest + _MORE)
        counts = self._count(ids, counted)
        hits = (counts >= self._needed(demands, above, counted)).nonzero()[0]
        positions = np.frombuffer(self._positions, np.int64)[hits]

        def highest() -> NDArray[np.float64]:
            lengths = np.frombuffer(self._lengths, np.int64)[hits]
            most = np.minimum(counts[hits] + np.int64(length - counted), lengths)
            return f_measures(most, lengths, length)

        return positions, highest

    def _told_apart(self, ids: Sequence[int]) -> Sequence[int]:
        """`occurrences(ids)`, which a search and the addition of the same text both need."""
        if self._last[0] is not ids:
            self._last = ids, occurrences(ids)
        return self._last[1]

    def _count(self, ids: Sequence[int], counted: int) -> Counts:
        """By record, how many of the `counted` rarest tokens of a text are there too."""
        keys = self._told_apart(ids)
        lists = [*filter(None, map(self._lists.get, keys))]
        rows = [row for row in map(self._rows.get, keys) if row is not None]
        # tokens that no record has are the rarest
        wanted = max(counted - (len(ids) - len(lists) - len(rows)), 0)
        if len(lists) > wanted:
            lists = sorted(lists, key=len)[:wanted]
        if len(rows) > (wanted := wanted - len(lists)):
            rows = sorted(rows, key=self._frequencies.__getitem__)[:wanted]
        commonest = [row for row in rows if row in self._commonest]
        digits = _added([self._bits[row] for row in rows if row not in self._commonest])
        counts: Counts = _bytes(digits, len(self._classes))
        if counted >= 255:
            counts = np.array(counts, np.uint16)
        for row in commonest:
            np.add(counts, self._commonest[row], out=counts)
        entries = array("q")
        for records in lists:
            entries += records
        np.add.at(counts, np.frombuffer(entries, np.int64), np.uint8(1))
        return counts

    def _needed(self, demands: Demands, above: float, counted: int) -> Counts:
        key = above, demands.length
        if key not in self._needs:
            if len(self._needs) >= max(8, _CACHED // len(self._classes)):
                self._needs.clear()
            self._needs[key] = _Needs(demands, counted, len(self._classes))
        return self._needs[key].up_to(self.size, self._classes)

    def _promote(self, key: int) -> None:
        """Give a token a row of bits instead of its list."""
        records = self._lists.pop(key)
        if not self._unused:
            if len(self._frequencies) == len(self._bits):
                self._bits = np.concatenate([self._bits, np.zeros_like(self._bits)])
            self._unused.append(len(self._frequencies))
            self._frequencies.append(0)
        row = self._rows[key] = self._unused.pop()
        bits = np.zeros(len(self._classes), np.bool_)
        bits[records] = True
        self._bits[row] = np.packbits(bits, bitorder="little").view(np.uint64)
        self._frequencies[row] = len(records)

    def _grow(self) -> None:
        """Make room for an eighth more records. Tokens that have become rare give up their rows."""
        room = -(-(self.size + self.size // 8 + _ROOM) // 64) * 64
        bits = np.zeros((len(self._bits), room // 64), np.uint64)
        bits[:, : self._bits.shape[1]] = self._bits
        classes = np.zeros(room, np.uint8)
        classes[: self.size] = self._classes[: self.size]
        self._bits, self._classes, self._needs = bits, classes, {}
        self._limit = max(_RARE, room // _COMMON)
        used = bits[: len(self._frequencies)]
        self._frequencies = np.bitwise_count(used).sum(1, dtype=np.int64).tolist()
        for key, row in [*self._rows.items()]:
            if self._frequencies[row] < self._limit // 2:
                having = np.unpackbits(bits[row].view(np.uint8), bitorder="little").nonzero()[0]
                self._lists[key] = array("q", having.tobytes())
                bits[row] = 0
                self._unused.append(self._rows.pop(key))
        rows = sorted(self._rows.values(), key=self._frequencies.__getitem__)
        self._commonest = {row: _bytes([bits[row]], room) for row in rows[-_COMMONEST:]}


class _Needs:
    """By record, how many of the counted tokens are needed, for texts of a length."""

    def __init__(self, demands: Demands, counted: int, room: int) -> None:
        never, number = (255, np.uint8) if counted < 255 else (65535, np.uint16)
        least = np.minimum(demands.least - (demands.length - counted), never)
        self._by_class: Counts = least.astype(number)
        self._by_record: Counts = np.full(room, never, np.uint16).astype(number)
        self._filled = 0

    def up_to(self, size: int, classes: NDArray[np.uint8]) -> Counts:
        if size > self._filled:
            new = slice(self._filled, size)
            self._by_record[new] = self._by_class.take(classes[new])
            self._filled = size
        return self._by_record


def _added(rows: list[NDArray[np.uint64]]) -> list[NDArray[np.uint64]]:
    """The sum of rows of bits, in each place, as rows of its binary digits, lowest first."""
    digits = []
    while rows:
        total, carried = rows[0], []
        for one, two in zip(rows[1::2], rows[2::2], strict=False):  # full adders
            half = total ^ one
            carry = one ^ two
            total = half ^ two
            carry &= half
            carry ^= one
            carried.append(carry)
        if len(rows) % 2 == 0:
            carried.append(total & rows[-1])
            total = total ^ rows[-1]
        digits.append(total)
        rows = carried
    return digits


def _bytes(digits: list[NDArray[np.uint64]], room: int) -> Counts:
    """The numbers with these binary digits, lowest first, in each of `room` places."""
    if not digits:
        return np.zeros(room, np.uint8)
    numbers = np.unpackbits(digits[-1].view(np.uint8), bitorder="little")
    for digit in reversed(digits[:-1]):
        np.add(numbers, numbers, out=numbers)
        np.add(numbers, np.unpackbits(digit.view(np.uint8), bitorder="little"), out=numbers)
    return numbers
