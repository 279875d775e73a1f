"""Paraphrase: other wordings of instructions with outputs (Honovich et al., 2022, section 2.3).

In: examples of runs or of any dataset. Out: an example for every other wording of an instruction,
with the output of the source. Asks: `paraphrase` once for each wording, and `answer` once for a row
without an output. Costs: a request an example. Differs from the paper: two equal wordings of an
instruction are dropped, and every drop has a line in rejected.jsonl.

    row -> instruction with {INPUT} -> paraphrase, K times -> filters -> the input put in -> example
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfinstruct.asking.config import Config, larger_model
from selfinstruct.asking.endpoint import Rule, setting, sources_setting
from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Example
from selfinstruct.data.tasks import Instruction
from selfinstruct.models import Decoding
from selfinstruct.parsing.answer import Answer, answer, output_in_json
from selfinstruct.recipes import Outcome, dropped_replies
from selfinstruct.recipes.sources import Rows
from selfinstruct.recipes.wordings import DECODING, MARK, QUESTION, Wording, reworded, with_mark

_ANSWER = Question(
    *("answer", answer, ("prompt",), {"output": {"type": "string"}}, Answer, 250.0),
    parse_json=output_in_json,
)


@dataclass(frozen=True, slots=True)
class ParaphraseConfig(Config):
    """Word the instructions of a dataset anew, and keep their outputs.

    \b
    selfinstruct paraphrase --from runs/first --model gpt-4o-mini --out runs/reworded

    Every row of the sources gets --paraphrases other wordings.
    """

    RECIPE: ClassVar[str] = "paraphrase"
    command: ClassVar[str] = "paraphrase"
    items: ClassVar[str] = "rows"
    STAGES: ClassVar[Mapping[str, Decoding]] = {
        "paraphrase": DECODING,
        "answer": Decoding(temperature=0.7, top_p=0.95, max_tokens=2048),
    }

    sources: tuple[str, ...] = sources_setting("A run or a file of examples.")
    paraphrases: int = setting(1, "Wordings asked for of each instruction.", under="The method")

    def rules(self) -> Iterator[Rule]:
        yield "paraphrases", self.paraphrases >= 1, "at least 1"
        yield larger_model(self)
        yield from Config.rules(self)


class Paraphrase(Rows):
    """Finite, without a pool: an item is a row."""

    config: ParaphraseConfig
    questions: ClassVar[Sequence[Question]] = (QUESTION, _ANSWER)

    def why_not(self, at: int, row: Collected) -> str | None:
        """As every recipe over rows; the mark would stand for the input twice."""
        return super().why_not(at, row) or ("has_input_mark" if MARK in row.instruction else None)

    async def fill(
        self, at: int, admitted: tuple[Instruction, Collected], ask: Ask
    ) -> Sequence[Outcome]:
        instruction, row = admitted
        asked = with_mark(row.instruction, row.input)
        wordings, dropped = await reworded(instruction, asked, self.config.paraphrases, ask)
        known, outcomes = row.output, list[Outcome]([instruction, *dropped])
        if known is None and wordings:
            reply = await ask("answer", instruction.id, {"prompt": asked.replace(MARK, row.input)})
            outcomes += dropped_replies("answer", at, reply, instruction)
            known = reply.parsed.text
        if known:
            outcomes += (self._example(instruction, row, each, known) for each in wordings)
        return outcomes

    def _example(
        self, instruction: Instruction, row: Collected, wording: Wording, output: str
    ) -> Example:
        return Example(
            f"{instruction.id}-{wording.number}",
            *(wording.filled(row.input), "", output, None),
            {
                "instruction_id": instruction.id,
                "turn": instruction.turn,
                "model": self.config.model,
                "source_id": row.id,
                "paraphrase": wording.text,
            },
        )

    def per_instruction(self) -> float:
        return float(self.config.paraphrases)

    def forecast(self, examples: int, *, lucky: bool) -> Mapping[str, float]:
        return {"paraphrase": examples * (1.0 if lucky else 1.3), "answer": 0.0}
