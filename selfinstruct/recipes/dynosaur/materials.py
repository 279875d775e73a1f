"""The datasets of a run, and the tasks of a list that are over them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from selfinstruct.asking.shards import Shard
from selfinstruct.errors import UserError
from selfinstruct.recipes import Materials
from selfinstruct.recipes.dynosaur.settings import DynosaurConfig
from selfinstruct.recipes.dynosaur.task_list import (
    FILE,
    ListedTask,
    of_dataset,
    read_list,
    to_lines,
)
from selfinstruct.records.columns import listed as in_words
from selfinstruct.records.datasets import Dataset, open_dataset

_TASKS = 2.8  # kept of a dataset on average, in the published list


@dataclass(frozen=True, slots=True)
class Annotated:
    """Datasets, and the listed tasks of each. others: tasks of datasets that are not here."""

    datasets: tuple[Dataset, ...]
    listed: tuple[tuple[ListedTask, ...], ...]
    others: int = 0

    def typical(self, config: DynosaurConfig) -> int:
        """How many examples there will be, about. Reads as many rows as may be used."""
        found = 0.0
        for dataset, listed in zip(self.datasets, self.listed, strict=True):
            tasks = float(len(listed)) if config.tasks else _TASKS
            rows = sum(1 for _ in islice(dataset.read(), _least(config.per_task, config.rows)))
            found += min(tasks * rows, config.per_dataset or tasks * rows)
        return round(found)

    def described(self, config: DynosaurConfig) -> Iterator[str]:
        """Lines of the plan."""
        for dataset, listed in zip(self.datasets, self.listed, strict=True):
            said = dataset.card.license or "no licence in its card"
            tasks = f", {len(listed)} listed tasks" if config.tasks else ""
            yield f"  dataset      {dataset.place} ({said}){tasks}"

    def remarks(self, config: DynosaurConfig) -> Iterator[str]:
        """Notices at the beginning of a sitting."""
        unknown = ("", "unknown")
        if unlicensed := [each.name for each in self.datasets if each.card.license in unknown]:
            names = in_words(unlicensed)
            yield f"no licence is known of {names}; see to that before you share the data"
        for dataset in self.datasets:
            if dataset.unused:
                yield f"{dataset.name}: files in no split, not used: {', '.join(dataset.unused)}"
        if config.tasks and not any(self.listed):
            yield f"{config.tasks}: has no task over the datasets of shard {config.shard}"
        if self.others:
            yield f"{self.others:,} tasks of the list are over datasets that were not named"


def read_materials(config: DynosaurConfig, kept: Path | None, named: Collection[str]) -> Materials:
    """Opens the datasets, of which a shard takes its own alone. Raises UserError."""
    datasets = _opened(config)
    fingerprints: dict[str, object] = {"datasets": [dataset.fingerprint for dataset in datasets]}
    if not config.tasks:
        return Materials(Annotated(datasets, ((),) * len(datasets)), fingerprints=fingerprints)
    copy = kept / FILE if kept is not None and "tasks" not in named else None
    is_empty = copy is not None and copy.is_file() and not copy.stat().st_size  # of a shard
    tasks = [] if is_empty else read_list(str(copy or config.tasks))
    listed = tuple(tuple(of_dataset(tasks, dataset)) for dataset in datasets)
    if not any(listed) and not config.shard:
        names = ", ".join(dict.fromkeys(task.name for task in tasks[:5]))
        raise UserError(
            f"{config.tasks}: has no task over {', '.join(each.name for each in datasets)} "
            f"(its datasets: {names}, ...); the names of list and folder must be the same"
        )
    used = [task for several in listed for task in several]
    text = to_lines(used)
    fingerprints["tasks"] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    others = 0 if copy is not None or config.shard else len(tasks) - len(used)
    return Materials(Annotated(datasets, listed, others), {FILE: text}, fingerprints)


def _opened(config: DynosaurConfig) -> tuple[Dataset, ...]:
    """The datasets of the run. Raises UserError."""
    if not config.datasets:
        raise UserError("dynosaur: no dataset; name folders, files or names on the Hub")
    own = Shard.of(config.shard).dealt(config.datasets, "datasets")
    datasets = tuple(map(open_dataset, own))
    firsts: dict[str, Dataset] = {}  # by fingerprint
    for dataset in datasets:
        first = firsts.setdefault(dataset.fingerprint, dataset)
        if first is not dataset:
            raise UserError(
                f"{dataset.place}: the same bytes as {first.place}; name every dataset once"
            )
    return datasets


def _least(*bounds: int) -> int | None:
    """The least of bounds of which 0 is none; None if all are 0."""
    return min(filter(None, bounds), default=None)
