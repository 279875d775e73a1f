"""Rows in parts, and the examples that the tasks of a dataset make of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.recipes import Outcome
from selfinstruct.recipes.dynosaur.organising import pair_of
from selfinstruct.recipes.dynosaur.settings import DynosaurConfig
from selfinstruct.recipes.dynosaur.tasks import Task, task_of
from selfinstruct.records.datasets import BadRow, Dataset, Row

_PART = 500  # rows


@dataclass(frozen=True, slots=True)
class Admitted:
    """A task that was committed, ready to be given rows."""

    instruction: Instruction
    task: Task
    rows: frozenset[int] | None  # the numbers of its rows; None for all

    def uses(self, row: int) -> bool:
        return self.rows is None or row in self.rows


def admitted_of(instruction: Instruction) -> Admitted:
    """The task of a committed instruction, the same live and resumed."""
    assert instruction.source is not None
    rows = instruction.source.get("rows")
    used = frozenset(rows) if rows is not None else None
    return Admitted(instruction, task_of(instruction.source), used)


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of the dataset of a number, one behind the other."""

    number: int
    dataset: Dataset
    rows: Sequence[Row | BadRow]

    def outcomes(self, at: int, tasks: Sequence[Admitted], config: DynosaurConfig) -> list[Outcome]:
        """Examples row by row, and what gives none with its reason."""
        found: list[Outcome] = []
        for row in self.rows:
            if isinstance(row, BadRow):
                text = f"{self.dataset.name}: {row.where}: {row.why}"
                found.append(Rejected("read", "instance", "unreadable_row", at, text))
                continue
            found += [
                self._outcome(at, row, admitted, config)
                for admitted in tasks
                if admitted.uses(row.number)
            ]
        return found

    def _outcome(
        self, at: int, row: Row, admitted: Admitted, config: DynosaurConfig
    ) -> Example | Rejected:
        task, instruction = admitted.task, admitted.instruction
        pair = pair_of(row.fields, task.inputs, task.output)
        if isinstance(pair, str):
            text = f"{self.dataset.name}: row {row.number}"
            return Rejected("organise", "instance", pair, at, text, instruction.id)
        provenance = {
            "instruction_id": instruction.id,
            "turn": instruction.turn,
            "model": config.model if config.questions else "none",
            "dataset": self.dataset.name,
            "split": self.dataset.split,
            "license": self.dataset.card.license,
            "row": row.number,
        }
        return Example(
            f"{instruction.id}-{row.number}",
            *(instruction.text, *pair, instruction.is_classification, provenance),
        )


def parts_of(datasets: Sequence[Dataset], most: int) -> Iterator[Part]:
    """The rows of all datasets, 500 at a time. most: rows of a dataset; 0: all."""
    for number, dataset in enumerate(datasets):
        rows = islice(dataset, most or None)
        while part := list(islice(rows, _PART)):
            yield Part(number, dataset, part)
