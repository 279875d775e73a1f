"""A run directory as its readers see it, live or finished, without a lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from selfinstruct.asking.config import Config
from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.seeds import read_seeds
from selfinstruct.data.tasks import Instruction, SeedTask
from selfinstruct.errors import UserError
from selfinstruct.recipes.catalogue import config_of
from selfinstruct.runs.directory import recorded
from selfinstruct.runs.funnel import Funnel
from selfinstruct.runs.inputs import FOLDER
from selfinstruct.runs.journal import Journal

T = TypeVar("T")
JUDGEMENTS = "judgements.jsonl"


@dataclass(frozen=True, slots=True)
class RunView:
    """A run directory. Every iterator reads its file anew, without a torn last line."""

    directory: Path
    record: dict[str, Any] = field(repr=False)  # run.json
    config: Config = field(repr=False)

    @property
    def method(self) -> str:
        """How the run was made, in a few words: the recipe and its preset."""
        return self.config.method

    def examples(self) -> Iterator[Example]:
        return self._read("examples.jsonl", Example.from_record)

    def instructions(self) -> Iterator[Instruction]:
        return self._read("instructions.jsonl", Instruction.from_record)

    def rejected(self) -> Iterator[Rejected]:
        return self._read("rejected.jsonl", Rejected.from_record)

    def replies(self) -> Iterator[dict[str, Any]]:
        """The lines of completions.jsonl.

        Fields: stage, place, text, finish_reason, usage, error, seconds, at (Unix time).
        """
        return self._read("completions.jsonl", dict)

    def judgements(self) -> Iterator[dict[str, Any]]:
        """The lines of judgements.jsonl, if the run was judged.

        Fields: id (of the example), score, is_valid, ... (docs/judge.md).
        """
        return self._read(JUDGEMENTS, dict) if (self.directory / JUDGEMENTS).exists() else iter(())

    def seeds(self) -> list[SeedTask]:
        """The seed tasks of the run; none where its recipe has none."""
        if (
            not (self.directory / FOLDER / "seed_tasks.jsonl").exists()
            and "seeds" not in self.record
        ):
            return []
        return read_seeds(self.directory / FOLDER / "seed_tasks.jsonl")

    def funnel(self) -> Funnel:
        """The counts of the run, taken anew from the files, so that they always agree."""
        funnel = Funnel()
        for instruction in self.instructions():
            funnel.take(instruction)
            funnel.turns = instruction.turn + 1
        for rejected in self.rejected():
            funnel.take(rejected)
            funnel.turns = max(funnel.turns, rejected.turn + 1)
        for example in self.examples():
            funnel.take(example)
        return funnel

    def _read(self, name: str, read: Callable[[dict[str, Any]], T]) -> Iterator[T]:
        path = self.directory / name
        if not path.exists():
            raise UserError(
                f"{path}: is missing; "
                f"'selfinstruct resume {self.directory} --repair' builds it anew"
            )
        journal, done = Journal(path, read_only=True), 0
        try:
            for record in journal.records():
                found = read(record)
                done += 1
                yield found
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}:{done + 1}: is no line of this program's ({error!r}); "
                f"'selfinstruct resume {self.directory} --repair' builds the file anew"
            ) from None
        finally:
            journal.close()


def load_run(directory: Path | str) -> RunView:
    """Raises UserError if there is no run in `directory`."""
    directory = Path(directory)
    record = recorded(directory) if directory.is_dir() else None
    if record is None:
        raise UserError(f"{directory}: no run here (no run.json); name the directory of a run")
    return RunView(directory, record, config_of(record))


def noted(provenance: dict[str, Any]) -> tuple[str, ...]:
    """The slugs of the defects that `generate` found in an example.

    A defect is recorded as its slug alone, or as a record of slug and evidence.
    """
    found = provenance.get("findings") or ()
    return tuple(
        str(defect.get("slug", "")) if isinstance(defect, dict) else str(defect) for defect in found
    )
