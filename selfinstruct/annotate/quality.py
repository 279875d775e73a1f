"""The paper's quality table (table 2) for the user's data, beside the paper's own column."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from selfinstruct.parsing.verdict import QUESTIONS

_Z = 1.959963984540054  # standard deviations to either side that hold 95% of a normal distribution
_ROWS = {
    "is_valid": "the instruction is a valid task",
    "input_fits": "the input fits the instruction",
    "output_right": "the output is right",
    "all_three": "all three",
}


@dataclass(slots=True)
class Quality:
    """Counts of judgements. `judged` have a verdict; `without` are the others, by why."""

    judged: int = 0
    is_valid: int = 0
    input_fits: int = 0
    output_right: int = 0
    all_three: int = 0
    scores: Counter[int] = field(default_factory=Counter)
    without: Counter[str] = field(default_factory=Counter)

    def take(self, judgement: Mapping[str, Any]) -> None:
        """Count a line of judgements.jsonl."""
        if judgement["score"] is None:
            self.without[judgement.get("error") or "no_verdict"] += 1
            return
        self.judged += 1
        self.scores[judgement["score"]] += 1
        for name in QUESTIONS:
            setattr(self, name, getattr(self, name) + judgement[name])
        self.all_three += all(judgement[name] for name in QUESTIONS)

    @property
    def mean_score(self) -> float | None:
        return (
            sum(score * count for score, count in self.scores.items()) / self.judged
            if self.judged
            else None
        )

    def share(self, name: str) -> float | None:
        """Of the judged, between 0 and 1."""
        return getattr(self, name) / self.judged if self.judged else None

    def interval(self, name: str) -> tuple[float, float]:
        """The 95% interval of a share, if the judged examples are a random sample."""
        return wilson(getattr(self, name), self.judged)

    def rows(self, *, is_sample: bool) -> Iterator[tuple[str, str, str]]:
        """The lines of the table: the question, the paper's share, our share."""
        yield "", _cell(PAPER, None, True), _cell(self, None, is_sample)
        for name, what in _ROWS.items():
            yield what, _cell(PAPER, name, True), _cell(self, name, is_sample)

    def to_record(self) -> dict[str, Any]:
        """For JSON: counts, shares, and their 95% intervals."""
        shares = {
            name: {
                "count": getattr(self, name),
                "share": self.share(name),
                "interval": self.interval(name),
            }
            for name in _ROWS
        }
        scores = {str(score): self.scores[score] for score in range(1, 6)}
        return {
            "judged": self.judged,
            "without": dict(self.without),
            **shares,
            "scores": scores,
            "mean_score": self.mean_score,
        }

    def lines(self, *, model: str, is_sample: bool) -> Iterator[str]:
        """The table for a terminal."""
        yield f"{'':<34}{'the paper, by an expert':>32}{'this run, by a model':>32}"
        for what, papers, ours in self.rows(is_sample=is_sample):
            yield f"{what:<34}{papers:>32}{ours:>32}"
        counts = ", ".join(f"{score}: {self.scores[score]:,}" for score in range(5, 0, -1))
        yield f"scores by {model}  {counts}" + (
            f"; mean {self.mean_score:.2f}" if self.judged else ""
        )
        if self.without:
            yield (
                "without a verdict: "
                f"{', '.join(f'{why} {count:,}' for why, count in self.without.most_common())}"
            )
        if is_sample:
            yield (
                "In brackets 95% intervals: what other draws would give. "
                "How often the judge is right they do not say."
            )


def quality(judgements: Iterable[Mapping[str, Any]]) -> Quality:
    """Counted from the lines of judgements.jsonl (`RunView.judgements`)."""
    found = Quality()
    for judgement in judgements:
        found.take(judgement)
    return found


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95% interval of a share by Wilson's score method; from 0 to 1 if nothing is known."""
    if not of:
        return 0.0, 1.0
    share, square = count / of, _Z * _Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = _Z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return (middle - half if count else 0.0), (middle + half if count < of else 1.0)


def _cell(one: Quality, name: str | None, is_sample: bool) -> str:
    if name is None:
        return f"{one.judged:,} {'drawn' if is_sample else 'in all'}"
    share = one.share(name)
    if share is None:
        return "\u2013"
    low, high = one.interval(name)
    bounds = f" ({low:.1%} to {high:.1%})" if is_sample else ""
    return f"{getattr(one, name):,} = {share:.1%}{bounds}"


# Table 2: an expert's review of 200 instructions of the 52,445, with an example of each. The shares
# are 92%, 79%, 58% and 54%.
PAPER = Quality(judged=200, is_valid=184, input_fits=158, output_right=116, all_three=108)
