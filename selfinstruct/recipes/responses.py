"""Respond: outputs for collected instructions (GPT-4-LLM, Peng et al., 2023).

In: the instructions of runs or of any dataset, chats whose last turn is the user's among them.
Out: an example for every instruction and every model. Asks: `answer` once for each of them.
Costs: a request an example. Differs from a loop of one's own: resumed, capped and recorded like
every run; rows that have an output are passed over, each with a line in rejected.jsonl.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.config import Config
from selfinstruct.asking.endpoint import Rule, setting
from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import UserError
from selfinstruct.models import Decoding
from selfinstruct.parsing.answer import answer
from selfinstruct.recipes import Materials, Outcome, Recipe, dropped_replies
from selfinstruct.recipes.sources import Sources

_QUESTION = Question("answer", answer, ("conversation", "instruction", "input"), reply_tokens=250.0)


@dataclass(frozen=True, slots=True)
class RespondConfig(Config):
    """The settings of `respond`."""

    RECIPE: ClassVar[str] = "respond"
    command: ClassVar[str] = "respond"
    items: ClassVar[str] = "rows"
    STAGES: ClassVar[Mapping[str, Decoding]] = {
        "answer": Decoding(temperature=0.7, top_p=0.95, max_tokens=2048)
    }

    sources: tuple[str, ...] = setting((), "Runs or datasets.", free=True)  # fingerprinted
    other_models: tuple[str, ...] = setting((), "The models beside the first.")
    replace: bool = setting(False, "Answer rows that have an output as well.", under="The method")
    fields: tuple[str, ...] = setting((), "Which column is which, as instruction=question.")

    @property
    def models(self) -> tuple[str, ...]:
        return (self.model, *self.other_models)

    @property
    def method(self) -> str:
        return "recipe respond"

    def rules(self) -> Iterator[Rule]:
        repeated = self.model in self.other_models
        distinct = len(set(self.other_models)) == len(self.other_models)
        yield "model", distinct and not repeated, "named once; different models answer side by side"
        yield from Config.rules(self)


class Respond(Recipe):
    """Finite, without a pool: an item is a row, and every model answers it."""

    config: RespondConfig
    questions: ClassVar[Sequence[Question]] = (_QUESTION,)
    labels: ClassVar[Mapping[str, str]] = {"sources": "the sources hold other bytes"}

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        if not config.sources:
            raise UserError("respond: no source; name runs or files of instructions")
        sources = Sources(config.sources, config.fields)
        return Materials(sources, fingerprints={"sources": sources.fingerprints()})

    @classmethod
    def expected(cls, config: Any, materials: Any) -> int:
        open_rows = sum(_is_open(config, row) for row in materials)
        return open_rows * len(config.models)

    def items(self, start: int) -> Iterator[Collected]:
        for number, row in enumerate(self.materials):
            if number >= start:
                yield row

    def admit(self, at: int, draft: Collected) -> tuple[Instruction, Collected] | Rejected:
        if not _is_open(self.config, draft):
            given = (at, draft.instruction)
            return Rejected(
                *("read", "instruction", "has_output", *given),
                input=draft.input,
                output=draft.output,
            )
        return Instruction(f"i{at + 1:06d}", draft.instruction, at, ()), draft

    async def fill(
        self, at: int, admitted: tuple[Instruction, Collected], ask: Ask
    ) -> Sequence[Outcome]:
        instruction, row = admitted
        calls = [ask("answer", instruction.id, _values(row), model) for model in self.config.models]
        outcomes: list[Outcome] = [instruction]
        for number, reply in enumerate(await asyncio.gather(*calls), 1):
            outcomes += dropped_replies("answer", at, reply, instruction)
            if reply.parsed.reason is None:
                outcomes.append(self._example(instruction, row, number, reply.parsed.text))
        return outcomes

    def _example(
        self, instruction: Instruction, row: Collected, number: int, output: str
    ) -> Example:
        return Example(
            id=f"{instruction.id}-{number}",
            instruction=row.instruction,
            input=row.input,
            output=output,
            is_classification=None,
            provenance={
                "instruction_id": instruction.id,
                "turn": instruction.turn,
                "model": self.config.models[number - 1],
                "source_id": row.id,
                **({"rest": dict(row.rest)} if row.rest else {}),
            },
            system=row.system,
            history=row.history,
        )

    def per_instruction(self) -> float:
        return float(len(self.config.models))

    def forecast(self, examples: int, *, lucky: bool) -> Mapping[str, float]:
        return {"answer": examples * (1.0 if lucky else 1.05)}

    def remarks(self) -> Iterator[str]:
        if unused := self.materials.unused():
            yield f"columns that no prompt uses, kept in the provenance: {', '.join(unused)}"

    def described(self) -> Iterator[str]:
        yield from self.materials.described()


def _is_open(config: RespondConfig, row: Collected) -> bool:
    return config.replace or row.output is None


def _values(row: Collected) -> Mapping[str, object]:
    question = f"{row.instruction}\n\n{row.input}" if row.input else row.instruction
    turns = [("system", row.system)] if row.system else []
    turns += [(turn.role, turn.text) for turn in row.history]
    return {
        "conversation": [*turns, ("user", question)],
        "instruction": row.instruction,
        "input": row.input,
    }
