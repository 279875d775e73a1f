"""The settings of `merge`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from selfinstruct.asking.config import Unasked
from selfinstruct.asking.endpoint import Rule, setting


@dataclass(frozen=True, slots=True)
class MergeConfig(Unasked):
    """Put the shards of a job, or runs with seeds of their own, together as a single run."""

    RECIPE: ClassVar[str] = "merge"
    command: ClassVar[str] = "merge"
    items: ClassVar[str] = "turns"

    sources: tuple[str, ...] = setting((), "Directories of runs.", free=True)  # fingerprinted
    threshold: float = setting(
        -1.0,
        "Drop instructions whose ROUGE-L with an earlier one is above this; 1: equal ones alone; "
        "-1: the rule of their recipe (docs/shards.md).",
        under="The method",
    )

    processes: int = setting(
        0,
        "Processes that compare; 0: as many as there are cores, at most 4. Linux only.",
        free=True,
        under="Speed and patience",
    )

    def rules(self) -> Iterator[Rule]:
        yield "threshold", self.threshold == -1 or 0 < self.threshold <= 1, "above 0, at most 1"
        yield "processes", self.processes >= 0, "at least 0 (0: as many as there are cores)"
        yield from Unasked.rules(self)
