"""The texts of a pool that share several of their rarest tokens with another text.

For long texts and high thresholds, where a single shared token excludes too few texts. The rarest
tokens of a text are called its head.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfinstruct.similarity.banded import BANDS, CHUNK, FIRSTS, Banded
from selfinstruct.similarity.bounds import HUGE, Bounds, Demands, highest_f, length_class
from selfinstruct.similarity.codes import Code, to_ids

_RANKED_AT = 4  # the tokens are ordered anew when there are so many times as many texts
_FIRST_RANKED = 64  # texts
_WORDS = 16  # of 64 bits, for each record
_LAST_BIT = 64 * _WORDS - 1
_BITS = [1 << bit for bit in range(64 * _WORDS)]
_BANDS: list[int] = BANDS.tolist()

Numbers = NDArray[np.int64]
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class _Text:
    """A text with the ranks of its tokens, ascending, without the tokens that no record has.

    bits: each rank sets a bit. crowd: the number of ranks without a bit of their own.
    """

    ids: Sequence[int]
    ranks: list[int]
    bits: Words
    crowd: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a text of some length is compared.

    wanted: so many shared tokens make a record a candidate. bands: each band that can match, and
    how many tokens are looked at for the band. most: the greatest of these.
    """

    wanted: int
    bands: tuple[tuple[int, int], ...]
    most: int


class Heads:
    """The heads of long texts, for a threshold.

    If l of the tokens of two texts are matched, the k rarest of these are among the first
    m - l + k tokens of either text, rarest first. So the heads of both texts share k tokens or
    more. Of a text whose band of lengths is not above that of the other, the near head is enough.
    """

    def __init__(self, fewest: int) -> None:
        """fewest: of texts that share fewer tokens of their heads none is a candidate."""
        self._fewest = fewest
        self._positions = array("q")  # in the pool, by record; the last may not be indexed
        self._bounds: Bounds | None = None
        self._banded = Banded()
        self._classes = array("B")  # of the lengths, by record, as all below
        self._lengths = array("q")
        self._crowds = array("q")
        self._bits: Words = np.zeros((0, _WORDS), np.uint64)
        self._heads: dict[int, tuple[int, int]] = {}
        self._plans: dict[tuple[float, int], _Plan] = {}
        self._last = _Text((), [], self._bits, 0)

    def __len__(self) -> int:
        return len(self._positions)

    def add(self, position: int, ids: Sequence[int] | None = None) -> None:
        """Add a text by its position in the pool, with its token ids if they are at hand."""
        record = len(self._positions)
        self._positions.append(position)
        if ids is not None and self._bounds and record == len(self._classes):
            self._index(record, ids)

    def likely(
        self, codes: Sequence[Code], ids: Sequence[int], demands: Demands, bounds: Bounds
    ) -> tuple[Numbers, Callable[[], NDArray[np.float64]]]:
        """The positions of texts that may be above the threshold, and the highest F of each.

        codes: of all texts of the pool.
        """
        self._bring_up_to_date(codes, bounds)
        if (key := (bounds.above, demands.length)) not in self._plans:
            self._plans[key] = self._plan(demands)
        plan, text = self._plans[key], self._read(ids)
        own, absent = _BANDS[length_class(len(ids))], len(ids) - len(text.ranks)
        entries = self._banded.entries(text.ranks, absent, own, plan.bands, plan.most)
        number = np.uint8 if plan.most < 255 else np.uint16
        counts: NDArray[Any] = np.zeros(len(self._classes), number)
        np.add.at(counts, entries, number(1))
        hits = (counts >= plan.wanted).nonzero()[0]
        shared = np.bitwise_count(self._bits[hits] & text.bits).sum(1, dtype=np.int64)
        most = shared + np.minimum(np.frombuffer(self._crowds, np.int64)[hits], text.crowd)
        least = demands.least[np.frombuffer(self._classes, np.uint8)[hits]]
        passed = (most >= least).nonzero()[0]
        hits, most = hits[passed], most[passed]

        def highest() -> NDArray[np.float64]:
            lengths = np.frombuffer(self._lengths, np.int64)[hits]
            return highest_f(most, lengths, len(ids))

        return np.frombuffer(self._positions, np.int64)[hits], highest

    def _plan(self, demands: Demands) -> _Plan:
        length, bands = demands.length, []
        wanted = min(self._wanted(demands.shortest), demands.fewest)
        for band, (start, stop) in enumerate(pairwise(FIRSTS)):
            if start < stop and (least := int(demands.least[start:stop].min())) < HUGE:
                bands.append((band, min(length - least + wanted, length)))
        return _Plan(wanted, tuple(bands), max(counted for _, counted in bands))

    def _read(self, ids: Sequence[int]) -> _Text:
        """A text, which a search and the addition of the same text both need."""
        if self._last.ids is not ids:
            self._last = _text(ids, self._banded.ranks(ids))
        return self._last

    def _bring_up_to_date(self, codes: Sequence[Code], bounds: Bounds) -> None:
        """Index all texts, for this threshold or a lower one."""
        size = len(self._positions)
        is_lower = self._bounds is None or bounds.above < self._bounds.above
        if is_lower or size >= max(_FIRST_RANKED, _RANKED_AT * self._banded.ranked):
            self._bounds = bounds if is_lower else self._bounds
            self._index_all([codes[position] for position in self._positions])
        for record in range(len(self._classes), size):
            self._index(record, to_ids(codes[self._positions[record]]))

    def _index(self, record: int, ids: Sequence[int]) -> None:
        text = self._last
        if text.ids is not ids or len(text.ranks) < len(ids):
            text = self._last = _text(ids, self._banded.learn(ids))
        near, head = self._described(len(ids))
        self._banded.append(record, text.ranks, _BANDS[self._classes[-1]], near, head)
        if record == len(self._bits):
            self._bits = np.concatenate([self._bits, np.zeros((record + 64, _WORDS), np.uint64)])
        self._bits[record] = text.bits
        self._crowds.append(text.crowd)

    def _index_all(self, codes: Sequence[Code]) -> None:
        """Order the tokens anew, and index all texts by this order."""
        self._banded, self._heads = Banded.of(codes), {}
        self._classes, self._lengths, self._crowds = array("B"), array("q"), array("q")
        self._bits = np.zeros((len(codes) + len(codes) // 8, _WORDS), np.uint64)
        self._last = _Text((), [], self._bits, 0)
        for at in range(0, len(codes), CHUNK):
            chunk = codes[at : at + CHUNK]
            heads = np.array([self._described(length) for length in map(len, chunk)], np.int64)
            owners, ranks = self._banded.read(chunk)
            bands = BANDS[np.frombuffer(self._classes, np.uint8)[at:]]
            self._banded.extend(at, (owners, ranks), bands, heads)
            bits, places = self._bits[at : at + len(chunk)], ranks & _LAST_BIT
            ones = np.uint64(1) << (places & 63).astype(np.uint64)
            np.bitwise_or.at(bits, (owners, places >> 6), ones)
            crowds = np.array(self._lengths[at:]) - np.bitwise_count(bits).sum(1, dtype=np.int64)
            self._crowds.frombytes(crowds.tobytes())

    def _described(self, length: int) -> tuple[int, int]:
        """Note the length of the next record. Returns the lengths of its near head and its head."""
        own = length_class(length)
        if length not in self._heads:
            demands = self._bounds and self._bounds.demands(length)
            assert demands, "where a text can match any text, each text can match its equal"
            least, wanted = demands.least, self._wanted(length)
            near = length - int(least[FIRSTS[_BANDS[own]] :].min()) + wanted
            head = length - int(least.min()) + wanted
            self._heads[length] = min(near, length), min(head, length)
        self._classes.append(own)
        self._lengths.append(length)
        return self._heads[length]

    def _wanted(self, length: int) -> int:
        return max(self._fewest, length // 12 - 4)


def _text(ids: Sequence[int], ranks: list[int]) -> _Text:
    bits = reduce(or_, map(_BITS.__getitem__, [rank & _LAST_BIT for rank in ranks]), 0)
    words = np.frombuffer(bits.to_bytes(8 * _WORDS, "little"), np.uint64)
    return _Text(ids, ranks, words, len(ranks) - bits.bit_count())
