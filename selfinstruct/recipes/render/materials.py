"""The datasets of a run with the templates of each, and their rows."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from selfinstruct.asking.shards import Shard
from selfinstruct.errors import UserError, how_to_install
from selfinstruct.recipes import Materials
from selfinstruct.recipes.render.settings import RenderConfig
from selfinstruct.records.datasets import Dataset, Feature, open_dataset
from selfinstruct.templates.pattern import Pattern
from selfinstruct.templates.reading import (
    Found,
    Named,
    chosen_for,
    patterns_of,
    read_named,
    text_of,
)
from selfinstruct.text import to_json

_FOLDER, _INDEX = "templates", "templates.json"  # in the run's inputs
_PART = 100  # rows

Offered = list[tuple[Named, list[Pattern]]]


@dataclass(frozen=True)
class Source:
    """A dataset with its templates. first: the number of its first template in the run, from 1."""

    number: int
    dataset: Dataset
    patterns: tuple[Pattern, ...]
    first: int
    seed: int
    per_dataset: int

    @cached_property
    def labels(self) -> list[Feature]:
        return [feature for feature in self.dataset.features if feature.has_labels]

    def rows(self) -> Iterator[Row]:
        """The rows that are taken, read anew. Raises UserError where the rest cannot be read."""
        last = self._last
        for number, (where, fields) in enumerate(self.dataset.read(), 1):
            if last is None or self._drawn(number) <= last:
                yield Row(number, where, fields)

    @cached_property
    def count(self) -> int:
        """How many rows are taken, those that cannot be read among them. Reads the dataset."""
        rows = sum(1 for _ in self.dataset.read())
        return min(rows, self.per_dataset) if self.per_dataset else rows

    @cached_property
    def _last(self) -> tuple[int, int] | None:
        """The largest draw among the rows that are taken; None: all are."""
        if not self.per_dataset:
            return None
        drawn = (self._drawn(number) for number, _ in enumerate(self.dataset.read(), 1))
        return max(heapq.nsmallest(self.per_dataset, drawn), default=None)

    def _drawn(self, number: int) -> tuple[int, int]:
        place = f"{self.seed}/rows/{self.number}/{number}"
        digest = hashlib.blake2b(place.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big"), number


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is read, with its number from 1; or why it cannot be read."""

    number: int
    where: str
    fields: dict[str, Any] | str


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a source, one behind the other."""

    source: Source
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Annotated:
    """The sources of a run. passed: files among the templates that hold none, and why."""

    sources: tuple[Source, ...]
    passed: tuple[str, ...] = ()


def parts_of(sources: Sequence[Source], shard: Shard) -> Iterator[Part]:
    """The rows of all sources that are the shard's, a part at a time."""
    every = ((source, row) for source in sources for row in source.rows())
    for number, pairs in groupby(shard.items(every), lambda pair: pair[0].number):
        rows = map(itemgetter(1), pairs)
        while part := list(islice(rows, _PART)):
            yield Part(sources[number], part)


def counts_of(sources: Sequence[Source], shard: Shard) -> list[int]:
    """How many rows of each source are the shard's. Reads the datasets."""
    found, before = list[int](), 0
    for source in sources:
        first = (shard.rank - before) % shard.count
        found.append(len(range(first, source.count, shard.count)))
        before += source.count
    return found


def read_materials(config: RenderConfig, kept: Path | None, named: Collection[str]) -> Materials:
    """Opens the datasets and reads the templates. Raises UserError."""
    if find_spec("jinja2") is None:
        raise UserError(f"render: needs packages: {how_to_install('templates')}")
    if not config.datasets:
        raise UserError("render: no dataset; name folders, files or names on the Hub")
    if not config.templates:
        raise UserError("render: no templates; name a file or a folder with --templates")
    found = _kept(kept) if kept is not None and "templates" not in named else _named(config)
    offered: Offered = [
        (
            each.named,
            [
                pattern
                for pattern in each.patterns
                if not config.original_only or pattern.original_task is not False
            ],
        )
        for each in found
    ]
    datasets = [open_dataset(name) for name in config.datasets]
    sources, first = list[Source](), 1
    for number, dataset in enumerate(datasets):
        patterns = chosen_for(names_of(dataset), offered)
        if not patterns:
            raise UserError(no_template(dataset, [each for _, those in offered for each in those]))
        of_run = (first, config.seed, config.per_dataset)
        sources.append(Source(number, dataset, tuple(patterns), *of_run))
        first += len(patterns)
    used = {pattern.where for source in sources for pattern in source.patterns}
    prints = {
        "datasets": [dataset.fingerprint for dataset in datasets],
        "templates": _digest(found, used),
    }
    passed = tuple(why for each in found for why in each.passed)
    return Materials(Annotated(tuple(sources), passed), _to_keep(found, used), prints)


def _named(config: RenderConfig) -> list[Found]:
    return [read_named(Named.of(word)) for word in config.templates]


def _kept(folder: Path) -> list[Found]:
    """The copies in a run, with the words by which they were named."""
    found = []
    for entry in json.loads(text_of(folder / _INDEX)):
        named = Named(entry["path"], entry["dataset"], entry["group"])
        texts = {
            str(path): text_of(path)
            for name in entry["files"]
            for path in [folder / _FOLDER / name]
        }
        patterns = [each for where, text in texts.items() for each in patterns_of(text, where)]
        found.append(Found(named, tuple(patterns), texts))
    return found


def _to_keep(found: Sequence[Found], used: Collection[str]) -> dict[str, str]:
    """The files that have a template in use, by their names in the run, and their index."""
    files, index = dict[str, str](), list[dict[str, Any]]()
    for number, each in enumerate(found):
        named, names = each.named, list[str]()
        for where, text in each.texts.items():
            if where in used:
                names.append(f"{number}/{len(names) + 1}/{Path(where).name}")
                files[f"{_FOLDER}/{names[-1]}"] = text
        index.append({"path": named.path, "dataset": named.dataset, "group": named.group})
        index[-1]["files"] = names
    return {**files, _INDEX: to_json(index, indent=1) + "\n"}


def _digest(found: Sequence[Found], used: Collection[str]) -> str:
    """SHA-256 over the files in use, whatever their places, and over their datasets."""
    parts = [
        [
            *(each.named.dataset, each.named.group),
            *(text for where, text in each.texts.items() if where in used),
        ]
        for each in found
    ]
    return hashlib.sha256(to_json(parts).encode("utf-8", "surrogatepass")).hexdigest()


def names_of(dataset: Dataset) -> list[str]:
    """The names by which templates may know a dataset: its own, and those of its folders."""
    name = dataset.name.partition(":")[0]
    place = Path(dataset.place.rpartition(":")[0] if dataset.split else dataset.place)
    above = place.parent.name
    return [
        *(dataset.name, name, name.rpartition("@")[2], name.partition("@")[0]),
        *(place.stem, place.stem.partition(".")[0], above, f"{above}/{place.stem}"),
    ]


def no_template(dataset: Dataset, offered: Iterable[Pattern]) -> str:
    """The message that none of the templates is for the dataset."""
    written_for = sorted({pattern.dataset for pattern in offered} - {""})
    known = ", ".join(written_for[:6]) + (", ..." if len(written_for) > 6 else "")
    return (
        f"{dataset.place}: no template is for {names_of(dataset)[1]!r} "
        f"(they are for {known or 'none'}); name some with --templates DATASET=FILE, "
        "or of a file with several FILE#GROUP"
    )
