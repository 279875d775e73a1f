"""Merge: the shards of a job, or runs with seeds of their own, as a single run.

In: finished runs of the same recipe. Out: their instructions, examples and rejected candidates, in
an order that their shards and seeds decide. Asks: nothing. Costs: nothing. An instruction that
resembles one of an earlier run is dropped with its examples (Wang et al., section 2.2: ROUGE-L
above 0.7); of finite recipes, whose rows are given, only equal prompts are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.stage import Ask
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import UserError
from selfinstruct.recipes import Materials, Outcome, Recipe
from selfinstruct.recipes.merging.gathering import Part, gathered
from selfinstruct.recipes.merging.runs import (
    NATURE,
    SWAPS,
    TEMPLATES,
    PartialRun,
    Task,
    Turn,
    absent_shards,
    is_one_job,
    layout_of,
    nature_of,
    read_runs,
)
from selfinstruct.recipes.merging.settings import MergeConfig
from selfinstruct.similarity import Above, Lookahead, RougeIndex

_NOVEL = ("self-instruct", "alpaca", "unnatural", "chat")  # recipes whose instructions are drawn


class Merge(Recipe):
    """Finite, without a question. An item is a turn of a run, whose instructions are drafted.

    Where examples lie apart from their instructions, an item is a part of gathering.py.
    """

    config: MergeConfig
    labels: ClassVar[Mapping[str, str]] = {"sources": "the runs hold other bytes"}

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        if not config.sources:
            raise UserError("merge: no run; name the directories of finished runs")
        runs = read_runs(config.sources)
        if runs[0].recipe == TEMPLATES and config.threshold > 0:
            raise UserError("--threshold: templates are not compared; leave --threshold out")
        fingerprints = {"sources": [run.fingerprint for run in runs]}
        return Materials(runs, {NATURE: nature_of(runs)}, fingerprints)

    def __init__(self, config: Any, materials: Sequence[PartialRun]) -> None:
        super().__init__(config, materials)
        is_drawn = materials[0].recipe in _NOVEL
        self._threshold = config.threshold if config.threshold > 0 else (0.7 if is_drawn else 1.0)
        self._is_exact = self._threshold == 1.0
        tokenizer = str(materials[0].config.get("tokenizer") or "unicode")
        self._pool, self._seen = Above(RougeIndex(tokenizer), self._threshold), set[bytes]()
        self._ahead: Lookahead[str] = Lookahead(self._pool, config.processes)
        self._layout, self._count = layout_of(materials), 0
        # tasks that are given, each to a single shard, may be worded alike
        is_given = materials[0].recipe == SWAPS and is_one_job(materials)
        self._compares = config.threshold > 0 or not is_given
        self._gathered = gathered(materials, config.threshold, self._layout)

    def items(self, start: int) -> Iterator[Turn | Part]:
        if self._gathered is not None:
            return self._gathered.parts(start)
        turns = islice(chain.from_iterable(self.materials), start, None)
        return turns if self._is_exact else self._ahead.reading(turns, _texts)

    async def draft(self, at: int, item: Turn | Part, ask: Ask) -> Sequence[Any]:
        if isinstance(item, Part):
            return [item]
        dropped = [replace(rejected, turn=at) for rejected in item.dropped]
        return [*dropped, *((item.run, task) for task in item.tasks.values())]

    def admit(self, at: int, draft: tuple[str, Task] | Part) -> Any:
        if isinstance(draft, Part):
            return draft
        run, task = draft
        old = task.instruction
        found = ("merge", "instruction")
        if self._is_exact and self._compares and task.digest in self._seen:
            return Rejected(*found, "exact_duplicate", at, old.text, input=task.input)
        match = None if self._is_exact else self._ahead.nearest(old.text)
        if match is not None:
            rejected = Rejected(*found, "near_duplicate", at, old.text)
            return replace(rejected, similar_to=match.text, similarity=match.score)
        self._count += 1
        if self._is_exact:
            self._seen.add(task.digest)
        else:
            self._pool.add(old.text)
        return replace(old, id=f"i{self._count:06d}", turn=at), run, task

    async def fill(self, at: int, admitted: Any, ask: Ask) -> Sequence[Outcome]:
        if isinstance(admitted, Part):
            assert self._gathered is not None
            return self._gathered.outcomes(at, admitted)
        instruction, run, task = admitted
        examples = [
            self._example(instruction, number, run, example)
            for number, example in enumerate(task.examples, 1)
        ]
        dropped = [replace(each, turn=at, instruction_id=instruction.id) for each in task.dropped]
        return [instruction, *dropped, *examples]

    def _example(
        self, instruction: Instruction, number: int, run: str, example: Example
    ) -> Example:
        id, turn = instruction.id, instruction.turn
        origin = {"run": run, "source_id": example.id} if run else {}
        provenance = {**example.provenance, "instruction_id": id, "turn": turn, **origin}
        return replace(example, id=f"{id}-{number}", provenance=provenance, layout=self._layout)

    def restore(self, instructions: Iterable[Instruction], ended: int) -> int:
        if self._gathered is not None:
            self._gathered.restore(ended)
            return super().restore(instructions, ended)
        self._count = 0
        for instruction in instructions:
            self._count += 1
            if not self._is_exact:
                self._pool.add(instruction.text)
        if self._is_exact:
            for turn in islice(chain.from_iterable(self.materials), ended):
                self._seen.update(task.digest for task in turn.tasks.values())
        return self._count

    def described(self) -> Iterator[str]:
        for run in self.materials:
            yield f"  run          {run.path} ({'a merge' if run.is_merge else run.name})"

    def remarks(self) -> Iterator[str]:
        return absent_shards(self.materials)


def _texts(turn: Any) -> list[str]:
    return [task.instruction.text for task in turn.tasks.values()]
