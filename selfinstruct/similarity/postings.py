"""The inverted index: for each token, the records that have the token among their rarest.

A posting is a 64-bit integer, rank | place | class | record, so that sorting and merging are sorts
of integers, and the postings that a text can match are a few slices. The place is that of the token
among the tokens of the record, rarest first. The signatures and kinds of the records are stored in
the order of the postings, because a scan must read memory in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from selfinstruct.errors import UserError
from selfinstruct.similarity.bounds import CROWDS, Bounds, Demands
from selfinstruct.similarity.codes import Code, lengths, points, repetitions

LONGEST = 64  # records of so many tokens or more have no postings
_CLASS_SHIFT = 27  # bits of a record
_PLACE_SHIFT = _CLASS_SHIFT + 6  # the class of fewer than 64 tokens is their number
_RANK_SHIFT = _PLACE_SHIFT + 5
_RECORD_MASK = (1 << _CLASS_SHIFT) - 1
_MOST_TOKENS = (1 << 63 - _RANK_SHIFT) - 2
_LAST_PLACE = 31  # for every later place too
_LOWEST, _FILLER = -1 << 63, (1 << 63) - 1  # before the first posting and behind the last
_CHUNK = 1 << 16  # records worked on at once: bounds the memory of a rebuild, not its result
_BLOCK = 32  # postings that are scanned whole: fewer would take longer to find
_AT_ONCE = 1024  # blocks that are scanned at once: as many as a cache holds

Signatures = NDArray[np.uint64]
Kinds = NDArray[np.uint16]
Entries = tuple[Signatures, Kinds, NDArray[np.int64]]
"""Signatures, kinds and postings. The posting of a record in a tail is its number alone."""
Number = TypeVar("Number", bound=np.generic)


class Postings:
    """Sorted postings of the records 0..size-1, for an order of the tokens and a threshold.

    Records with `longest` tokens or more (64 at most) have none. Up to `few` postings, all of a token
    are scanned; where there are more, those with a place and a length that can match.
    """

    def __init__(self, bounds: Bounds, longest: int, few: int) -> None:
        assert longest <= LONGEST
        self.size = 0
        self.longest = longest
        self._few = few
        self.bounds = bounds
        self._count = 0
        # each a whole number of blocks long, with fillers at the end
        self._packed = np.zeros(0, np.int64)
        self._signatures = np.zeros(0, np.uint64)
        self._kinds = np.zeros(0, np.uint16)
        # where to look: up to `few` postings by token, from the lowest rank on; then by block
        self._lowest, self._starts = 0, [0]
        self._firsts = self._packed

    def extend(
        self,
        codes: Sequence[Code],
        signatures: NDArray[np.uint64],
        kinds: NDArray[np.uint16],
        ranks: Sequence[int],
    ) -> None:
        """Add the records from `size` on.

        codes, signatures, kinds: of all records. ranks: by token id, rarer is lower. A token that
        is new since the first call must rank below all earlier tokens. Raises UserError where
        a posting has no room for a record or a rank.
        """
        if len(codes) > _RECORD_MASK or len(ranks) > _MOST_TOKENS:
            raise UserError(
                f"{len(codes):,} texts with {len(ranks):,} different words: the novelty index holds "
                f"{_RECORD_MASK:,} texts and {_MOST_TOKENS:,} words at most; compare parts of the data"
            )
        rank_of = np.array(ranks, np.int64)
        chunks = range(self.size, len(codes), _CHUNK)
        new = [self._entries(codes[at : at + _CHUNK], kinds, at, rank_of) for at in chunks]
        added = np.concatenate(new) if new else self._packed[:0]
        new.clear()
        added.sort()
        self._take(added, len(codes), signatures, kinds)

    @classmethod
    def of(
        cls,
        packed: NDArray[np.int64],
        size: int,
        bounds: Bounds,
        limits: tuple[int, int],
        signatures: NDArray[np.uint64],
        kinds: NDArray[np.uint16],
    ) -> Postings:
        """The postings that `first(size)` gave. limits: `longest` and `few`."""
        postings = cls(bounds, *limits)
        postings._take(packed, size, signatures, kinds)
        return postings

    def first(self, size: int) -> NDArray[np.int64]:
        """The postings of the first `size` records."""
        packed = self._packed[: self._count]
        return packed if size >= self.size else packed[packed & _RECORD_MASK < size]

    def passing(
        self,
        ranks: Sequence[int],
        demands: Demands,
        tail: Entries,
        passes: Callable[[Signatures, Kinds], NDArray[np.int64]],
        below: int,
    ) -> NDArray[np.int64]:
        """The records that share a token with a text and pass, in no order, some repeatedly.

        ranks: of the text's tokens, ascending. tail: later records, which are tested all. passes:
        gives the places of the signatures and kinds that pass. below: records of so many tokens or
        more may be left out.
        """
        if self._count <= self._few:
            parts = [tail, *self._slices(ranks[: len(demands.highs)])]
            signatures, kinds, packed = map(np.concatenate, zip(*parts, strict=True))
            return packed.take(passes(signatures, kinds)) & _RECORD_MASK
        found = [tail[2].take(passes(*tail[:2]))]
        blocks = self._blocks(ranks, demands, below)
        for at in range(0, len(blocks), _AT_ONCE):
            some = blocks[at : at + _AT_ONCE]
            signatures = self._signatures.reshape(-1, _BLOCK).take(some, 0).ravel()
            kinds = self._kinds.reshape(-1, _BLOCK).take(some, 0).ravel()
            hits = passes(signatures, kinds)
            found.append(self._packed.take(some[hits // _BLOCK] * _BLOCK + hits % _BLOCK))
        return np.concatenate(found) & _RECORD_MASK

    def _take(
        self,
        added: NDArray[np.int64],
        size: int,
        signatures: NDArray[np.uint64],
        kinds: NDArray[np.uint16],
    ) -> None:
        """Merge in sorted postings, of records up to `size`."""
        records, old, self.size = added & _RECORD_MASK, self._count, size
        self._count += len(added)
        places = self._packed[:old].searchsorted(added) + np.arange(len(added))
        is_old = np.ones(self._count, np.bool_)
        is_old[places] = False
        self._packed = _merged(self._packed[:old], added, places, is_old, _FILLER)
        self._signatures = _merged(self._signatures[:old], signatures[records], places, is_old, 0)
        # no text can match the kind 0
        self._kinds = _merged(self._kinds[:old], kinds[records], places, is_old, 0)
        if self._count > self._few:
            self._firsts = self._packed[::_BLOCK].copy()
            self._firsts[0] = _LOWEST
        elif self._count:
            self._lowest = int(self._packed[0]) >> _RANK_SHIFT
            highest = int(self._packed[self._count - 1]) >> _RANK_SHIFT
            tokens = np.arange(self._lowest, highest + 2, dtype=np.int64) << _RANK_SHIFT
            self._starts = self._packed.searchsorted(tokens).tolist()

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
        place = np.minimum(place[keep], _LAST_PLACE) << _PLACE_SHIFT
        classes = (kinds[owner] // CROWDS).astype(np.int64) << _CLASS_SHIFT
        packed: NDArray[np.int64] = (token << _RANK_SHIFT) | place | classes | owner
        return packed

    def _slices(self, ranks: Sequence[int]) -> Iterator[Entries]:
        """All postings of these tokens."""
        previous = None
        for rank in ranks:
            token = rank - self._lowest
            if rank != previous and 0 <= token < len(self._starts) - 1:
                place = slice(self._starts[token], self._starts[token + 1])
                if place.start < place.stop:
                    yield self._signatures[place], self._kinds[place], self._packed[place]
            previous = rank

    def _blocks(self, ranks: Sequence[int], demands: Demands, below: int) -> NDArray[np.int64]:
        """The blocks with all postings of records that may match a text, ascending."""
        places, limits = _limits(demands, below)
        starts, stops = self._firsts.searchsorted(limits + (np.array(ranks)[places] << _RANK_SHIFT))
        starts -= 1
        np.maximum(starts[1:], stops[:-1], out=starts[1:])
        sizes = np.maximum(stops - starts, 0)
        ends = sizes.cumsum()
        return np.repeat(starts - ends + sizes, sizes) + np.arange(ends[-1])


@lru_cache(maxsize=1024)
def _limits(demands: Demands, below: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Slices of postings without their ranks: the place of each slice's token in a text, and limits.

    limits: of shape (2, slices): for each place in the other text, a posting of the lowest class
    that can match, and the first posting that is above the highest.
    """
    reach, of_slice, limits = np.maximum.accumulate(demands.reach), [], []
    for place, high in enumerate(demands.highs):
        theirs = np.arange(min(int(reach[high]), _LAST_PLACE) + 1)
        classes = np.stack([reach.searchsorted(theirs), np.full(len(theirs), high + 1)])
        classes = np.minimum(classes, below) << _CLASS_SHIFT  # LONGEST: the next place
        limits.append((theirs << _PLACE_SHIFT) + classes)
        of_slice.append(np.full(len(theirs), place))
    return np.concatenate(of_slice), np.concatenate(limits, 1)


def _merged(
    old: NDArray[Number],
    added: NDArray[Number],
    places: NDArray[np.int64],
    is_old: NDArray[np.bool_],
    filler: Any,
) -> NDArray[Number]:
    """Old and added entries, and fillers up to the end of a block. places: of the added ones."""
    found = np.empty(-(-len(is_old) // _BLOCK) * _BLOCK, old.dtype)
    found[len(is_old) :] = filler
    found[: len(is_old)][is_old] = old
    found[places] = added
    return found
