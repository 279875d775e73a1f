"""Rows as templates show them: an example, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.recipes import Outcome
from selfinstruct.recipes.render.materials import Row, Source
from selfinstruct.recipes.render.settings import ALL, RANDOM, RenderConfig
from selfinstruct.records.datasets import Dataset
from selfinstruct.seeding import generator
from selfinstruct.templates.limits import Stopped
from selfinstruct.templates.pattern import FLAN, Pattern, Rendered
from selfinstruct.templates.rendering import renderer_of
from selfinstruct.templates.rows import Values
from selfinstruct.templates.sandbox import Sandbox
from selfinstruct.text import well_formed


class Show:
    """Shows rows in the templates of their sources, as the settings choose."""

    def __init__(self, config: RenderConfig, sources: Sequence[Source]) -> None:
        """Raises UserError for a template that is refused."""
        self._config, self._sources, sandbox = config, sources, Sandbox()
        self._functions = sandbox.functions
        self._renderers = [
            [renderer_of(each, sandbox, source.labels) for each in source.patterns]
            for source in sources
        ]
        patterns = [each for source in sources for each in source.patterns]
        self._says_original = any(each.original_task is not None for each in patterns)
        self._has_several = any(each.text.count("|||") > 1 for each in patterns)

    def instructions(self) -> list[Instruction]:
        """An instruction for each template of each dataset: the template as it is written."""
        return [
            _instruction(number, source.dataset, pattern)
            for source in self._sources
            for number, pattern in enumerate(source.patterns, source.first)
        ]

    def row(self, at: int, source: Source, row: Row) -> Iterator[Outcome]:
        """The outcomes of a row. at: the number of the item."""
        if isinstance(row.fields, str):
            text = f"{source.dataset.name}: {row.where}: {row.fields}"
            yield Rejected("read", "instance", "unreadable_row", at, text)
            return
        values = Values(row.fields, source.labels, self._functions)
        for number in self._drawn(source, row.number):
            renderer, identity = self._renderers[source.number][number], _id(source.first + number)
            chance = _Chance(self._config.seed, source.number, row.number, number)
            try:
                rendered = renderer.render(values, chance)
            except Stopped as stop:
                text = well_formed(f"{renderer.pattern.name}: {stop.message}")
                yield Rejected(
                    *("render", "instance", stop.reason, at, text, identity),
                    input=f"{source.dataset.name}: row {row.number}",
                )
            else:
                made = {"instruction_id": identity, "turn": at, "model": "none"}
                made |= self._provenance(source, row, renderer.pattern, rendered)
                yield Example(
                    *(f"{identity}-{row.number}", well_formed(rendered.prompt), ""),
                    *(well_formed(rendered.targets[0]), _is_classification(renderer.pattern), made),
                )

    def _drawn(self, source: Source, row: int) -> Sequence[int]:
        """The numbers of the templates that show a row."""
        count, wanted = len(source.patterns), self._config.templates_per_row
        if self._config.choose == ALL or wanted >= count:
            return range(count)
        if self._config.choose == RANDOM:
            chance = generator(self._config.seed, "templates", source.number, row)
            return sorted(chance.sample(range(count), wanted))
        first = (row - 1) * wanted
        return sorted(number % count for number in range(first, first + wanted))

    def _provenance(
        self, source: Source, row: Row, pattern: Pattern, rendered: Rendered
    ) -> dict[str, Any]:
        """The same names in every line of a run, for loaders."""
        found: dict[str, Any] = {
            "dataset": source.dataset.name,
            "split": source.dataset.split,
            "license": source.dataset.card.license,
            "row": row.number,
            "template": pattern.name,
        }
        if self._says_original:
            found["original_task"] = pattern.original_task
        if self._has_several:
            found["outputs"] = list(map(well_formed, rendered.targets))
        return found


class _Chance:
    """Gives the generator of a row and a template, always the same one."""

    __slots__ = ("_generator", "_place")

    def __init__(self, *place: int) -> None:
        self._place = place
        self._generator: Random | None = None

    def __call__(self) -> Random:
        if self._generator is None:
            seed, *place = self._place
            self._generator = generator(seed, "choice", *place)
        return self._generator


def _instruction(number: int, dataset: Dataset, pattern: Pattern) -> Instruction:
    described = {
        "dataset": dataset.name,
        "license": dataset.card.license,
        "template": pattern.name,
        "form": pattern.form,
        "original_task": pattern.original_task,
        "choices_in_prompt": pattern.choices_in_prompt,
        "languages": list(pattern.languages),
        "metrics": list(pattern.metrics),
    }
    text, is_classification = well_formed(pattern.whole), _is_classification(pattern)
    return Instruction(_id(number), text, 0, (), is_classification, source=described)


def _is_classification(pattern: Pattern) -> bool | None:
    """Whether the answer is to be chosen from some; None: the template does not say."""
    if pattern.form == FLAN:
        return "{options_" in pattern.text or None
    return True if pattern.choices is not None else None


def _id(number: int) -> str:
    return f"i{number:06d}"
