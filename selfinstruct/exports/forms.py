"""The formats of an export, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.errors import UserError
from selfinstruct.exports import (
    alpaca,
    completion,
    messages,
    preference,
    sharegpt,
    super_ni,
    table,
    unnatural,
)
from selfinstruct.exports.style import Style

_FILES = (".json", ".jsonl", ".ndjson", ".parquet", ".csv", ".tsv", ".txt", ".gz", ".zst")


@dataclass(frozen=True, slots=True)
class Form:
    """A format: how a row is written, into which files, and which settings apply."""

    record: Callable[[Candidate, Style], dict[str, Any]]
    takes: frozenset[str]  # of the settings that not every format has
    suffixes: tuple[str, ...] = (".jsonl", ".json")  # of its files; the first is a folder's
    columns: Callable[[Style], Mapping[str, str]] | None = None  # of a Parquet file
    has_columns_for_turns: bool = False  # written only where an example has them
    # For LLaMA-Factory's dataset_info.json.
    trainer_entry: Callable[[Style], dict[str, Any]] | None = None
    is_dataset: bool = False  # a folder for the Hub, with a card
    is_paired: bool = False  # a row is a pair of outputs
    # A row is an instruction with all its examples.
    joined: Callable[[Sequence[Candidate], Style], dict[str, Any]] | None = None
    has_tasks: bool = False  # a row is a task: in a folder a file, whose name is the task's


def _takes(*names: str) -> frozenset[str]:
    return frozenset(names)


FORMS = {
    "alpaca": Form(
        alpaca.record,
        _takes("best", "system"),
        trainer_entry=alpaca.trainer_entry,
        has_columns_for_turns=True,
    ),
    "messages": Form(
        messages.record, _takes("best", "system"), trainer_entry=messages.trainer_entry
    ),
    "sharegpt": Form(
        sharegpt.record, _takes("best", "system"), trainer_entry=sharegpt.trainer_entry
    ),
    "prompt-completion": Form(completion.record, _takes("best", "drop_labels")),
    "unnatural": Form(unnatural.record, _takes("best"), joined=unnatural.joined),
    "super-ni": Form(
        super_ni.record,
        _takes("grouped", "language", "new_schema"),
        joined=super_ni.joined,
        has_tasks=True,
    ),
    "preference": Form(
        preference.record,
        _takes("margin", "system"),
        (".jsonl", ".json", ".parquet"),
        preference.columns,
        is_paired=True,
    ),
    "parquet": Form(
        table.record, _takes("best"), (".parquet",), table.columns, has_columns_for_turns=True
    ),
    "hf": Form(
        table.record,
        _takes("best", "license", "push_to_hub"),
        (".parquet",),
        table.columns,
        has_columns_for_turns=True,
        is_dataset=True,
    ),
}


def is_file(form: Form, name: str, out: Path, split: str) -> bool:
    """True if `out` names a file, False if a folder.

    Raises UserError for a file's name that the format cannot have.
    """
    suffix = out.suffix.lower()
    if form.is_dataset or suffix not in _FILES:
        return False
    if suffix not in form.suffixes:
        *most, last = form.suffixes
        wanted = f"{', '.join(most)} or {last}" if most else last
        raise UserError(f"{out}: --format {name} is written as {wanted}, or give a folder")
    if split:
        raise UserError(f"{out}: --split makes several files; give a folder")
    return True
