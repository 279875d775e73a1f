"""Ranks the outputs of each prompt by the judge's score (`export --best`)."""

from __future__ import annotations

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


def _best(outputs: Iterable[Output]) -> Output:
    return max(outputs, key=lambda output: output.rank)
