"""Tasks over the fields of a dataset, and the filters on them, in the order of the paper."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfinstruct.data.examples import Rejected
from selfinstruct.parsing.field_tasks import FieldTask
from selfinstruct.recipes.dynosaur.fields import Fields
from selfinstruct.similarity import RougeIndex, rouge_l, tokens

# The end of an instruction of the published list, whose labels may be others than those here.
_PUBLISHED_LABELS = re.compile(r"\s*Answers must be one of [^\n]*?\.?\s*\Z")


@dataclass(frozen=True, slots=True)
class Task:
    """An instruction with the fields that are given, and the field that is to be written."""

    instruction: str
    inputs: tuple[str, ...]
    output: str
    origin: str  # aware | unaware | list
    name: str = ""  # in a published list

    @property
    def fields(self) -> tuple[tuple[str, ...], str]:
        """The fields alone; the order of the inputs says nothing."""
        return tuple(sorted(self.inputs)), self.output

    def dropped(
        self, reason: str, similar_to: str | None = None, similarity: float | None = None
    ) -> Dropped:
        """The task as a candidate that was dropped."""
        raw = FieldTask(self.instruction, self.inputs, (self.output,))
        return Dropped(raw, self.origin, reason, similar_to, similarity)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A task as it was proposed, and why it was dropped."""

    task: FieldTask
    origin: str
    reason: str
    similar_to: str | None = None
    similarity: float | None = None

    def rejected(self, at: int) -> Rejected:
        """The line in rejected.jsonl, with the fields in the place of input and output."""
        return Rejected(
            *(self.origin, "instruction", self.reason, at, self.task.instruction),
            input=", ".join(self.task.inputs),
            output=", ".join(self.task.outputs),
            similar_to=self.similar_to,
            similarity=self.similarity,
        )


class TaskFilter:
    """Filters the tasks of a dataset, reply after reply. Keeps those that were kept."""

    def __init__(self, fields: Fields, novelty: float) -> None:
        self._fields, self._novelty = fields, novelty
        self.kept: list[Task] = []
        self.dropped: list[Dropped] = []

    def take(self, proposed: Iterable[FieldTask], origin: str, name: str = "") -> None:
        """Decides on the tasks of a reply."""
        seen: set[str] = set()
        for raw in proposed:
            text = _PUBLISHED_LABELS.sub("", raw.instruction).strip() if name else raw.instruction
            reason = self._why_not(raw, text, seen)
            if reason is not None:
                self.dropped.append(Dropped(raw, origin, reason))
                continue
            seen.add(_plain(text))
            task = Task(text, self._paths(raw.inputs), self._paths(raw.outputs)[0], origin, name)
            similar = self._nearest(task)
            if similar is not None:
                self.dropped.append(Dropped(raw, origin, *similar))
                continue
            self.kept.append(task)

    def _why_not(self, raw: FieldTask, text: str, seen: set[str]) -> str | None:
        """The paper's filters (section 2.2), after a task that lacks an instruction."""
        if not text.strip():
            return "no_instruction"
        if not raw.outputs:
            return "no_output_field"
        if not raw.inputs:
            return "no_input_field"
        if len(raw.outputs) > 1:
            return "several_output_fields"
        for name in (*raw.inputs, *raw.outputs):
            reason = self._why_not_field(name)
            if reason is not None:
                return reason
        if set(self._paths(raw.inputs)) & set(self._paths(raw.outputs)):
            return "input_and_output_overlap"
        return "repeated_instruction" if _plain(text) in seen else None

    def _why_not_field(self, name: str) -> str | None:
        path = self._path(name)
        if path in self._fields.offered:
            return None
        return self._fields.dropped.get(path, "unknown_field")

    def _path(self, name: str) -> str:
        """The field of this name; case and the marks around a name count only if they must."""
        if name in self._fields.offered or name in self._fields.dropped:
            return name
        wanted = _plain(name)
        alike = [path for path in self._fields.offered if _plain(path) == wanted]
        return alike[0] if len(alike) == 1 else name

    def _paths(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(self._path, names)))

    def _nearest(self, task: Task) -> tuple[str, str | None, float | None] | None:
        """The reason to drop a task for those kept before, with the text that it resembles."""
        for kept in self.kept:
            if _plain(kept.instruction) == _plain(task.instruction):
                return "exact_duplicate", kept.instruction, 1.0
        for kept in self.kept:
            if kept.fields == task.fields:
                score = similarity(kept.instruction, task.instruction)
                if score > self._novelty:
                    return "similar", kept.instruction, score
        return None


class OtherDatasets:
    """The admitted instructions, for the novelty of an instruction across datasets."""

    def __init__(self, novelty: float) -> None:
        """novelty: the bound on ROUGE-L; 1: nothing is compared."""
        self._novelty = novelty
        self._index = RougeIndex("unicode")
        self._owners: list[int] = []  # the numbers of the datasets of the texts in the index

    def add(self, dataset: int, task: Task) -> None:
        if self._novelty < 1:
            self._index.add(task.instruction)
            self._owners.append(dataset)

    def why_not(self, dataset: int, task: Task) -> Dropped | None:
        """The task as dropped, if an instruction of another dataset resembles it."""
        if self._novelty == 1:
            return None
        for position, score in self._index.matches(task.instruction, above=self._novelty):
            if self._owners[position] != dataset:
                return task.dropped("similar_across", self._index.texts()[position], score)
        return None


def similarity(first: str, second: str) -> float:
    """ROUGE-L F of two instructions."""
    return rouge_l(tokens(first, "unicode"), tokens(second, "unicode"))


def inverse_pairs(tasks: Sequence[tuple[frozenset[str], frozenset[str]]]) -> int:
    """Pairs of tasks whose inputs and outputs are exchanged."""
    return sum(
        first[0] == second[1] and first[1] == second[0]
        for at, first in enumerate(tasks)
        for second in tasks[at + 1 :]
    )


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def source_of(
    task: Task, dataset: str, labels: Sequence[str], used: Sequence[int] | None
) -> dict[str, Any]:
    """For instructions.jsonl: everything that the examples of a task are made of.

    text: the instruction as it was proposed. used: the numbers of its rows; None for all.
    """
    record: Mapping[str, Any] = {
        "dataset": dataset,
        "text": task.instruction,
        "input_fields": list(task.inputs),
        "output_field": task.output,
        "origin": task.origin,
        "task_name": task.name or None,
        "labels": list(labels) or None,
        "rows": list(used) if used is not None else None,
    }
    return {name: value for name, value in record.items() if value is not None}


def task_of(source: Mapping[str, Any]) -> Task:
    """The task of such a record."""
    names = (source["text"], tuple(source["input_fields"]), source["output_field"])
    return Task(*names, source["origin"], source.get("task_name", ""))
