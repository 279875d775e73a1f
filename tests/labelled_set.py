"""The labelled set: tests/labelled/SLUG.jsonl holds examples with that defect, sound.jsonl look-alikes that have none of these."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from selfinstruct.check import Row, findings

FOLDER = Path(__file__).parent / "labelled"
SLUGS = sorted(path.stem for path in FOLDER.glob("*.jsonl") if path.stem != "sound")


@dataclass(frozen=True, slots=True)
class Measure:
    """How a check did on its own positives and on the sound examples, which are its negatives."""

    positives: int
    negatives: int
    missed: tuple[Row, ...]
    false: tuple[Row, ...]

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / self.positives

    @property
    def precision(self) -> float:
        right = self.positives - len(self.missed)
        return right / (right + len(self.false)) if right else 0.0


def rows(name: str) -> list[Row]:
    return [Row(**json.loads(line)) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").split("\n") if line]


def measured(slug: str) -> Measure:
    positives, negatives = rows(slug), rows("sound")
    missed = tuple(one for one in positives if not findings(one, {slug}))
    return Measure(len(positives), len(negatives), missed, tuple(one for one in negatives if findings(one, {slug})))
