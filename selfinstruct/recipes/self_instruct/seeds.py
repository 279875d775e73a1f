"""The seed tasks of a run: read in any usual form, checked, fingerprinted and kept.

`--seed-tasks` names seed tasks, the dataset of a run, or examples in a shape of records/shapes.py
and a format of records/formats.py. Seeds that are not JSON Lines of our own form are kept in that
form.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfinstruct.asking.templates import SEED_TASKS
from selfinstruct.data.seeds import SeedRecord, read_records, read_seeds, read_text, seeds_of
from selfinstruct.data.tasks import SeedTask
from selfinstruct.defects import rejecting
from selfinstruct.errors import UserError
from selfinstruct.recipes import Materials
from selfinstruct.recipes.self_instruct import draws
from selfinstruct.recipes.self_instruct.draws import Lists
from selfinstruct.recipes.self_instruct.presets import method_of
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig
from selfinstruct.records import Bad, Source
from selfinstruct.records.shapes import read_prompt
from selfinstruct.records.values import Unreadable
from selfinstruct.similarity import tokens
from selfinstruct.text import to_json

FILE = "seed_tasks.jsonl"  # in the folder of a run's inputs
_DATASET = "examples.jsonl"  # of a run
_TABLES = (".csv", ".tsv", ".parquet")
_PACKED = (".gz", ".zst")
_BESIDE = ("id", "name", "is_classification")  # fields of a seed task beside the prompt
# Words that nearly every English instruction has, and few of other languages.
_ENGLISH = re.compile(
    r"\b(?:the|of|and|to|is|are|for|with|what|how|why|this|that|from|your|my|by|each|every)\b", re.I
)
_LABELS = {"": None, "true": True, "false": False}  # of a table, in lower case


@dataclass(frozen=True, slots=True)
class Start:
    """The materials of a run: seed tasks, and the lists that its propose prompts draw from."""

    seeds: Sequence[SeedTask]
    lists: Lists = field(default_factory=Lists)


def read_materials(
    config: SelfInstructConfig, kept: Path | None, named: Collection[str]
) -> Materials:
    """The seeds and lists that the settings name, else the run's own copies, else the packaged.

    Raises UserError for whatever is wrong in them.
    """
    rejecting(config.reject)
    path = Path(config.seed_tasks) if config.seed_tasks else SEED_TASKS
    if kept is not None and "seed_tasks" not in named:
        path = kept / FILE
        seeds, copy = read_seeds(path), read_text(path)
    else:
        seeds, copy = _read(path, is_grouped=config.edition > 1)
    _check_comparable(seeds, path, config.tokenizer)
    digest = hashlib.sha256(repr(list(seeds)).encode("utf-8", "backslashreplace")).hexdigest()
    files, fingerprints = {FILE: copy}, {"seeds": digest[:16]}
    if not method_of(config).is_marked:
        return Materials(Start(seeds), files, fingerprints)
    lists = _lists(config, kept, named, seeds)
    files[draws.FILE] = lists.text
    fingerprints["draws"] = hashlib.sha256(lists.text.encode()).hexdigest()[:16]
    return Materials(Start(seeds, lists), files, fingerprints)


def _lists(
    config: SelfInstructConfig,
    kept: Path | None,
    named: Collection[str],
    seeds: Sequence[SeedTask],
) -> Lists:
    """The lists to draw from. Raises UserError.

    Seeds of the user's own decide the field themselves, unless the lists are the user's own too.
    As many tasks are answered by a label as among the seeds.
    """
    share = sum(seed.is_classification for seed in seeds) / len(seeds)
    if kept is not None and not {"draws", "prompts"} & set(named):
        path = kept / draws.FILE
        return Lists(draws.read(path) if path.is_file() else {}, share)
    found = draws.find(config.draws, config.prompts)
    if found is None:
        return Lists({}, share)
    is_own = bool(config.draws) or found != draws.PACKAGED
    entries = draws.read(found, of_a_field=is_own or not config.seed_tasks)
    dropped = ["subjects"] * bool(config.topics) + ["askers"] * bool(config.personas)
    return Lists({name: each for name, each in entries.items() if name not in dropped}, share)


def _read(path: Path, *, is_grouped: bool) -> tuple[list[SeedTask], str]:
    """Seeds of a file or a run, and the text of the copy to keep.

    is_grouped: examples of the same instruction are a single seed. Raises UserError.
    """
    if (path / _DATASET).is_file():
        path = path / _DATASET
    is_text = path.suffix.lower() not in (*_TABLES, *_PACKED)
    records = list(read_records(path) if is_text else _rows(path))
    shaped = [_shaped(record) for record in records]
    seeds = seeds_of(shaped, path, is_grouped=is_grouped)
    is_ours = is_text and shaped == records and len(seeds) == len(records)
    if is_ours and all(record.unit == "line" for record in records):
        return seeds, read_text(path)
    return seeds, "".join(f"{_line(seed)}\n" for seed in seeds)


def _rows(path: Path) -> Iterator[SeedRecord]:
    """The records of a table, or of a compressed file."""
    is_table = not {suffix.lower() for suffix in path.suffixes}.isdisjoint(_TABLES)
    for record in Source(str(path)):
        if isinstance(record, Bad):
            raise UserError(f"{path}:{record.where}: {record.why}")
        fields = _typed(record.fields) if is_table else record.fields
        yield SeedRecord(str(path), record.where, fields)


def _typed(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a table's row, where a label may be a text."""
    label = fields.get("is_classification")
    if isinstance(label, str):
        return {**fields, "is_classification": _LABELS.get(label.strip().lower(), label)}
    return fields


def _shaped(record: SeedRecord) -> SeedRecord:
    """The record as a flat example, if its shape is another than ours and has an output."""
    fields = record.fields
    if fields.get("instances") is not None or {"instruction", "output"} <= fields.keys():
        return record
    try:
        prompt = read_prompt(fields, {})
    except Unreadable as error:
        if "instruction" in fields:
            return record
        raise UserError(f"{record.where}: {error}") from None
    if prompt.output is None:
        return record
    example: dict[str, Any] = {
        "instruction": prompt.instruction,
        "input": prompt.input,
        "output": prompt.output,
        "history": prompt.history,
    }
    example |= {name: fields[name] for name in _BESIDE if name in fields}
    return SeedRecord(record.path, record.number, example, record.unit)


def _line(seed: SeedTask) -> str:
    return to_json(
        {
            "id": seed.id,
            "name": seed.name,
            "instruction": seed.instruction,
            "instances": [
                {"input": instance.input, "output": instance.output} for instance in seed.instances
            ],
            "is_classification": seed.is_classification,
        }
    )


def are_english(seeds: Sequence[SeedTask]) -> bool:
    """Whether most of the instructions are English."""
    return 2 * sum(bool(_ENGLISH.search(seed.instruction)) for seed in seeds) > len(seeds)


def _check_comparable(seeds: Sequence[SeedTask], path: Path, tokenizer: str) -> None:
    mute = sum(not tokens(seed.instruction, tokenizer) for seed in seeds)
    if 2 * mute > len(seeds):
        other = "unicode" if tokenizer == "rouge" else "rouge"
        raise UserError(
            f"{path}: {mute} of {len(seeds)} seed instructions have no token under "
            f"--tokenizer {tokenizer}, so that no duplicate would ever be found; "
            f"use --tokenizer {other}"
        )
