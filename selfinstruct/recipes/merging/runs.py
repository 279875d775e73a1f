"""Runs as streams of turns, read from the files of their directories."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from selfinstruct.asking.shards import Shard
from selfinstruct.data.examples import Example, Layout, Rejected
from selfinstruct.data.files import FILES
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import UserError
from selfinstruct.recipes.merging.reader import Kind, Reader

NATURE = "merged.json"  # among the inputs of a merge: what `nature_of` gives
# recipes whose instructions belong to given data
TEMPLATES, DATASETS, SWAPS = _GIVEN = ("render", "dynosaur", "invert")
_BLOCK = 1 << 20  # bytes
_NAMED = 8  # absent shards


@dataclass(slots=True)
class Task:
    """An instruction of a run, its examples, and its rejected instances."""

    instruction: Instruction
    examples: list[Example] = field(default_factory=list)
    dropped: list[Rejected] = field(default_factory=list)

    @property
    def input(self) -> str:
        """The instruction's own input, or that of the first example."""
        return self.instruction.input or (self.examples[0].input if self.examples else "")

    @property
    def digest(self) -> bytes:
        """16 bytes that equal prompts share, chats included."""
        texts = [self.instruction.text, self.input]
        for example in self.examples[:1]:
            texts += [example.system, *(f"{turn.role}:{turn.text}" for turn in example.history)]
        joined = "".join(f"{len(text)}:{text}" for text in texts)
        return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(slots=True)
class Turn:
    """Whatever a turn of a run came to. dropped: what belongs to no instruction.

    run: the name of the run, "" for a merge, whose examples name the runs of their own.
    """

    run: str
    tasks: dict[str, Task] = field(default_factory=dict)  # by the instruction's id
    dropped: list[Rejected] = field(default_factory=list)


class PartialRun:
    """A run directory that is merged. Raises UserError if the directory cannot be read so."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        try:
            record = json.loads((self.path / "run.json").read_bytes())
            self.config: Mapping[str, Any] = record["config"]
            self.recipe = str(record.get("recipe", "self-instruct"))
            self.shard = Shard.of(str(self.config.get("shard", "")))
            self._seed = int(self.config["seed"])
            self.inputs = {name: record.get(name) for name in ("sources", "datasets", "templates")}
            end = json.loads((self.path / "checkpoint.json").read_bytes())["end"]
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(
                f"{path}: no run that can be merged (run.json or checkpoint.json is missing or "
                "damaged); name the directories of finished runs"
            ) from None
        self.is_merge = self.recipe == "merge"
        if self.is_merge:
            self._read_nature()
        if end is None:
            raise UserError(
                f"{path}: the run is not finished; go on with 'selfinstruct resume {path}', or "
                "leave the run out"
            )
        for name in FILES.values():
            if not (self.path / name).is_file():
                raise UserError(
                    f"{self.path / name}: is missing; 'selfinstruct resume {path} --repair' "
                    "builds it anew"
                )

    def _read_nature(self) -> None:
        """Of a merge: the recipe and the tokenizer of the runs that it was made of."""
        try:
            nature = json.loads((self.path / "inputs" / NATURE).read_bytes())
            self.recipe, self.config = str(nature["recipe"]), {**self.config, **nature}
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(
                f"{self.path}: is a merge of an earlier version, which did not note the recipe of its "
                "runs; name these runs instead"
            ) from None
        if self.recipe in _GIVEN:
            raise UserError(
                f"{self.path}: is a merge of runs of {self.recipe}, which cannot be merged again; name "
                "these runs instead"
            )

    @property
    def name(self) -> str:
        """Its shard, such as 3/64, or its seed."""
        is_whole = self.shard.count == 1
        return f"seed {self._seed}" if is_whole else f"{self.shard.rank}/{self.shard.count}"

    @property
    def order(self) -> tuple[int, int, int, str]:
        """Decides its place among the runs, however they were named."""
        return self.shard.count, self.shard.rank, self._seed, self.fingerprint

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of its three files, in hex."""
        digest = hashlib.sha256()
        for name in FILES.values():
            with (self.path / name).open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
            digest.update(b"\0")
        return digest.hexdigest()

    @property
    def job(self) -> tuple[Any, ...]:
        """The same for all shards of a job: whatever decides which items there are."""
        settings = (self.config.get(name) for name in ("fields", "per_dataset"))
        return self.shard.count, self._seed, self.inputs, *settings

    def records(self, kind: type[Kind]) -> Iterator[Kind]:
        """All its records of a kind, in order."""
        with (self.path / FILES[kind]).open("rb") as file:
            reader = Reader(file, kind)
            while not reader.is_at_end:
                yield from reader.of(reader.turn)

    def orphaned(self, example: Example) -> UserError:
        """The error for an example whose instruction is not there."""
        return self.damaged(f"the example {example.id} is there without its instruction")

    def damaged(self, why: str) -> UserError:
        """The error for records that do not fit together."""
        return UserError(
            f"{self.path}: {why}; 'selfinstruct resume {self.path} --repair' builds its files anew"
        )

    def layout(self) -> Layout:
        """The fields of chats that its examples have."""
        with (self.path / FILES[Example]).open("rb") as file:
            record = Reader(file, Example).raw
        is_text = isinstance(record.get("history"), str)
        return Layout("system" in record, "history" in record, history_is_text=is_text)

    def __iter__(self) -> Iterator[Turn]:
        """The turns in order. The three files are read side by side."""
        with ExitStack() as files:

            def opened(kind: type[Kind]) -> Reader[Kind]:
                return Reader(files.enter_context((self.path / FILES[kind]).open("rb")), kind)

            instructions, examples = opened(Instruction), opened(Example)
            dropped = opened(Rejected)
            while True:
                readers = (instructions, examples, dropped)
                turns = [each.turn for each in readers if not each.is_at_end]
                if not turns:
                    return
                yield self._turn(min(turns), *readers)

    def _turn(
        self,
        at: int,
        instructions: Reader[Instruction],
        examples: Reader[Example],
        dropped: Reader[Rejected],
    ) -> Turn:
        turn = Turn("" if self.is_merge else self.name)
        for instruction in instructions.of(at):
            turn.tasks[instruction.id] = Task(instruction)
        for example in examples.of(at):
            task = turn.tasks.get(example.provenance["instruction_id"])
            if task is None:
                raise self.orphaned(example)
            task.examples.append(example)
        for rejected in dropped.of(at):
            task = turn.tasks.get(rejected.instruction_id or "")
            if task is None:
                # if it is of an earlier turn, nobody knows any more which id that has got
                turn.dropped.append(replace(rejected, instruction_id=None))
            else:
                task.dropped.append(rejected)
        return turn


def read_runs(paths: Sequence[str]) -> list[PartialRun]:
    """The runs to merge, in their fixed order. Raises UserError."""
    runs = sorted((PartialRun(path) for path in dict.fromkeys(paths)), key=lambda run: run.order)
    for earlier, run in pairwise(runs):
        if run.recipe != earlier.recipe:
            raise UserError(
                f"{run.path}: is of the recipe {run.recipe}, and {earlier.path} of "
                f"{earlier.recipe}; 'selfinstruct mix' puts different datasets together"
            )
        # shards that came to nothing may have equal bytes
        if run.shard == earlier.shard and run.fingerprint == earlier.fingerprint:
            raise UserError(f"{run.path}: is the same as {earlier.path}; name each run once")
    return runs


def nature_of(runs: Sequence[PartialRun]) -> str:
    """JSON of what another merge has to know about the merge of these runs."""
    tokenizer = str(runs[0].config.get("tokenizer") or "unicode")
    return json.dumps({"recipe": runs[0].recipe, "tokenizer": tokenizer}) + "\n"


def is_one_job(runs: Sequence[PartialRun]) -> bool:
    """Whether the runs are different shards of the same job, so that their items differ."""
    ranks = {run.shard.rank for run in runs}
    is_split = runs[0].shard.count > 1 and len(ranks) == len(runs)
    return is_split and all(run.job == runs[0].job for run in runs)


def absent_shards(runs: Sequence[PartialRun]) -> Iterator[str]:
    """A notice, if the runs are shards of a job of which others are not there."""
    counts, ranks = {run.shard.count for run in runs}, {run.shard.rank for run in runs}
    count = max(counts)
    absent = count - len(ranks)
    if len(counts) == 1 and absent:
        first = islice((rank for rank in range(count) if rank not in ranks), _NAMED)
        names = ", ".join(f"{rank}/{count}" for rank in first)
        more = f" and {absent - _NAMED:,} more" if absent > _NAMED else ""
        yield f"not among the runs, and so not in the data: shard {names}{more}"


def layout_of(runs: Sequence[PartialRun]) -> Layout:
    """The fields of chats that the examples of any run have."""
    layouts = [run.layout() for run in runs]
    return Layout(
        any(each.system for each in layouts),
        any(each.history for each in layouts),
        history_is_text=any(each.history_is_text for each in layouts),
    )
