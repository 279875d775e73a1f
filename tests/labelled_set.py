"""The labelled set: tests/labelled/{dev,test,held}/SLUG.jsonl. What each part has been used for is in docs/checks.md.

A row is an example and `defects`, the slugs of what is wrong with it. A file holds examples of its class and look-alikes that are
sound; sound.jsonl holds more of these. What is seen only beside other examples has them in `before`. Every row that lacks a slug
is a negative of that class, whatever else is wrong with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from selfinstruct.defects import ACROSS, CERTAIN, DEFECTS, Across, Row, findings

FOLDER = Path(__file__).parent / "labelled"
SPLITS = ("dev", "test", "held", "last", "final")
SLUGS = tuple(DEFECTS)
# Precision and recall of a part at the first look, before any rule was mended by what it shows.
FIRST: dict[str, dict[str, tuple[float, float]]] = {
    "test": {
        "empty_output": (0.94, 1.00),
        "not_available": (1.00, 0.97),
        "refusal": (1.00, 0.93),
        "output_equals_input": (0.97, 1.00),
        "control_characters": (1.00, 0.97),
        "leaked_prompt": (0.97, 0.93),
        "wrong_arithmetic": (1.00, 0.93),
        "merged_instructions": (0.94, 0.83),
        "invented_url": (0.82, 1.00),
        "image_request": (0.91, 0.71),
        "missing_code": (0.94, 0.94),
        "truncated": (0.94, 0.94),
        "wrong_language": (0.96, 1.00),
        "personal_data": (0.80, 1.00),
        "no_input_spelling": (0.97, 1.00),
        "exact_duplicate": (1.00, 1.00),
        "label_conflict": (1.00, 1.00),
        "near_duplicate": (0.92, 0.99),
    },
    "held": {
        "empty_output": (0.94, 1.00),
        "not_available": (0.94, 0.94),
        "refusal": (1.00, 0.88),
        "output_equals_input": (0.94, 0.94),
        "control_characters": (1.00, 1.00),
        "leaked_prompt": (1.00, 1.00),
        "wrong_arithmetic": (1.00, 1.00),
        "no_input_spelling": (0.83, 1.00),
    },
    "last": {
        "empty_output": (0.94, 0.97),
        "not_available": (0.91, 0.70),
        "output_equals_input": (0.94, 1.00),
        "no_input_spelling": (0.97, 0.97),
    },
    "final": {
        "empty_output": (0.94, 1.00),
        "not_available": (0.88, 1.00),
        "output_equals_input": (0.90, 0.87),
    },
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """An example, those before it, and what is wrong with it. `home` is the class that it was written for."""

    home: str
    defects: frozenset[str]
    row: Row
    before: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """How a check did on one part of the set. `hard` of the `negatives` were written to look like its positives. A class that
    rejects is measured by what it rejects.
    """

    positives: int
    negatives: int
    hard: int
    missed: tuple[Row, ...]
    false: tuple[Row, ...]

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / self.positives if self.positives else 1.0

    @property
    def precision(self) -> float:
        right = self.positives - len(self.missed)
        return right / (right + len(self.false)) if right else 0.0


@cache
def rows(split: str) -> tuple[Labelled, ...]:
    return tuple(
        _labelled(path.stem, json.loads(line))
        for path in sorted((FOLDER / split).glob("*.jsonl"))
        for line in path.read_text("utf-8").split("\n")
        if line
    )


@cache
def measured(slug: str, split: str) -> Measure:
    """The classes that need other examples are measured on those that have some, the others on those that have none."""
    shown = [one for one in rows(split) if bool(one.before) == (slug in ACROSS)]
    positives = [one for one in shown if slug in one.defects]
    negatives = [one for one in shown if slug not in one.defects]
    return Measure(
        len(positives),
        len(negatives),
        sum(one.home == slug for one in negatives),
        tuple(one.row for one in positives if slug not in _found(one, slug)),
        tuple(one.row for one in negatives if slug in _found(one, slug)),
    )


def _found(one: Labelled, slug: str) -> set[str]:
    if slug not in ACROSS:
        return {
            finding.slug
            for finding in findings(one.row, {slug})
            if slug not in CERTAIN or finding.severity == "error"
        }
    across = Across()
    for row in one.before:
        across.findings(row)
    return {finding.slug for finding in across.findings(one.row)}


def _labelled(home: str, fields: dict[str, Any]) -> Labelled:
    defects, before = frozenset(fields.pop("defects")), fields.pop("before", ())
    assert defects <= set(DEFECTS), defects
    return Labelled(home, defects, Row(**fields), tuple(Row(**one) for one in before))
