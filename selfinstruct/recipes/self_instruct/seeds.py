"""The seed tasks of a run, read, checked and fingerprinted."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from selfinstruct.asking.templates import SEED_TASKS
from selfinstruct.data.seeds import read_seeds
from selfinstruct.data.tasks import SeedTask
from selfinstruct.defects import rejecting
from selfinstruct.errors import UserError
from selfinstruct.recipes import Materials
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig
from selfinstruct.similarity import tokens

FILE = "seed_tasks.jsonl"  # in the folder of a run's inputs


def read_materials(
    config: SelfInstructConfig, kept: Path | None, named: Collection[str]
) -> Materials:
    """The seeds that the settings name, else the run's own copy, else the packaged ones.

    Raises UserError for whatever is wrong in them.
    """
    rejecting(config.reject)
    path = Path(config.seed_tasks) if config.seed_tasks else SEED_TASKS
    if kept is not None and "seed_tasks" not in named:
        path = kept / FILE
    seeds = read_seeds(path)
    _check_comparable(seeds, path, config.tokenizer)
    digest = hashlib.sha256(repr(list(seeds)).encode("utf-8", "backslashreplace")).hexdigest()
    return Materials(seeds, {FILE: path.read_text("utf-8-sig")}, {"seeds": digest[:16]})


def _check_comparable(seeds: Sequence[SeedTask], path: Path, tokenizer: str) -> None:
    mute = sum(not tokens(seed.instruction, tokenizer) for seed in seeds)
    if 2 * mute > len(seeds):
        other = "unicode" if tokenizer == "rouge" else "rouge"
        raise UserError(
            f"{path}: {mute} of {len(seeds)} seed instructions have no token under "
            f"--tokenizer {tokenizer}, so that no duplicate would ever be found; "
            f"use --tokenizer {other}"
        )
