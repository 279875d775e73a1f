"""The novelty of instructions: likeness to the seeds, and to one another.

Likeness to the seeds is the paper's figure 4 (section 3.2).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from selfinstruct.similarity import RougeIndex
from selfinstruct.stats.counts import Histogram, histogram

_WIDTH, _BARS = 0.05, 20  # ROUGE-L from 0 to 1
_CLOSEST = 40  # pairs to show
CLOSE = 0.6  # below, a pair shares little but form; above, the index is fast
# Instructions whose neighbours are looked for, unless all are wanted: the time grows with the
# square of their number.
ASKED = 60_000


@dataclass(frozen=True, slots=True)
class Pair:
    """An instruction, its nearest neighbour among the earlier instructions, and their ROUGE-L F."""

    text: str
    nearest: str
    score: float


def highest_with_seeds(
    instructions: Sequence[str], seeds: Sequence[str], tokenizer: str
) -> Histogram:
    """Each instruction's highest ROUGE-L F with a seed task's."""
    scores = RougeIndex.of(seeds, tokenizer).highest(instructions)
    return histogram(Counter(scores), _WIDTH, _BARS)


def closest(instructions: Sequence[str], tokenizer: str) -> tuple[int, tuple[Pair, ...]]:
    """The number of instructions that resemble an earlier instruction, and the closest pairs.

    To resemble is a ROUGE-L F above 0.6. The closest pair comes first.
    """
    index, found = RougeIndex(tokenizer), []
    for text in instructions:
        if match := index.nearest(text, above=CLOSE):
            found.append(Pair(text, match.text, match.score))
        index.add(text)
    return len(found), tuple(
        heapq.nsmallest(_CLOSEST, found, key=lambda pair: (-pair.score, pair.text))
    )
