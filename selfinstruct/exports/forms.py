"""The formats by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.errors import UserError
from selfinstruct.exports import alpaca, completion, messages, sharegpt, table
from selfinstruct.exports.style import Style


@dataclass(frozen=True, slots=True)
class Form:
    """One format: how a row is written, into which kinds of file, and what else may be said about it."""

    record: Callable[[Candidate, Style], dict[str, Any]]
    suffixes: tuple[str, ...] = (".jsonl", ".json")  # of its files; the first is a folder's
    trainer_entry: Callable[[Style], dict[str, Any]] | None = (
        None  # for LLaMA-Factory's dataset_info.json
    )
    takes: frozenset[str] = frozenset()  # of the settings that not every format has
    is_dataset: bool = False  # a folder for the Hub, with a card


FORMS = {
    "alpaca": Form(alpaca.record, trainer_entry=alpaca.trainer_entry, takes=frozenset({"system"})),
    "messages": Form(
        messages.record, trainer_entry=messages.trainer_entry, takes=frozenset({"system"})
    ),
    "sharegpt": Form(
        sharegpt.record, trainer_entry=sharegpt.trainer_entry, takes=frozenset({"system"})
    ),
    "prompt-completion": Form(completion.record, takes=frozenset({"drop_labels"})),
    "parquet": Form(table.record, (".parquet",)),
    "hf": Form(
        table.record, (".parquet",), takes=frozenset({"license", "push_to_hub"}), is_dataset=True
    ),
}


def is_file(form: Form, name: str, out: Path, split: str) -> bool:
    """Whether `out` names one file; a folder otherwise. Raises UserError where it cannot be what its name says."""
    suffix = out.suffix.lower()
    if form.is_dataset or suffix not in (
        ".json",
        ".jsonl",
        ".ndjson",
        ".parquet",
        ".csv",
        ".tsv",
        ".txt",
        ".gz",
        ".zst",
    ):
        return False
    if suffix not in form.suffixes:
        raise UserError(
            f"{out}: --format {name} is written as {' or '.join(form.suffixes)}, or give a folder"
        )
    if split:
        raise UserError(f"{out}: --split makes several files; give a folder")
    return True
