"""The rounds of a recipe that evolves instructions: survivors, lengths and verdicts by round."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from selfinstruct.data.examples import Example, Rejected
from selfinstruct.stats.quality import Judgement


@dataclass(frozen=True, slots=True)
class Round:
    """A round. Means are None over nothing; words are separated by blanks."""

    number: int  # from 1
    survived: int
    fallen: Mapping[str, int]  # children by the reason to drop them, the commonest first
    instruction_words: float | None
    output_words: float | None
    judged: int  # examples with a score
    mean_score: float | None

    @property
    def share(self) -> float:
        """Of the children that were read, those that survived."""
        return self.survived / (self.survived + sum(self.fallen.values()))


def rounds_of(
    examples: Iterable[Example],
    rejected: Iterable[Rejected],
    judgements: Mapping[str, Judgement],
) -> tuple[Round, ...]:
    """The rounds in order; none for a recipe without rounds."""
    lengths: dict[int, list[tuple[int, int]]] = defaultdict(list)
    scores: dict[int, list[float]] = defaultdict(list)
    fallen: dict[int, Counter[str]] = defaultdict(Counter)
    for example in examples:
        number = example.provenance.get("round")
        if isinstance(number, int):
            words = len(example.instruction.split()), len(example.output.split())
            lengths[number].append(words)
            verdict = judgements.get(example.id)
            if verdict is not None and verdict.score is not None:
                scores[number].append(verdict.score)
    for line in rejected:
        if line.round is not None and line.what == "instance":
            fallen[line.round][line.reason] += 1
    return tuple(
        Round(
            number,
            len(lengths[number]),
            dict(sorted(fallen[number].items(), key=lambda item: (-item[1], item[0]))),
            _mean([instruction for instruction, _ in lengths[number]]),
            _mean([output for _, output in lengths[number]]),
            len(scores[number]),
            _mean(scores[number]),
        )
        for number in sorted({*lengths, *fallen})
    )


def _mean(values: list[int] | list[float]) -> float | None:
    return fmean(values) if values else None
