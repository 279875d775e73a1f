"""The texts of a pool that share a rare token with another text and have a similar length.

For short texts and high thresholds, where the prefix filter excludes nearly all of a pool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfinstruct.similarity.bounds import CROWDS, Bounds, Demands, highest_f, kind
from selfinstruct.similarity.codes import UNKNOWN, Code, points
from selfinstruct.similarity.postings import Kinds, Postings, Signatures
from selfinstruct.similarity.sketches import Sketches

Places = NDArray[np.int64]
Highest = Callable[[], NDArray[np.float64]]
_NO_RANK = (-1 << 23) + 1
_BITS = [1 << i for i in range(64)]
_HANDFUL = 50  # so few numbers are sorted sooner as a list
_LEFT_OUT = 0  # the kind of a text without tokens, which no text demands


class Prefixes:
    """Postings of a pool for a threshold, and a tail of the newest texts, which is scanned.

    Texts with `longest` tokens or more are left out. Postings may leave out shorter texts as well.
    """

    def __init__(self, longest: int, few: int, patience: int, tail: tuple[int, int]) -> None:
        self._longest, self._few, self._patience, self._tail = longest, few, patience, tail
        self._signatures = np.zeros(1024, np.uint64)
        self._kinds = np.zeros(1024, np.uint16)
        # by token id, rarer is lower; computed again when the pool has doubled
        self._ranks: list[int] = [_NO_RANK]
        self._bits = [0]  # by token id, its bit in a signature
        self._ranked = 0
        self._new_rank = 0
        self._postings: Postings | None = None
        self._sketches = Sketches()
        self._signed: tuple[list[int], int] = ([], 0)

    def add(self, position: int, ids: list[int], highest: int) -> None:
        """Add a text by its position in the pool and its token ids.

        highest: the highest id of any token so far. Ids are given in the order of first use.
        """
        if position == len(self._signatures):
            self._signatures = np.concatenate([self._signatures, np.zeros(position, np.uint64)])
            self._kinds = np.concatenate([self._kinds, np.zeros(position, np.uint16)])
        while len(self._ranks) <= highest:
            self._new_rank -= 1  # the newest token counts as the rarest
            self._bits.append(_BITS[len(self._ranks) & 63])
            self._ranks.append(self._new_rank)
        if len(ids) >= self._longest:
            self._kinds[position] = _LEFT_OUT
            return
        signature = self._signature(ids)
        self._signatures[position] = signature
        self._kinds[position] = kind(len(ids), signature.bit_count())

    @property
    def longest(self) -> int:
        """Texts of so many tokens or more have no postings."""
        return self._postings.longest if self._postings else self._longest

    def arrays(self, size: int) -> dict[str, NDArray[Any]]:
        """All that `take` needs to go on after the first `size` texts."""
        postings = self._postings
        packed = postings.first(size) if postings else np.zeros(0)
        indexed = min(postings.size, size) if postings else 0
        return {
            "signatures": self._signatures[:size],
            "kinds": self._kinds[:size],
            "ranks": np.array(self._ranks, np.int64),
            "packed": packed.astype(np.int64),
            "state": np.array([self._ranked, self._new_rank, indexed, self.longest], np.int64),
            "above": np.array([postings.bounds.above if postings else 1.0]),
        }

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from the arrays of others, or from some of them."""
        size = len(arrays["kinds"])
        room = max(1024, size)
        self._signatures, self._kinds = np.zeros(room, np.uint64), np.zeros(room, np.uint16)
        self._signatures[:size], self._kinds[:size] = arrays["signatures"], arrays["kinds"]
        self._ranks = arrays["ranks"].tolist()
        self._bits = [0, *(_BITS[id & 63] for id in range(1, len(self._ranks)))]
        self._ranked, self._new_rank, indexed, longest = arrays["state"].tolist()
        if indexed:
            self._postings = Postings.of(
                arrays["packed"],
                indexed,
                Bounds(float(arrays["above"][0])),
                (longest, self._few),
                self._signatures,
                self._kinds,
            )

    def likely(
        self,
        codes: Sequence[Code],
        ids: list[int],
        demands: Demands,
        bounds: Bounds,
        below: int,
        longest: int,
    ) -> tuple[Places, Highest | None]:
        """The positions of all texts below a length that may be above the threshold, ascending.

        With a function for the highest F that each may have, if that is known. codes: of all texts
        of the pool. below: texts of so many tokens or more may be found or not; at most
        `self.longest`. longest: that of postings that are made anew; at least `below`.
        """
        postings, bits = self._up_to_date(codes, bounds, longest), self._signature(ids)
        # an unknown token counts as a bit that no item shares
        need = bounds.shared_bits(demands, bits.bit_count() + ids.count(UNKNOWN))
        signature = np.uint64(bits)

        def passes(signatures: Signatures, kinds: Kinds) -> Places:
            is_enough = np.bitwise_count(signatures & signature) >= need.take(kinds)
            return np.flatnonzero(is_enough)

        first, size = postings.size, len(codes)
        tail = self._signatures[first:size], self._kinds[first:size], np.arange(first, size)
        ranks = sorted(map(self._ranks.__getitem__, ids))
        positions = _ascending(postings.passing(ranks, demands, tail, passes, below))
        if len(positions) * (1 + len(ids) // 32) > self._patience:
            return self._sketched(codes, positions, ids, demands)
        return positions, None

    def _signature(self, ids: list[int]) -> int:
        """64 bits, of which each token sets a bit. Texts with shared tokens have shared bits."""
        if self._signed[0] is not ids:
            self._signed = ids, reduce(or_, map(self._bits.__getitem__, ids), 0)
        return self._signed[1]

    def _sketched(
        self, codes: Sequence[Code], positions: Places, ids: list[int], demands: Demands
    ) -> tuple[Places, Highest]:
        """The positions of items whose sketches share enough bits with the text."""
        sketches, size = self._sketches, len(codes)
        if size - sketches.size > 64 + size // 256:
            sketches.extend(codes)
        sketched = int(positions.searchsorted(sketches.size))
        known = [*filter(None, ids)]
        records, rest = positions[:sketched], positions[sketched:]
        # the class of so short a text is its length
        lengths = self._kinds.take(records).astype(np.int64) // CROWDS
        most = sketches.most_shared(records, lengths, known)
        is_enough = most >= demands.least.take(lengths)
        most, lengths = most[is_enough], lengths[is_enough]

        def highest() -> NDArray[np.float64]:
            return np.append(highest_f(most, lengths, len(ids)), np.ones(len(rest)))

        return np.append(records[is_enough], rest), highest

    def _up_to_date(self, codes: Sequence[Code], bounds: Bounds, longest: int) -> Postings:
        """The postings of all items but the last, which are scanned.

        So few items are left out that scanning them costs less than merging them.
        """
        size, postings = len(codes), self._postings
        if postings is None or bounds.above < postings.bounds.above:
            postings = self._postings = Postings(bounds, longest, self._few)
        if size - postings.size > self._tail[0] + self._tail[1] * size**0.5:
            if size >= 2 * self._ranked:
                self._rank(codes)
                postings = self._postings = Postings(postings.bounds, longest, self._few)
            postings.extend(codes, self._signatures, self._kinds, self._ranks)
        return postings

    def _rank(self, codes: Sequence[Code]) -> None:
        """Order the tokens by the number of their occurrences."""
        counts = np.zeros(len(self._ranks), np.int64)
        for at in range(0, len(codes), 1 << 16):
            counts += np.bincount(points(codes[at : at + (1 << 16)]), minlength=len(counts))
        ranks = np.empty(len(counts), np.int64)
        ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts))
        ranks[UNKNOWN] = _NO_RANK
        self._ranks, self._new_rank, self._ranked = ranks.tolist(), 0, len(codes)


def _ascending(records: Places) -> Places:
    """The records in order, without repetitions."""
    if len(records) <= _HANDFUL:
        return np.array(sorted({*records.tolist()}), np.int64)
    records.sort()
    is_first = np.ones(len(records), np.bool_)
    np.not_equal(records[1:], records[:-1], out=is_first[1:])
    return records[is_first]
