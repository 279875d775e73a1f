"""The settings of `render`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from selfinstruct.asking.config import Unasked
from selfinstruct.asking.endpoint import Rule, setting

RANDOM, ALL, ROUND_ROBIN = "random", "all", "round-robin"


@dataclass(frozen=True, slots=True)
class RenderConfig(Unasked):
    """The settings of `render`."""

    RECIPE: ClassVar[str] = "render"
    command: ClassVar[str] = "render"
    items: ClassVar[str] = "parts"
    IS_SPLIT: ClassVar[bool] = True
    KEEPS_SEED: ClassVar[bool] = True

    datasets: tuple[str, ...] = setting((), "Datasets.", free=True)  # fingerprinted
    templates: tuple[str, ...] = setting((), "Files of templates.", free=True)  # copied
    choose: str = setting(
        RANDOM,
        "Which templates show a row: some that are drawn for it, all, or each in its turn.",
        choices=(RANDOM, ALL, ROUND_ROBIN),
        under="The method",
    )
    templates_per_row: int = setting(
        1, "How many templates show a row, if not all do.", under="The method"
    )
    per_dataset: int = setting(0, "Rows of each dataset, drawn; 0: all.", under="The method")
    original_only: bool = setting(
        False,
        "Leave out templates that turn the dataset's task into another (promptsource says).",
        under="The method",
    )

    def rules(self) -> Iterator[Rule]:
        yield "templates_per_row", self.templates_per_row >= 1, "at least 1"
        yield "per_dataset", self.per_dataset >= 0, "at least 0 (0: all)"
        yield from Unasked.rules(self)
