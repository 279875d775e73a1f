"""Runs whose examples lie apart from their instructions: those of `render` and `dynosaur`.

    instructions of all runs               first
    rejected candidates, then examples     run by run, in parts

The templates of a dataset are the same in every shard of `render`. They become a single instruction
with the examples of all shards. The tasks of `dynosaur` come in the order of their datasets, as in
a job that is not split, and are compared across datasets if its settings say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from selfinstruct.data.examples import Example, Layout, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.recipes import Outcome
from selfinstruct.recipes.dynosaur.tasks import OtherDatasets, Task, task_of
from selfinstruct.recipes.merging.runs import DATASETS, TEMPLATES, PartialRun, is_one_job
from selfinstruct.text import to_json

_PART = 500  # records


@dataclass(frozen=True, slots=True)
class Part:
    """Rejected candidates or examples of a run; of no run: the instructions of all."""

    run: PartialRun | None = None
    records: Sequence[Rejected | Example] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """The merged instructions, and those that are dropped; the new ids by run and old id."""

    outcomes: list[Instruction | Rejected]
    ids: dict[tuple[str, str], str | None]  # None: dropped


class Gathered:
    """The items of such a merge."""

    def __init__(self, runs: Sequence[PartialRun], novelty: float, layout: Layout) -> None:
        """novelty: the bound on ROUGE-L of instructions of different datasets; 1: none."""
        self._runs, self._novelty, self._layout = runs, novelty, layout
        self._is_folded = runs[0].recipe == TEMPLATES
        self._repeats = self._is_folded and not is_one_job(runs)  # a row may have been shown twice
        self._seen = set[str]()  # ids of examples, if rows repeat

    def parts(self, start: int) -> Iterator[Part]:
        """The items from number `start` on."""
        if start == 0:
            yield Part()
        yield from islice(self._parts(), max(0, start - 1), None)

    def _parts(self) -> Iterator[Part]:
        for run in self._runs:
            yield from _cut(run, run.records(Rejected))
            yield from _cut(run, run.records(Example))

    def restore(self, ended: int) -> None:
        """Note the examples of the first `ended` items, if rows repeat."""
        self._seen.clear()
        if self._repeats:
            for at, part in enumerate(islice(self.parts(0), ended)):
                self.outcomes(at, part)

    def outcomes(self, at: int, part: Part) -> list[Outcome]:
        """The outcomes of item number `at`. Items come in order."""
        run = part.run
        if run is None:
            return [replace(each, turn=at) for each in self._plan.outcomes]
        found: Iterator[Outcome | None] = (
            self._example(at, run, each)
            if isinstance(each, Example)
            else self._dropped(at, run, each)
            for each in part.records
        )
        return [outcome for outcome in found if outcome is not None]

    @cached_property
    def _plan(self) -> _Plan:
        """Decides on the instructions of all runs."""
        plan, known = _Plan([], {}), dict[tuple[str, ...], str]()  # new ids by identity
        others, numbers = OtherDatasets(self._novelty), dict[str, int]()
        met: Counter[tuple[str, tuple[str, ...]]] = Counter()  # templates of a run
        for run, old in self._instructions():
            identity = self._identity(run, old)
            if self._is_folded:  # datasets of the same name may have the same template
                met[str(run.path), identity] += 1
                identity = (*identity, str(met[str(run.path), identity]))
            if identity in known and self._is_folded:
                plan.ids[str(run.path), old.id] = known[identity]
                continue
            dropped = _repeated(old) if identity in known else None
            if dropped is None and self._novelty < 1:
                dataset, task = identity[0], _task(run, old)
                number = numbers.setdefault(dataset, len(numbers))
                similar = others.why_not(number, task)
                if similar is None:
                    others.add(number, task)
                else:
                    dropped = replace(similar.rejected(0), stage="merge")
            if dropped is not None:
                plan.outcomes.append(dropped)
                plan.ids[str(run.path), old.id] = None
                continue
            new = f"i{len(known) + 1:06d}"
            known[identity] = plan.ids[str(run.path), old.id] = new
            plan.outcomes.append(replace(old, id=new))
        return plan

    def _identity(self, run: PartialRun, instruction: Instruction) -> tuple[str, ...]:
        """The same for a template of the same files, and for equal tasks of the same dataset."""
        if self._is_folded:
            return to_json(run.inputs), instruction.text, to_json(instruction.source)
        datasets: Sequence[str] = run.inputs["datasets"] or ()
        text = (instruction.source or {}).get("text", instruction.text)  # without labels
        return to_json(datasets[instruction.turn : instruction.turn + 1]), str(text)

    def _instructions(self) -> list[tuple[PartialRun, Instruction]]:
        """In the order of a job that is not split: each run has every N-th dataset."""
        found = [(run, each) for run in self._runs for each in run.records(Instruction)]
        return sorted(found, key=lambda pair: pair[1].turn)

    def _dropped(self, at: int, run: PartialRun, rejected: Rejected) -> Rejected | None:
        """A rejected candidate of a run; None if the merge drops its instruction."""
        if rejected.instruction_id is None:
            return replace(rejected, turn=at)
        new = self._plan.ids.get((str(run.path), rejected.instruction_id))
        return None if new is None else replace(rejected, turn=at, instruction_id=new)

    def _example(self, at: int, run: PartialRun, old: Example) -> Example | Rejected | None:
        """An example of a run; None if the merge drops its instruction."""
        of = str(old.provenance["instruction_id"])
        if (str(run.path), of) not in self._plan.ids:
            raise run.orphaned(old)
        new = self._plan.ids[str(run.path), of]
        if new is None:
            return None
        id = new + old.id.removeprefix(of)
        if self._repeats and id in self._seen:
            texts = (old.instruction, new, old.input, old.output)
            return Rejected("merge", "instance", "same_row", at, *texts)
        if self._repeats:
            self._seen.add(id)
        moved = {"instruction_id": new, "turn": 0, "run": run.name, "source_id": old.id}
        return replace(old, id=id, provenance={**old.provenance, **moved}, layout=self._layout)


def _cut(run: PartialRun, records: Iterator[Rejected | Example]) -> Iterator[Part]:
    while part := list(islice(records, _PART)):
        yield Part(run, part)


def gathered(runs: Sequence[PartialRun], threshold: float, layout: Layout) -> Gathered | None:
    """The merge of runs of `render`, or of shards of `dynosaur`; None for other runs.

    threshold: as in the settings.
    """
    if runs[0].recipe == TEMPLATES:
        return Gathered(runs, 1.0, layout)
    is_split = any(run.shard.count > 1 for run in runs)
    if runs[0].recipe != DATASETS or not is_split:
        return None
    asked = min(float(run.config.get("novelty_across", 1.0)) for run in runs)
    return Gathered(runs, threshold if threshold > 0 else asked, layout)


def _task(run: PartialRun, old: Instruction) -> Task:
    try:
        return task_of(old.source or {})
    except (KeyError, TypeError):
        raise run.damaged(f"{old.id} has no task in its source") from None


def _repeated(old: Instruction) -> Rejected:
    return Rejected("merge", "instruction", "exact_duplicate", 0, old.text)
