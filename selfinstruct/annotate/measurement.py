"""A sitting of a scorer over tasks or outputs: which are asked, in which order, at which cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations
from pathlib import Path
from statistics import fmean

from selfinstruct.annotate.books import COMPLETIONS, Books
from selfinstruct.annotate.measures import LIKELIHOODS, PERPLEXITIES, UNCERTAINTIES
from selfinstruct.annotate.scorer import FOLDER, Scorer
from selfinstruct.annotate.scorings import (
    AnswerLine,
    AnswerScoring,
    Scoring,
    TaskLine,
    TaskScoring,
)
from selfinstruct.annotate.tasks import Unused, instances_of, tasks_of
from selfinstruct.annotate.uncertainty import Perturbing, rank_correlation
from selfinstruct.annotate.work import Known
from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.errors import UserError
from selfinstruct.models import Model, Request, Usage
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.money.prices import no_price, price_of
from selfinstruct.models.openai.usage import estimated_tokens
from selfinstruct.runs.completions import Completions


@dataclass(slots=True)
class Tally:
    """The lines so far, for `progress.Progress`."""

    examples: int = 0
    tasks: list[TaskLine] = field(default_factory=list)
    lost: int = 0

    @property
    def figure(self) -> str:
        means = [line.numbers.by_seed[0] for line in self.tasks if line.numbers.by_seed]
        return f"mean U {fmean(means):.3f}" if means else ""

    def take(self, line: TaskLine | AnswerLine) -> None:
        self.examples += 1
        if isinstance(line, TaskLine):
            self.tasks.append(line)
            self.lost += line.lost
        else:
            self.lost += line.likelihood is None

    def agreement(self) -> list[float | None]:
        """The rank correlation of each pair of seeds."""
        rows = [line.numbers.by_seed for line in self.tasks if len(line.numbers.by_seed) > 1]
        columns = list(zip(*rows, strict=True))
        return [rank_correlation(first, second) for first, second in combinations(columns, 2)]


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured of which sources. of_answers: the likelihood of every output instead."""

    sources: tuple[str, ...]
    how: Perturbing
    examples: int = 10  # of a task at most
    of_answers: bool = False

    @property
    def file(self) -> str:
        if self.of_answers:
            return LIKELIHOODS
        return UNCERTAINTIES if self.how.variants else PERPLEXITIES


def measured_of(
    sources: tuple[str, ...],
    *,
    examples: int = 10,
    variants: int = 10,
    rate: float = 0.2,
    seeds: Sequence[int] = (),
    perplexity: bool = False,
    likelihood: bool = False,
) -> Measured:
    """As the options of `uncertainty` say. Raises UserError."""
    if perplexity and likelihood:
        raise UserError("--perplexity, --likelihood: give one of the two")
    if len(set(seeds)) < len(seeds):
        raise UserError("--seed: names a seed twice; give each once")
    how = Perturbing(0 if perplexity or likelihood else variants, rate, tuple(seeds) or (0,))
    return Measured(sources, how, examples, of_answers=likelihood)


def folder_of(sources: Sequence[str], out: Path | None) -> Path:
    """The folder of the result: as named, or the directory of a single run. Raises UserError."""
    if out is not None:
        return out
    if len(sources) != 1 or not (Path(sources[0]) / "run.json").is_file():
        raise UserError("--out is missing: name a folder for the result (of a run it is the run's)")
    return Path(sources[0])


class Measurement:
    """A scorer's work on tasks, or on every output. Replies of earlier sittings are not bought."""

    def __init__(self, measured: Measured, scorer: Scorer, out: Path) -> None:
        """Raises UserError for a source that cannot be read, and if there is nothing to measure."""
        self.measured, self.scorer, self.out = measured, scorer, out
        self.unused, self.tally = Unused(), Tally()
        self._tasks = (
            []
            if measured.of_answers
            else tasks_of(measured.sources, measured.examples, self.unused)
        )
        self.wanted = sum(1 for _ in self._scorings(self.unused))
        if not self.wanted:
            said = "; ".join(self.unused.lines())
            raise UserError(f"{measured.sources[0]}: holds no output to measure {said}".strip())

    # ---------------------------------------------------------------- a sitting (work.py)

    @property
    def config(self) -> Endpoint:
        return self.scorer.config

    @property
    def place(self) -> Path:
        return self.out

    @property
    def file(self) -> Path:
        return self.out / self.measured.file

    @property
    def counted(self) -> str:
        return "outputs" if self.measured.of_answers else "tasks"

    @property
    def so_far(self) -> str:
        return f"{self.tally.examples:,} of {self.wanted:,} lines are there"

    @property
    def command(self) -> str:
        return ""

    def open(self) -> Books:
        return Books(self.out, self.scorer, FOLDER)

    def remarks(self) -> Iterator[str]:
        """Notices at the beginning of a sitting."""
        return iter(())

    def steps(self) -> Iterator[tuple[Request | None, Scoring]]:
        """The requests of each piece of work, and behind them its end."""
        for scoring in self._scorings():
            for request in scoring.requests():
                yield request, scoring
            yield None, scoring

    def watched(self, model: Model, known: Callable[[str], bool]) -> Model:
        return model

    async def answer(
        self, model: Model, known: Known, step: tuple[Request | None, Scoring]
    ) -> Scoring | None:
        """The work at its end, None before."""
        request, scoring = step
        if request is None:
            return scoring
        await model.complete(request)
        return None

    def line_of(self, known: Known, answer: Scoring | None) -> TaskLine | AnswerLine | None:
        return None if answer is None else answer.line(known)

    def lines_on_record(self, known: Known) -> Iterator[TaskLine | AnswerLine]:
        lines = (scoring.line(known) for scoring in self._scorings())
        return (line for line in lines if line is not None)

    def take(self, line: TaskLine | AnswerLine) -> None:
        """Count a line."""
        self.tally.take(line)

    def _scorings(self, unused: Unused | None = None) -> Iterator[Scoring]:
        if not self.measured.of_answers:
            for task in self._tasks:
                yield TaskScoring(task, self.scorer, self.measured.how)
            return
        ignored = Unused() if unused is None else unused
        for source in self.measured.sources:
            for instance, rest in instances_of(source, ignored):
                yield AnswerScoring(instance, rest, self.scorer)

    # ---------------------------------------------------------------- beforehand and afterwards

    def plan(self) -> Iterator[str]:
        """The cost of the measurement, as lines. Nothing is sent and nothing is written."""
        config, known = self.scorer.config, self._on_record()
        every = chain.from_iterable(scoring.requests() for scoring in self._scorings())
        requests, left, tokens, first = 0, 0, 0, None
        for request in every:
            requests, first = requests + 1, first or request
            if known(request.key) is None:
                left, tokens = left + 1, tokens + estimated_tokens(request.text)
        found = f"{requests:,} requests; {requests - left:,} on record"
        yield f"plan: {self.wanted:,} {self.counted}, {found}"
        where = f" at {config.addresses}" if config.base_url else ""
        yield f"  scorer       {config.model}{where}"
        yield f"  {'tokens':<12} {tokens:>11,}, all of prompts"
        price = price_of(config)
        if price is None:
            yield f"  cost         unknown, {no_price(config)}"
        else:
            yield f"  {'cost':<12} {f'${price.cost(Usage(tokens, 0)):,.2f}':>11}"
        for message in first.messages if first else ():
            yield f"--- {message.role}"
            yield message.text
        yield "--- end; nothing was sent"

    def _on_record(self) -> Known:
        path = self.out / FOLDER / self.scorer.name / COMPLETIONS
        return Completions(path, Meter(), read_only=True).get if path.exists() else lambda key: None

    def lines(self, most: int = 20) -> Iterator[str]:
        """The table of the tasks, the highest uncertainty first, for a terminal."""
        yield from self.unused.lines()
        if self.tally.lost:
            yield f"{self.tally.lost:,} outputs were refused by the endpoint"
        if self.tally.tasks:
            yield from _table(self.tally.tasks, most)
        for coefficient in self.tally.agreement():
            said = "unknown" if coefficient is None else f"{coefficient:.2f}"
            yield f"rank correlation between two seeds: {said}"


def _table(tasks: Sequence[TaskLine], most: int) -> Iterator[str]:
    def order(line: TaskLine) -> tuple[float, str]:
        numbers = line.numbers
        worth = numbers.by_seed[0] if numbers.by_seed else numbers.perplexity or 0.0
        return -worth, line.task.name

    yield f"{'task':<48}{'uncertainty':>12}{'p(I0)':>8}{'perplexity':>12}{'examples':>10}"
    for line in sorted(tasks, key=order)[:most]:
        numbers = line.numbers
        cells = (
            f"{numbers.by_seed[0]:.4f}" if numbers.by_seed else "\u2013",
            "\u2013" if numbers.probability is None else f"{numbers.probability:.3f}",
            "\u2013" if numbers.perplexity is None else f"{numbers.perplexity:,.2f}",
        )
        name = line.task.name if len(line.task.name) <= 46 else line.task.name[:45] + "\u2026"
        yield f"{name:<48}{cells[0]:>12}{cells[1]:>8}{cells[2]:>12}{numbers.instances:>10}"
    if len(tasks) > most:
        yield f"  and {len(tasks) - most:,} more"
    means = [line.numbers.by_seed[0] for line in tasks if line.numbers.by_seed]
    if means:
        yield f"mean uncertainty {fmean(means):.4f} of {len(means):,} tasks"
