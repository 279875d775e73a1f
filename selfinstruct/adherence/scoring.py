"""Scores of recorded answers, strict and loose, by prompt and by constraint (IFEval, section 2.2).

Strict: the response itself follows. Loose: the response follows in one of eight variants, with and
without the first line, the last line and asterisks, which spares a model its "Sure, here it is:".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfinstruct.adherence.constraint import Imposed


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a response follows each of its constraints, in their order."""

    strict: tuple[bool, ...]
    loose: tuple[bool, ...]


@dataclass(slots=True)
class Count:
    """Constraints of a type, and how many were followed."""

    instructions: int = 0
    strict: int = 0
    loose: int = 0


@dataclass(slots=True)
class Scores:
    """The counts of a set of answers. unanswered: prompts without an answer, which count as failed.

    unknown: answers to prompts that are not among the prompts.
    """

    prompts: int = 0
    prompt_strict: int = 0
    prompt_loose: int = 0
    unanswered: int = 0
    unknown: int = 0
    by_type: dict[str, Count] = field(default_factory=dict)

    def add(self, constraints: Sequence[Imposed], response: str | None) -> Verdict:
        """Count a response; None stands for a prompt without an answer."""
        verdict = verdict_on(response or "", constraints)
        self.prompts += 1
        self.unanswered += response is None
        self.prompt_strict += all(verdict.strict)
        self.prompt_loose += all(verdict.loose)
        each_of = zip(constraints, verdict.strict, verdict.loose, strict=True)
        for imposed, strict, loose in each_of:
            count = self.by_type.setdefault(imposed.constraint.id, Count())
            count.instructions += 1
            count.strict += strict
            count.loose += loose
        return verdict

    @property
    def total(self) -> Count:
        """The counts of all types together."""
        total = Count()
        for count in self.by_type.values():
            total.instructions += count.instructions
            total.strict += count.strict
            total.loose += count.loose
        return total

    def to_record(self) -> dict[str, Any]:
        total = self.total
        return {
            "prompt_strict": self.prompt_strict,
            "prompt_loose": self.prompt_loose,
            "instruction_strict": total.strict,
            "instruction_loose": total.loose,
            "prompts": self.prompts,
            "instructions": total.instructions,
            "unanswered": self.unanswered,
            "unknown": self.unknown,
            "by_type": {
                name: {
                    "instructions": count.instructions,
                    "strict": count.strict,
                    "loose": count.loose,
                }
                for name, count in sorted(self.by_type.items())
            },
        }

    def lines(self) -> Iterator[str]:
        """The counts for a reader."""
        total = self.total
        yield f"{'':<46}{'of':>6}{'strict':>9}{'':>8}{'loose':>7}"
        yield _line("prompts", self.prompts, self.prompt_strict, self.prompt_loose)
        yield _line("constraints", total.instructions, total.strict, total.loose)
        for name, count in sorted(self.by_type.items()):
            yield _line(f"  {name}", count.instructions, count.strict, count.loose)
        if self.unanswered:
            yield f"{self.unanswered:,} prompts without an answer count as not followed"
        if self.unknown:
            yield f"{self.unknown:,} answers to other prompts were left out"


def variants(response: str) -> tuple[str, ...]:
    """The response, then its variants without first line, last line and asterisks."""
    lines = response.split("\n")
    cut = (lines, lines[1:], lines[:-1], lines[1:-1])
    texts = tuple("\n".join(kept).strip() for kept in cut[1:])
    plain = tuple(text.replace("*", "") for text in (response, *texts))
    return (response, *texts, *plain)


def verdict_on(response: str, constraints: Iterable[Imposed]) -> Verdict:
    """Raises UserError where a library of the extra `adherence` is missing."""
    texts = variants(response)
    strict, loose = list[bool](), list[bool]()
    for imposed in constraints:
        strict.append(imposed.is_followed_by(response))
        loose.append(strict[-1] or any(map(imposed.is_followed_by, texts[1:])))
    return Verdict(tuple(strict), tuple(loose))


def _line(name: str, of: int, strict: int, loose: int) -> str:
    shares = [f"{count:>7,} {count / of if of else 0:>6.1%}" for count in (strict, loose)]
    return f"{name:<46}{of:>6,}  {'  '.join(shares)}"
