"""What "F above t" demands, exactly: of the common subsequence, of the lengths, of the shared tokens.

All from one fact: F depends only on the lengths m, n and the common subsequence l, and grows with l. So for every
(m, n) there is a least l whose *float* F is above t, and comparing l with it decides as comparing the floats does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLASSES = 256
CROWDS = 8
NEVER = 255
HUGE = 1 << 40
_EXACT = 192  # lengths below have a class of their own, above it takes about 4.4% more tokens to reach the next

_starts = list(range(_EXACT)) + [math.ceil(_EXACT * 2 ** (i / 16)) for i in range(CLASSES - _EXACT)]
STARTS: NDArray[np.int64] = np.array(_starts)
"""The smallest length in each of the 256 length classes; the last one holds every longer text."""
_class = np.repeat(np.arange(CLASSES), np.diff(np.append(STARTS, STARTS[-1] + 1)))
_CLASS: list[int] = _class.tolist()


def length_class(length: int) -> int:
    """The class (0..255) of a length in tokens; a byte where the length itself would need more."""
    return _CLASS[length] if length < len(_CLASS) else CLASSES - 1


def kind(length: int, bits: int) -> int:
    """Length class and crowd (tokens without a signature bit of their own, 7 or more being one) in 11 bits."""
    return length_class(length) * CROWDS + min(length - bits, CROWDS - 1)


def f_measure(lcs: int, pool_length: int, candidate_length: int) -> float:
    """rougeL's F with the floating-point operations of `rouge_score` in their order."""
    if not lcs:
        return 0.0
    p, r = lcs / pool_length, lcs / candidate_length
    return 2 * p * r / (p + r)


def f_measures(
    lcs: NDArray[np.int64], pool_lengths: NDArray[np.int64], candidate_length: int
) -> NDArray[np.float64]:
    """`f_measure` over arrays of one shape: the same operations, so the same bits."""
    scores = np.zeros(len(lcs))
    some = lcs.nonzero()[0]
    p, r = lcs[some] / pool_lengths[some], lcs[some] / candidate_length
    scores[some] = 2 * p * r / (p + r)
    return scores


@dataclass(frozen=True, slots=True)
class Row:
    """What a text of one length needs from the others.

    least: (256,) by length class, the least common subsequence that any length of the class needs, HUGE where none will do.
    low: the lowest kind that can match. highs: for each position of the prefix, the highest kind that a text can have whose
    rarest matched token is our token at that position; `len(highs)` is the length of the prefix.
    """

    length: int
    least: NDArray[np.int64]
    low: np.uint16
    highs: tuple[np.uint16, ...]

    def shared_bits(self, bits: int) -> NDArray[np.uint8]:
        """(2048,) by kind, how many signature bits must be shared at least; NEVER where no number is enough.

        bits: how many of this text's own are set. Each that the other text lacks stands for a token or more that is not
        matched, so l <= length - (bits - shared), and the same holds from the other side, length - bits being its crowd.
        """
        ours = self.least - (self.length - bits)
        theirs = self.least[:, None] - np.arange(CROWDS)
        theirs[:, -1] = 0  # that many or more: says nothing
        need = np.maximum(ours[:, None], theirs).clip(0)
        return np.where(need > bits, NEVER, need).astype(np.uint8).ravel()


class Bounds:
    """The demands of one threshold t (0 < t < 1), worked out once per length."""

    def __init__(self, above: float) -> None:
        self.above = above
        self._rows: dict[int, Row | None] = {}
        self._needs: dict[tuple[int, int], NDArray[np.uint8]] = {}

    def row(self, length: int) -> Row | None:
        """What a text of this many tokens needs; None if no text can match it."""
        if length not in self._rows:
            self._rows[length] = self._work_out(length) if length else None
        return self._rows[length]

    def shared_bits(self, row: Row, bits: int) -> NDArray[np.uint8]:
        """`row.shared_bits(bits)`, remembered."""
        key = row.length, bits
        if key not in self._needs:
            if len(self._needs) >= 4096:
                self._needs.clear()
            self._needs[key] = row.shared_bits(bits)
        return self._needs[key]

    def prefix(self, length: int) -> int:
        """How many of a text's rarest tokens must include one that is matched (prefix filter, AllPairs/PPJoin)."""
        row = self.row(length)
        return len(row.highs) if row else 0

    def least(self, length: int, others: NDArray[np.int64]) -> NDArray[np.int64]:
        """The least l whose F is above t, for each other length (1 or more); huge where even the shorter text is too short."""
        least = (self.above / 2 * (length + others)).astype(np.int64).clip(2) - 1
        for _ in range(
            4
        ):  # from just below the real-number bound to the first l that passes in floats
            p, r = least / others, least / length
            least += ~(2 * p * r / (p + r) > self.above)
        return np.where(least > np.minimum(others, length), HUGE, least)

    def _work_out(self, length: int) -> Row | None:
        longest = math.ceil(length * (2 - self.above) / self.above) + 1
        others = np.arange(1, longest + 1)
        least = self.least(length, others)
        possible = (least <= length).nonzero()[0]
        if not len(possible):
            return None
        by_class = np.full(CLASSES, HUGE)
        np.minimum.at(
            by_class, [length_class(other) for other in others[possible].tolist()], least[possible]
        )
        prefix = length - int(least[possible].min()) + 1
        last = [int((by_class <= length - i).nonzero()[0][-1]) for i in range(prefix)]
        highs = tuple(np.uint16(high * CROWDS + CROWDS - 1) for high in last)
        return Row(
            length, by_class, np.uint16(length_class(int(others[possible[0]])) * CROWDS), highs
        )
