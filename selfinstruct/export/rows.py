"""What is exported: an example with all that a filter may ask about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from selfinstruct.parse.judge import QUESTIONS
from selfinstruct.tasks import Example, well_formed
from selfinstruct.view import noted


@dataclass(frozen=True, slots=True)
class Row:
    """One example on its way out. Its texts are UTF-8 through and through."""

    id: str
    instruction: str
    input: str
    output: str
    is_classification: bool | None  # None: nobody asked
    run: str  # the name of the run's directory
    provenance: dict[str, Any]
    score: float | None = None  # None: not judged
    answers: Mapping[str, bool] = field(default_factory=dict)  # the judge's, to the paper's three questions
    findings: tuple[str, ...] = ()  # slugs of the defects found

    @classmethod
    def of(cls, example: Example, id: str, run: str, judgement: Mapping[str, Any]) -> Row:
        instruction, input, output = map(well_formed, (example.instruction, example.input, example.output))
        findings = noted(example.provenance)
        score, answers = judgement.get("score"), {name: judgement[name] for name in QUESTIONS if name in judgement}
        return cls(id, instruction, input, output, example.is_classification, run, example.provenance, score, answers, findings)

    @property
    def question(self) -> str:
        """What a user would say: the instruction, then the input if there is one."""
        return f"{self.instruction}\n\n{self.input}" if self.input else self.instruction


@dataclass(frozen=True, slots=True)
class Style:
    """What a person may say about how rows are written."""

    system: str = ""  # a system message before every example
    drop_labels: bool = False  # half of the inputs lose the label that they begin with
    seed: int = 0


def drawn(seed: int, *texts: str) -> int:
    """64 bits that the seed and the texts decide, the same on every machine and in every order."""
    return int.from_bytes(blake2b("\0".join((str(seed), *texts)).encode(), digest_size=8).digest(), "big")
