"""A sitting of a scorer over tasks or outputs: which are asked, in which order, at which cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, combinations
from pathlib import Path
from statistics import fmean

from selfinstruct.annotate.books import COMPLETIONS, Books, Derived
from selfinstruct.annotate.measures import LIKELIHOODS, PERPLEXITIES, UNCERTAINTIES
from selfinstruct.annotate.scorer import FOLDER, Known, Scorer
from selfinstruct.annotate.scorings import (
    AnswerLine,
    AnswerScoring,
    Scoring,
    TaskLine,
    TaskScoring,
)
from selfinstruct.annotate.tasks import Unused, instances_of, tasks_of
from selfinstruct.annotate.uncertainty import Perturbing, rank_correlation
from selfinstruct.asking.sitting import sitting
from selfinstruct.errors import UserError
from selfinstruct.models import Model, Request, Usage
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.money.prices import no_price, price_of
from selfinstruct.models.openai.usage import estimated_tokens
from selfinstruct.recipes.ordered import in_order
from selfinstruct.runs.completions import Completions

_WINDOW = 4  # calls begun ahead, as a multiple of the concurrency


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

    def open(self) -> Books:
        """Raises UserError if another process measures into the same folder."""
        return Books(self.out, self.scorer, FOLDER)

    async def go_on(
        self,
        books: Books,
        *,
        notice: Notice,
        changed: Callable[[], None] = lambda: None,
        waiting: Callable[[str], None] = lambda what: None,
    ) -> None:
        """Ask what is not on record, and write the lines in their order.

        Raises ModelError, UserError or Interrupted. Then the file holds the lines so far, and the
        same call goes on.
        """
        config = self.scorer.config
        try:
            async with sitting(config, books, notice=notice, waiting=waiting) as at:
                await self._measure_all(at.model, books, notice, changed)
                await at.finish()
        except BaseException:
            if books.is_worth_keeping:
                self._write_what_there_is(books.completions.get)
            raise

    async def _measure_all(
        self, model: Model, books: Books, notice: Notice, changed: Callable[[], None]
    ) -> None:
        window = _WINDOW * self.scorer.config.concurrency
        scorings, known = self._scorings(), books.completions.get
        file: Derived | None = None  # until the first line, an earlier file stays

        async def ask(step: tuple[Request | None, Scoring]) -> Scoring | None:
            request, scoring = step
            if request is None:
                return scoring
            await model.complete(request)
            return None

        try:
            async with aclosing(in_order(ask, _steps(scorings), window=lambda: window)) as answers:
                async for scoring in answers:
                    line = None if scoring is None else scoring.line(known)
                    if line is not None:
                        file = file or Derived(self.out / self.measured.file)
                        await when_there_is_room(partial(file.put, line), notice)
                        self.tally.take(line)
                        changed()
            if file is not None:
                file.cut()
        finally:
            if file is not None:
                file.close()

    def _write_what_there_is(self, known: Known) -> None:
        """Write every line whose replies are on record, also before its turn."""
        file = Derived(self.out / self.measured.file)
        try:
            for scoring in self._scorings():
                line = scoring.line(known)
                if line is not None:
                    file.put(line)
            file.cut()
        finally:
            file.close()

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
        what = "outputs" if self.measured.of_answers else "tasks"
        yield f"plan: {self.wanted:,} {what}, {requests:,} requests; {requests - left:,} on record"
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


async def _steps(scorings: Iterator[Scoring]) -> AsyncIterator[tuple[Request | None, Scoring]]:
    """The requests of each piece of work, and behind them its end."""
    for scoring in scorings:
        for request in scoring.requests():
            yield request, scoring
        yield None, scoring


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
