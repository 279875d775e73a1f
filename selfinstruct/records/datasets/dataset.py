"""A split of a dataset, whose rows are read anew at every iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from selfinstruct.records.datasets.card import Card
from selfinstruct.records.datasets.features import Feature, NoLabel, labelled


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its class labels by name. number: in the split, from 1. where: for a person."""

    number: int
    where: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """Stands in the place of a row that cannot be read."""

    number: int
    where: str
    why: str


Raw = tuple[str, dict[str, Any] | str]  # a place, and the fields or why they cannot be read


@dataclass(frozen=True, slots=True)
class Dataset:
    """A split of a dataset with the facts of its card.

    name: short, for provenance and messages ("iris", "glue@sst2:validation"). place: the absolute
    path, or the name on the Hub, with configuration and split. fingerprint: SHA-256 over the card
    and the bytes of the split's files, or the Hub's revision. unused: files in no split.
    """

    name: str
    place: str
    card: Card
    features: tuple[Feature, ...]
    fingerprint: str
    config: str = ""
    split: str = ""
    splits: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    read: Callable[[], Iterator[Raw]] = field(default=lambda: iter(()), repr=False, compare=False)

    def __iter__(self) -> Iterator[Row | BadRow]:
        """Every row in order. Raises UserError where the rest cannot be read."""
        return self.rows()

    def rows(self, start: int = 0) -> Iterator[Row | BadRow]:
        """The rows behind the first `start`. Raises UserError where the rest cannot be read."""
        labels = [feature for feature in self.features if feature.has_labels]
        for number, (where, fields) in enumerate(islice(self.read(), start, None), start + 1):
            if isinstance(fields, str):
                yield BadRow(number, where, fields)
                continue
            if labels:
                try:
                    fields = labelled(fields, labels)
                except NoLabel as error:
                    yield BadRow(number, where, str(error))
                    continue
            yield Row(number, where, fields)
