"""A sitting of a judge over a run's examples: which are judged, in which order, at which cost."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from selfinstruct.annotate.books import COMPLETIONS, FOLDER, Books, recorded
from selfinstruct.annotate.judgement import Judgement
from selfinstruct.annotate.judges import Judge
from selfinstruct.annotate.quality import Quality
from selfinstruct.annotate.sample import sampled
from selfinstruct.annotate.work import Known
from selfinstruct.asking.advice import FirstReplies
from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.data.examples import Example
from selfinstruct.errors import UserError
from selfinstruct.models import Model, Usage
from selfinstruct.models.money.meter import Meter
from selfinstruct.models.money.prices import no_price, price_of
from selfinstruct.runs.completions import Completions
from selfinstruct.runs.journal import holder
from selfinstruct.runs.view import JUDGEMENTS, RunView

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

    # ---------------------------------------------------------------- a sitting (work.py)

    @property
    def config(self) -> Endpoint:
        return self.judge.config

    @property
    def place(self) -> Path:
        return self.run.directory

    @property
    def file(self) -> Path:
        return self.run.directory / JUDGEMENTS

    @property
    def counted(self) -> str:
        return "judged"

    @property
    def so_far(self) -> str:
        return f"{self.tally.examples:,} of {self.wanted:,} examples are judged"

    @property
    def command(self) -> str:
        given = (("sample", self.sample), ("seed", self.seed))
        drawn = "".join(f" --{name} {value}" for name, value in given if value)
        return f"selfinstruct judge {shlex.quote(str(self.run.directory))}{drawn}"

    def open(self) -> Books:
        return Books(self.run.directory, self.judge)

    def remarks(self) -> Iterator[str]:
        """Notices at the beginning of a sitting."""
        if owner := holder(self.run.directory / "lock"):
            yield (
                f"{self.run.directory}: {owner} is still generating; "
                "judge again for what comes after this moment"
            )

    def steps(self) -> Iterator[Example]:
        return iter(self.run.examples())

    def watched(self, model: Model, known: Callable[[str], bool]) -> Model:
        return FirstReplies(model, {self.judge.stage.name: self.judge.stage}, known)

    async def answer(self, model: Model, known: Known, step: Example) -> Judgement | None:
        """The judgement of an example; None if the example is not in the sample."""
        found = self.judge.recall(known, step)
        if found is not None or not self._is_chosen(step.id):
            return found
        return await self.judge.ask(model, step)

    def line_of(self, known: Known, answer: Judgement | None) -> Judgement | None:
        return answer

    def lines_on_record(self, known: Known) -> Iterator[Judgement]:
        found = (self.judge.recall(known, example) for example in self.run.examples())
        return (judgement for judgement in found if judgement is not None)

    def take(self, line: Judgement) -> None:
        """Count a judgement, if its example is in the sample."""
        if self._is_chosen(line.id):
            self.tally.examples += 1
            self.tally.quality.take(line.to_record())

    def _is_chosen(self, id: str) -> bool:
        return self._chosen is None or id in self._chosen

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

    def _on_record(self) -> Known:
        path = self.run.directory / FOLDER / self.judge.name / COMPLETIONS
        return Completions(path, Meter(), read_only=True).get if path.exists() else lambda key: None
