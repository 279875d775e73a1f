"""The fields of a dataset that a task may use, and the two rows that a prompt shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from itertools import islice
from typing import Any

from selfinstruct.recipes.dynosaur.identifiers import are_identifiers
from selfinstruct.records.datasets import Dataset, Row, leaves
from selfinstruct.records.values import is_blank
from selfinstruct.seeding import generator
from selfinstruct.text import well_formed

_ROWS = 2_000  # that decide which fields there are
_USABLE = 0.9  # share of the values of a field that can be part of an example
_SHOWN = 2  # rows in a prompt
_LONGEST = 1_000  # characters of a value in a prompt
_PROMPT = 12_000  # characters of all values in a prompt
_SHORTEST = 40
_DESCRIPTION = 1_500  # characters of a description in a prompt
_CHOICES = re.compile(
    r"(?:^|[._])(?:choices?|options?|candidates?|alternatives?|endings?)(?:$|[._])", re.I
)
_MOST_CHOICES = 26


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a dataset, for tasks.

    offered: paths of fields of single values, or of choices. dropped: why the others are not
    offered: unnamed_field, nested_field, identifier, empty_field. shown: rows for a prompt.
    """

    offered: tuple[str, ...]
    dropped: Mapping[str, str]
    shown: tuple[Mapping[str, Any], ...]
    rows: int  # that were looked at

    def for_prompt(self, dataset: Dataset) -> Mapping[str, str]:
        """The names a line each, the rows as JSON with long values cut, and the card's words."""
        values = max(1, len(self.shown) * len(self.offered))
        longest = max(_SHORTEST, min(_LONGEST, _PROMPT // values))
        rows = [
            json.dumps(
                {path: _cut(row.get(path), longest) for path in self.offered},
                ensure_ascii=False,
                default=str,
            )
            for row in self.shown
        ]
        return {
            "fields": "\n".join(self.offered),
            "rows": "\n".join(rows),
            "name": dataset.card.title or dataset.name,
            "description": _cut(dataset.card.description, _DESCRIPTION) or "(none)",
        }

    def in_words(self, name: str) -> str:
        """The fields of the dataset of this name, in a line."""
        dropped = ", ".join(f"{path}: {reason}" for path, reason in self.dropped.items())
        offered = ", ".join(self.offered) or "none"
        return f"{name}: fields of use: {offered}" + (f" (not: {dropped})" if dropped else "")


def fields_of(dataset: Dataset, seed: int) -> Fields:
    """Decides by the first 2,000 rows. Raises UserError where the dataset cannot be read."""
    found = islice(dataset, _ROWS)
    rows = [
        {path: _beginning(value) for path, value in leaves(row.fields)}
        for row in found
        if isinstance(row, Row)
    ]
    values: dict[str, list[Any]] = {}
    for row in rows:
        for path, value in row.items():
            values.setdefault(path, []).append(value)
    dropped = {
        path: reason
        for path, column in values.items()
        if (reason := _why_not(path, column, dataset.card.description)) is not None
    }
    offered = tuple(path for path in values if path not in dropped)
    return Fields(offered, dropped, tuple(_shown(rows, offered, seed, dataset)), len(rows))


def _why_not(path: str, values: Sequence[Any], description: str) -> str | None:
    if not path.strip() or "\n" in path:
        return "unnamed_field"
    filled = [value for value in values if not is_blank(value)]
    if not filled:
        return "empty_field"
    if sum(is_usable(path, value) for value in filled) < _USABLE * len(filled):
        return "nested_field"
    single = [value for value in filled if is_single(value)]
    if are_identifiers(single) and not _is_named(path, description):
        return "identifier"
    return None


def _is_named(path: str, description: str) -> bool:
    """Whether the description names the field in two words or more, as "atomic number"."""
    words = re.findall(r"[^\W\d_]+", path)
    if len(words) < 2:
        return False
    phrase = r"[\W_]+".join(map(re.escape, words))
    return re.search(rf"\b{phrase}\b", description, re.I) is not None


def is_single(value: Any) -> bool:
    """Whether a value is a text, a number, a truth value or a time."""
    return isinstance(value, (str, int, float, date, time, Decimal))


def is_usable(path: str, value: Any) -> bool:
    """Whether a value can be a part of an example: a single value, or a list of choices."""
    return is_single(value) or is_choices(path, value)


def is_choices(path: str, value: Any) -> bool:
    """Whether a value is a list of single values under a name such as "choices"."""
    return (
        isinstance(value, (list, tuple))
        and 2 <= len(value) <= _MOST_CHOICES
        and _CHOICES.search(path) is not None
        and all(map(is_single, value))
    )


def _shown(
    rows: Sequence[Mapping[str, Any]], offered: Sequence[str], seed: int, dataset: Dataset
) -> Iterator[Mapping[str, Any]]:
    """The first of the rows with the most values, and another of them at random."""
    filled = [sum(not is_blank(row.get(path)) for path in offered) for row in rows]
    fullest = [row for row, count in zip(rows, filled, strict=True) if count == max(filled)]
    yield from fullest[:1]
    if len(fullest) > 1:
        yield generator(seed, "shown", dataset.fingerprint).choice(fullest[1:])
    elif len(rows) > 1:
        yield next(row for row in rows if row is not fullest[0])


def _beginning(value: Any) -> Any:
    """A text only as far as a prompt may show it, so that few rows of long texts fit in memory."""
    return value[: _LONGEST + 1] if isinstance(value, str) else value


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        value = well_formed(value)
        return value[:longest] + " ..." if len(value) > longest else value
    if isinstance(value, (list, tuple)):
        return [_cut(member, longest // max(1, len(value))) for member in value]
    return value
