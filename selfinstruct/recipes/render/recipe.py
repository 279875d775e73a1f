"""Render: templates over annotated datasets (FLAN, Wei et al., 2022; P3, Sanh et al., 2022).

In: datasets with their cards, and templates: promptsource's, FLAN's pairs of patterns, plain texts.
Out: an instruction for each dataset and template, the template as it is written; and an example for
each row that a template shows, its prompt whole in the instruction.
Asks: nothing. Costs: nothing.
Differs from the published code: templates are rendered in a sandbox, with limits on the work for a
row; separators are those of the template alone, so that "|||" in data is data, nested or not; a row
that gives no target has a line in rejected.jsonl; the draws are the row's own, so that they depend
on no other row.

    templates -> instructions      first
    rows, in parts -> examples     then
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from selfinstruct.asking.shards import Shard
from selfinstruct.asking.stage import Ask
from selfinstruct.data.tasks import Instruction
from selfinstruct.recipes import Materials, Outcome, Recipe
from selfinstruct.recipes.render.materials import (
    Annotated,
    Part,
    counts_of,
    parts_of,
    read_materials,
)
from selfinstruct.recipes.render.settings import ALL, RenderConfig


class Render(Recipe):
    """Finite, without a question: the first item is the templates, then come the rows, in parts."""

    config: RenderConfig
    materials: Annotated
    labels: ClassVar[Mapping[str, str]] = {
        "datasets": "the datasets hold other bytes, or have another card",
        "templates": "the templates are others",
    }

    def __init__(self, config: Any, materials: Any = None) -> None:
        super().__init__(config, materials)
        from selfinstruct.recipes.render.examples import Show  # brings jinja2

        self._show = Show(config, materials.sources)

    @classmethod
    def read(cls, config: Any, kept: Path | None, named: Collection[str]) -> Materials:
        return read_materials(config, kept, named)

    @classmethod
    def expected(cls, config: Any, materials: Any) -> int:
        each = config.templates_per_row if config.choose != ALL else sys.maxsize
        sources, shard = materials.sources, Shard.of(config.shard)
        counts = counts_of(sources, shard)
        shard.check(sum(source.count for source in sources), "rows")
        shown = (min(each, len(source.patterns)) for source in sources)
        return sum(map(operator.mul, counts, shown))

    def items(self, start: int) -> Iterator[Part | list[Instruction]]:
        if start == 0:
            yield self._show.instructions()
        parts = parts_of(self.materials.sources, Shard.of(self.config.shard))
        yield from islice(parts, max(0, start - 1), None)

    def may_open(self, ended: int) -> int:
        return 2  # a part is held with all its examples

    async def fill(
        self, at: int, admitted: Part | list[Instruction], ask: Ask
    ) -> Sequence[Outcome]:
        if not isinstance(admitted, Part):
            return admitted
        return [each for row in admitted.rows for each in self._show.row(at, admitted.source, row)]

    def described(self) -> Iterator[str]:
        for source in self.materials.sources:
            said = source.dataset.card.license or "no licence in its card"
            shown = f"{len(source.patterns):,} templates"
            yield f"  dataset      {source.dataset.place} ({said}), {shown}"

    def remarks(self) -> Iterator[str]:
        yield from (f"passed over: {why}" for why in self.materials.passed)
        datasets = [source.dataset for source in self.materials.sources]
        if unlicensed := [each.name for each in datasets if not each.card.license]:
            yield f"no licence is known of {', '.join(unlicensed)}; see to that before you share"
        for dataset in datasets:
            unnamed = [
                feature.name
                for feature in dataset.features
                if feature.kind == "class_label" and not feature.labels
            ]
            if unnamed:
                named = ", ".join(unnamed)
                yield f"{dataset.name}: the card names no labels of {named}; numbers are shown"
            if dataset.unused:
                yield f"{dataset.name}: files in no split, not used: {', '.join(dataset.unused)}"
