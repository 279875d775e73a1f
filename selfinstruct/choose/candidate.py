"""An example on its way out of a run, with everything that a filter may ask about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from selfinstruct.data.examples import Example, Turn
from selfinstruct.defects import Row, findings
from selfinstruct.parsing.verdict import QUESTIONS
from selfinstruct.runs.view import noted
from selfinstruct.text import well_formed


@dataclass(frozen=True, slots=True)
class Candidate:
    """An example, its run, and the judge's score. All texts are well-formed UTF-8."""

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
    noted: tuple[str, ...] = ()  # slugs that a run of edition 1 found
    system: str = ""  # the system message of a chat
    history: tuple[Turn, ...] = ()  # the turns of a chat before the instruction
    rejected: Candidate | None = None  # in a pair: the worst output to the same prompt

    @classmethod
    def of(
        cls, example: Example, id: str, run: str, judgement: Mapping[str, float | bool]
    ) -> Candidate:
        """judgement: the score and the three answers, as far as there are any."""
        score = judgement.get("score")
        return cls(
            id=id,
            instruction=well_formed(example.instruction),
            input=well_formed(example.input),
            output=well_formed(example.output),
            is_classification=example.is_classification,
            run=run,
            provenance=example.provenance,
            score=None if score is None else float(score),
            answers={name: bool(judgement[name]) for name in QUESTIONS if name in judgement},
            noted=noted(example.provenance),
            system=well_formed(example.system),
            history=tuple(Turn(turn.role, well_formed(turn.text)) for turn in example.history),
        )

    @property
    def question(self) -> str:
        """The user's last turn: the instruction, then the input unless that is empty."""
        return f"{self.instruction}\n\n{self.input}" if self.input else self.instruction

    @property
    def findings(self) -> tuple[str, ...]:
        """The slugs that the checks find in the example, then those that only its run noted."""
        row = Row(self.instruction, self.input, self.output, self.is_classification)
        slugs = [finding.slug for finding in findings(row)]
        return (*slugs, *(slug for slug in self.noted if slug not in slugs))

    @property
    def prompt_digest(self) -> bytes:
        """16 bytes that stand for the whole prompt: system, history, instruction and input."""
        before = [part for turn in self.history for part in (turn.role, turn.text)]
        return digest(self.system, *before, self.instruction, self.input)


def digest(*texts: str) -> bytes:
    """16 bytes that stand for a list of well-formed texts."""
    joined = "".join(f"{len(text)}:{text}" for text in texts)  # two lists never look alike
    return blake2b(joined.encode(), digest_size=16).digest()
