"""RougeIndex: exact ROUGE-L similarity to a growing pool, without comparing all items.

Paper: section 2.2, "Filtering". docs/novelty.md explains the method.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import reduce
from operator import itemgetter, or_

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cdist

from selfinstruct.similarity.bounds import Bounds, Demands, f_measure, f_measures, kind
from selfinstruct.similarity.codes import SURROGATES, Code, code, lengths, points
from selfinstruct.similarity.postings import Postings
from selfinstruct.similarity.sketches import Sketches
from selfinstruct.similarity.tokenizers import TOKENIZERS

_NO_RANK = -1 << 30
_UNKNOWN = 0  # the token id of every token that no item of the pool has
_BITS = [1 << i for i in range(64)]
_LOWEST = 0.25  # below, nearly all tokens of a text are in its prefix, and a full scan is as fast
_FIRST_TRY = 0.5  # where an item is above this threshold, no full scan is needed


@dataclass(frozen=True, slots=True)
class Match:
    """An item of the pool, with its position and its ROUGE-L F-measure (0..1) to another text."""

    position: int
    text: str
    score: float


class RougeIndex:
    """A pool of texts that finds the items most similar to another text.

    `nearest` with a threshold is fast, `top` and `mean` compare all items. Threads must not share
    an index.
    """

    patience = 128  # so many items (of some ten tokens) are verified without looking at sketches
    tail = (512, 8)  # of n items, the last 512 + 8 * sqrt(n) may wait to be indexed

    def __init__(self, tokenizer: str = "rouge") -> None:
        self.tokenizer = tokenizer
        self.tokenless = 0  # items without any token, whose similarity to all texts is 0
        self.verified = 0  # pairs whose common subsequence was computed by `nearest`
        self._tokens = TOKENIZERS[tokenizer]
        self._texts: list[str] = []
        self._codes: list[Code] = []  # token ids as code points, so that LCS runs on strings
        self._signatures = np.zeros(1024, np.uint64)
        self._kinds = np.zeros(1024, np.uint16)
        self._positions = np.arange(1024, dtype=np.int32)
        self._ids: dict[str, int] = {}
        self._next_id = 1
        # by token id, rarer is lower; computed again when the pool has doubled
        self._ranks: list[int] = [_NO_RANK]
        self._bits = [0]  # by token id, its bit in a signature
        self._ranked = 0
        self._new_rank = 0
        self._bounds: dict[float, Bounds] = {}
        self._postings: Postings | None = None
        self._sketches = Sketches()
        # `nearest` and then `add` of the same text is the usual course.
        self._last: tuple[str, list[str], list[int]] = ("", [], [])  # with its tokens and their ids
        self._signed: tuple[list[int], int] = ([], 0)

    def __len__(self) -> int:
        return len(self._texts)

    def texts(self) -> list[str]:
        """All items, in the order of their positions."""
        return list(self._texts)

    def add(self, text: str) -> int:
        """Add a text to the pool. Returns its position: 0, 1, 2, ..."""
        position = len(self._texts)
        ids = self._known(text)
        if _UNKNOWN in ids:
            ids = [self._ids.get(token) or self._learn(token) for token in self._last[1]]
            self._last = (text, self._last[1], ids)
        if position == len(self._signatures):
            self._signatures = np.concatenate([self._signatures, np.zeros(position, np.uint64)])
            self._kinds = np.concatenate([self._kinds, np.zeros(position, np.uint16)])
            self._positions = np.arange(2 * position, dtype=np.int32)
        signature = self._signature(ids)
        self._signatures[position] = signature
        self._kinds[position] = kind(len(ids), signature.bit_count())
        self._texts.append(text)
        self._codes.append(code(ids))
        self.tokenless += not ids
        return position

    def nearest(self, text: str, *, above: float = 0.0) -> Match | None:
        """The most similar item whose F is above the threshold, None where no item is.

        Of equally similar items the first.
        """
        if above < _LOWEST:
            return self.nearest(text, above=_FIRST_TRY) or self._scan_for_nearest(text, above)
        if not (found := self._near(text, above)):
            return None
        position, score = max(found, key=itemgetter(1))
        return Match(position, self._texts[position], score)

    def matches(self, text: str, *, above: float) -> list[tuple[int, float]]:
        """The position and F of every item whose F is above the threshold, in order."""
        low = above < _LOWEST  # then nearly all items are compared anyway
        found = enumerate(self._scores(text).tolist()) if low else self._near(text, above)
        return [(place, score) for place, score in found if score > above]

    def score(self, position: int, text: str) -> float:
        """The F of one item."""
        ours, item = code(self._known(text)), self._codes[position]
        return f_measure(LCSseq.similarity(item, ours), len(item), len(ours))

    def text(self, position: int) -> str:
        return self._texts[position]

    def top(self, text: str, k: int) -> list[Match]:
        """The k most similar items, best first, of equally similar items the earlier first."""
        scores = self._scores(text)
        worst = np.partition(scores, -k)[-k] if 0 < k < len(scores) else 0.0
        places = (scores >= worst).nonzero()[0]
        order = places[np.argsort(-scores[places], kind="stable")][: max(k, 0)].tolist()
        return [Match(place, self._texts[place], float(scores[place])) for place in order]

    def mean(self, text: str) -> float:
        """The mean F over all items, 0.0 for an empty pool."""
        # numpy's pairwise sum: another order of additions changes the last bits of recorded means
        return float(np.mean(self._scores(text))) if self._texts else 0.0

    def _near(self, text: str, above: float) -> list[tuple[int, float]]:
        ids = self._known(text)
        if above not in self._bounds:
            if len(self._bounds) >= 16:
                self._bounds.clear()
            self._bounds[above] = Bounds(above)
        demands = self._bounds[above].demands(len(ids))
        if demands is None or not (positions := self._candidates(ids, demands, above)):
            return []
        found, ours = [], code(ids)
        for position in positions:
            item = self._codes[position]
            score = f_measure(LCSseq.similarity(item, ours), len(item), len(ours))
            if score > above:
                found.append((position, score))
        return found

    def _known(self, text: str) -> list[int]:
        """The ids of a text's tokens."""
        if self._last[0] is not text:
            tokens = self._tokens(text)
            self._last = text, tokens, [self._ids.get(token, _UNKNOWN) for token in tokens]
        return self._last[2]

    def _signature(self, ids: list[int]) -> int:
        """64 bits, of which each token sets a bit. Texts with shared tokens have shared bits."""
        if self._signed[0] is not ids:
            self._signed = ids, reduce(or_, map(self._bits.__getitem__, ids), 0)
        return self._signed[1]

    def _learn(self, token: str) -> int:
        if self._next_id in SURROGATES:
            self._ranks += [0] * len(SURROGATES)
            self._bits += [0] * len(SURROGATES)
            self._next_id = SURROGATES.stop
        self._new_rank -= 1  # the newest token counts as the rarest
        self._ranks.append(self._new_rank)
        self._bits.append(_BITS[self._next_id & 63])
        self._ids[token] = self._next_id
        self._next_id += 1
        return self._next_id - 1

    def _candidates(self, ids: list[int], demands: Demands, above: float) -> list[int]:
        """The positions of all items that may be above the threshold, ascending."""
        postings, signature = self._up_to_date(above), self._signature(ids)
        tail = slice(postings.size, len(self._texts))
        signatures, kinds, records = (
            [self._signatures[tail]],
            [self._kinds[tail]],
            [self._positions[tail]],
        )
        previous = None
        ranks = sorted(map(self._ranks.__getitem__, ids))
        for high, rank in zip(demands.highs, ranks, strict=False):
            if rank != previous and (place := postings.find(rank, demands.low, high)):
                signatures.append(postings.signatures[place])
                kinds.append(postings.kinds[place])
                records.append(postings.records[place])
            previous = rank
        # an unknown token counts as a bit that no item shares
        bits = signature.bit_count() + ids.count(_UNKNOWN)
        need = self._bounds[above].shared_bits(demands, bits)
        shared = np.bitwise_count(np.concatenate(signatures) & np.uint64(signature))
        hits = (shared >= need.take(np.concatenate(kinds))).nonzero()[0]
        if not len(hits):
            return []
        positions = sorted(set(np.concatenate(records).take(hits).tolist()))
        if len(positions) * (1 + len(ids) // 32) > self.patience:
            positions = self._sketched(positions, ids, demands)
        self.verified += len(positions)
        return positions

    def _sketched(self, positions: list[int], ids: list[int], demands: Demands) -> list[int]:
        """The positions of items whose sketches share enough bits with the text."""
        sketches, size = self._sketches, len(self._codes)
        if size - sketches.size > 64 + size // 256:
            sketches.extend(self._codes)
        sketched = bisect_left(positions, sketches.size)
        records = np.array(positions[:sketched], np.int64)
        known = np.array(sorted(filter(None, ids)), np.int64)
        return [
            *sketches.likely(records, self._kinds[records], known, demands).tolist(),
            *positions[sketched:],
        ]

    def _up_to_date(self, above: float) -> Postings:
        """The postings of all items but the last, which are scanned.

        So few items are left out that scanning them costs less than merging them.
        """
        size, postings = len(self._texts), self._postings
        if postings is None or above < postings.bounds.above:
            postings = self._postings = Postings(self._bounds[above])
        if size - postings.size > self.tail[0] + self.tail[1] * size**0.5:
            if size >= 2 * self._ranked:
                self._rank()
                postings = self._postings = Postings(postings.bounds)
            postings.extend(self._codes, self._signatures, self._kinds, self._ranks)
        return postings

    def _rank(self) -> None:
        """Order the tokens by the number of their occurrences."""
        counts = np.zeros(self._next_id, np.int64)
        for at in range(0, len(self._codes), 1 << 16):
            counts += np.bincount(points(self._codes[at : at + (1 << 16)]), minlength=self._next_id)
        ranks = np.empty(self._next_id, np.int64)
        ranks[np.argsort(counts, kind="stable")] = np.arange(self._next_id)
        ranks[_UNKNOWN] = _NO_RANK
        self._ranks, self._new_rank, self._ranked = ranks.tolist(), 0, len(self._texts)

    def _scores(self, text: str) -> NDArray[np.float64]:
        """(items,) the F of every item."""
        ids = self._known(text)
        if not ids or not self._codes:
            return np.zeros(len(self._codes))
        lcs = cdist([code(ids)], self._codes, scorer=LCSseq.similarity, dtype=np.int64)[0]
        return f_measures(lcs, lengths(self._codes), len(ids))

    def _scan_for_nearest(self, text: str, above: float) -> Match | None:
        best = self.top(text, 1)
        return best[0] if best and best[0].score > above else None
