"""Constrain: instructions with verifiable constraints, answers that a program has verified.

In: instructions of runs or of any dataset. Out: the instruction with one to three constraints in
words, and an answer that follows them. Asks: `reword` once a row with --wording model, `follow` up
to --tries times. Costs: a request an example, more where answers fail. Differs from IFEval (Zhou et
al., 2023), which scores answers: an answer that fails is dropped; --hold-out keeps types for later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.adherence.choice import chosen_types, constraints_for, lost_constraint
from selfinstruct.adherence.constraint import Imposed
from selfinstruct.adherence.linguistics import check_libraries
from selfinstruct.adherence.recordings import recorded, unfollowed
from selfinstruct.asking.config import Config
from selfinstruct.asking.endpoint import Rule, setting, sources_setting
from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.models import Decoding
from selfinstruct.parsing.answer import Answer, answer, output_in_json
from selfinstruct.parsing.rewriting import instruction as single
from selfinstruct.recipes import Materials, Outcome, dropped_replies
from selfinstruct.recipes.sources import Rows
from selfinstruct.seeding import generator

_method = partial(setting, under="The method")
_OUTPUT = {"output": {"type": "string"}}
_FOLLOW = Question("follow", answer, ("prompt",), _OUTPUT, Answer, 200.0, parse_json=output_in_json)
_REWORD = Question("reword", single, ("constraints",), {"rules": {"type": "string"}}, Answer, 50.0)


@dataclass(frozen=True, slots=True)
class ConstrainConfig(Config):
    """Add verifiable constraints to instructions, and keep the answers that follow them.

    \b
    selfinstruct constrain --from runs/first --model gpt-4o-mini --out runs/constrained
    selfinstruct adherence runs/constrained

    A program verifies every answer. An answer that does not follow is asked for again with another
    seed; rejected.jsonl names the constraint. docs/adherence.md lists the types.
    """

    RECIPE: ClassVar[str] = "constrain"
    command: ClassVar[str] = "constrain"
    items: ClassVar[str] = "rows"
    STAGES: ClassVar[Mapping[str, Decoding]] = {
        "reword": Decoding(temperature=1.0, top_p=0.95, max_tokens=512),
        "follow": Decoding(temperature=0.7, top_p=0.95, max_tokens=2048),
    }

    sources: tuple[str, ...] = sources_setting("A run or a file of instructions.")
    most: int = _method(3, "Constraints of an instruction at most.")
    constraint: tuple[str, ...] = _method((), "A type for every instruction; none is drawn then.")
    hold_out: tuple[str, ...] = _method((), "Types or families never drawn, with commas between.")
    tries: int = _method(3, "Answers asked for until one follows; one at temperature 0.")
    wording: str = _method("template", "Who words them.", choices=("template", "model"))

    def rules(self) -> Iterator[Rule]:
        yield "most", 1 <= self.most <= 5, "from 1 to 5"
        yield "tries", self.tries >= 1, "at least 1"
        yield from Config.rules(self)


class Constrain(Rows):
    """Finite, without a pool: an item is a row."""

    config: ConstrainConfig
    questions: ClassVar[Sequence[Question]] = (_REWORD, _FOLLOW)

    @classmethod
    def questions_of(cls, config: Any) -> Sequence[Question]:
        return cls.questions if config.wording == "model" else (_FOLLOW,)

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        chosen_types(config.constraint, config.hold_out)
        check_libraries()
        return super().read(config, kept, named)

    def why_not(self, at: int, row: Collected) -> str | None:
        is_label = row.rest.get("is_classification") is True
        reason = super().why_not(at, row) or ("is_classification" if is_label else None)
        return reason or (None if self._drawn(at, row) else "no_constraint_fits")

    def _drawn(self, at: int, row: Collected) -> list[Imposed]:
        draw = generator(self.config.seed, "constrain", at)
        fixed, kinds = chosen_types(self.config.constraint, self.config.hold_out)
        most = len(fixed) or draw.randint(1, self.config.most)
        found = constraints_for(row.instruction, row.input, row.output, fixed or kinds, most, draw)
        return found if len(found) >= len(fixed) else []

    async def fill(
        self, at: int, admitted: tuple[Instruction, Collected], ask: Ask
    ) -> Sequence[Outcome]:
        plain, row = admitted
        constraints, chance = self._drawn(at, row), generator(self.config.seed, "words", at)
        words = " ".join(each.in_words(chance) for each in constraints)
        joint, dropped = chance.choice((" ", "\n", "\n\n")), list[Rejected]()
        if self.config.wording == "model":
            reply = await ask("reword", plain.id, {"constraints": words})
            dropped, text = dropped_replies("reword", at, reply, plain), reply.parsed.text
            if lost := text and lost_constraint(constraints, words, text):
                dropped.append(Rejected("reword", "reply", "lost_constraint", at, text, plain.id))
            words = words if lost else text or words
        new = replace(plain, text=f"{plain.text}{joint}{words}")
        return [new, *dropped, *await self._answers(new, row, constraints, ask)]

    async def _answers(
        self, instruction: Instruction, row: Collected, constraints: list[Imposed], ask: Ask
    ) -> list[Outcome]:
        """Answers that fail, as rejected instances, and the first that follows."""
        text, outcomes = instruction.text, list[Outcome]()
        tries = 1 if self.config.decoding("follow").temperature == 0 else self.config.tries
        prompt = f"{text}\n\n{row.input}" if row.input else text
        for number in range(1, tries + 1):
            place = instruction.id if number == 1 else f"{instruction.id}-{number}"
            reply = await ask("follow", place, {"prompt": prompt})
            outcomes += dropped_replies("follow", instruction.turn, reply, instruction)
            if not (said := reply.parsed.text):
                continue
            failed = [each for each in constraints if not each.is_followed_by(said)]
            if not failed:
                return [*outcomes, self._example(instruction, row, constraints, said)]
            why, of = failed[0].constraint.id, (instruction.turn, text, instruction.id)
            outcomes.append(Rejected("follow", "instance", why, *of, row.input, said))
        return outcomes

    def _example(
        self, instruction: Instruction, row: Collected, constraints: list[Imposed], output: str
    ) -> Example:
        made = {"instruction_id": instruction.id, "turn": instruction.turn}
        source = {"source_id": row.id, "source_instruction": row.instruction}
        provenance = {**made, "model": self.config.model, **source, **recorded(constraints)}
        return Example(f"{instruction.id}-1", instruction.text, row.input, output, None, provenance)

    def why_not_mended(self, example: Example) -> str | None:
        return unfollowed(example)

    def forecast(self, examples: int, *, lucky: bool) -> Mapping[str, float]:
        more = {"reword": 1.0, "follow": 1.0 if lucky else 2.0}
        return {each.name: examples * more[each.name] for each in self.questions_of(self.config)}
