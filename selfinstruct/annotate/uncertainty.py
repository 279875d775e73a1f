"""Prompt uncertainty: how much a model's belief in an output hangs on words of the instruction.

Active Instruction Tuning (Kung et al. 2023, section 3): U = 1/(n·k) Σi Σj |p(yi|xi,Ij) -
p(yi|xi,I0)| over n instances and k perturbed instructions, with p = exp(-mean token cross-entropy
of yi). A perturbed instruction lacks each word with the probability `rate`. Pure functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from selfinstruct.models.openai.likelihoods import Likelihood
from selfinstruct.seeding import generator

_WORD = re.compile(r"\S+\s*")
_LARGEST = 700.0  # the highest cross-entropy in nats whose exp is a number


@dataclass(frozen=True, slots=True)
class Perturbing:
    """How instructions are perturbed: `variants` of each, for every one of the `seeds`."""

    variants: int = 10  # 0: none, for the perplexity alone
    rate: float = 0.2
    seeds: tuple[int, ...] = (0,)

    def instructions(self, instruction: str) -> list[str]:
        """The perturbed instructions, those of the first seed first."""
        return [
            variant
            for seed in self.seeds
            for variant in perturbed(instruction, self.variants, self.rate, seed)
        ]


@dataclass(frozen=True, slots=True)
class Scored:
    """An instance's likelihood under the whole instruction, and under each perturbed one."""

    whole: Likelihood
    variants: tuple[Likelihood, ...]

    @property
    def distances(self) -> list[float]:
        """|p(y|x,Ij) - p(y|x,I0)| for each variant."""
        return [abs(each.probability - self.whole.probability) for each in self.variants]


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """The numbers of a task. by_seed: U for each seed; empty if nothing was perturbed.

    probability: mean p(y|x,I0). perplexity: exp of the mean token cross-entropy under I0. Both are
    None if the endpoint refused every instance.
    """

    by_seed: tuple[float, ...]
    probability: float | None
    perplexity: float | None
    instances: int


def perturbed(instruction: str, count: int, rate: float, seed: int) -> list[str]:
    """`count` copies of an instruction, each without some words. The same for the same arguments.

    Words are parted by white space, which goes with the word before.
    """
    chance = generator(seed, "uncertainty", instruction)
    words = _WORD.findall(instruction)
    start = instruction[: len(instruction) - len("".join(words))]
    return [
        start + "".join(word for word in words if chance.random() >= rate) for _ in range(count)
    ]


def uncertainty(found: Sequence[Scored], how: Perturbing) -> Uncertainty:
    """The numbers of a task from those of its instances."""
    if not found:
        return Uncertainty((), None, None, 0)
    entropy = -fmean(scored.whole.mean for scored in found)
    k, distances = how.variants, [scored.distances for scored in found]
    by_seed = tuple(
        fmean(each for row in distances for each in row[at * k : (at + 1) * k])
        for at in range(len(how.seeds) if k else 0)
    )
    probability = fmean(scored.whole.probability for scored in found)
    return Uncertainty(by_seed, probability, math.exp(min(entropy, _LARGEST)), len(found))


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's coefficient; None for fewer than two values, or where all are alike."""
    if len(first) < 2:
        return None
    ranks = [_ranks(first), _ranks(second)]
    around = [[rank - fmean(row) for rank in row] for row in ranks]
    spread = math.prod(math.sqrt(math.fsum(each * each for each in row)) for row in around)
    together = math.fsum(x * y for x, y in zip(*around, strict=True))
    return together / spread if spread else None


def _ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value from 1; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    begin = 0
    while begin < len(order):
        end = begin
        while end < len(order) and values[order[end]] == values[order[begin]]:
            end += 1
        for place in order[begin:end]:
            ranks[place] = (begin + end + 1) / 2
        begin = end
    return ranks
