"""The inverted index: for each token, the records that have the token among their rarest.

A posting is a 64-bit integer, rank | kind | record, so that sorting and merging are sorts of
integers. The signatures and kinds of the records are stored in the order of the postings, because a
scan must read memory in order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from selfinstruct.similarity.bounds import Bounds
from selfinstruct.similarity.codes import Code, lengths, points, repetitions

_RECORD_BITS = 28
_RANK_SHIFT = _RECORD_BITS + 11
_RECORD_MASK = (1 << _RECORD_BITS) - 1
_CHUNK = 1 << 16  # records worked on at once: bounds the memory of a rebuild, not its result


class Postings:
    """Sorted postings of the records 0..size-1, for an order of the tokens and a threshold.

    Records with `longest` tokens or more have none.
    """

    def __init__(self, bounds: Bounds, longest: int) -> None:
        self.size = 0
        self.longest = longest
        self.bounds = bounds
        self.lowest = 0
        self.packed = np.zeros(0, np.int64)
        self.signatures = np.zeros(0, np.uint64)
        self.kinds = np.zeros(0, np.uint16)
        self.records = np.zeros(0, np.int32)
        self.starts: list[int] = []

    def extend(
        self,
        codes: Sequence[Code],
        signatures: NDArray[np.uint64],
        kinds: NDArray[np.uint16],
        ranks: Sequence[int],
    ) -> None:
        """Add the records from `size` on.

        codes, signatures, kinds: of all records. ranks: by token id, rarer is lower. A token that
        is new since the first call must rank below all earlier tokens.
        """
        rank_of = np.array(ranks, np.int64)
        chunks = range(self.size, len(codes), _CHUNK)
        new = [self._entries(codes[at : at + _CHUNK], kinds, at, rank_of) for at in chunks]
        added = np.concatenate(new) if new else self.packed[:0]
        new.clear()
        added.sort()
        self.size = len(codes)
        records = (added & _RECORD_MASK).astype(np.int32)
        if len(self.packed):
            where = self.packed.searchsorted(added)
            self.packed = np.insert(self.packed, where, added)
            self.signatures = np.insert(self.signatures, where, signatures[records])
            self.kinds = np.insert(self.kinds, where, kinds[records])
            self.records = np.insert(self.records, where, records)
        else:
            self.packed, self.records = added, records
            self.signatures, self.kinds = signatures[records], kinds[records]
        self._find_starts()

    @classmethod
    def of(
        cls,
        packed: NDArray[np.int64],
        size: int,
        bounds: Bounds,
        longest: int,
        signatures: NDArray[np.uint64],
        kinds: NDArray[np.uint16],
    ) -> Postings:
        """The postings that `packed` was an attribute of."""
        postings = cls(bounds, longest)
        postings.size, postings.packed = size, packed
        records = postings.records = (packed & _RECORD_MASK).astype(np.int32)
        postings.signatures, postings.kinds = signatures[records], kinds[records]
        postings._find_starts()
        return postings

    def first(self, size: int) -> NDArray[np.int64]:
        """`packed` without the postings of the records from `size` on."""
        return self.packed if size >= self.size else self.packed[self.records < size]

    def _find_starts(self) -> None:
        """Find the limits of each token's postings, without an array of their number."""
        if not len(self.packed):
            self.lowest, self.starts = 0, [0]
            return
        self.lowest = int(self.packed[0]) >> _RANK_SHIFT
        highest = int(self.packed[-1]) >> _RANK_SHIFT
        tokens = np.arange(self.lowest, highest + 2, dtype=np.int64) << _RANK_SHIFT
        self.starts = self.packed.searchsorted(tokens).tolist()

    def _entries(
        self, codes: Sequence[Code], kinds: NDArray[np.uint16], at: int, rank_of: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Unsorted postings, for each distinct token in the prefix of each record."""
        length = lengths(codes)
        short = (length < self.longest).nonzero()[0]
        length = length[short]
        owner = np.repeat(np.arange(len(short)), length)
        tokens = points([codes[record] for record in short.tolist()])
        keys = np.sort((owner << 32) + rank_of[tokens] + (1 << 31))
        place = np.arange(len(keys)) - (np.cumsum(length) - length)[owner]
        present, index = np.unique(length, return_inverse=True)
        prefixes = np.array([self.bounds.prefix(tokens) for tokens in present.tolist()], np.int64)
        # of a repeated token the first place counts
        keep = (place < prefixes[index][owner]) & (repetitions(keys) == 0)
        token, owner = (keys[keep] & 0xFFFFFFFF) - (1 << 31), short[owner[keep]] + at
        packed: NDArray[np.int64] = (
            (token << _RANK_SHIFT) | (kinds[owner].astype(np.int64) << _RECORD_BITS) | owner
        )
        return packed

    def find(self, rank: int, low: np.uint16, high: np.uint16) -> slice | None:
        """The slice of a token's postings with kinds low..high, None where there are none."""
        token = rank - self.lowest
        if token < 0 or token + 1 >= len(self.starts):
            return None
        start, stop = self.starts[token], self.starts[token + 1]
        if stop - start > 256:  # for fewer, scanning all costs less than finding the limits
            kinds = self.kinds[start:stop]
            stop = start + int(kinds.searchsorted(high, "right"))
            start += int(kinds.searchsorted(low))
        return slice(start, stop) if start < stop else None
