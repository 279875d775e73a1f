"""Counts of the rows of an export, taken while they are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b

from selfinstruct.choose.candidate import Candidate


@dataclass(slots=True)
class Tally:
    """Counts of a split. Words are separated by white space."""

    rows: int = 0
    classification: int = 0
    with_input: int = 0
    words: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("instruction", "input", "output"), 0)
    )
    models: set[str] = field(default_factory=set)
    _instructions: set[bytes] = field(default_factory=set)

    @property
    def instructions(self) -> int:
        """The number of different instructions."""
        return len(self._instructions)

    def take(self, row: Candidate) -> None:
        self.rows += 1
        self.classification += bool(row.is_classification)
        self.with_input += bool(row.input)
        if model := row.provenance.get("model"):
            self.models.add(str(model))
        self._instructions.add(blake2b(row.instruction.encode(), digest_size=8).digest())
        for name in self.words:
            self.words[name] += len(getattr(row, name).split())

    def mean(self, name: str) -> float:
        """Mean words of an instruction, a non-empty input, or an output (paper, table 1)."""
        return self.words[name] / max(1, self.with_input if name == "input" else self.rows)
