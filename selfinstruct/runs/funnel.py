"""Counts of a run: how much went in, how much came out, and the reasons for the rest.

All are counted from committed lines, so that they always add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.parsing.forms import form_of

# Reasons of replies that came in another form than asked for.
_OF_THE_FORM = ("no_list", "no_tasks", "no_output_label", "no_class_label", "neither_yes_nor_no")


@dataclass(slots=True)
class Funnel:
    """Counts of a run.

    Proposed = admitted + rejected instructions; instances = examples + rejected instances.
    """

    turns: int = 0
    admitted: int = 0
    classification: int = 0  # of the admitted
    examples: int = 0
    mended: int = 0  # of the examples: kept at the second attempt
    # counts by what, stage and reason
    rejected: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    # counts of unread replies by stage and reason, and form; of this sitting alone
    forms: Counter[tuple[str, str]] = field(default_factory=Counter, compare=False)

    def take(self, record: Instruction | Rejected | Example) -> None:
        if isinstance(record, Instruction):
            self.admitted += 1
            self.classification += bool(record.is_classification)
        elif isinstance(record, Example):
            self.examples += 1
            self.mended += bool(record.provenance.get("mended"))
        else:
            self.rejected[record.what, record.stage, record.reason] += 1
            if record.what == "reply" and record.reason in _OF_THE_FORM:
                self.forms[f"{record.stage}: {record.reason}", form_of(record.text)] += 1

    @property
    def proposed(self) -> int:
        return self.admitted + self.count("instruction")

    @property
    def instances(self) -> int:
        return self.examples + self.count("instance")

    @property
    def figure(self) -> str:
        """The share of the proposals that were kept, in a few words."""
        return f"accepted {self.admitted / self.proposed if self.proposed else 0.0:.0%}"

    def count(self, what: str) -> int:
        return sum(count for (kind, _, _), count in self.rejected.items() if kind == what)

    def reasons(self, what: str) -> list[tuple[str, int]]:
        """Reasons with their counts, the commonest first."""
        found: Counter[str] = Counter()
        for (kind, stage, reason), count in self.rejected.items():
            if kind == what:
                found[f"{stage}: {reason}" if what in ("reply", "leftover") else reason] += count
        return sorted(found.items(), key=lambda one: (-one[1], one[0]))

    def commonest(self) -> str:
        """The three commonest reasons of any kind, for a diagnosis, with forms of replies."""
        found = sorted(
            (
                (count, what, reason)
                for what in ("reply", "instruction", "instance")
                for reason, count in self.reasons(what)
            ),
            reverse=True,
        )
        ordered = sorted(self.forms, key=lambda form: (self.forms[form], form))
        forms = {reason: f" ({form})" for reason, form in ordered}  # the commonest of each
        named = (f"{what} {why} {count}x{forms.get(why, '')}" for count, what, why in found[:3])
        return ", ".join(named) or "none"

    def to_record(self) -> dict[str, object]:
        counts = {"/".join(key): count for key, count in sorted(self.rejected.items())}
        return {
            "turns": self.turns,
            "admitted": self.admitted,
            "classification": self.classification,
            "examples": self.examples,
            **({"mended": self.mended} if self.mended else {}),
            "rejected": counts,
        }

    @classmethod
    def from_record(cls, record: dict[str, object]) -> Funnel:
        values = dict(record)
        counts = values.pop("rejected")
        assert isinstance(counts, dict)
        rejected = Counter(
            {
                (parts[0], parts[1], parts[2]): int(count)
                for key, count in counts.items()
                if (parts := key.split("/", 2))
            }
        )
        numbers: dict[str, Any] = {name: int(str(value)) for name, value in values.items()}
        return cls(rejected=rejected, **numbers)

    def lines(self, items: str = "turns") -> Iterator[str]:
        """The funnel as a table for a terminal."""

        def row(label: str, count: int, of: int | None = None) -> str:
            share = f"{count / of:7.1%}" if of else " " * 7
            return f"{label:<44}{count:>9,}  {share}"

        yield row(items, self.turns)
        for reason, count in self.reasons("reply"):
            yield row(f"  reply dropped, {reason}", count)
        for reason, count in self.reasons("leftover"):
            yield row(f"  text left of a reply, {reason}", count)
        yield row("instructions proposed", self.proposed)
        for reason, count in self.reasons("instruction"):
            yield row(f"  dropped, {reason}", count, self.proposed)
        yield row("instructions admitted", self.admitted, self.proposed)
        yield row("  of them classification", self.classification, self.admitted)
        for reason, count in self.reasons("label"):
            yield row(f"  of them with no label, {reason}", count, self.admitted)
        yield row("instances written", self.instances)
        for reason, count in self.reasons("instance"):
            yield row(f"  dropped, {reason}", count, self.instances)
        yield row("examples", self.examples, self.instances)
        if self.mended:
            yield row("  of them mended", self.mended, self.examples)
