"""RougeIndex: exact ROUGE-L similarity to a growing pool, without comparing all items.

Paper: section 2.2, "Filtering". docs/novelty.md explains the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cdist

from selfinstruct.similarity.bounds import f_measure, f_measures, f_table
from selfinstruct.similarity.candidates import Candidates
from selfinstruct.similarity.codes import (
    SURROGATES,
    UNKNOWN,
    Code,
    code,
    lengths,
    numbered,
    points,
    split,
)
from selfinstruct.similarity.heads import Heads
from selfinstruct.similarity.prefixes import Places, Prefixes
from selfinstruct.similarity.saved import Arrays, load, save, to_bytes, to_text
from selfinstruct.similarity.tokenizers import TOKENIZERS

_LOWEST = 0.25  # below, nearly all items are above the threshold, and a full scan is as fast
_FIRST_TRIES = (0.5, _LOWEST)  # where an item is above such a threshold, no full scan is needed
_SINGLY = 12  # so many pairs or fewer are compared one by one
_AT_ONCE = 600  # tokens of items that are compared without a choice of the first
_FIRST = 16  # items that are compared before the others, those whose F may be highest
_EARLIER = 1e-13  # of F, that a position costs an item in the choice of these
_PAIRS = 1 << 17  # that `highest` compares at once


@dataclass(frozen=True, slots=True)
class Match:
    """An item of the pool, with its position and its ROUGE-L F-measure (0..1) to another text."""

    position: int
    text: str
    score: float


class RougeIndex:
    """A pool of texts that finds the items most similar to another text.

    `nearest` with a threshold is fast, `top` and `mean` compare all items. Threads must not share
    an index. A search raises UserError in a pool of more than 134 million texts or 33 million
    different tokens.
    """

    few = 1 << 20  # postings; of more, those with another place or length are passed over
    patience = 64  # so many items (of some ten tokens) are verified without looking at sketches
    tail = (512, 8)  # of n items, the last 512 + 8 * sqrt(n) may wait to be indexed
    long = 40  # texts of so many tokens are found by their heads, shorter ones by prefixes
    longest = 64  # where few texts are long, those of fewer tokens are found by prefixes as well
    shared = 8  # heads that share fewer tokens are not compared
    low = 0.6  # for a threshold below, all texts are found by their overlaps

    def __init__(self, tokenizer: str = "rouge") -> None:
        self.tokenizer = tokenizer
        self.tokenless = 0  # items without any token, whose similarity to all texts is 0
        self.verified = 0  # pairs whose common subsequence was computed by `nearest`
        self._tokens = TOKENIZERS[tokenizer]
        self._texts: list[str] = []
        self._codes: list[Code] = []  # token ids as code points, so that LCS runs on strings
        self._ids: dict[str, int] = {}
        self._next_id = 1
        prefixes = Prefixes(self.longest, self.few, self.patience, self.tail)
        self._candidates = Candidates(prefixes, Heads(self.shared), self.long, self.low)
        # `nearest` and then `add` of the same text is the usual course.
        self._last: tuple[str, list[str], list[int]] = ("", [], [])  # with its tokens and their ids

    @classmethod
    def of(
        cls, texts: Sequence[str], tokenizer: str = "rouge", saved: Path | None = None
    ) -> RougeIndex:
        """An index of these texts. A file by `save` makes this fast, if the file is about them."""
        index = cls(tokenizer)
        if saved and (found := load(saved, texts, tokenizer)):
            index._take(texts[: found[0]], found[1])
        for text in texts[len(index) :]:
            index.add(text)
        return index

    def save(self, path: Path, count: int | None = None) -> None:
        """Write a file for `RougeIndex.of`, about the first `count` texts or about all.

        Raises OSError, and then the file is as before.
        """
        count = len(self) if count is None else count
        arrays: Arrays = {
            "vocabulary": to_bytes("\n".join(self._ids)),
            "ids": points(self._codes[:count]),
            "lengths": lengths(self._codes[:count]),
            **self._candidates.arrays(count),
        }
        save(path, arrays, self._texts[:count], self.tokenizer)

    def __len__(self) -> int:
        return len(self._texts)

    def texts(self) -> list[str]:
        """All items, in the order of their positions."""
        return list(self._texts)

    def add(self, text: str) -> int:
        """Add a text to the pool. Returns its position: 0, 1, 2, ..."""
        position = len(self._texts)
        ids = self._known(text)
        if UNKNOWN in ids:
            ids = [self._ids.get(token) or self._learn(token) for token in self._last[1]]
            self._last = (text, self._last[1], ids)
        self._candidates.add(ids, self._next_id - 1)
        self._texts.append(text)
        self._codes.append(code(ids))
        self.tokenless += not ids
        return position

    def nearest(self, text: str, *, above: float = 0.0) -> Match | None:
        """The most similar item whose F is above the threshold, None where no item is.

        Of equally similar items the first.
        """
        if above < _LOWEST:
            tries = (self.nearest(text, above=higher) for higher in _FIRST_TRIES)
            return next(filter(None, tries), None) or self._scan_for_nearest(text, above)
        positions, find_highest = self._candidates.likely(self._codes, self._known(text), above)
        few = max(_FIRST, _AT_ONCE // max(len(self._last[2]), 1))
        if find_highest is None or len(positions) <= few:
            return self._best(positions, above)
        highest = find_highest()
        # of those that may be equally similar the earlier, as in the answer
        first = np.argpartition(highest - _EARLIER * positions, -_FIRST)[-_FIRST:]
        best = self._best(positions[first], above)
        as_good = highest > (best.score if best else above)
        if best:
            as_good |= (highest == best.score) & (positions < best.position)
        as_good[first] = False
        found = [best, self._best(positions[as_good], above)]
        return max(
            filter(None, found), key=lambda match: (match.score, -match.position), default=None
        )

    def matches(self, text: str, *, above: float) -> list[tuple[int, float]]:
        """The position and F of every item whose F is above the threshold, in order."""
        if above < _LOWEST:  # then nearly all items are compared anyway
            return [pair for pair in enumerate(self._scores(text).tolist()) if pair[1] > above]
        ids = self._known(text)
        positions = np.sort(self._candidates.likely(self._codes, ids, above)[0])
        pairs = zip(positions.tolist(), self._compared(positions).tolist(), strict=True)
        return [pair for pair in pairs if pair[1] > above]

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

    def highest(self, texts: Sequence[str]) -> list[float]:
        """The highest F of any item, for each text; 0.0 for an empty pool. For small pools."""
        if not self._codes:
            return [0.0] * len(texts)
        found, step = list[float](), max(1, _PAIRS // len(self._codes))
        for at in range(0, len(texts), step):
            asked = [code(self._known(text)) for text in texts[at : at + step]]
            lcs = cdist(asked, self._codes, scorer=LCSseq.similarity, dtype=np.int64)
            found += f_table(lcs, lengths(self._codes), lengths(asked)).max(1).tolist()
        return found

    def mean(self, text: str) -> float:
        """The mean F over all items, 0.0 for an empty pool."""
        # numpy's pairwise sum: another order of additions changes the last bits of recorded means
        return float(np.mean(self._scores(text))) if self._texts else 0.0

    def _best(self, positions: Places, above: float) -> Match | None:
        """The most similar of these items to the last text, if its F is above the threshold."""
        if not len(positions):
            return None
        scores = self._compared(positions)
        score = float(scores.max())
        if score <= above:
            return None
        best = int(positions[scores == score].min())
        return Match(best, self._texts[best], score)

    def _compared(self, positions: Places) -> NDArray[np.float64]:
        """The F of some items with the last text."""
        self.verified += len(positions)
        ours, items = code(self._last[2]), [self._codes[place] for place in positions.tolist()]
        if len(items) > _SINGLY:
            lcs = cdist([ours], items, scorer=LCSseq.similarity, dtype=np.int64)[0]
            return f_measures(lcs, lengths(items), len(ours))
        scores = [f_measure(LCSseq.similarity(item, ours), len(item), len(ours)) for item in items]
        return np.array(scores)

    def _known(self, text: str) -> list[int]:
        """The ids of a text's tokens."""
        if self._last[0] is not text:
            tokens = self._tokens(text)
            self._last = text, tokens, [self._ids.get(token, UNKNOWN) for token in tokens]
        return self._last[2]

    def _take(self, texts: Sequence[str], arrays: Arrays) -> None:
        """Take in the first texts and what was computed from them."""
        words = to_text(arrays["vocabulary"])
        self._ids = numbered(words.split("\n") if words else [])
        self._next_id = max(self._ids.values(), default=0) + 1
        self._texts = list(texts)
        self._codes = split(arrays["ids"], arrays["lengths"])
        self.tokenless = int(np.count_nonzero(arrays["lengths"] == 0))
        self._candidates.take(arrays, arrays["lengths"])

    def _learn(self, token: str) -> int:
        if self._next_id in SURROGATES:
            self._next_id = SURROGATES.stop
        self._ids[token] = self._next_id
        self._next_id += 1
        return self._next_id - 1

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
