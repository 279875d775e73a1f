"""Which examples of which runs are exported, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count

from selfinstruct.choose.candidate import Candidate
from selfinstruct.choose.keep import Keep
from selfinstruct.parsing.verdict import QUESTIONS
from selfinstruct.runs.view import RunView


@dataclass(slots=True)
class Selection:
    """Iterate once; then the counts are true: read = kept + all of dropped."""

    runs: Sequence[RunView]
    filters: Sequence[Keep]
    read: int = 0
    kept: int = 0
    renamed: int = 0  # whose id another run's example had
    dropped: Counter[str] = field(default_factory=Counter)  # by reason
    unknown: Counter[str] = field(
        default_factory=Counter
    )  # by reason: of those dropped, where nothing was known to compare

    def __iter__(self) -> Iterator[Candidate]:
        texts, ids = set[bytes](), set[str]()
        for name, run in zip(names_of(self.runs), self.runs, strict=True):
            judgements = judgements_of(run)
            for example in run.examples():
                self.read += 1
                row = Candidate.of(
                    example,
                    self._free_id(example.id, name, ids),
                    name,
                    judgements.get(example.id, {}),
                )
                if reason := self._why_not(row, texts):
                    self.dropped[reason] += 1
                    continue
                self.kept += 1
                self.renamed += row.id != example.id
                ids.add(row.id)
                yield row

    def _why_not(self, row: Candidate, texts: set[bytes]) -> str | None:
        for one in self.filters:
            answer = one.takes(row)
            if answer is None:
                self.unknown[f"not {one.text}"] += 1
            if not answer:
                return f"not {one.text}"
        text = blake2b(
            f"{row.instruction}\0{row.input}\0{row.output}".encode(), digest_size=16
        ).digest()
        if text in texts:
            return "duplicate"
        texts.add(text)
        return None

    @staticmethod
    def _free_id(id: str, run: str, taken: set[str]) -> str:
        if id not in taken:
            return id
        numbered = (f"{run}:{id}" if number == 1 else f"{run}:{id}:{number}" for number in count(1))
        return next(one for one in numbered if one not in taken)


def names_of(runs: Sequence[RunView]) -> list[str]:
    """What each run is called: as its directory, with a number where two are called alike."""
    names: list[str] = []
    for run in runs:
        name = run.directory.resolve().name
        names.append(
            next(
                one
                for number in count(1)
                if (one := f"{name}-{number}" if number > 1 else name) not in names
            )
        )
    return names


def judgements_of(run: RunView) -> dict[str, dict[str, float | bool]]:
    """By example, the judge's score and its three answers; without what is missing or of another kind. The last word counts."""
    found: dict[str, dict[str, float | bool]] = {}
    for line in run.judgements():
        score = line.get("score")
        judgement: dict[str, float | bool] = {
            name: line[name] for name in QUESTIONS if isinstance(line.get(name), bool)
        }
        if isinstance(score, int | float) and not isinstance(score, bool):
            judgement["score"] = float(score)
        found[line["id"]] = judgement
    return found
