"""What is in a run: every figure that `selfinstruct stats` prints and `selfinstruct report` draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfinstruct.models.money.prices import price_of
from selfinstruct.runs.funnel import Funnel
from selfinstruct.runs.view import RunView
from selfinstruct.stats.counts import PAPER, Counts, Histogram, count
from selfinstruct.stats.course import Moment, Stretch, moments, stretches
from selfinstruct.stats.defects import Defects, Marks, count_defects, find_defects
from selfinstruct.stats.labels import Labels, count_labels
from selfinstruct.stats.likeness import ASKED, CLOSE, Pair, closest, highest_with_seeds
from selfinstruct.stats.parser import MISSING, installed_model, parsing
from selfinstruct.stats.quality import PAPER_QUALITY, Quality, count_quality, judgements_of
from selfinstruct.stats.table import percent, quality_rows, rows
from selfinstruct.stats.verbs import SAMPLE, Verb, Verbs, count_verbs, sample

__all__ = [
    "PAPER", "PAPER_QUALITY", "SCHEMA", "Counts", "Defects", "Histogram", "Labels", "Marks", "Moment", "Pair", "Quality", "Stats",
    "Stretch", "Verb", "Verbs", "find_defects", "judgements_of", "measure",
]  # fmt: skip

SCHEMA = Path(__file__).with_name("schema.json")  # of what `to_record` gives


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures of one run. `verbs` is None where no parser is installed; `missing` says how to get it."""

    name: str  # of the directory
    model: str
    preset: str
    version: str  # of the program that began the run
    threshold: float  # of the novelty filter
    counts: Counts
    lengths: dict[str, Histogram]
    funnel: Funnel
    verbs: Verbs | None
    seeds: Histogram  # each instruction's highest ROUGE-L with a seed
    compared: int  # instructions that were compared with those before them
    close: int  # of them, those that resemble an earlier one at more than 0.6
    closest: tuple[Pair, ...]
    stretches: tuple[Stretch, ...]
    moments: tuple[Moment, ...]
    labels: Labels
    defects: tuple[Defects, ...]  # what the checks find in the examples
    quality: Quality | None  # None: nothing is judged
    missing: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """As `stats --json` prints it and schema.json describes it, with the paper's column beside ours."""
        record = asdict(self)
        return {
            **record,
            "funnel": self.funnel.to_record(),
            "paper": asdict(PAPER),
            "paper_quality": asdict(PAPER_QUALITY),
        }

    def lines(self) -> Iterator[str]:
        """As a person reads it."""
        yield f"{self.name}: {self.model}, preset {self.preset}"
        yield f"{'':<40}{'the paper':>18}{'this run':>18}"
        for what, papers, ours in rows(PAPER, self.counts, self.verbs):
            yield f"{what:<40}{papers:>18}{ours:>18}"
        for what, papers, ours in quality_rows(PAPER_QUALITY, self.quality) if self.quality else ():
            yield f"{what:<40}{papers:>18}{ours:>18}"
        yield ""
        if self.verbs is not None:
            if self.verbs.parsed < self.verbs.of:
                yield f"verbs {self.verbs.said} of {self.verbs.of:,} instructions; --all parses every one"
            for verb in self.verbs.verbs:
                yield f"  {verb.verb:<16}{verb.count:>7,}  {', '.join(f'{noun} {times:,}' for noun, times in verb.nouns)}"
        for name, bars in (*self.lengths.items(), ("highest ROUGE-L with a seed", self.seeds)):
            yield f"{f'{name}, words' if name in self.lengths else name:<40}{_sparkline(bars)}"
        close = f"{self.close:,} ({percent(self.close, self.compared)})"
        yield f"{f'resemble an earlier one (> {CLOSE})':<40}{close:>18}"
        balance = "\u2013" if self.labels.balance is None else f"{self.labels.balance:.2f}"
        yield f"{'balance of labels (0 to 1)':<40}{balance:>18}  {self.labels.one_label:,} of {self.labels.several:,} have one"
        if self.moments:
            last = self.moments[-1]
            cost = "cost unknown" if last.cost is None else f"${last.cost:,.2f}"
            tokens = f"{last.prompt_tokens:,} prompt, {last.completion_tokens:,} completion"
            yield f"{'tokens':<40}{tokens}, {cost}"
        for one in self.defects:
            yield f"  {one.severity:<8}{one.slug:<30}{one.count:>18,}"
        yield from self.missing


def measure(
    view: RunView,
    notice: Callable[[str], None] = lambda text: None,
    *,
    every: bool = False,
    look: Callable[[RunView], Marks] = find_defects,
) -> Stats:
    """Reads the whole run, some of it more than once. `notice` hears what takes long.

    The instructions measured are those of the examples: what the paper's tables count. every: parse and compare all of them,
    however many there are. look: finds the defects, for a caller who wants to know them one by one.
    Raises UserError for a broken file.
    """
    counts, lengths = count(view.examples())
    texts = list(
        {
            one.provenance.get("instruction_id", one.instruction): one.instruction
            for one in view.examples()
        }.values()
    )
    funnel, config, model = view.funnel(), view.config, installed_model()
    asked = texts if every else sample(texts, SAMPLE)
    if len(texts) > 5000:
        notice(
            f"measuring {len(texts):,} instructions"
            + ("" if model is None else f"; the parser sees {len(asked):,} of them")
        )
    with (
        nullcontext() if model is None else parsing(asked, model) as parsed
    ):  # at work while the rest is measured
        compared = texts if every else texts[:ASKED]
        close, pairs = closest(compared, config.tokenizer)
        return Stats(
            name=view.directory.resolve().name,
            model=config.model,
            preset=config.preset,
            version=str(view.record.get("selfinstruct", "")),
            threshold=config.threshold,
            counts=counts,
            lengths=lengths,
            funnel=funnel,
            seeds=highest_with_seeds(
                texts, [seed.instruction for seed in view.seeds()], config.tokenizer
            ),
            compared=len(compared),
            close=close,
            closest=pairs,
            stretches=stretches(view.instructions(), view.rejected(), turns=funnel.turns),
            moments=moments(view.replies(), price_of(config)),
            labels=count_labels(view.examples()),
            defects=count_defects(look(view)),
            quality=count_quality((one.id for one in view.examples()), judgements_of(view)),
            verbs=None
            if model is None or parsed is None
            else count_verbs(parsed(), of=len(texts), model=model),
            missing=(MISSING,) if model is None else (),
        )


def _sparkline(bars: Histogram) -> str:
    """One letter a bar: its height as a share of the highest."""
    top = max(bars.counts, default=0) or 1
    return "".join(
        " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"[-(-8 * one // top)]
        for one in bars.counts
    ).rstrip()
