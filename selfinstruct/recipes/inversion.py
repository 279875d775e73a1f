"""Invert: the tasks of a dataset with inputs and outputs swapped.

In: rows with an input and an output, of runs or of any dataset. Out: for each instruction a new one
whose inputs are the old outputs; equal inputs become one example with all their outputs. Asks:
`invert` once for each instruction, or nothing with a template. Costs: a request an instruction.
Differs from inversions by hand, as in Super-NI (Wang et al., 2022): rows whose swap cannot be asked
are dropped with their reasons (swaps.py), and so are tasks for which the model finds no way back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.config import Config
from selfinstruct.asking.endpoint import Rule, setting
from selfinstruct.asking.shards import Shard
from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import UserError
from selfinstruct.models import Decoding
from selfinstruct.parsing.answer import Answer
from selfinstruct.parsing.rewriting import instruction, instruction_under_any_name
from selfinstruct.recipes import Materials, Outcome, Recipe, dropped_replies
from selfinstruct.recipes.filters import why_not_empty, why_not_length_any_script
from selfinstruct.recipes.sources import Sources
from selfinstruct.recipes.swaps import SwappedTask, reasons_of, swapped_tasks, why_not_inverse

Inverted = tuple[Instruction, SwappedTask]


@dataclass(frozen=True, slots=True)
class InvertConfig(Config):
    """The settings of `invert`."""

    RECIPE: ClassVar[str] = "invert"
    command: ClassVar[str] = "invert"
    items: ClassVar[str] = "tasks"
    KEEPS_SEED: ClassVar[bool] = True
    STAGES: ClassVar[Mapping[str, Decoding]] = {"invert": Decoding(0.7, 0.95, 256)}

    sources: tuple[str, ...] = setting((), "Runs or datasets.", free=True)  # fingerprinted
    fields: tuple[str, ...] = setting((), "Which column is which, as instruction=question.")
    instruction: str = setting(
        "",
        "The new instruction, for every task; {instruction} in it is the old one. No model is asked.",
        under="The method",
    )
    most_outputs: int = setting(
        20, "Drop a new input with more outputs than that; 0: none.", under="The method"
    )

    @classmethod
    def asks_nobody(cls, said: Mapping[str, Any]) -> bool:
        return bool(said.get("instruction")) and not said.get("model")

    def rules(self) -> Iterator[Rule]:
        yield "most_outputs", self.most_outputs >= 0, "at least 0"
        yield from Config.rules(self)


class Invert(Recipe):
    """Finite, without a pool: an item is an instruction of the sources with all its rows."""

    config: InvertConfig
    questions: ClassVar[Sequence[Question]] = (
        Question(
            *("invert", instruction_under_any_name, ("instruction", "examples")),
            *({"instruction": {"type": "string"}}, Answer, 30.0),
            parse_edition_2=instruction,
        ),
    )
    labels: ClassVar[Mapping[str, str]] = {"sources": "the sources hold other bytes"}

    @classmethod
    def questions_of(cls, config: Any) -> Sequence[Question]:
        return () if config.instruction else cls.questions

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        if not config.sources:
            raise UserError("invert: no source; name runs or files of inputs and outputs (--from)")
        sources = Sources(config.sources, config.fields, config.edition)
        tasks = list(swapped_tasks(sources, config.most_outputs))
        if not any(task.swaps for task in tasks):
            raise UserError(
                f"invert: no row of {', '.join(config.sources)} can be swapped{reasons_of(tasks)}; "
                "give rows that have an input and an output of free text"
            )
        own = Shard.of(config.shard).dealt(tasks, "instructions")
        return Materials(own, fingerprints={"sources": sources.fingerprints()})

    @classmethod
    def expected(cls, config: Any, materials: Any) -> int:
        return sum(len(task.swaps) for task in materials)

    def items(self, start: int) -> Iterator[SwappedTask]:
        return islice(iter(self.materials), start, None)

    async def draft(self, at: int, item: SwappedTask, ask: Ask) -> Sequence[Any]:
        dropped = [
            Rejected("swap", "instance", reason, at, row.instruction, None, row.input, row.output)
            for reason, row in item.dropped
        ]
        if not item.swaps:
            return dropped
        if self.config.instruction:
            text = self.config.instruction.replace("{instruction}", item.instruction)
        else:
            number = Shard.of(self.config.shard).number(at)
            reply = await ask("invert", f"t{number}", item.shown())
            dropped, text = [*dropped, *dropped_replies("invert", at, reply)], reply.parsed.text
            if reply.parsed.reason is not None:
                return dropped
        return [*dropped, (Instruction(f"i{at + 1:06d}", text, at, ()), item)]

    def admit(self, at: int, draft: Inverted) -> Inverted | Rejected:
        text, old = draft[0].text, draft[1].instruction
        if self.config.instruction:  # the user's words are not filtered
            return draft
        reason = why_not_inverse(text, old) or why_not_empty(text)
        reason = reason or why_not_length_any_script(text)
        return draft if reason is None else Rejected("invert", "instruction", reason, at, text)

    async def fill(self, at: int, admitted: Inverted, ask: Ask) -> Sequence[Outcome]:
        (new, task), model = admitted, "none" if self.config.instruction else self.config.model
        made = {"instruction_id": new.id, "turn": at, "model": model}
        outcomes = list[Outcome]([new])
        for number, swap in enumerate(task.swaps, 1):
            outputs = list(swap.outputs)
            provenance = {**made, "outputs": outputs, "source_ids": swap.source_ids}
            texts = (new.text, swap.input, outputs[0])
            outcomes.append(Example(f"{new.id}-{number}", *texts, None, provenance))
        return outcomes

    def per_instruction(self) -> float:
        asked = sum(bool(task.swaps) for task in self.materials)
        return self.expected(self.config, self.materials) / asked if asked else 1.0

    def forecast(self, examples: int, *, lucky: bool) -> Mapping[str, float]:
        each = examples / self.per_instruction()
        return {question.name: each for question in self.questions_of(self.config)}

    def described(self) -> Iterator[str]:
        yield f"  source       {', '.join(self.config.sources)}, {len(self.materials):,} instructions"
        yield f"  not swapped  {sum(len(task.dropped) for task in self.materials):,} rows"
