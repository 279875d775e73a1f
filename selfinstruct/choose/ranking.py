"""Ranks the outputs of each prompt by the judge's score.

`export --best` keeps the first of each ranking, `--format preference` the first and the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from selfinstruct.choose.candidate import Candidate, digest


class Output(NamedTuple):
    """An output of a prompt: its score, and its place in the order of all examples."""

    score: float | None  # None: not judged, below every score
    place: int

    @property
    def rank(self) -> tuple[float, int]:
        """Higher is better; of two equal scores the earlier place."""
        return (float("-inf") if self.score is None else self.score, -self.place)


@dataclass(slots=True)
class Pairs:
    """Of each prompt the best and the worst output, by their places."""

    rejected: dict[int, int] = field(default_factory=dict)  # best output -> worst output
    unpaired: Counter[str] = field(default_factory=Counter)  # prompts without a pair, by reason
    without: int = 0  # outputs of the prompts without a pair
    between: int = 0  # outputs that are neither the best nor the worst of a pair


@dataclass(slots=True)
class Ranking:
    """The outputs of every prompt, held as digests, scores and places.

    The same output to the same prompt counts once, with the higher of its scores.
    """

    duplicates: int = 0
    _prompts: dict[bytes, dict[bytes, Output]] = field(default_factory=dict)

    def take(self, place: int, row: Candidate) -> None:
        outputs = self._prompts.setdefault(row.prompt_digest, {})
        text, found = digest(row.output), Output(row.score, place)
        known = outputs.get(text)
        self.duplicates += known is not None
        if known is None or found.rank > known.rank:
            outputs[text] = found

    @property
    def outputs(self) -> int:
        """The number of different outputs, over all prompts."""
        return sum(map(len, self._prompts.values()))

    def best(self) -> set[int]:
        """The place of the best output to each prompt."""
        return {_best(outputs.values()).place for outputs in self._prompts.values()}

    def pairs(self, margin: float) -> Pairs:
        """The pairs whose scores differ by at least `margin`, and by more than 0."""
        found = Pairs()
        for outputs in self._prompts.values():
            scored = [output for output in outputs.values() if output.score is not None]
            if reason := _why_no_pair(scored, len(outputs), margin):
                found.unpaired[reason] += 1
                found.without += len(outputs)
            else:
                found.rejected[_best(scored).place] = _worst(scored).place
                found.between += len(outputs) - 2
        return found


def _why_no_pair(scored: list[Output], outputs: int, margin: float) -> str | None:
    if outputs < 2:
        return "one output only"
    if len(scored) < 2:
        return "fewer than two scores"
    scores = [output.score or 0.0 for output in scored]
    apart = max(scores) - min(scores)
    if not apart:
        return "equal scores"
    return f"scores less than {margin:g} apart" if apart < margin else None


def _best(outputs: Iterable[Output]) -> Output:
    return max(outputs, key=lambda output: output.rank)


def _worst(outputs: Iterable[Output]) -> Output:
    """The lowest score; of equal scores the earlier place."""
    return min(outputs, key=lambda output: (output.score or 0.0, output.place))
