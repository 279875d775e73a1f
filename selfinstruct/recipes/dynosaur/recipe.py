"""Dynosaur: annotated datasets become tasks (Yin et al., 2023, section 2).

In: datasets with their cards. Out: tasks over their fields, and an example for each row used.
Asks: twice a dataset, with its description (aware) and without (unaware), about its fields and two
of its rows. Costs: two short requests a dataset, of any size; the published 800,000 examples took
$11.5. Licence and source go along with every example.
Differs from the published code: identifiers are known by their values; objects are opened, so that
their members are fields; generation and classification are told apart by shares of all used rows,
and labels stand in sorted order; of instructions that are alike for the same fields, the first
stays.

    dataset -> fields, two rows -> aware ---+-> filters -> rows, labels -> admit     datasets first,
                                   unaware -+   (tasks.py)  (organising.py)          then their rows
    rows ------------------------------------------------------------------> examples     in parts
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.shards import Shard
from selfinstruct.asking.stage import Ask, Question
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.recipes import Materials, Outcome, Recipe, dropped_replies
from selfinstruct.recipes.dynosaur.examples import Admitted, Part, admitted_of, parts_of
from selfinstruct.recipes.dynosaur.fields import Fields, fields_of
from selfinstruct.recipes.dynosaur.materials import Annotated, read_materials
from selfinstruct.recipes.dynosaur.organising import Organised, organised
from selfinstruct.recipes.dynosaur.settings import QUESTIONS, DynosaurConfig
from selfinstruct.recipes.dynosaur.tasks import OtherDatasets, TaskFilter
from selfinstruct.records.datasets import Dataset

Proposed = tuple[TaskFilter, list[Rejected]]
_AHEAD = 4  # parts of rows that are read before they are committed


class Dynosaur(Recipe):
    """Finite: the first items are the datasets, then come their rows, in parts."""

    config: DynosaurConfig
    materials: Annotated
    questions: ClassVar[Sequence[Question]] = tuple(QUESTIONS.values())
    prices_examples: ClassVar[bool] = True
    labels: ClassVar[Mapping[str, str]] = {
        "datasets": "the datasets hold other bytes, or have another card",
        "tasks": "the list of tasks is another",
    }

    def __init__(self, config: Any, materials: Any = None) -> None:
        super().__init__(config, materials)
        self._admitted: dict[int, list[Admitted]] = {}  # by the number of their dataset
        self._count = 0
        self._others = OtherDatasets(config.novelty_across)

    @classmethod
    def questions_of(cls, config: Any) -> Sequence[Question]:
        return tuple(QUESTIONS[name] for name in config.questions)

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        return read_materials(config, kept, named)

    def items(self, start: int) -> Iterator[int | Part]:
        datasets = self.materials.datasets
        yield from range(start, len(datasets))
        yield from islice(parts_of(datasets, self.config.rows), max(0, start - len(datasets)), None)

    def may_open(self, ended: int) -> int:
        """Rows are read when every task is known."""
        return max(len(self.materials.datasets) - ended, 0) or _AHEAD

    async def draft(self, at: int, item: int | Part, ask: Ask) -> Sequence[Any]:
        if isinstance(item, Part):
            return [item]
        dataset = self.materials.datasets[item]
        fields = await asyncio.to_thread(fields_of, dataset, self.config.seed)
        if len(fields.offered) < 2:
            words = fields.in_words(dataset.name)
            return [Rejected("read", "instance", "too_few_fields", at, words)]
        tasks, dropped = await self._proposed(at, dataset, fields, ask)
        found = await asyncio.to_thread(organised, dataset, tasks.kept, self.config)
        unused = [each.dropped for each in found if each.reason is not None]
        dropped += [each.rejected(at) for each in (*tasks.dropped, *unused)]
        return [*dropped, *(each for each in found if each.reason is None)]

    async def _proposed(self, at: int, dataset: Dataset, fields: Fields, ask: Ask) -> Proposed:
        """The tasks of the replies, or of a list, and the replies that could not be read."""
        tasks, dropped = TaskFilter(fields, self.config.novelty), list[Rejected]()
        for listed in self.materials.listed[at]:
            tasks.take([listed.task], "list", listed.name)
        shown, number = fields.for_prompt(dataset), Shard.of(self.config.shard).number(at)
        asked = [ask(stage, f"t{number}", shown) for stage in self.config.questions]
        for stage, reply in zip(self.config.questions, await asyncio.gather(*asked), strict=True):
            dropped += dropped_replies(stage, at, reply)
            tasks.take(reply.parsed.tasks, stage)
        return tasks, dropped

    def admit(self, at: int, draft: Organised | Part) -> Any:
        if isinstance(draft, Part):
            return draft
        dropped = self._others.why_not(at, draft.task)
        if dropped is not None:
            return dropped.rejected(at)
        dataset = self.materials.datasets[at]
        instruction = draft.committed(f"i{self._count + 1:06d}", at, dataset.name)
        self._take(at, instruction)
        return instruction

    def _take(self, at: int, instruction: Instruction) -> None:
        admitted = admitted_of(instruction)
        self._admitted.setdefault(at, []).append(admitted)
        self._others.add(at, admitted.task)
        self._count += 1

    def why_not_mended(self, example: Example) -> str | None:
        """An output is a value of the row, and no other is right."""
        return "not_of_the_row"

    def restore(self, instructions: Iterable[Instruction], ended: int) -> int:
        for instruction in instructions:
            self._take(instruction.turn, instruction)
        return self._count

    async def fill(self, at: int, admitted: Instruction | Part, ask: Ask) -> Sequence[Outcome]:
        if isinstance(admitted, Instruction):
            return [admitted]
        return admitted.outcomes(at, self._admitted.get(admitted.number, ()), self.config)

    def forecast(self, examples: int, *, lucky: bool) -> Mapping[str, float]:
        replies = len(self.materials.datasets) * (1.0 if lucky else 1.1)
        return dict.fromkeys(self.config.questions, replies)

    def specimens(self) -> Mapping[str, Mapping[str, object]]:
        dataset = self.materials.datasets[0]
        shown = fields_of(dataset, self.config.seed).for_prompt(dataset)
        return dict.fromkeys(self.config.questions, shown)

    def typical(self) -> int:
        return self.materials.typical(self.config)

    def described(self) -> Iterator[str]:
        return self.materials.described(self.config)

    def remarks(self) -> Iterator[str]:
        return self.materials.remarks(self.config)
