"""From tasks to rows, without a call: which rows are used, labels, and what a task must not be.

A pass over a dataset decides on all its tasks. A task is a classification if its outputs are few,
as many as `most_labels` and a quarter of the used rows at most; else it is a generation. Every
figure is a share of all rows that the task uses, and not of the first hundred.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import heappush, heapreplace
from itertools import islice
from typing import Any

from selfinstruct.data.tasks import Instruction
from selfinstruct.recipes.dynosaur.fields import is_single, is_usable
from selfinstruct.recipes.dynosaur.rendering import input_of, text_of, values_of
from selfinstruct.recipes.dynosaur.settings import DynosaurConfig
from selfinstruct.recipes.dynosaur.tasks import Dropped, Task, source_of
from selfinstruct.records.datasets import Dataset, Row
from selfinstruct.seeding import sampling_seed

_SHARE = 4  # rows for each label at least, on average
_COMPARED = 300  # characters of an output that tell it from others
_LONGEST_LABEL = 15  # characters, up to which labels are listed in the instruction


@dataclass(frozen=True, slots=True)
class Organised:
    """A task with the facts of its used rows. reason: why it is dropped.

    rows: how many are used. labels: in sorted order, of a classification. used: the numbers of the
    rows; None for all.
    """

    task: Task
    rows: int
    labels: tuple[str, ...] = ()
    used: tuple[int, ...] | None = None
    reason: str | None = None

    @property
    def is_classification(self) -> bool:
        return bool(self.labels)

    @property
    def dropped(self) -> Dropped:
        return self.task.dropped(self.reason or "")

    @property
    def instruction(self) -> str:
        """The text of the instruction with the label space."""
        return with_labels(self.task.instruction, self.labels)

    def committed(self, id: str, at: int, dataset: str) -> Instruction:
        """The line in instructions.jsonl."""
        source = source_of(self.task, dataset, self.labels, self.used)
        return Instruction(id, self.instruction, at, (), self.is_classification, source=source)


def with_labels(text: str, labels: Sequence[str]) -> str:
    """An instruction with its label space, unless labels are long or all named already."""
    if not labels or max(map(len, labels)) > _LONGEST_LABEL or _names_all(text, labels):
        return text
    stop = "" if text.endswith((".", "?", "!", ":")) else "."
    return f"{text}{stop} Answer with one of these: {', '.join(labels)}."


def _names_all(text: str, labels: Sequence[str]) -> bool:
    folded = text.casefold()
    return all(label.casefold() in folded for label in labels) and max(map(len, labels)) > 2


def organised(dataset: Dataset, tasks: Sequence[Task], config: DynosaurConfig) -> list[Organised]:
    """Decides on the tasks of a dataset in one pass. Raises UserError if that cannot be read."""
    uses = [
        _Use(task, _salt_of(config.seed, dataset, task), limit, config.most_labels)
        for task, limit in zip(tasks, _limits(config, len(tasks)), strict=True)
    ]
    for row in islice(dataset, config.rows or None):
        if isinstance(row, Row):
            for use in uses:
                use.take(row)
    return [use.decided(config) for use in uses]


def _limits(config: DynosaurConfig, tasks: int) -> Iterator[int]:
    """The most examples of each task, 0 for all; the first tasks have the rest of a division."""
    for number in range(tasks):
        limits = [config.per_task] if config.per_task else []
        if config.per_dataset:
            limits.append(max(1, (config.per_dataset + tasks - 1 - number) // tasks))
        yield min(limits) if limits else 0


@dataclass(slots=True)
class _Use:
    """A task's rows: all, or those of the lowest draws, each pair of input and output once."""

    task: Task
    salt: bytes
    limit: int
    most_labels: int
    rows: int = 0
    labels: Counter[str] = field(default_factory=Counter)  # up to one too many
    chosen: dict[int, tuple[int, str]] = field(default_factory=dict)  # rows and outputs by draw
    draws: list[int] = field(default_factory=list)  # of the chosen, negative: the highest is first

    def take(self, row: Row) -> None:
        values = used_values(row.fields, self.task.inputs, self.task.output)
        if isinstance(values, str):
            return
        output = values[-1][:_COMPARED]
        if self.limit:
            self._draw(row.number, values, output)
            return
        self.rows += 1
        if len(self.labels) <= self.most_labels or output in self.labels:
            self.labels[output] += 1

    def _draw(self, number: int, values: list[Any], output: str) -> None:
        draw = _drawn(values, self.salt)
        if draw in self.chosen or (len(self.draws) == self.limit and -draw <= self.draws[0]):
            return
        self.chosen[draw] = number, output
        if len(self.draws) < self.limit:
            heappush(self.draws, -draw)
        else:
            del self.chosen[-heapreplace(self.draws, -draw)]

    def decided(self, config: DynosaurConfig) -> Organised:
        if self.limit:
            self.rows = len(self.chosen)
            self.labels.update(output for _, output in self.chosen.values())
        few = len(self.labels) <= min(self.most_labels, max(1, self.rows // _SHARE))
        reason = "no_rows" if not self.rows else self._why_not(self.rows, config) if few else None
        labels = tuple(sorted(self.labels)) if few and reason is None else ()
        used = tuple(sorted(number for number, _ in self.chosen.values())) if self.limit else None
        return Organised(self.task, self.rows, labels, used, reason)

    def _why_not(self, rows: int, config: DynosaurConfig) -> str | None:
        """The reason to drop a classification, by shares of the used rows."""
        if len(self.labels) == 1:
            return "single_label"
        bound = config.top_of_two if len(self.labels) == 2 else config.top_of_more
        return "unbalanced_labels" if max(self.labels.values()) > bound * rows else None


def pair_of(fields: Mapping[str, Any], inputs: Sequence[str], output: str) -> tuple[str, str] | str:
    """The input and the output of an example, or why a row gives none."""
    values = used_values(fields, inputs, output)
    return values if isinstance(values, str) else (input_of(inputs, values[:-1]), values[-1])


def used_values(fields: Mapping[str, Any], inputs: Sequence[str], output: str) -> list[Any] | str:
    """The values of the inputs and the text of the output, or why a row gives no example."""
    values = values_of(fields, (*inputs, output))
    if values is None:
        return "blank_field"
    target = values[-1]
    if not is_single(target) or not all(map(is_usable, inputs, values)):
        return "nested_value"
    values[-1] = text_of(target)
    is_same = len(inputs) == 1 and text_of(values[0]) == values[-1]
    return "output_equals_input" if is_same else values


def _salt_of(seed: int, dataset: Dataset, task: Task) -> bytes:
    """A key of the task's own, so that tasks draw different rows."""
    inputs, output = task.fields
    place = (dataset.fingerprint, *inputs, output, task.instruction)
    return sampling_seed(seed, "rows", *place).to_bytes(8, "big")


def _drawn(values: list[Any], salt: bytes) -> int:
    """The draw of a row for a task: a number of 64 bits. Rows of equal values have equal draws."""
    text = repr(values).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8, key=salt).digest(), "big")
