"""An example of a run, with all that a filter may ask about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selfinstruct.data.examples import Example
from selfinstruct.parsing.verdict import QUESTIONS
from selfinstruct.runs.view import noted
from selfinstruct.text import well_formed


@dataclass(frozen=True, slots=True)
class Candidate:
    """One example on its way out. Its texts are UTF-8 through and through."""

    id: str
    instruction: str
    input: str
    output: str
    is_classification: bool | None  # None: nobody asked
    run: str  # the name of the run's directory
    provenance: dict[str, Any]
    score: float | None = None  # None: not judged
    answers: Mapping[str, bool] = field(
        default_factory=dict
    )  # the judge's, to the paper's three questions
    findings: tuple[str, ...] = ()  # slugs of the defects found

    @classmethod
    def of(cls, example: Example, id: str, run: str, judgement: Mapping[str, Any]) -> Candidate:
        instruction, input, output = map(
            well_formed, (example.instruction, example.input, example.output)
        )
        findings = noted(example.provenance)
        score, answers = (
            judgement.get("score"),
            {name: judgement[name] for name in QUESTIONS if name in judgement},
        )
        return cls(
            id,
            instruction,
            input,
            output,
            example.is_classification,
            run,
            example.provenance,
            score,
            answers,
            findings,
        )

    @property
    def question(self) -> str:
        """What a user would say: the instruction, then the input if there is one."""
        return f"{self.instruction}\n\n{self.input}" if self.input else self.instruction
