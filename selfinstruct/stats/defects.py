"""The defects that the checks find in a run's examples, counted by kind, with some evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfinstruct.defects import DEFECTS, Across, earlier_findings, findings
from selfinstruct.runs.view import RunView, noted

_SHOWN = 3  # pieces of evidence for each kind
_SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Mark:
    """A finding in an example.

    Field and evidence are empty for a slug that the run noted and no check finds any more.
    """

    slug: str
    field: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Defects:
    """A kind of defect, and the number of examples that have the defect."""

    slug: str
    severity: str
    meaning: str
    count: int  # examples
    evidence: tuple[str, ...]  # the first few


# By the number of the example, from 0. Examples without a finding are left out.
Marks = Mapping[int, Sequence[Mark]]


def find_defects(view: RunView) -> Marks:
    """Every finding of every check but the near-duplicates.

    Near-duplicates are counted among the figures of novelty.
    """
    across, found = Across(near=False), {}
    for number, example in enumerate(view.examples()):
        own = findings(example)
        earlier = earlier_findings(example, [finding.slug for finding in own])
        marks = [
            Mark(finding.slug, finding.field, finding.evidence)
            for finding in (*own, *earlier, *across.findings(example))
        ]
        known = {mark.slug for mark in marks}
        marks += [Mark(slug, "", "") for slug in noted(example.provenance) if slug not in known]
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
        sorted(every, key=lambda kind: (_SEVERITIES.index(kind.severity), -kind.count, kind.slug))
    )


def _known(slug: str) -> tuple[str, str]:
    defect = DEFECTS.get(slug)
    return (
        (defect.severity, defect.meaning)
        if defect
        else ("note", "noted by the run; no check of this version's")
    )
