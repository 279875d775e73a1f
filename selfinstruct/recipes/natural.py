"""Natural: instances of Natural Instructions and Super-NI (Mishra et al.; Wang et al., 2022).

In: task files, v1 or Super-NI, of the old and the new schema. Out: an instruction for each task,
its definition, and an example for each instance, with all outputs of the instance in the
provenance.
Asks: nothing. Costs: nothing. Differs from the published loaders: what a task has beside its
instances is kept in the run, so that `natural export` gives the task back as it was; an instance
that cannot be read has a line in rejected.jsonl, and a broken task ends nothing with --skip-bad.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.config import Unasked
from selfinstruct.asking.endpoint import setting
from selfinstruct.asking.stage import Ask
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import UserError
from selfinstruct.recipes import Materials, Outcome, Recipe
from selfinstruct.records.collected import fingerprint
from selfinstruct.records.natural.files import Entry, TaskFiles, headers, task_files
from selfinstruct.records.natural.task import Broken, Instance, Task
from selfinstruct.records.natural.validation import findings
from selfinstruct.text import to_json

HEADERS = "tasks.jsonl"  # in the run's inputs: what tasks have beside their instances


@dataclass(frozen=True, slots=True)
class NaturalConfig(Unasked):
    """The settings of `natural import`."""

    RECIPE: ClassVar[str] = "natural"
    command: ClassVar[str] = "natural import"
    items: ClassVar[str] = "tasks"

    tasks: tuple[str, ...] = setting((), "Task files and folders.", free=True)  # fingerprinted
    positive: bool = setting(
        False, "Make an example of each positive example as well.", under="The method"
    )
    valid_only: bool = setting(
        False, "Drop tasks that break a rule of the published validator.", under="The method"
    )
    skip_bad: bool = setting(
        False, "Pass over files that hold no task, with a line for each.", under="The method"
    )


class Natural(Recipe):
    """Finite, without a question: an item is a task, and an instance makes an example."""

    config: NaturalConfig
    labels: ClassVar[Mapping[str, str]] = {"tasks": "the task files hold other bytes"}

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        if not config.tasks:
            raise UserError("natural import: no task; name task files, or a folder of them")
        tasks = TaskFiles(tuple(task_files(config.tasks)))
        files = {HEADERS: headers(tasks, skip_bad=config.skip_bad)}
        return Materials(tasks, files, {"tasks": [fingerprint(path) for path in tasks.files]})

    @classmethod
    def expected(cls, config: Any, materials: Any) -> int:
        recipe = cls(config, materials)
        admitted = (recipe.admit(at, entry) for at, entry in enumerate(materials))
        tasks = (draft[1] for draft in admitted if not isinstance(draft, Rejected))
        return sum(isinstance(read, Instance) for task in tasks for _, read in recipe._read(task))

    def items(self, start: int) -> Iterator[Entry]:
        return islice(iter(self.materials), start, None)

    def may_open(self, ended: int) -> int:
        return 2  # a task is held whole

    def admit(self, at: int, draft: Entry) -> tuple[Instruction, Task] | Rejected:
        try:
            task = draft.task()
        except Broken as broken:
            return Rejected("read", "instruction", "no_task", at, f"{draft.where}: {broken}")
        found = findings(draft) if self.config.valid_only else ()
        reasons = [each.rule for each in found if not each.is_warning]
        if not any(isinstance(read, Instance) for _, read in self._read(task)):
            reasons.append("no_instances")
        if reasons:
            return Rejected("read", "instruction", reasons[0], at, task.instruction)
        return Instruction(f"i{at + 1:06d}", task.instruction, at, ()), task

    def _read(self, task: Task) -> Iterator[tuple[str, Instance | Broken]]:
        """Every instance, and positive example if wanted, with the part of the task it is from."""
        shown_too = task.positive if self.config.positive else ()
        for shown in filter(lambda example: example.output.strip(), shown_too):
            yield "positive", Instance("", shown.input, (shown.output,), {})
        for instance in task.instances():
            yield "instance", instance

    async def fill(
        self, at: int, admitted: tuple[Instruction, Task], ask: Ask
    ) -> Sequence[Outcome]:
        instruction, task = admitted
        outcomes: list[Outcome] = [instruction]
        numbers = count(1)
        for part, read in self._read(task):
            if isinstance(read, Broken):
                why = f"{task.name}: {read}"
                outcomes.append(Rejected("read", "instance", "unreadable", at, why, instruction.id))
            else:
                outcomes.append(_example(instruction, task, read, part, next(numbers)))
        return outcomes

    def described(self) -> Iterator[str]:
        yield f"  source       {len(self.materials.files):,} files"


def _example(
    instruction: Instruction, task: Task, instance: Instance, part: str, number: int
) -> Example:
    return Example(
        id=f"{instruction.id}-{number}",
        instruction=instruction.text,
        input=instance.input,
        output=next(output for output in instance.outputs if output.strip()),
        is_classification=None,
        provenance={
            "instruction_id": instruction.id,
            "turn": instruction.turn,
            "model": "none",
            "task": task.name,
            "part": part,
            "source_id": instance.id,
            "outputs": list(instance.outputs),
            "rest": to_json(dict(instance.rest)),
        },
    )
