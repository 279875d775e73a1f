"""Evol-Instruct: instructions grow harder in rounds (WizardLM, Xu et al., 2023, section 3).

In: instructions of runs or of any dataset. Out: an example for each instruction that survives a
round; the source itself is none. Asks in each round: an operator, then `same` and `answer`.
Costs: three requests a round at most, fewer where a child falls early.
Differs from the published code: children are eliminated, as in the paper, and so are those in depth
that leave out the source's input; an instruction whose child fell is the parent of the next round
again; every choice has a generator of its own.

    parent -> operator -> leaks, near-equal? -> same? -> answer -> apology, stop words? -> example
       ^                       | falls            |                     |                     |
       +-----------------------+------------------+---------------------+   next parent  <----+
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from selfinstruct.asking.reading import Reply
from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.recipes import Outcome, dropped_replies
from selfinstruct.recipes.evolve.elimination import compared, why_not_answer, why_not_child
from selfinstruct.recipes.evolve.settings import BREADTH, OPERATORS, QUESTIONS, EvolveConfig
from selfinstruct.recipes.sources import Rows
from selfinstruct.seeding import generator


@dataclass(frozen=True, slots=True)
class Generation:
    """A round of an instruction. parent: the id of the source's instruction or of an example."""

    instruction: Instruction
    number: int  # from 1
    operator: str
    parent: str
    text: str  # of the parent
    material: str  # of the source, which the child has to keep

    @property
    def place(self) -> str:
        """The place of its requests, and the id of its example."""
        return f"{self.instruction.id}-{self.number}"

    def dropped(self, stage: str, reply: Reply) -> list[Outcome]:
        """The lines of a reply that was not read in full."""
        lines = dropped_replies(stage, self.instruction.turn, reply, self.instruction)
        return [replace(line, round=self.number) for line in lines]

    def rejected(self, stage: str, reason: str, child: str, output: str | None = None) -> Rejected:
        """The line of a child that fell."""
        place = (self.instruction.turn, child, self.instruction.id)
        return Rejected(stage, "instance", reason, *place, output=output, round=self.number)


class Evolve(Rows):
    """Finite, without a pool: an item is a row, and its rounds follow each other."""

    config: EvolveConfig
    questions: ClassVar[Sequence[Question]] = QUESTIONS

    @classmethod
    def questions_of(cls, config: Any) -> Sequence[Question]:
        """The operators that are drawn, and the other questions."""
        unused = set(OPERATORS).difference(config.operator)
        return [question for question in QUESTIONS if question.name not in unused]

    async def fill(
        self, at: int, admitted: tuple[Instruction, Collected], ask: Ask
    ) -> Sequence[Outcome]:
        instruction, row = admitted
        text = f"{row.instruction}\n\n{row.input}" if row.input else row.instruction
        parent, outcomes, material = instruction.id, list[Outcome]([instruction]), row.input
        for number in range(1, self.config.rounds + 1):
            operator = self._operator(at, number)
            kept = "" if operator == BREADTH else material
            now = Generation(instruction, number, operator, parent, text, kept)
            found = await self._evolve(now, row, ask)
            outcomes += found
            if found and isinstance(child := found[-1], Example):
                parent, text, material = child.id, child.instruction, kept
        return outcomes

    def _operator(self, at: int, number: int) -> str:
        chance = generator(self.config.seed, "operator", at, number).random()
        return self.config.operator[int(chance * len(self.config.operator))]

    async def _evolve(self, now: Generation, row: Collected, ask: Ask) -> list[Outcome]:
        """The outcomes of a round. If the child survives, its example is the last."""
        reply = await ask(now.operator, now.place, {"prompt": now.text})
        found = now.dropped(now.operator, reply)
        if reply.parsed.is_empty:
            return found
        child = reply.parsed.text
        if fallen := self._why_not(now, child):
            return [*found, fallen]
        verdict = await ask("same", now.place, {"child": child, "parent": now.text})
        found += now.dropped("same", verdict)
        if verdict.parsed.is_same:  # not where the reply does not say
            return [*found, now.rejected("same", "no_gain", child)]
        answer = await ask("answer", now.place, {"prompt": child})
        found += now.dropped("answer", answer)
        if answer.parsed.is_empty:
            return found
        if reason := why_not_answer(answer.parsed.text, child):
            return [*found, now.rejected("answer", reason, child, answer.parsed.text)]
        return [*found, self._example(now, row, child, answer.parsed.text)]

    def _why_not(self, now: Generation, child: str) -> Rejected | None:
        """The line of a child that falls by its own words."""
        if reason := why_not_child(child, now.text, now.material):
            return now.rejected(now.operator, reason, child)
        new_words, score = compared(child, now.text)
        if new_words >= self.config.new_words:
            return None
        fallen = now.rejected(now.operator, "near_equal", child)
        return replace(fallen, similar_to=now.text, similarity=score)

    def _example(self, now: Generation, row: Collected, child: str, output: str) -> Example:
        return Example(
            now.place,
            *(child, "", output, None),
            {
                "instruction_id": now.instruction.id,
                "turn": now.instruction.turn,
                "model": self.config.model,
                "source_id": row.id,
                "parent": now.parent,
                "round": now.number,
                "operator": now.operator,
            },
        )

    def per_instruction(self) -> float:
        return float(self.config.rounds)

    def forecast(self, examples: int, *, lucky: bool) -> Mapping[str, float]:
        rounds = examples * (1.1 if lucky else 2.0)  # about half fall with a weak model
        drawn = dict.fromkeys(self.config.operator, rounds / len(self.config.operator))
        return drawn | {"same": rounds * 0.95, "answer": float(examples)}
