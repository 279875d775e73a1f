"""A sitting of a judge over a run's examples: which are judged, in which order, at which cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

from selfinstruct.annotate.books import COMPLETIONS, FOLDER, Books, Derived, recorded
from selfinstruct.annotate.judgement import Judgement
from selfinstruct.annotate.judges import Judge
from selfinstruct.annotate.quality import Quality
from selfinstruct.annotate.sample import sampled
from selfinstruct.asking.batching import ROUND
from selfinstruct.asking.sitting import sitting
from selfinstruct.data.examples import Example
from selfinstruct.errors import UserError
from selfinstruct.models import Completion, Model, Usage
from selfinstruct.models.disk import Notice, when_there_is_room
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.money.prices import no_price, price_of
from selfinstruct.recipes.ordered import in_order
from selfinstruct.runs.completions import Completions
from selfinstruct.runs.journal import holder
from selfinstruct.runs.view import JUDGEMENTS, RunView

_WINDOW = 4  # calls begun ahead, as a multiple of the concurrency
_CHARACTERS_PER_TOKEN, _REPLY_TOKENS = 4.0, 90  # for an estimate


@dataclass(slots=True)
class Tally:
    """The counts of a review, for `progress.Progress`."""

    examples: int = 0
    quality: Quality = field(default_factory=Quality)

    @property
    def figure(self) -> str:
        score = self.quality.mean_score
        return f"{self.quality.all_three} right in all" + (
            f", mean score {score:.1f}" if score is not None else ""
        )


class Review:
    """A judge's work on a run: all its examples, or `sample` of them.

    Examples that this judge has judged before stay judged. The run is read as its files stand and
    never written to, so that the run may go on meanwhile.
    """

    def __init__(
        self, run: RunView, judge: Judge, *, sample: int | None = None, seed: int = 0
    ) -> None:
        """Raises UserError if there is nothing to judge."""
        self.run, self.judge, self.sample, self.seed = run, judge, sample, seed
        self._chosen: Collection[str] | None = (
            sampled(run.examples(), sample, seed) if sample is not None else None
        )
        self.wanted = sum(1 for _ in run.examples()) if self._chosen is None else len(self._chosen)
        if not self.wanted:
            raise UserError(
                f"{run.directory}: has no example yet; "
                f"'selfinstruct resume {run.directory}' makes some"
            )
        self.tally = Tally()

    @property
    def lines(self) -> Iterator[str]:
        """The paper's table for the judged examples."""
        return self.tally.quality.lines(
            model=self.judge.config.model, is_sample=self.sample is not None
        )

    def check(self, *, replace: bool) -> None:
        """Raises UserError if judgements.jsonl is another judge's, unless `replace` is given."""
        known = recorded(self.run.directory)
        if known is None or known["folder"] == self.judge.name or replace:
            return
        before, now = known["identity"], self.judge.identity
        found = [
            f"{name} was {before.get(name)!r} and is now {now[name]!r}"
            for name in now
            if before.get(name) != now[name]
        ]
        raise UserError(
            f"{self.run.directory}: was judged otherwise: {'; '.join(found)}. "
            "Leave that out to go on as before, or add "
            "--replace: the new judge's lines take the place of the old one's, "
            "whose replies stay on record"
        )

    def open(self) -> Books:
        """Raises UserError if another process judges this run."""
        return Books(self.run.directory, self.judge)

    async def go_on(
        self,
        books: Books,
        *,
        notice: Notice,
        changed: Callable[[], None] = lambda: None,
        waiting: Callable[[str], None] = lambda what: None,
        seconds: float | None = None,
    ) -> None:
        """Ask about the examples not on record, and write judgements.jsonl in their order.

        Raises ModelError, UserError or Interrupted. Then the file holds the judgements so far, and
        the same call goes on.
        """
        if owner := holder(self.run.directory / "lock"):
            notice(
                f"{self.run.directory}: {owner} is still generating; "
                "judge again for what comes after this moment"
            )
        try:
            async with sitting(
                self.judge.config, books, notice=notice, waiting=waiting, seconds=seconds
            ) as at:
                await self._judge_all(at.model, books, notice, changed)
                await at.finish()
        except BaseException:
            self._write_what_there_is(books)
            raise

    async def _judge_all(
        self, model: Model, books: Books, notice: Notice, changed: Callable[[], None]
    ) -> None:
        config = self.judge.config
        window = _WINDOW * (ROUND if config.batch else config.concurrency)
        work = partial(self._judgement, model, books)
        # Until the first judgement is written, another judge's lines stay.
        file: Derived | None = None
        try:
            async with aclosing(
                in_order(work, self._examples(), window=lambda: window)
            ) as judgements:
                async for judgement in judgements:
                    if judgement is not None:
                        file = file or Derived(self.run.directory / JUDGEMENTS)
                        await when_there_is_room(partial(file.put, judgement), notice)
                        self._take(judgement)
                        changed()
            if file is not None:
                file.cut()
        finally:
            if file is not None:
                file.close()

    async def _judgement(self, model: Model, books: Books, example: Example) -> Judgement | None:
        known = self.judge.recall(books.completions.get, example)
        if known is not None or not self._is_chosen(example.id):
            return known
        return await self.judge.ask(model, example)

    def _write_what_there_is(self, books: Books) -> None:
        """Write every judgement on record, also before its turn: all are paid for."""
        if not books.is_worth_keeping:
            return
        file = Derived(self.run.directory / JUDGEMENTS)
        try:
            for example in self.run.examples():
                judgement = self.judge.recall(books.completions.get, example)
                if judgement is not None:
                    file.put(judgement)
            file.cut()
        finally:
            file.close()

    async def _examples(self) -> AsyncIterator[Example]:
        for example in self.run.examples():
            yield example

    def _is_chosen(self, id: str) -> bool:
        return self._chosen is None or id in self._chosen

    def _take(self, judgement: Judgement) -> None:
        if self._is_chosen(judgement.id):
            self.tally.examples += 1
            self.tally.quality.take(judgement.to_record())

    # ---------------------------------------------------------------- beforehand

    def plan(self) -> Iterator[str]:
        """The cost of the review, as lines for a reader. Nothing is sent and nothing is written."""
        config = self.judge.config
        known = self._on_record()
        left = [
            example
            for example in self.run.examples()
            if self._is_chosen(example.id) and self.judge.recall(known, example) is None
        ]
        drawn = ", one of each of so many instructions" if self.sample else ""
        yield (
            f"plan: {self.wanted:,} examples to be judged{drawn}; "
            f"{self.wanted - len(left):,} are on record already"
        )
        where = f" at {config.addresses}" if config.base_url else ""
        yield (
            f"  judge        {config.model}{where}, --api {config.api}, "
            f"--response-format {config.response_format}"
        )
        yield from self._estimate(left)
        for message in self.judge.request(next(iter(left), next(self.run.examples()))).messages:
            yield f"--- {message.role}"
            yield message.text
        yield "--- end; nothing was sent"

    def _estimate(self, left: Sequence[Example]) -> Iterator[str]:
        config = self.judge.config
        prompt = round(
            sum(len(self.judge.request(example).text) for example in left) / _CHARACTERS_PER_TOKEN
        )
        usage = Usage(prompt, len(left) * _REPLY_TOKENS)
        usage = usage.in_batch() if config.batch else usage
        yield (
            f"  {'requests':<12} {len(left):>11,}, more where a reply holds no verdict "
            f"(at most {config.attempts} each)"
        )
        yield (
            f"  {'tokens':<12} {usage.prompt_tokens:>11,} prompt, "
            f"about {usage.completion_tokens:,} completion"
        )
        price = price_of(config)
        if price is None:
            yield f"  cost         unknown, {no_price(config)}"
        else:
            yield (
                f"  {'cost':<12} {f'${price.cost(usage):,.2f}':>11}"
                f"{', at the batch price' if config.batch else ''}"
            )

    def _on_record(self) -> Callable[[str], Completion | None]:
        path = self.run.directory / FOLDER / self.judge.name / COMPLETIONS
        return Completions(path, Meter(), read_only=True).get if path.exists() else lambda key: None
