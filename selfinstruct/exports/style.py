"""How rows are written, and numbers that a seed draws for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any


@dataclass(frozen=True, slots=True)
class Style:
    """How the rows of an export are written, the same for all of them."""

    system: str = ""  # a system message for the examples without their own
    drop_labels: bool = False  # half of the inputs lose the label that they begin with
    seed: int = 0
    # In formats with a column for each field: the columns that are written beyond the usual.
    system_column: bool = False
    history_column: bool = False
    # In formats whose rows are tasks.
    grouped: bool = False
    new_schema: bool = False
    language: str = "English"
    tasks: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)  # imported


def drawn(seed: int, *texts: str) -> int:
    """64 bits that the seed and the texts decide, the same on every machine and in every order."""
    joined = "\0".join((str(seed), *texts))
    return int.from_bytes(blake2b(joined.encode(), digest_size=8).digest(), "big")
