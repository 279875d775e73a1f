"""What the checks find in a run's examples, of each kind how much, with some evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfinstruct.defects import DEFECTS, Across, findings
from selfinstruct.runs.view import RunView, noted

_SHOWN = 3  # pieces of evidence for each kind
_SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Mark:
    """One finding in one example. Field and evidence are empty where the run noted the slug and no check finds it any more."""

    slug: str
    field: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Defects:
    """The examples that one kind of defect was found in."""

    slug: str
    severity: str
    meaning: str
    count: int  # examples
    evidence: tuple[str, ...]  # the first few


Marks = Mapping[
    int, Sequence[Mark]
]  # by the number of the example, from 0; those without any are not in it


def find_defects(view: RunView) -> Marks:
    """Every example through every check but for near-duplicates, which have a part of the figures to themselves."""
    across, found = Across(near=False), {}
    for number, one in enumerate(view.examples()):
        marks = [
            Mark(finding.slug, finding.field, finding.evidence)
            for finding in (*findings(one), *across.findings(one))
        ]
        known = {mark.slug for mark in marks}
        marks += [Mark(slug, "", "") for slug in noted(one.provenance) if slug not in known]
        if marks:
            found[number] = marks
    return found


def count_defects(found: Marks) -> tuple[Defects, ...]:
    """The worst first, then the commonest."""
    counts: Counter[str] = Counter()
    evidence: dict[str, list[str]] = {}
    for marks in found.values():
        counts.update({mark.slug for mark in marks})
        for mark in marks:
            if mark.evidence and len(shown := evidence.setdefault(mark.slug, [])) < _SHOWN:
                shown.append(mark.evidence)
    every = [
        Defects(slug, *_known(slug), count, tuple(evidence.get(slug, ())))
        for slug, count in counts.items()
    ]
    return tuple(
        sorted(every, key=lambda one: (_SEVERITIES.index(one.severity), -one.count, one.slug))
    )


def _known(slug: str) -> tuple[str, str]:
    defect = DEFECTS.get(slug)
    return (
        (defect.severity, defect.meaning)
        if defect
        else ("note", "noted by the run; no check of this version's")
    )
