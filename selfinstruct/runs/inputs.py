"""What a run is made from besides its config: the seed tasks and the templates, read, checked, and kept with the run."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfinstruct.asking import templates as prompts
from selfinstruct.asking.config import Config
from selfinstruct.asking.providers import extra_fields
from selfinstruct.asking.stage import Stage, stages
from selfinstruct.data.seeds import read_seeds
from selfinstruct.data.tasks import SeedTask
from selfinstruct.defects import rejecting
from selfinstruct.errors import UserError
from selfinstruct.runs.journal import write_whole
from selfinstruct.similarity import tokens

FOLDER = "inputs"  # in a run directory
_SEEDS, _PROMPTS = "seed_tasks.jsonl", "prompts"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Seeds and stages of a run, and the texts of the files that they came from, by their names in a run directory."""

    seeds: Sequence[SeedTask]
    stages: dict[str, Stage]
    files: dict[str, str]

    @classmethod
    def read(
        cls,
        config: Config,
        *,
        kept: Path | None = None,
        named: Collection[str] = ("seed_tasks", "prompts"),
    ) -> Inputs:
        """What the config names, or else what this package ships. Raises UserError for anything wrong in it.

        `kept` is the folder of a run that goes on: what it began with serves again, unless the setting is one of `named`. So
        neither a new version of this package nor an edited file makes a run another one unasked.
        """
        rejecting(config.reject)
        path = Path(config.seed_tasks) if config.seed_tasks else prompts.SEED_TASKS
        directory = Path(config.prompts) if config.prompts else None
        if kept is not None and "seed_tasks" not in named:
            path = kept / _SEEDS
        if kept is not None and "prompts" not in named:
            directory = kept / _PROMPTS
        seeds = read_seeds(path)
        _check_comparable(seeds, path, config.tokenizer)
        templates = prompts.load(
            config.preset,
            stages=config.stages,
            directory=directory,
            fallback=kept and kept / _PROMPTS,
            as_json=config.response_format != "text",
        )
        files = {_SEEDS: path.read_text("utf-8-sig")}
        for template in templates.values():
            files |= {f"{_PROMPTS}/{name}": text for name, text in template.files}
        return cls(seeds, stages(config, templates, extra_fields(config)), files)

    @property
    def seeds_fingerprint(self) -> str:
        return hashlib.sha256(
            repr(list(self.seeds)).encode("utf-8", "backslashreplace")
        ).hexdigest()[:16]

    @property
    def prompt_fingerprints(self) -> dict[str, str]:
        return {name: stage.template.fingerprint for name, stage in self.stages.items()}

    def keep(self, directory: Path) -> None:
        """Write a copy into a run directory. Raises OSError."""
        for name, text in self.files.items():
            path = directory / FOLDER / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)


def _check_comparable(seeds: Sequence[SeedTask], path: Path, tokenizer: str) -> None:
    mute = sum(not tokens(seed.instruction, tokenizer) for seed in seeds)
    if 2 * mute > len(seeds):
        other = "unicode" if tokenizer == "rouge" else "rouge"
        raise UserError(
            f"{path}: {mute} of {len(seeds)} seed instructions have no token under --tokenizer {tokenizer}, so that no duplicate "
            f"would ever be found; use --tokenizer {other}"
        )
