"""The rounds of a run as a person sees them, and scripts that answer the waiting rounds."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfinstruct.errors import UserError
from selfinstruct.models.batch.folder import CLOSED, RoundFolder, keys_of, rounds_in
from selfinstruct.models.batch.polling import count_of
from selfinstruct.models.disk import disk_errors

WAITING, LOOP, SLURM = "waiting.txt", "answer.sh", "slurm.sh"
_CLOSED_BY_HAND = "closed by hand\n"


@dataclass(frozen=True, slots=True)
class Round:
    """A round: counts of its requests, the files that still lack replies, the faults in replies."""

    path: Path
    requests: int
    answered: int
    failed: int
    closed: str | None
    waiting: Sequence[Path]
    faults: Sequence[str]

    @property
    def missing(self) -> int:
        return self.requests - self.answered - self.failed

    @property
    def is_open(self) -> bool:
        return self.closed is None and self.missing > 0

    def __str__(self) -> str:
        requests = count_of(self.requests, "request", "requests")
        failed = f", {self.failed:,} failed" if self.failed else ""
        missing = f", {self.missing:,} missing" if self.missing else ""
        closed = f" ({self.closed.strip() or 'closed'})" if self.closed is not None else ""
        return f"{self.path}: {requests}, {self.answered:,} answered{failed}{missing}{closed}"


def read_rounds(directory: Path) -> list[Round]:
    """The rounds of a run directory. Raises UserError for a directory without rounds."""
    found = [_round(folder) for folder in rounds_in(directory)] if directory.is_dir() else []
    if not found:
        raise UserError(f"{directory}: holds no rounds; they are written by a run with --by-files")
    return found


def close(directory: Path, number: int) -> Round:
    """Close a round: what is missing is asked again in a later round. Raises UserError."""
    for each in read_rounds(directory):
        if int(each.path.name) == number:
            if each.is_open:
                with disk_errors(each.path):
                    (each.path / CLOSED).write_text(_CLOSED_BY_HAND, "utf-8")
            return each
    raise UserError(f"{directory}: has no round {number}")


def write_scripts(rounds: Sequence[Round]) -> list[Path]:
    """Write a list of the waiting files and two scripts beside the rounds of each folder."""
    written: list[Path] = []
    for home in sorted({each.path.parent for each in rounds}):
        waiting = [path for each in rounds if each.path.parent == home for path in each.waiting]
        if not waiting:
            continue
        quoted = shlex.quote(str(home.absolute()))
        names = [f"{path.parent.name}/{path.name}" for path in waiting]
        texts = {
            WAITING: "".join(f"{name}\n" for name in names),
            LOOP: _LOOP.replace("HOME_OF_ROUNDS", quoted),
            SLURM: _SLURM.replace("HOME_OF_ROUNDS", quoted).replace("COUNT", str(len(names))),
        }
        with disk_errors(home):
            for name, text in texts.items():
                (home / name).write_text(text, "utf-8")
                written.append(home / name)
    return written


def _round(folder: RoundFolder) -> Round:
    faults = folder.read()
    done = folder.answered | folder.failed
    closed = folder.closed
    waiting = [] if closed is not None else list(_lacking(folder, done))
    return Round(
        *(folder.path, len(folder.keys), len(folder.answered), len(folder.failed)),
        *(closed, waiting, faults),
    )


def _lacking(folder: RoundFolder, done: set[str]) -> Iterator[Path]:
    for path in folder.requests:
        if not done.issuperset(keys_of(path)):
            yield path


_ANSWER = """\
  [ -e "$requests" ] && [ ! -e "${requests%/*}/closed" ] || SKIP
  replies=$(printf '%s' "$requests" | sed 's/requests-/replies-/')
  [ -e "$replies" ] && SKIP
  model=$(sed -n '1s/.*"model":"\\([^"]*\\)".*/\\1/p' "$requests")
  vllm run-batch -i "$requests" -o "$replies.part" --model "${MODEL:-$model}" "$@" &&
    mv "$replies.part" "$replies"
"""
_LOOP = f"""\
#!/bin/sh
# Answers the files of requests that waiting.txt names, one after the other. Arguments go to
# `vllm run-batch`; MODEL names another model than the requests do. Started again, the script
# passes over what is answered. Without vLLM: selfinstruct workers DIR --base-url ADDRESS
cd HOME_OF_ROUNDS || exit 1
while read -r requests; do
{_ANSWER.replace("SKIP", "continue")}done < waiting.txt
"""
_SLURM = f"""\
#!/bin/sh
#SBATCH --job-name=selfinstruct
#SBATCH --array=1-COUNT
#SBATCH --gres=gpu:1
# Answers the files of requests that waiting.txt names, each in a task of an array: sbatch slurm.sh
cd HOME_OF_ROUNDS || exit 1
requests=$(sed -n "${{SLURM_ARRAY_TASK_ID}}p" waiting.txt)
{_ANSWER.replace("SKIP", "exit 0")}"""
