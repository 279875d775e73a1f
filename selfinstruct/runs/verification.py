"""Build a run's dataset anew in memory, from its settings and replies, and compare the bytes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO, TypeAlias

from selfinstruct.asking.stage import asking
from selfinstruct.errors import UserError
from selfinstruct.models import Completion, Request
from selfinstruct.models.money.meter import Meter
from selfinstruct.recipes import Outcome
from selfinstruct.recipes.catalogue import config_of
from selfinstruct.recipes.engine import Engine
from selfinstruct.recipes.pace import Pace
from selfinstruct.runs.completions import Completions
from selfinstruct.runs.directory import DERIVED, differences, file_of, recorded
from selfinstruct.runs.executions import Executions
from selfinstruct.runs.funnel import Funnel
from selfinstruct.runs.inputs import FOLDER, Inputs

Heard: TypeAlias = Callable[[Request, Completion], None]
_EAGER = 4  # calls begun ahead; there is nothing to wait for


class Replay:
    """A Model that knows only the replies on record. heard: told of every request and its reply."""

    def __init__(
        self, completions: Completions, heard: Heard = lambda request, reply: None
    ) -> None:
        self._completions, self._heard = completions, heard

    async def complete(self, request: Request) -> Completion:
        """Raises UserError if the reply is not on record."""
        known = self._completions.get(request.key)
        if known is None:
            raise UserError(
                f"{self._completions.path}: lacks the reply to {request.stage} at {request.place}, "
                "which the dataset was made from"
            )
        self._heard(request, known)
        return known

    async def close(self) -> None: ...


async def verify(directory: Path, heard: Heard = lambda request, reply: None) -> Funnel:
    """Compare every derived file with the outcomes of the recorded replies.

    An unfinished run is compared as far as its files go. heard: as of Replay.

    Returns the rebuilt run's funnel. Raises UserError that names the file and line of the first
    difference.
    """
    record = recorded(directory)
    if record is None:
        raise UserError(f"{directory}: no run here (no run.json); name the directory of a run")
    if any(change["after_turns"] for change in record["changes"]):
        raise UserError(
            f"{directory}: cannot be built anew: its settings were changed on the way "
            "(see 'changes' in run.json)"
        )
    config = config_of(record)
    inputs = Inputs.read(config, kept=directory / FOLDER)
    found = differences(record, config, inputs)
    if found:
        raise UserError(
            f"{directory}: cannot be built anew: {'; '.join(found)} than when it was made"
        )
    completions = Completions(directory / "completions.jsonl", Meter(), read_only=True)
    recipe = inputs.open()
    pace = Pace(config.stop_after, _EAGER, per_turn=recipe.per_item())
    gates = inputs.gates(recipe, Executions(directory, read_only=True).run)
    engine = Engine(recipe, asking(inputs.stages, Replay(completions, heard)), pace, gates=gates)
    with Comparison(directory) as comparison:
        async with aclosing(engine.steps()) as steps:
            while comparison.is_unfinished:
                step = await anext(steps, None)
                if step is None:
                    break
                for outcome in step.outcomes:
                    comparison.take(outcome)
                comparison.funnel.turns = step.turn + 1
        comparison.check_end()
    return comparison.funnel


class Comparison:
    """The derived files of a run, read beside the lines that the replies give."""

    def __init__(self, directory: Path) -> None:
        self.funnel = Funnel()
        self._files: dict[str, BinaryIO] = {}
        self._left: dict[str, int] = {}  # bytes not compared yet
        self._lines = dict.fromkeys(DERIVED, 0)
        self._directory = directory
        for name in DERIVED:
            path = directory / name
            if not path.is_file():
                raise UserError(
                    f"{path}: is missing; 'selfinstruct resume DIR --repair' builds it anew"
                )
            self._files[name] = path.open("rb")
            self._left[name] = path.stat().st_size

    def __enter__(self) -> Comparison:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    @property
    def is_unfinished(self) -> bool:
        return any(self._left.values())

    def take(self, outcome: Outcome) -> None:
        """Compare the next line of the outcome's file. Raises UserError at a difference.

        A file that ends here is part of an unfinished run.
        """
        self.funnel.take(outcome)
        name = file_of(outcome)
        if not self._left[name]:
            return
        expected = (outcome.to_line() + "\n").encode("utf-8")
        self._lines[name] += 1
        if self._files[name].read(len(expected)) != expected:
            self._differs(name)
        self._left[name] -= len(expected)

    def check_end(self) -> None:
        """Raises UserError if a file holds more than the replies give."""
        for name, left in self._left.items():
            if left:
                self._lines[name] += 1
                self._differs(name)

    def _differs(self, name: str) -> None:
        where = f"{self._directory / name}:{self._lines[name]}"
        raise UserError(
            f"{where}: is not what the replies on record give; "
            "'selfinstruct resume DIR --repair' builds it anew"
        )
