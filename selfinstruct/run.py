"""The run directory: open or resume it, and commit what comes out in one order.

inputs/             the seed tasks and templates as the run began with them
run.json            config, fingerprints of seeds and templates, versions
completions.jsonl   every reply paid for; with the next one the only file that may differ between two equal runs
spending.jsonl      every call that was sent, and the most it can have cost
batches.jsonl       the same of what was sent to a batch endpoint, if anything was
instructions.jsonl  admitted instructions
rejected.jsonl      everything that was dropped, with its reason
examples.jsonl      the dataset
checkpoint.json     how far the three files above are known to be whole; without it they are built anew from the first two
lock                who holds the run
"""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfinstruct import __version__
from selfinstruct.batches import NAME as BATCHES
from selfinstruct.batches import Batches
from selfinstruct.bootstrap import Outcome, Step
from selfinstruct.completions import Completions, append, disk_errors
from selfinstruct.config import Config, changes, from_record
from selfinstruct.errors import UserError
from selfinstruct.funnel import Funnel
from selfinstruct.inputs import FOLDER, Inputs
from selfinstruct.journal import Journal, Lock, digest_of, write_whole
from selfinstruct.models.bodies import learned
from selfinstruct.models.meter import Meter
from selfinstruct.pool import Pool
from selfinstruct.spending import NAME as SPENDING
from selfinstruct.spending import Spending
from selfinstruct.tasks import Example, Instruction, SeedTask, to_json

FORMAT = 1  # of the directory
_FILES = {Instruction: "instructions.jsonl", Example: "examples.jsonl"}
_REJECTED = "rejected.jsonl"
DERIVED = (*_FILES.values(), _REJECTED)
_OURS = {"run.json", "completions.jsonl", SPENDING, BATCHES, "checkpoint.json", "lock", FOLDER, *DERIVED}
_CHECKPOINT_EVERY = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Mark:
    """How the derived files stood at one moment."""

    turns: int  # whole ones
    sizes: dict[str, int]  # bytes
    sha256: dict[str, str]
    funnel: dict[str, Any]


class Run:
    """One process's hold on a run directory, and the only writer of the dataset."""

    def __init__(
        self,
        directory: Path,
        config: Config,
        inputs: Inputs,
        *,
        repair: bool = False,
        accept_change: bool = False,
    ) -> None:
        """Open `directory`, new or begun.

        `repair` builds the derived files anew and passes over damaged replies; `accept_change` goes on with other settings than
        before. Raises UserError, leaving all as it was.
        """
        self.directory, self.config = directory, config
        _prepare(directory)
        self._lock = Lock(directory / "lock")
        try:
            recorded = settings(directory)
            self.is_resumed = recorded is not None
            found = differences(recorded, config, inputs) if recorded else []
            if found and not accept_change:
                raise UserError(
                    f"{directory}: this run began otherwise: {'; '.join(found)}. Go on as it began, choose another --out, "
                    "or add --accept-change to go on so from here"
                )
            # What former sittings found out that an endpoint does not take: asked again, it would refuse again.
            self.learned = {} if repair else learned((checkpointed(directory) or {}).get("left_out"))
            mark, end = (None, None) if repair else _read_checkpoint(directory)
            if mark is None and recorded and any(one["after_turns"] for one in recorded["changes"]):
                raise UserError(
                    f"{directory}: cannot be built anew: its settings were changed on the way (see 'changes' in run.json)"
                )
            _check_unchanged(directory, end or mark)
            self.meter = Meter()
            with disk_errors(directory):
                self.completions = Completions(directory / "completions.jsonl", self.meter, skip_broken=repair)
                self.batches = Batches(directory / BATCHES, self.meter)
                self.spending = Spending(directory / SPENDING, self.meter, self.completions.__contains__)
                self._files = {name: Journal(directory / name) for name in DERIVED}
            self._restore(mark, end)
            change = [{"after_turns": self._mark.turns, "what": found}] if found and len(self.completions) else []
            _write_settings(directory, recorded, config, inputs, change)
        except BaseException:
            self._lock.release()
            raise
        self.notices: deque[tuple[float, str]] = deque(maxlen=10)  # the last things said, with their times
        self._begun = {"at": time.time(), "examples": self.funnel.examples, "requests": self.meter.requests}
        self._checkpointed_at = time.monotonic()

    @property
    def is_finished(self) -> bool:
        return self.funnel.examples >= self.config.n

    @property
    def is_worth_keeping(self) -> bool:
        """True once anything was answered, or is going to be; what has only failed is no reason to refuse other settings at the
        next start.
        """
        return self.is_resumed or self.meter.requests > self.meter.failed or bool(self.batches.open)

    def pool(self, seeds: Sequence[SeedTask]) -> Pool:
        """The pool as the whole turns so far left it."""
        pool = Pool(seeds, self.config.threshold, self.config.tokenizer)
        for _, line in self._files[_FILES[Instruction]].lines():
            instruction = Instruction.from_record(json.loads(line))
            for turn in range(pool.turns, instruction.turn):
                pool.end_turn(turn)
            pool.admit(instruction)
        for turn in range(pool.turns, self.funnel.turns):
            pool.end_turn(turn)
        return pool

    def commit(self, outcome: Outcome) -> None:
        """Write one outcome, unless the dataset has its n examples: what comes after the n-th is not written, stays in
        completions.jsonl and serves a longer run. Raises NoRoom or UserError; then nothing was written.
        """
        if not self.is_finished:
            append(self._files[file_of(outcome)], outcome.to_line())
            self.funnel.take(outcome)

    def end_step(self, step: Step) -> bool:
        """Call when a step's outcomes are committed; True once the dataset has its n examples. Raises NoRoom or UserError."""
        if self.is_finished or step.ends_turn:
            self.funnel.turns = step.turn + 1
        if step.ends_turn and not self.is_finished:
            self._mark = self._now()
            if time.monotonic() - self._checkpointed_at > _CHECKPOINT_EVERY:
                self.checkpoint()
        return self.is_finished

    def sync(self) -> None:
        """Bring what was sent and received to the disk. Raises NoRoom or UserError."""
        self.spending.sync()
        self.completions.sync()

    def checkpoint(self) -> None:
        """Bring everything to the disk, and note how far it is whole. Raises NoRoom or UserError."""
        self.sync()
        end = self._now() if self.is_finished else None
        record = {
            "mark": asdict(self._mark),
            "end": end and asdict(end),
            "completions": {"size": self.completions.size, "sha256": self.completions.digest()},
            "meter": self.meter.to_record(),
            "left_out": learned(self.learned),
            "sitting": self._begun,
            "notices": list(self.notices),
            "at": time.time(),
        }
        with disk_errors(self.directory / "checkpoint.json"):
            for file in self._files.values():
                file.sync()
            _note(self.directory, record)
        self._checkpointed_at = time.monotonic()

    def discard(self) -> None:
        """Take a directory away again in which nothing has happened."""
        self._close_files()
        for name in _OURS - {FOLDER}:
            (self.directory / name).unlink(missing_ok=True)
        shutil.rmtree(self.directory / FOLDER, ignore_errors=True)
        with contextlib.suppress(OSError):  # it was there before us, with something in it
            self.directory.rmdir()

    def close(self) -> None:
        try:
            self.checkpoint()
        finally:
            self._close_files()

    def _close_files(self) -> None:
        self.completions.close()
        self.spending.close()
        self.batches.leave()
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
        """Before files are cut, let the checkpoint say no more than what will be left: the process may die in between."""
        record = checkpointed(self.directory)
        with disk_errors(self.directory / "checkpoint.json"):
            if mark is None:
                (self.directory / "checkpoint.json").unlink(missing_ok=True)
            elif record is not None and record["end"] and end is None:
                _note(self.directory, {**record, "end": None})

    def _restore(self, mark: Mark | None, end: Mark | None) -> None:
        """Go back to the end of the last whole turn; a dataset that has its n examples already stays as it is."""
        last = end or mark
        held = Funnel.from_record(last.funnel).examples if last else 0
        is_whole = end is not None and held == self.config.n
        if held >= self.config.n and not is_whole:  # the files hold what a shorter run would not have written
            raise UserError(f"{self.directory}: holds {held} examples already; --n can only be raised")
        back_to = end if is_whole else mark
        self._forget(mark, end if back_to is end else None)
        for name, file in self._files.items():
            file.truncate(back_to.sizes[name] if back_to else 0)
        self.funnel = Funnel.from_record(back_to.funnel) if back_to else Funnel()
        self._mark = mark or self._now()


def _note(directory: Path, record: Mapping[str, Any]) -> None:
    write_whole(directory / "checkpoint.json", json.dumps(record, ensure_ascii=True, indent=1) + "\n")


def settings(directory: Path) -> dict[str, Any] | None:
    """run.json's record; None if there is none. Raises UserError if it cannot be read."""
    path = directory / "run.json"
    try:
        record = json.loads(path.read_text("utf-8"))
        if not isinstance(record, dict) or record["format"] != FORMAT:
            raise UserError(f"{path}: written by another version of this program (format {record['format']}); use that one")
        from_record(record["config"])
        return record
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); restore it, or choose another --out") from None


def recorded_config(directory: Path) -> Config | None:
    """The config that a run was last started with."""
    record = settings(directory)
    return None if record is None else from_record(record["config"])


def checkpointed(directory: Path) -> dict[str, Any] | None:
    """checkpoint.json's record; None if there is no usable one: then the derived files are built anew."""
    try:
        record = json.loads((directory / "checkpoint.json").read_text("utf-8"))
        return record if isinstance(record, dict) else None
    except (OSError, ValueError):
        return None


def _read_checkpoint(directory: Path) -> tuple[Mark | None, Mark | None]:
    record = checkpointed(directory)
    if record is None:
        return None, None
    return Mark(**record["mark"]), Mark(**record["end"]) if record["end"] else None


def _prepare(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in directory.iterdir()}
        begun = any((directory / name).stat().st_size for name in names & {"completions.jsonl", *DERIVED})
    except OSError as error:
        raise UserError(f"{directory}: cannot be used as a run directory ({error.strerror}); choose another --out") from None
    others = sorted(name for name in names - _OURS if not name.startswith(".run.json."))
    if "run.json" not in names and (others or begun):
        what = f"something else ({others[0]}) and no run" if others else "a run whose run.json is missing; restore it"
        raise UserError(f"{directory}: holds {what}{', or' if begun and not others else ';'} choose another --out")


def file_of(outcome: Outcome) -> str:
    """The name of the file that an outcome is written to."""
    return _FILES.get(type(outcome), _REJECTED)


def differences(recorded: Mapping[str, Any], config: Config, inputs: Inputs) -> list[str]:
    """What would make the rest of a run another dataset than it began as, each named."""
    found = changes(from_record(recorded["config"]), config)
    if recorded["seeds"] != inputs.seeds_fingerprint:
        found.append("the seed tasks are others")
    prompts = inputs.prompt_fingerprints
    return found + [f"the template {name} is another" for name in prompts if recorded["prompts"].get(name) != prompts[name]]


def _check_unchanged(directory: Path, mark: Mark | None) -> None:
    if mark is None:
        return
    noted = (checkpointed(directory) or {})["completions"]
    path = directory / "completions.jsonl"
    if digest_of(path, noted["size"]) != noted["sha256"]:
        raise UserError(
            f"{path}: was changed or cut after this program wrote it, and holds replies that were paid for; restore it, "
            "or add --repair to go on with what it still holds"
        )
    for name in DERIVED:
        if digest_of(directory / name, mark.sizes[name]) != mark.sha256[name]:
            raise UserError(
                f"{directory / name}: was changed or cut after this program wrote it; "
                "keep a copy if you need it, and add --repair to build it anew from the replies"
            )


def _write_settings(
    directory: Path, recorded: Mapping[str, Any] | None, config: Config, inputs: Inputs, change: list[dict[str, Any]]
) -> None:
    if recorded is None or change:
        with disk_errors(directory):
            inputs.keep(directory)
    record = {
        "format": FORMAT,
        "selfinstruct": __version__,
        "python": platform.python_version(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        **{name: value for name, value in (recorded or {}).items() if name != "config"},
        "changes": [*(recorded or {"changes": []})["changes"], *change],
        "seeds": inputs.seeds_fingerprint,
        "prompts": inputs.prompt_fingerprints,
        "config": config.record(),
    }
    with disk_errors(directory):
        write_whole(directory / "run.json", to_json(record, indent=1) + "\n")
