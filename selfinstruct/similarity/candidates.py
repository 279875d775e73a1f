"""The items of a pool that may be above a threshold, by the method that suits the text."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfinstruct.similarity.bounds import Bounds
from selfinstruct.similarity.codes import Code
from selfinstruct.similarity.heads import Heads
from selfinstruct.similarity.overlaps import Overlaps
from selfinstruct.similarity.prefixes import Highest, Places, Prefixes
from selfinstruct.similarity.saved import Arrays

_FEW = 8  # a part of the pool that is so many times smaller is few texts

_NOWHERE: Places = np.zeros(0, np.int64)


class Candidates:
    """Finds short texts by prefixes and long texts by heads; at low thresholds all by overlaps."""

    def __init__(self, prefixes: Prefixes, heads: Heads, long: int, low: float) -> None:
        """long: texts of so many tokens are long. low: thresholds below are low."""
        self._prefixes, self._heads, self._long, self._low = prefixes, heads, long, low
        self._longest = prefixes.longest  # of postings that take all they can
        self._size = 0
        self._short = array("i")  # positions of all texts with tokens but those in the heads
        self._overlaps: Overlaps | None = None
        self._bounds: dict[float, Bounds] = {}

    def add(self, ids: list[int], highest: int) -> None:
        """Add the next text by its token ids.

        highest: the highest id of any token so far. Ids are given in the order of first use.
        """
        self._prefixes.add(self._size, ids, highest)
        if len(ids) >= self._long:
            self._heads.add(self._size, ids)
        elif ids:
            self._short.append(self._size)
        if self._overlaps:
            self._overlaps.add(self._size, ids)
        self._size += 1

    def arrays(self, size: int) -> Arrays:
        """All that `take` needs to go on after the first `size` texts, but for their lengths."""
        return self._prefixes.arrays(size)

    def take(self, arrays: Arrays, lengths: NDArray[Any]) -> None:
        """Go on from the arrays of others. lengths: of the texts, in tokens."""
        self._size = len(lengths)
        self._prefixes.take(arrays)
        for position in (lengths >= self._long).nonzero()[0].tolist():
            self._heads.add(position)
        short = ((lengths > 0) & (lengths < self._long)).nonzero()[0]
        self._short = array("i", short.astype(np.int32).tobytes())

    def likely(
        self, codes: Sequence[Code], ids: list[int], above: float
    ) -> tuple[Places, Highest | None]:
        """The positions of all texts that may be above the threshold.

        With a function for the highest F that each may have, if that is known. codes: of all texts
        of the pool. ids: of the text that they are compared with.
        """
        if above not in self._bounds:
            if len(self._bounds) >= 16:
                self._bounds.clear()
            self._bounds[above] = Bounds(above)
        bounds = self._bounds[above]
        if (demands := bounds.demands(len(ids))) is None:
            return _NOWHERE, None
        if above < self._low and not self._overlaps:
            self._overlaps = Overlaps.of(codes)
        if self._overlaps:
            return self._overlaps.likely(ids, demands, above)
        short, highest_of_short = _NOWHERE, None
        # a short text hardly ever matches a long one: for few long texts no heads are read
        longest = self._longest if len(self._heads) * _FEW < self._size else self._long
        in_prefixes = min(longest, self._prefixes.longest)
        has_long = len(self._heads) > 0 and demands.longest >= in_prefixes
        if not has_long or (demands.shortest < self._long and self._has_short_texts()):
            below = self._long if has_long else in_prefixes
            short, highest_of_short = self._prefixes.likely(
                codes, ids, demands, bounds, below, longest
            )
        if not has_long:
            return short, highest_of_short
        found, highest = self._heads.likely(codes, ids, demands, bounds)
        return (np.union1d(found, short), None) if len(short) else (found, highest)

    def _has_short_texts(self) -> bool:
        """Whether there are texts that the heads lack. Where these are few, the heads take them."""
        if len(self._short) * _FEW < self._size:
            for position in self._short:
                self._heads.add(position)
            self._short = array("i")
        return bool(self._short)
