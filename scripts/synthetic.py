"""Synthetic instructions for the scripts that measure."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

SYLLABLES = [c + v for c in "bcdfghjklmnprstvwz" for v in ("a", "e", "i", "o", "u")]


def word(rank: int) -> str:
    """A pronounceable word of its own for every rank, the commoner the shorter."""
    syllables = []
    while rank >= 0:
        syllables.append(SYLLABLES[rank % len(SYLLABLES)])
        rank = rank // len(SYLLABLES) - 1
    return "".join(syllables)


def frequencies() -> np.ndarray:
    """(1,000,000,) the summed frequencies of words by rank, as in real instructions."""
    ranks = np.arange(1_000_000)
    return np.cumsum(1 / ((ranks + 1.5) * (1 + ranks / 800) ** 0.9))


class Stream:
    """Endless synthetic instructions that cost a novelty filter as much time as real instructions.

    Fitted to 24,990 real instructions: word frequencies (Zipf, falling off faster beyond the 800
    commonest words), new words per text, lengths (median 11, deciles 7 and 20, last percentile 36)
    and the share of near-duplicates. A quarter of the texts is free, two thirds fill a template of
    4,000, a tenth copies an earlier text with up to four words changed.
    """

    def __init__(self, seed: int = 0, block: int = 10_000, words: float = 11.5) -> None:
        self._random = np.random.default_rng(seed)
        self._block, self._median = block, words
        self._words = frequencies()
        self._lengths = self._length(4000)
        self._templates = [self._draw(length) for length in self._lengths.tolist()]
        self._popular = np.cumsum(1 / (np.arange(4000) + 5.0))

    def _length(self, count: int) -> np.ndarray:
        lengths = np.exp(self._random.normal(math.log(self._median), 0.46, count)).astype(int)
        return lengths.clip(3, round(13 * self._median))

    def _draw(self, count: int, lowest: int = 0) -> np.ndarray:
        low = self._words[lowest - 1] if lowest else 0.0
        return np.searchsorted(self._words, self._random.uniform(low, self._words[-1], count))

    def __iter__(self) -> Iterator[str]:
        earlier: list[np.ndarray] = []
        while True:
            kinds = self._random.random(self._block)
            for kind, length in zip(
                kinds.tolist(), self._length(self._block).tolist(), strict=True
            ):
                if kind < 0.25 or not earlier:
                    text = self._draw(length)
                elif kind < 0.9:
                    which = np.searchsorted(
                        self._popular, self._random.uniform(0, self._popular[-1])
                    )
                    text = self._changed(self._templates[which], self._random.uniform(0.2, 0.7), 30)
                else:
                    text = earlier[self._random.integers(len(earlier))]
                    text = self._changed(text, self._random.uniform(0, 4) / len(text), 0)
                earlier.append(text)
                yield " ".join(map(word, text.tolist())).capitalize() + "."
            del earlier[: -20 * self._block]

    def _changed(self, text: np.ndarray, share: float, lowest: int) -> np.ndarray:
        places = self._random.random(len(text)) < share
        text = text.copy()
        text[places] = self._draw(int(places.sum()), lowest)
        return text
