"""Published lists of tasks over datasets, and the figures that tell whether a list is sound."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.parsing.field_tasks import FieldTask
from selfinstruct.recipes.dynosaur.tasks import inverse_pairs
from selfinstruct.records import Bad, Source
from selfinstruct.records.datasets import Dataset

FILE = "tasks.jsonl"  # of a run's inputs


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task of a list, with the name of its dataset there."""

    name: str
    task: FieldTask


def read_list(path: str) -> list[ListedTask]:
    """The tasks of a file of objects with task_name, instruction, input_fields, output_field.

    Also the instructions.jsonl of a run of `dynosaur`. Raises UserError at the first record that
    is no task, naming its place.
    """
    tasks = []
    for record in Source(path):
        if isinstance(record, Bad):
            raise UserError(f"{path}:{record.where}: {record.why}")
        tasks.append(_listed(record.fields, f"{path}:{record.where}"))
    if not tasks:
        raise UserError(f"{path}: holds no task; give a list of tasks")
    return tasks


def _listed(fields: Mapping[str, Any], where: str) -> ListedTask:
    source = fields.get("source")
    record = fields
    if isinstance(source, Mapping):  # the instruction without its labels
        record = {**fields, **source, "instruction": source.get("text")}
    name = record.get("task_name") or record.get("dataset")
    instruction, given = record.get("instruction"), record.get("input_fields")
    outputs = record.get("output_field")
    if not isinstance(name, str) or not isinstance(instruction, str):
        raise UserError(f"{where}: a task needs task_name and instruction, both texts")
    for field, value in (("input_fields", given), ("output_field", outputs)):
        if not isinstance(value, (str, list)) or not all(isinstance(each, str) for each in value):
            raise UserError(f"{where}: {field} must be a list of names of fields")
    return ListedTask(name, FieldTask(instruction, _names(given), _names(outputs)))


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def of_dataset(tasks: Sequence[ListedTask], dataset: Dataset) -> list[ListedTask]:
    """The tasks of a dataset, which a list names as "NAME" or "NAME-CONFIG"."""
    base = dataset.name.partition("@")[0].partition(":")[0]
    names = {dataset.name, base, *([f"{base}-{dataset.config}"] if dataset.config else [])}
    known = {name.casefold() for name in names}
    return [task for task in tasks if task.name.casefold() in known]


def to_lines(tasks: Sequence[ListedTask]) -> str:
    """JSON Lines that `read_list` reads."""
    records = (
        {
            "task_name": listed.name,
            "instruction": listed.task.instruction,
            "input_fields": list(listed.task.inputs),
            "output_field": list(listed.task.outputs),
        }
        for listed in tasks
    )
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def figures(tasks: Sequence[ListedTask]) -> Iterator[str]:
    """Lines for a person: the size of a list, and its faults."""
    by_dataset: dict[str, list[FieldTask]] = {}
    for listed in tasks:
        by_dataset.setdefault(listed.name, []).append(listed.task)
    unique = len({(listed.name, listed.task.instruction) for listed in tasks})
    single = sum(len(listed.task.inputs) == 1 for listed in tasks)
    several = sum(len(listed.task.outputs) > 1 for listed in tasks)
    overlapping = sum(bool({*each.task.inputs} & {*each.task.outputs}) for each in tasks)
    words = sum(len(listed.task.instruction.split()) for listed in tasks) / len(tasks)
    pairs = [
        inverse_pairs([(frozenset(each.inputs), frozenset(each.outputs)) for each in several_tasks])
        for several_tasks in by_dataset.values()
    ]
    datasets = len(by_dataset)
    yield f"  tasks        {len(tasks):,} of {datasets:,} datasets, {words:.1f} words on average"
    yield f"  unique       {unique:,} pairs of dataset and instruction"
    yield f"  fields       {single:,} with one input field, {several:,} with several output fields"
    yield f"  overlapping  {overlapping:,} with a field that is input and output"
    yield f"  inverse      {sum(pairs):,} pairs in {sum(map(bool, pairs)):,} datasets"
