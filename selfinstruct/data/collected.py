"""Collected instructions: prompts that people or other programs wrote, to be answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selfinstruct.data.examples import Turn


@dataclass(frozen=True, slots=True)
class Collected:
    """One record of a source, read in whichever shape the source has (records/collected.py)."""

    id: str  # the record's own id, else its place as "FILE:NUMBER"
    instruction: str  # of a chat: the user's last turn
    input: str = ""
    output: str | None = None  # None: the record has none, or an empty text
    system: str = ""
    history: tuple[Turn, ...] = ()  # of a chat: the turns before the last
    rest: Mapping[str, Any] = field(default_factory=dict)  # columns that no prompt uses
