"""Root verbs of instructions and their direct objects (paper, section 3.2 and figure 3)."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from selfinstruct.stats.parser import Pair

VERBS, NOUNS = 20, 4  # the paper's figure
# Instructions that are parsed unless all are wanted: shares are true to 0.7 points, 19 times of 20.
SAMPLE = 20_000


@dataclass(frozen=True, slots=True)
class Verb:
    """A root verb with its commonest direct objects, each with the number of instructions."""

    verb: str
    count: int
    nouns: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Verbs:
    """Of `parsed` instructions, `structured` have a root verb with a direct object.

    `covered` of them are in the figure.
    """

    model: str
    of: int  # instructions there are; where it is more than `parsed`, these are a sample
    parsed: int
    structured: int
    different: int  # verb-noun pairs
    covered: int  # instructions whose pair is among the figure's
    verbs: tuple[Verb, ...]

    @property
    def said(self) -> str:
        """The whole that shares of `parsed` refer to, in words."""
        return f"of {self.parsed:,} sampled" if self.parsed < self.of else f"of {self.parsed:,}"


def sample(instructions: Sequence[str], most: int) -> list[str]:
    """At most `most` instructions, in their order.

    A hash of each text decides; neither the order nor a clock has a part.
    """
    if len(instructions) <= most:
        return list(instructions)
    chances = [
        blake2b(text.encode("utf-8", "replace"), digest_size=8).digest() for text in instructions
    ]
    return [
        instructions[at]
        for at in sorted(heapq.nsmallest(most, range(len(instructions)), key=chances.__getitem__))
    ]


def count_verbs(found: Iterable[Pair | None], *, of: int, model: str) -> Verbs:
    """found: for each instruction that was parsed its pair, or None."""
    parsed = list(found)
    pairs: Counter[Pair] = Counter(pair for pair in parsed if pair is not None)
    by_verb: Counter[str] = Counter()
    for (verb, _), times in pairs.items():
        by_verb[verb] += times
    verbs = []
    for verb, times in _commonest(by_verb, VERBS):
        nouns = Counter({noun: count for (other, noun), count in pairs.items() if other == verb})
        verbs.append(Verb(verb, times, tuple(_commonest(nouns, NOUNS))))
    covered = sum(count for verb in verbs for _, count in verb.nouns)
    return Verbs(model, of, len(parsed), pairs.total(), len(pairs), covered, tuple(verbs))


def _commonest(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda word: (-word[1], word[0]))[:most]
