"""Tasks with outputs that other programs or people wrote, and parts that give no example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfinstruct.data.collected import Collected


@dataclass(frozen=True, slots=True)
class Origin:
    """The conversation that a task is a part of: all its texts, and the first pair's alone."""

    whole: str
    first_pair: str
    part: int  # from 1; 0: the task is the whole conversation


@dataclass(frozen=True, slots=True)
class ImportedTask:
    """An instruction with its rows, each with an output. made: more for a row's provenance."""

    instruction: str
    rows: tuple[Collected, ...]
    made: tuple[Mapping[str, Any], ...] = ()
    is_classification: bool | None = None
    origin: Origin | None = None

    def provenance(self) -> Sequence[Mapping[str, Any]]:
        """More for the provenance of each row."""
        return self.made or [{}] * len(self.rows)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A part of a record that gives no example, with the reason."""

    reason: str
    text: str
    input: str | None = None
    output: str | None = None
