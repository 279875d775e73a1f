"""Which examples of which runs are exported, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from selfinstruct.choose.candidate import Candidate, digest
from selfinstruct.choose.keep import Keep
from selfinstruct.choose.ranking import Ranking
from selfinstruct.parsing.verdict import QUESTIONS
from selfinstruct.runs.view import RunView

_RUN_SHIFT = 48  # an example's place: the number of its run, then 48 bits for that of its line


@dataclass(slots=True)
class Selection:
    """The rows of an export. After an iteration the counts hold: read = kept + all of dropped.

    With `best` and for pairs, the runs are read twice: first to rank the outputs, then for the
    rows to write. The ranking holds digests; of a pair the earlier row is held until the later.
    """

    runs: Sequence[RunView]
    filters: Sequence[Keep]
    best: bool = False  # of each prompt the best output only
    within_tasks: bool = False  # an example of two instructions is no duplicate
    margin: float | None = None  # of each prompt a pair whose scores are at least so far apart
    read: int = 0
    kept: int = 0
    scored: int = 0  # of those that pass the filters
    renamed: int = 0  # whose id another run's example had
    dropped: Counter[str] = field(default_factory=Counter)  # by reason
    # By reason: of those dropped, where nothing was known to compare.
    unknown: Counter[str] = field(default_factory=Counter)
    unpaired: Counter[str] = field(default_factory=Counter)  # prompts without a pair, by reason
    _ids: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[Candidate]:
        if self.margin is not None:
            rows = self._paired(self.margin)
        else:
            rows = self._best() if self.best else self._different()
        for row in rows:
            self.kept += 1 if row.rejected is None else 2
            yield row

    def _different(self) -> Iterator[Candidate]:
        """Each example that passes the filters, once."""
        seen = set[bytes]()
        for _, example_id, row in self._filtered():
            text = digest(row.output) + row.prompt_digest
            if self.within_tasks:
                text += digest(row.run, str(row.provenance.get("instruction_id")))
            if text in seen:
                self.dropped["duplicate"] += 1
                continue
            seen.add(text)
            self._name(row, example_id)
            yield row

    def _best(self) -> Iterator[Candidate]:
        """The example with the highest score of each prompt."""
        ranking = self._rank()
        chosen = ranking.best()
        self._drop("not the best of its prompt", ranking.outputs - len(chosen))
        for place, example_id, row in self._rows():
            if place in chosen:
                self._name(row, example_id)
                yield row

    def _paired(self, margin: float) -> Iterator[Candidate]:
        """Of each prompt the best output with the worst, where the later of the two stands."""
        pairs = self._rank().pairs(margin)
        self.unpaired = pairs.unpaired
        self._drop("no pair", pairs.without)
        self._drop("neither the best nor the worst of its prompt", pairs.between)
        partners = pairs.rejected | {worst: best for best, worst in pairs.rejected.items()}
        waiting: dict[int, Candidate] = {}
        for place, example_id, row in self._rows():
            if place not in partners:
                continue
            self._name(row, example_id)
            other = waiting.pop(partners[place], None)
            if other is None:
                waiting[place] = row
            elif place in pairs.rejected:
                yield replace(row, rejected=other)
            else:
                yield replace(other, rejected=row)

    def _rank(self) -> Ranking:
        ranking = Ranking()
        for place, _, row in self._filtered():
            ranking.take(place, row)
        self._drop("duplicate", ranking.duplicates)
        return ranking

    def _filtered(self) -> Iterator[tuple[int, str, Candidate]]:
        for place, example_id, row in self._rows():
            self.read += 1
            if reason := self._why_not(row):
                self.dropped[reason] += 1
            else:
                self.scored += row.score is not None
                yield place, example_id, row

    def _rows(self) -> Iterator[tuple[int, str, Candidate]]:
        """Every example of the runs: its place, its own id, and the row with a free id."""
        for run_number, (name, run) in enumerate(zip(names_of(self.runs), self.runs, strict=True)):
            judgements = judgements_of(run)
            for line, example in enumerate(run.examples()):
                id = self._free_id(example.id, name)
                row = Candidate.of(example, id, name, judgements.get(example.id, {}))
                yield (run_number << _RUN_SHIFT) + line, example.id, row

    def _why_not(self, row: Candidate) -> str | None:
        for keep in self.filters:
            answer = keep.takes(row)
            if answer is None:
                self.unknown[f"not {keep.text}"] += 1
            if not answer:
                return f"not {keep.text}"
        return None

    def _drop(self, reason: str, number: int) -> None:
        if number:
            self.dropped[reason] += number

    def _name(self, row: Candidate, example_id: str) -> None:
        """Take the row's id, so that no later row gets the same."""
        self.renamed += row.id != example_id
        self._ids.add(row.id)

    def _free_id(self, id: str, run: str) -> str:
        if id not in self._ids:
            return id
        numbered = (f"{run}:{id}" if number == 1 else f"{run}:{id}:{number}" for number in count(1))
        return next(name for name in numbered if name not in self._ids)


def names_of(runs: Sequence[RunView]) -> list[str]:
    """Each run's name: that of its directory, with a number where two are called alike."""
    names: list[str] = []
    for run in runs:
        name = run.directory.resolve().name
        numbered = (f"{name}-{number}" if number > 1 else name for number in count(1))
        names.append(next(free for free in numbered if free not in names))
    return names


def judgements_of(run: RunView) -> dict[str, dict[str, float | bool]]:
    """By the id of the example, the judge's score and three answers.

    Values that are missing or of another kind are left out. Of two lines for an example the
    later counts.
    """
    return {line["id"]: _judgement(line) for line in run.judgements()}


def find_turns(runs: Sequence[RunView]) -> tuple[bool, bool]:
    """Whether any example of the runs has a system message, and whether any has earlier turns."""
    system = history = False
    for run in runs:
        for example in run.examples():
            system, history = system or bool(example.system), history or bool(example.history)
            if system and history:
                return True, True
    return system, history


def is_judged(run: RunView) -> bool:
    """True if any example of the run has a score."""
    return any("score" in _judgement(line) for line in run.judgements())


def _judgement(line: Mapping[str, Any]) -> dict[str, float | bool]:
    found: dict[str, float | bool] = {
        name: line[name] for name in QUESTIONS if isinstance(line.get(name), bool)
    }
    score = line.get("score")
    if isinstance(score, int | float) and not isinstance(score, bool) and 1 <= score <= 5:
        found["score"] = float(score)
    return found
