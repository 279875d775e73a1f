"""Import: datasets of the field as runs, with provenance.

In: files in any usual shape, ShareGPT's chats, Unnatural Instructions, OASST's trees, P3's rows
(records/imported.py). Out: an example for each row, instance, chat or path that has an output.
Asks: nothing. Costs: nothing. Differs from the field's cleaning scripts: every turn is kept that
can be, filters are chosen by name, and each part that is left out has a line in rejected.jsonl.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.stage import Ask
from selfinstruct.data.collected import Collected
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.imported import Dropped, ImportedTask
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import UserError
from selfinstruct.recipes import Materials, Outcome, Recipe
from selfinstruct.recipes.imports.gathered import Admission, Gathered, gathered
from selfinstruct.recipes.imports.settings import ImportConfig
from selfinstruct.text import to_json

Admitted = tuple[Instruction, ImportedTask, Sequence[str | None]]


class Import(Recipe):
    """Finite, without a question: an item is a record, and each of its tasks is drafted."""

    config: ImportConfig
    materials: Gathered
    labels: ClassVar[Mapping[str, str]] = {"sources": "the sources hold other bytes"}

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        if not config.sources:
            raise UserError("import: no source; name files or runs")
        found = gathered(config)
        return Materials(found, fingerprints={"sources": found.fingerprints})

    def __init__(self, config: Any, materials: Any = None) -> None:
        super().__init__(config, materials)
        self._admission, self._count = Admission(config.drop), 0

    @classmethod
    def expected(cls, config: Any, materials: Any) -> int:
        return int(materials.survey(config.drop).examples)

    def items(self, start: int) -> Iterator[Sequence[ImportedTask | Dropped]]:
        self.materials.survey(self.config.drop)  # reads all records, so before the first is made
        return islice(iter(self.materials), start, None)

    async def draft(
        self, at: int, item: Sequence[ImportedTask | Dropped], ask: Ask
    ) -> Sequence[ImportedTask | Rejected]:
        return [_rejected(at, each) if isinstance(each, Dropped) else each for each in item]

    def admit(self, at: int, draft: ImportedTask) -> Admitted | Rejected:
        reasons = self._admission.reasons(draft)
        if None not in reasons:
            row = draft.rows[0]
            return Rejected(
                *("read", "instruction", str(reasons[0]), at, draft.instruction),
                input=row.input,
                output=row.output,
            )
        self._count += 1
        flag = draft.is_classification
        instruction = Instruction(f"i{self._count:06d}", draft.instruction, at, (), flag)
        return instruction, draft, reasons

    def restore(self, instructions: Iterable[Instruction], ended: int) -> int:
        for item in islice(iter(self.materials), ended):
            for draft in item:
                if isinstance(draft, ImportedTask):
                    self._count += None in self._admission.reasons(draft)
        return super().restore(instructions, ended)

    async def fill(self, at: int, admitted: Admitted, ask: Ask) -> Sequence[Outcome]:
        instruction, task, reasons = admitted
        outcomes: list[Outcome] = [instruction]
        number = 0
        for row, made, reason in zip(task.rows, task.provenance(), reasons, strict=True):
            if reason is not None:
                texts = (row.instruction, instruction.id, row.input, row.output)
                outcomes.append(Rejected("read", "instance", reason, at, *texts))
                continue
            number += 1
            outcomes.append(self._example(instruction, number, row, made))
        return outcomes

    def _example(
        self, instruction: Instruction, number: int, row: Collected, made: Mapping[str, Any]
    ) -> Example:
        model = row.rest.get("model")
        return Example(
            id=f"{instruction.id}-{number}",
            instruction=row.instruction,
            input=row.input,
            output=row.output or "",
            is_classification=instruction.is_classification,
            provenance={
                "instruction_id": instruction.id,
                "turn": instruction.turn,
                "model": model if isinstance(model, str) and model else "unknown",
                "source_id": row.id,
                **made,
                "rest": to_json(dict(row.rest)),
            },
            system=row.system,
            history=row.history,
            layout=self.materials.survey(self.config.drop).layout,
        )

    def described(self) -> Iterator[str]:
        yield from self.materials.described(self.config.drop)


def _rejected(at: int, part: Dropped) -> Rejected:
    texts = (part.text, None, part.input, part.output)
    return Rejected("read", "instruction", part.reason, at, *texts)
