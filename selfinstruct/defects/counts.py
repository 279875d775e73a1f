"""The counts and the evidence of a survey, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from selfinstruct.defects import DEFECTS, Finding, rejects
from selfinstruct.records.columns import listed

_NAMED = 5  # records that are no example that are named
_SHOWN = 3  # findings of each slug that are kept to be shown


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding, and the line, item or row of its example."""

    where: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class Unread:
    """The line, item or row of a record that is no example, and why."""

    where: int
    why: str


@dataclass(slots=True)
class Survey:
    """The counts of a dataset. `examples` = those without any finding + `defective`."""

    examples: int = 0
    defective: int = 0
    bad: int = 0  # records that are no example
    repaired: int = 0  # examples that were changed
    long: int = 0  # examples of which most checks saw the beginning and the end alone
    # Findings by which `generate` rejects unless told otherwise.
    certain: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    shown: dict[str, list[Seen]] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)  # the first records that are no example
    unused: list[str] = field(default_factory=list)  # columns that no check reads

    def take(self, where: int, found: list[Finding]) -> None:
        self.examples += 1
        self.defective += bool(found)
        for finding in found:
            self.counts[finding.slug] += 1
            self.certain[finding.slug] += rejects(finding, "certain")
            if len(evidence := self.shown.setdefault(finding.slug, [])) < _SHOWN:
                evidence.append(Seen(where, finding))

    def take_bad(self, where: int, why: str) -> None:
        self.bad += 1
        if len(self.unread) < _NAMED:
            self.unread.append(Unread(where, why))

    def to_record(self) -> dict[str, object]:
        return {
            "examples": self.examples,
            "defective": self.defective,
            "bad": self.bad,
            "repaired": self.repaired,
            "long": self.long,
            "unreadable": [{"where": each.where, "why": each.why} for each in self.unread],
            "unused": self.unused,
            "findings": {
                slug: {
                    "severity": DEFECTS[slug].severity,
                    "count": self.counts[slug],
                    "rejecting": self.certain[slug],
                }
                for slug in DEFECTS
                if self.counts[slug]
            },
            "evidence": [
                {
                    "slug": slug,
                    "where": seen.where,
                    "field": seen.finding.field,
                    "evidence": seen.finding.evidence,
                }
                for slug in DEFECTS
                for seen in self.shown.get(slug, ())
            ],
        }

    def lines(self) -> Iterator[str]:
        share = f" ({self.defective / self.examples:.1%})" if self.examples else ""
        yield f"{self.examples:,} examples, {self.defective:,} with a finding{share}" + (
            f", {self.bad:,} records are no example" if self.bad else ""
        )
        for each in self.unread:
            yield f"{'':>11}{each.where}: {each.why}"
        if self.bad > len(self.unread):
            yield f"{'':>11}and {self.bad - len(self.unread):,} more (--every FILE names them all)"
        if self.unused:
            yield f"columns that are not looked at: {listed(self.unused)}"
        if self.long:
            yield (
                f"{self.long:,} examples have a field so long "
                "that its middle was looked at by few checks"
            )
        for slug, defect in DEFECTS.items():
            if count := self.counts[slug]:
                yield f"{count:>9,}  {slug:<24}{defect.severity:<9}{defect.meaning}"
                for seen in self.shown[slug]:
                    yield f"{'':>11}{seen.where}, {seen.finding.field}: {seen.finding.evidence}"
