"""The lists of a pool's long texts by token, for the rarest tokens of each text."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from selfinstruct.similarity.bounds import STARTS
from selfinstruct.similarity.codes import Code, lengths, occurrences, points, repetitions

_COMMON = 40  # a token that more than one in so many texts have is listed by bands of lengths
CHUNK = 1 << 14  # texts worked on at once: bounds the memory of a new order, not its result
_LOW = (1 << 32) - 1
BANDS: NDArray[np.int64] = np.log2(np.maximum(STARTS, 1) ** 3).astype(np.int64)
"""By length class, the band: three to each doubling of the length."""
FIRSTS: list[int] = np.searchsorted(BANDS, np.arange(int(BANDS[-1]) + 2)).tolist()
"""By band, its first class; at last the number of classes."""

Lists = defaultdict[int, "array[int]"]
Numbers = NDArray[np.int64]


class Banded:
    """Records by token. The head of a text is its rarest tokens, and begins with its near head.

    All records that have a rare token in their heads are a list. A common token has two lists for
    each band of lengths: that of near heads, and that of the rest of the heads.
    """

    def __init__(self) -> None:
        self.ranked = 0  # so many records were there when the tokens were put in order
        self._ranks: dict[int, int] = {}  # by token, rarer is lower; new tokens are negative
        self._newest = 0
        self._common = 0  # from this rank on, tokens are common
        self._rare: Lists = defaultdict(_new)  # by rank
        self._near: list[Lists] = [defaultdict(_new) for _ in FIRSTS]  # by band and rank
        self._far: list[Lists] = [defaultdict(_new) for _ in FIRSTS]

    def ranks(self, ids: Sequence[int]) -> list[int]:
        """The ranks of a text's tokens, ascending, without the tokens that no record has."""
        ranks = [rank for rank in map(self._ranks.get, occurrences(ids)) if rank is not None]
        ranks.sort()
        return ranks

    def learn(self, ids: Sequence[int]) -> list[int]:
        """The ranks of all tokens of a text, ascending. A token that is new is the rarest."""
        ranks = []
        for token in occurrences(ids):
            if (rank := self._ranks.get(token)) is None:
                self._newest -= 1
                rank = self._ranks[token] = self._newest
            ranks.append(rank)
        ranks.sort()
        return ranks

    def append(self, record: int, ranks: list[int], band: int, near: int, head: int) -> None:
        """Add a record. near, head: the numbers of tokens in its near head and in its head."""
        split = bisect_left(ranks, self._common)
        for lists, part in (
            (self._rare, ranks[: min(split, head)]),
            (self._near[band], ranks[split:near]),
            (self._far[band], ranks[max(split, near) : head]),
        ):
            for rank in part:
                lists[rank].append(record)

    def entries(
        self, ranks: list[int], absent: int, own: int, bands: Iterable[tuple[int, int]], most: int
    ) -> NDArray[np.int32]:
        """A record for each of a text's tokens that its head has. For rare tokens there are more.

        absent: so many tokens of the text are rarer than all ranks. own: its band. bands: each band
        that can match, and how many tokens are looked at for the band. most: the greatest of these.
        """
        split = bisect_left(ranks, self._common)
        common = ranks[split:]
        lists = [*map(self._rare.get, ranks[: min(split, max(most - absent, 0))])]
        for band, counted in bands:
            if (rest := counted - absent - split) > 0:
                lists += map(self._near[band].get, common[:rest])
                if band > own:
                    lists += map(self._far[band].get, common[:rest])
        return np.frombuffer(b"".join(filter(None, lists)), np.int32)

    @classmethod
    def of(cls, codes: Sequence[Code]) -> Banded:
        """The order of the tokens of some texts, by the number of the texts that have a token."""
        banded = cls()
        chunks = [codes[at : at + CHUNK] for at in range(0, len(codes), CHUNK)]
        found = [np.unique(_tokens(chunk)[1], return_counts=True) for chunk in chunks]
        tokens, of_token = np.unique(
            np.concatenate([some for some, _ in found]), return_inverse=True
        )
        counts = np.bincount(of_token, np.concatenate([count for _, count in found]))
        order = np.argsort(counts, kind="stable")
        banded._ranks = dict(zip(tokens[order].tolist(), range(len(order)), strict=True))
        banded._common = int(counts[order].searchsorted(len(codes) / _COMMON))
        banded.ranked = len(codes)
        return banded

    def read(self, codes: Sequence[Code]) -> tuple[Numbers, Numbers]:
        """The tokens of texts that have ranks: the places of their texts, and the ranks.

        Ascending by text and rank.
        """
        owners, tokens = _tokens(codes)
        present, of_present = np.unique(tokens, return_inverse=True)
        ranks = np.array([*map(self._ranks.__getitem__, present.tolist())], np.int64)
        owned = np.sort((owners << 32) | ranks[of_present])
        return owned >> 32, owned & _LOW

    def extend(
        self, first: int, read: tuple[Numbers, Numbers], bands: Numbers, heads: Numbers
    ) -> None:
        """Add the records from `first` on. No token may be newer than the order.

        bands, heads: by record; heads of shape (records, 2), as `append` takes them.
        """
        owners, ranks = read
        sizes = np.bincount(owners)
        places = np.arange(len(owners)) - (np.cumsum(sizes) - sizes)[owners]
        is_near, is_head = places < heads[owners, 0], places < heads[owners, 1]
        is_common, records = ranks >= self._common, owners + first
        _extend(self._rare, ranks, records, is_head & ~is_common)
        for band in np.unique(bands).tolist():
            is_common_here = is_common & (bands == band)[owners]
            _extend(self._near[band], ranks, records, is_common_here & is_near)
            _extend(self._far[band], ranks, records, is_common_here & is_head & ~is_near)


def _tokens(codes: Sequence[Code]) -> tuple[Numbers, Numbers]:
    """The tokens of texts as `occurrences` tells them apart, and the place of each one's text."""
    owned = np.sort((np.repeat(np.arange(len(codes)), lengths(codes)) << 32) | points(codes))
    return owned >> 32, (owned & _LOW) | (repetitions(owned) << 32)


def _new() -> array[int]:
    return array("i")


def _extend(lists: Lists, ranks: Numbers, records: Numbers, which: NDArray[np.bool_]) -> None:
    entries = np.sort((ranks[which] << 32) | records[which])
    content = (entries & _LOW).astype(np.int32)
    present, starts = np.unique(entries >> 32, return_index=True)
    stops = [*starts[1:].tolist(), len(entries)]
    for rank, start, stop in zip(present.tolist(), starts.tolist(), stops, strict=False):
        lists[rank].frombytes(content[start:stop].tobytes())
