"""The demands of "F above t" on a common subsequence, on lengths and on shared tokens. Exact.

F depends only on the lengths m and n of two texts and on the length l of their longest common
subsequence, and F grows with l. So each pair (m, n) has a least l whose F is above t, computed in
floats. Comparing an l with the least l decides as comparing the floats does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

CLASSES = 256
CROWDS = 8
NEVER = 255
HUGE = 1 << 40
_TABLED = 64  # for texts of so many tokens or fewer, F-measures are looked up in tables
_EXACT = 192  # each length below has a class alone; above, a class ends at 4.4% more tokens

_starts = list(range(_EXACT)) + [math.ceil(_EXACT * 2 ** (i / 16)) for i in range(CLASSES - _EXACT)]
STARTS: NDArray[np.int64] = np.array(_starts)
"""The smallest length in each of the 256 length classes; the last one holds every longer text."""
_class = np.repeat(np.arange(CLASSES), np.diff(np.append(STARTS, STARTS[-1] + 1)))
_CLASS: list[int] = _class.tolist()


def length_class(length: int) -> int:
    """The class (0..255) of a length in tokens. Fits into a byte."""
    return _CLASS[length] if length < len(_CLASS) else CLASSES - 1


def kind(length: int, bits: int) -> int:
    """The length class and the crowd of a text in 11 bits.

    The crowd is the number of tokens without a signature bit of their own, at most 7. bits: how
    many signature bits are set.
    """
    return length_class(length) * CROWDS + min(length - bits, CROWDS - 1)


def f_measure(lcs: int, pool_length: int, candidate_length: int) -> float:
    """The F-measure of ROUGE-L, with the floating-point operations of `rouge_score` in their order.

    lcs: the length of the longest common subsequence. All lengths are in tokens.
    """
    if not lcs:
        return 0.0
    p, r = lcs / pool_length, lcs / candidate_length
    return 2 * p * r / (p + r)


def rouge_l(pool_item_tokens: Sequence[str], candidate_tokens: Sequence[str]) -> float:
    """The ROUGE-L F-measure of two token sequences, bit for bit that of `rouge_score`."""
    return f_measure(
        LCSseq.similarity(pool_item_tokens, candidate_tokens),
        len(pool_item_tokens),
        len(candidate_tokens),
    )


def f_measures(
    lcs: NDArray[np.int64], pool_lengths: NDArray[np.int64], candidate_length: int
) -> NDArray[np.float64]:
    """`f_measure` over arrays of shape (n,): the same operations, so the same bits."""
    if candidate_length <= _TABLED:
        try:
            return _table(candidate_length)[lcs, pool_lengths]
        except IndexError:  # an item of more tokens
            pass
    return _computed(lcs, pool_lengths, candidate_length)


def f_table(
    lcs: NDArray[np.int64], pool_lengths: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(candidates, items) `f_measure` of all pairs: the same operations, so the same bits."""
    return _computed(lcs, pool_lengths, np.maximum(lengths, 1)[:, None])


def highest_f(
    most: NDArray[np.int64], pool_lengths: NDArray[np.int64], candidate_length: int
) -> NDArray[np.float64]:
    """(n,) the highest F of items that share `most` tokens at most."""
    shared = np.minimum(np.minimum(most, pool_lengths), candidate_length)
    return f_measures(shared, pool_lengths, candidate_length)


@lru_cache(maxsize=_TABLED)
def _table(candidate_length: int) -> NDArray[np.float64]:
    """(lcs, pool length) the F-measure, for items of fewer than 192 tokens."""
    lcs, pool_lengths = np.indices((candidate_length + 1, _EXACT))
    return _computed(lcs, pool_lengths, candidate_length)


def _computed(
    lcs: NDArray[np.int64],
    pool_lengths: NDArray[np.int64],
    candidate_length: int | NDArray[np.int64],
) -> NDArray[np.float64]:
    p, r = lcs / np.maximum(pool_lengths, 1), lcs / candidate_length
    both = p + r
    both[lcs == 0] = 1.0
    scores: NDArray[np.float64] = 2 * p * r / both
    return scores


@dataclass(frozen=True, slots=True, eq=False)
class Demands:
    """The demands of a text on all texts that may match, by the length of the text.

    shortest, longest: the lengths that can match. least: (256,) by length class, the least common
    subsequence that a length of the class needs, HUGE where no length of the class can match.
    reach: (256,) by length class, how many tokens of such a text can be rarer than all matched
    tokens, -1 where none can match. highs: by position in the prefix, the highest class of a text
    whose rarest matched token is our token at that position. `len(highs)` is the length of the
    prefix.
    """

    length: int
    shortest: int
    longest: int
    least: NDArray[np.int64]
    reach: NDArray[np.int64]
    highs: tuple[int, ...]

    @property
    def fewest(self) -> int:
        """The least common subsequence that any length needs."""
        return self.length - len(self.highs) + 1

    def shared_bits(self, bits: int) -> NDArray[np.uint8]:
        """(2048,) by kind, the least number of shared signature bits; NEVER where none is enough.

        bits: how many signature bits of this text are set. Each bit that the other text lacks
        stands for a token or more without a match, so l <= length - (bits - shared). The same holds
        for the other text, whose length - bits is its crowd.
        """
        ours = self.least - (self.length - bits)
        theirs = self.least[:, None] - np.arange(CROWDS)
        theirs[:, -1] = 0  # a crowd of 7 or more, which bounds nothing
        need = np.maximum(ours[:, None], theirs).clip(0)
        return np.where(need > bits, NEVER, need).astype(np.uint8).ravel()


class Bounds:
    """The demands of a threshold t (0 < t < 1), computed once for each length."""

    def __init__(self, above: float) -> None:
        self.above = above
        self._demands: dict[int, Demands | None] = {}
        self._needs: dict[tuple[int, int], NDArray[np.uint8]] = {}

    def demands(self, length: int) -> Demands | None:
        """The demands of a text of so many tokens, None where no text can match."""
        if length not in self._demands:
            self._demands[length] = self._computed(length) if length else None
        return self._demands[length]

    def shared_bits(self, demands: Demands, bits: int) -> NDArray[np.uint8]:
        """`demands.shared_bits(bits)`, cached."""
        key = demands.length, bits
        if key not in self._needs:
            if len(self._needs) >= 4096:
                self._needs.clear()
            self._needs[key] = demands.shared_bits(bits)
        return self._needs[key]

    def prefix(self, length: int) -> int:
        """How many of a text's rarest tokens include a matched token in every matching text.

        This is the prefix filter of AllPairs and PPJoin.
        """
        demands = self.demands(length)
        return len(demands.highs) if demands else 0

    def least(self, length: int, others: NDArray[np.int64]) -> NDArray[np.int64]:
        """The least l whose F is above t, for each of the other lengths (1 or more).

        HUGE where the shorter of both texts has fewer tokens than that.
        """
        least = (self.above / 2 * (length + others)).astype(np.int64).clip(2) - 1
        # from just below the bound in real numbers to the first l that passes in floats
        for _ in range(4):
            p, r = least / others, least / length
            least += ~(2 * p * r / (p + r) > self.above)
        return np.where(least > np.minimum(others, length), HUGE, least)

    def _computed(self, length: int) -> Demands | None:
        longest = math.ceil(length * (2 - self.above) / self.above) + 1
        others = np.arange(1, longest + 1)
        least = self.least(length, others)
        possible = (least <= length).nonzero()[0]
        if not len(possible):
            return None
        by_class, reach = np.full(CLASSES, HUGE), np.full(CLASSES, -1)
        classes = [length_class(other) for other in others[possible].tolist()]
        np.minimum.at(by_class, classes, least[possible])
        np.maximum.at(reach, classes, (others - least)[possible])
        prefix = length - int(least[possible].min()) + 1
        highs = tuple(int((by_class <= length - i).nonzero()[0][-1]) for i in range(prefix))
        shortest, longest = int(others[possible[0]]), int(others[possible[-1]])
        return Demands(length, shortest, longest, by_class, reach, highs)
