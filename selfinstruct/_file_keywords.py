"""The keywords of the library's functions that read and write files and ask no model.

A test compares them with Config and with the commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from selfinstruct._keywords import Place, Sitting


class Rendering(Sitting, total=False):
    """The keywords of `render`."""

    n: int
    seed: int
    shard: str
    choose: str  # random | all | round-robin
    templates_per_row: int
    per_dataset: int
    original_only: bool


class Importing(Sitting, total=False):
    """The keywords of `import_files`."""

    n: int
    shape: str  # rows | sharegpt | unnatural | oasst | p3
    fields: Sequence[str]  # as "instruction=question"
    drop: str | Sequence[str]
    paths: str  # best | all
    split_tokens: int
    tokenizer: Place


class ImportingTasks(Sitting, total=False):
    """The keywords of `import_tasks`."""

    n: int
    positive: bool
    valid_only: bool
    skip_bad: bool


class Checking(TypedDict, total=False):
    """The keywords of `check` beside its own parameters."""

    fields: Sequence[str]  # as "instruction=question"
    format: str | None
    skip_bad: bool
    special_tokens: Sequence[str]


class Exporting(TypedDict, total=False):
    """The keywords of `export`."""

    format: str  # alpaca | messages | sharegpt | prompt-completion | preference | unnatural | ...
    split: str
    keep: str | Sequence[str]
    best: bool
    margin: float | None
    seed: int
    shuffle_seed: int | None
    system: str
    drop_labels: bool
    grouped: bool
    language: str
    new_schema: bool
    license: str
    push_to_hub: str
    force: bool
