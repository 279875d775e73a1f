"""The labelled set: tests/labelled/{dev,test,held,last,final,kinds}/SLUG.jsonl.

docs/checks.md says how each part was used. A line is an example with `defects`, the slugs of its
defects, and for defects across examples with `before`, the earlier examples. A file holds examples
with its defect and sound examples that look alike; sound.jsonl holds more sound examples. Every
example without a slug is a negative of that class, also where the example has other defects.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from selfinstruct.defects import ACROSS, CERTAIN, DEFECTS, Across, Row, findings

FOLDER = Path(__file__).parent / "labelled"
SPLITS = ("dev", "test", "held", "last", "final", "kinds")
SLUGS = tuple(DEFECTS)
# Precision and recall of a part at the first look, before any rule was changed after its mistakes.
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
    "kinds": {
        "not_available": (1.00, 0.67),
        "refusal": (1.00, 1.00),
        "output_equals_input": (0.67, 1.00),
        "control_characters": (1.00, 1.00),
        "leaked_prompt": (1.00, 0.93),
        "placeholder_output": (1.00, 0.90),
        "label_without_the_rest": (1.00, 0.83),
        "image_request": (1.00, 1.00),
        "missing_code": (1.00, 1.00),
        "truncated": (1.00, 1.00),
        "wrong_language": (0.86, 0.86),
        "personal_data": (1.00, 1.00),
        "repeated_input": (1.00, 0.80),
        "html_entities": (1.00, 1.00),
    },
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """An example, the earlier examples and its defects. home: the name of its file."""

    home: str
    defects: frozenset[str]
    row: Row
    before: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """The result of a check on a part of the set.

    hard: how many of the `negatives` were written to look like positives. A class that rejects is
    measured by its rejections.
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
    """The measure of a check on a part of the set.

    Checks across examples are measured on examples with `before`, the others on examples without.
    """
    shown = [example for example in rows(split) if bool(example.before) == (slug in ACROSS)]
    positives = [example for example in shown if slug in example.defects]
    negatives = [example for example in shown if slug not in example.defects]
    return Measure(
        len(positives),
        len(negatives),
        sum(example.home == slug for example in negatives),
        tuple(example.row for example in positives if slug not in _found(example, slug)),
        tuple(example.row for example in negatives if slug in _found(example, slug)),
    )


def _found(example: Labelled, slug: str) -> set[str]:
    if slug not in ACROSS:
        return {
            finding.slug
            for finding in findings(example.row, {slug})
            if slug not in CERTAIN or finding.severity == "error"
        }
    across = Across()
    for row in example.before:
        across.findings(row)
    return {finding.slug for finding in across.findings(example.row)}


def _labelled(home: str, fields: dict[str, Any]) -> Labelled:
    defects, before = frozenset(fields.pop("defects")), fields.pop("before", ())
    assert defects <= set(DEFECTS), defects
    return Labelled(home, defects, Row(**fields), tuple(Row(**earlier) for earlier in before))
