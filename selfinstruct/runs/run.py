"""A run: open or resume its directory, and commit its outcomes in one order."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections import deque
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from selfinstruct.asking.config import Config
from selfinstruct.data.files import FILES
from selfinstruct.data.tasks import Instruction
from selfinstruct.errors import UserError
from selfinstruct.models.batch.rounds import FOLDER as ROUNDS
from selfinstruct.models.disk import disk_errors
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.openai.fields import read_learned
from selfinstruct.recipes import Outcome, Recipe
from selfinstruct.recipes.engine import Step
from selfinstruct.runs.batches import NAME as BATCHES
from selfinstruct.runs.batches import Batches
from selfinstruct.runs.checkpoints import Checkpoints
from selfinstruct.runs.completions import Completions, append
from selfinstruct.runs.directory import (
    DERIVED,
    INDEX,
    OURS,
    REPLIES,
    Mark,
    check_unchanged,
    checkpointed,
    differences,
    file_of,
    marks,
    note,
    prepare,
    recorded,
    write_settings,
)
from selfinstruct.runs.executions import Executions
from selfinstruct.runs.funnel import Funnel
from selfinstruct.runs.hashes import Hashes
from selfinstruct.runs.inputs import FOLDER, Inputs
from selfinstruct.runs.journal import Journal, Lock
from selfinstruct.runs.spending import NAME as SPENDING
from selfinstruct.runs.spending import Spending


class Run:
    """One process's hold on a run directory, and the only writer of the dataset."""

    def __init__(
        self,
        directory: Path,
        config: Config,
        inputs: Inputs,
        *,
        repair: bool = False,
        rebuild: bool = False,
        accept_change: bool = False,
    ) -> None:
        """Open `directory`, new or begun.

        `rebuild` builds the derived files anew; `repair` as well, passing over damaged replies.
        `accept_change` allows other settings than before. Raises UserError, leaving all as before.
        """
        self.directory, self.config = directory, config
        self._is_rebuilt, self._expected = rebuild or repair, inputs.expected()
        prepare(directory)
        self._lock = Lock(directory / "lock")
        try:
            self._open(inputs, repair=repair, accept_change=accept_change)
        except BaseException:
            self._lock.release()
            raise
        self.notices: deque[tuple[float, str]] = deque(maxlen=10)  # the last ones, with their times
        counts = {"examples": self.funnel.examples, "requests": self.meter.requests}
        self._begun = {"at": time.time(), **counts}
        books = (self.spending, self.completions, self.executions)
        self._checkpoints = Checkpoints(directory, books, tuple(self._files.values()))

    def _open(self, inputs: Inputs, *, repair: bool, accept_change: bool) -> None:
        directory, config = self.directory, self.config
        record = recorded(directory)
        self.is_resumed = record is not None
        found = differences(record, config, inputs) if record else []
        if found and not accept_change:
            raise UserError(
                f"{directory}: this run began otherwise: {'; '.join(found)}. Go on as it began, "
                "choose another --out, or add --accept-change to go on so from here"
            )
        checkpoint = None if self._is_rebuilt else checkpointed(directory)
        # Fields that an endpoint was found to refuse: asked again, it would refuse again.
        self.learned = read_learned((checkpoint or {}).get("left_out"))
        mark, end = marks(checkpoint)
        if mark is None and record and any(change["after_turns"] for change in record["changes"]):
            raise UserError(
                f"{directory}: cannot be built anew: its settings were changed on the way "
                "(see 'changes' in run.json)"
            )
        noted = (checkpoint or {}).get("completions")
        hashes = check_unchanged(directory, noted, end or mark) if noted and mark else {}
        self._open_files(noted, hashes, repair=repair)
        self._restore(mark, end, is_changed=bool(found))
        is_noted = found and len(self.completions)
        change = [{"after_turns": self.mark.turns, "what": found}] if is_noted else []
        write_settings(directory, record, config, inputs, change)

    def _open_files(self, noted: dict[str, Any] | None, hashes: Hashes, *, repair: bool) -> None:
        directory, self.meter = self.directory, Meter(model=self.config.model)
        with disk_errors(directory):
            place, hashed = directory / REPLIES, hashes.get(REPLIES)
            self.completions = Completions(place, self.meter, noted, hashed, skip_broken=repair)
            self.batches = Batches(directory / BATCHES, self.meter)
            is_known = self.completions.__contains__
            self.spending = Spending(directory / SPENDING, self.meter, is_known)
            self.executions = Executions(directory)
            self._files = {name: Journal(directory / name, hashes.get(name)) for name in DERIVED}

    @property
    def is_finished(self) -> bool:
        return self._items_ended or self.funnel.examples >= self.config.stop_after

    @property
    def wanted(self) -> int | None:
        """Examples that the run is to have; None: nobody knows."""
        return self.config.n or self._expected

    @property
    def is_worth_keeping(self) -> bool:
        """True once there is a reply, a reply to come, nothing left to ask, or work of a while.

        A run of failures alone is no reason to refuse other settings at the next start.
        """
        is_long = self.funnel.admitted > 0 and (self.directory / "checkpoint.json").exists()
        has_some = self.meter.requests > self.meter.failed or is_long
        return self.is_resumed or self.is_finished or has_some or bool(self.batches.open)

    def restore(self, recipe: Recipe) -> int:
        """Restore a recipe after the last whole item; return its count of instructions."""
        instructions = map(Instruction.from_record, self._files[FILES[Instruction]].records())
        recipe.saved = self.directory / INDEX
        return recipe.restore(instructions, self.funnel.turns)

    def commit(self, outcome: Outcome) -> None:
        """Write an outcome. Raises NoRoom or UserError; then nothing was written."""
        append(self._files[file_of(outcome)], outcome.to_line())
        self.funnel.take(outcome)

    def end_step(self, step: Step) -> bool:
        """Call when a step is committed; True after the last. Raises NoRoom or UserError."""
        if step.is_last or step.ends_turn:
            self.funnel.turns = step.turn + 1
        self._items_ended = step.items_ended
        if step.ends_turn:
            self.mark = self._now()
            self._checkpoints.write_if_due(self._record)
        return step.is_last

    def sync(self) -> None:
        """Bring calls, replies and the note that waits to the disk. Raises NoRoom or UserError."""
        self._checkpoints.sync()

    def checkpoint_soon(self) -> None:
        """Have the next `sync` note how things stand now."""
        self._checkpoints.write_soon(self._record())

    def checkpoint(self) -> None:
        """Bring all files to the disk, and note their lengths. Raises NoRoom or UserError."""
        self._checkpoints.write(self._record())

    def _record(self) -> dict[str, Any]:
        """checkpoint.json as things stand."""
        end = replace(self._now(), items_ended=self._items_ended) if self.is_finished else None
        return {
            "mark": asdict(self.mark),
            "end": end and asdict(end),
            "completions": self.completions.note(),
            "meter": self.meter.to_record(),
            "left_out": read_learned(self.learned),
            "sitting": self._begun,
            "expected": self._expected,
            "notices": list(self.notices),
            "at": time.time(),
        }

    def discard(self) -> None:
        """Take a directory away again in which nothing has happened."""
        self._close_files()
        for name in (FOLDER, ROUNDS):
            shutil.rmtree(self.directory / name, ignore_errors=True)
        for name in OURS - {FOLDER, ROUNDS}:
            (self.directory / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it was there before us, with something in it
            self.directory.rmdir()

    def close(self) -> None:
        try:
            self.checkpoint()
        finally:
            self._close_files()

    def leave(self) -> None:
        """Close the run, or take its directory away again if nothing in it is worth keeping."""
        if self.is_worth_keeping:
            self.close()
        else:
            self.discard()

    def _close_files(self) -> None:
        self.batches.leave()
        for book in (self.completions, self.spending, self.executions):
            book.close()
        for file in self._files.values():
            file.close()
        self._lock.release()

    def _now(self) -> Mark:
        return Mark(
            self.funnel.turns,
            {name: file.size for name, file in self._files.items()},
            {name: file.digest() for name, file in self._files.items()},
            self.funnel.to_record(),
        )

    def _forget(self, mark: Mark | None, end: Mark | None) -> None:
        """Lower the checkpoint to the marks that will be left, before any file is cut.

        The process may die between the two steps.
        """
        record = checkpointed(self.directory)
        with disk_errors(self.directory / "checkpoint.json"):
            if mark is None:
                (self.directory / "checkpoint.json").unlink(missing_ok=True)
            elif record is not None and record["end"] and end is None:
                note(self.directory, {**record, "end": None})

    def _restore(self, mark: Mark | None, end: Mark | None, *, is_changed: bool) -> None:
        """Go back to the end of the last whole turn; a finished dataset stays unchanged."""
        last = end or mark
        held = Funnel.from_record(last.funnel).examples if last else 0
        fits = held <= self.config.stop_after
        has_no_more = end is not None and end.items_ended and fits and not is_changed
        is_whole = end is not None and (held == self.config.n or has_no_more)
        # Then the files hold what a shorter run would not have written.
        if held >= self.config.stop_after and not is_whole:
            raise UserError(
                f"{self.directory}: holds {held} examples already; --n can only be raised"
            )
        back_to = end if is_whole else mark
        self._forget(mark, end if back_to is end else None)
        for name, file in self._files.items():
            file.truncate(back_to.sizes[name] if back_to else 0)
        self.funnel = Funnel.from_record(back_to.funnel) if back_to else Funnel()
        self.mark = mark or self._now()
        self._items_ended = is_whole and has_no_more
