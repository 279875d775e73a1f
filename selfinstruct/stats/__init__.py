"""What is in a run: every figure that `selfinstruct stats` prints and `selfinstruct report` draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfinstruct.funnel import Funnel
from selfinstruct.prices import price_of
from selfinstruct.stats.counts import PAPER, Counts, Histogram, count
from selfinstruct.stats.course import Moment, Stretch, moments, stretches
from selfinstruct.stats.labels import Labels, count_labels
from selfinstruct.stats.likeness import CLOSE, Pair, closest, highest_with_seeds
from selfinstruct.stats.table import percent, rows
from selfinstruct.stats.verbs import MISSING, Verb, Verbs, count_verbs, installed_model
from selfinstruct.view import RunView

__all__ = [
    "PAPER", "SCHEMA", "Counts", "Histogram", "Labels", "Moment", "Pair", "Stats", "Stretch", "Verb", "Verbs", "measure",
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
    close: int  # instructions that resemble an earlier one at more than 0.6
    closest: tuple[Pair, ...]
    stretches: tuple[Stretch, ...]
    moments: tuple[Moment, ...]
    labels: Labels
    findings: tuple[tuple[str, int], ...]  # of the checks, as examples carry them; the commonest first
    missing: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """As `stats --json` prints it and schema.json describes it, with the paper's column beside ours."""
        record = asdict(self)
        return {**record, "funnel": self.funnel.to_record(), "paper": asdict(PAPER)}

    def lines(self) -> Iterator[str]:
        """As a person reads it."""
        yield f"{self.name}: {self.model}, preset {self.preset}"
        yield f"{'':<40}{'the paper':>18}{'this run':>18}"
        for what, papers, ours in rows(PAPER, self.counts, self.verbs):
            yield f"{what:<40}{papers:>18}{ours:>18}"
        yield ""
        if self.verbs is not None:
            for verb in self.verbs.verbs:
                yield f"  {verb.verb:<16}{verb.count:>7,}  {', '.join(f'{noun} {times:,}' for noun, times in verb.nouns)}"
        for name, bars in (*self.lengths.items(), ("highest ROUGE-L with a seed", self.seeds)):
            yield f"{f'{name}, words' if name in self.lengths else name:<40}{_sparkline(bars)}"
        close = f"{self.close:,} ({percent(self.close, self.counts.instructions)})"
        yield f"{f'resemble an earlier one (> {CLOSE})':<40}{close:>18}"
        balance = "\u2013" if self.labels.balance is None else f"{self.labels.balance:.2f}"
        yield f"{'balance of labels (0 to 1)':<40}{balance:>18}  {self.labels.one_label:,} of {self.labels.several:,} have one"
        if self.moments:
            last = self.moments[-1]
            cost = "cost unknown" if last.cost is None else f"${last.cost:,.2f}"
            tokens = f"{last.prompt_tokens:,} prompt, {last.completion_tokens:,} completion"
            yield f"{'tokens':<40}{tokens}, {cost}"
        for slug, times in self.findings:
            yield f"  found {slug:<32}{times:>18,}"
        yield from self.missing


def measure(view: RunView, notice: Callable[[str], None] = lambda text: None) -> Stats:
    """Reads the whole run, some of it more than once. `notice` hears what takes long.

    The instructions measured are those of the examples: what the paper's tables count. Raises UserError for a broken file.
    """
    counts, lengths = count(view.examples())
    texts = list({one.provenance.get("instruction_id", one.instruction): one.instruction for one in view.examples()}.values())
    funnel, config, model = view.funnel(), view.config, installed_model()
    if len(texts) > 5000:
        notice(f"measuring {len(texts):,} instructions{'' if model is None else '; the parser takes most of the time'}")
    close, pairs = closest(texts, config.tokenizer)
    return Stats(
        name=view.directory.resolve().name,
        model=config.model,
        preset=config.preset,
        version=str(view.record.get("selfinstruct", "")),
        threshold=config.threshold,
        counts=counts,
        lengths=lengths,
        funnel=funnel,
        verbs=None if model is None else count_verbs(texts, model),
        seeds=highest_with_seeds(texts, [seed.instruction for seed in view.seeds()], config.tokenizer),
        close=close,
        closest=pairs,
        stretches=stretches(view.instructions(), view.rejected(), turns=funnel.turns),
        moments=moments(view.replies(), price_of(config)),
        labels=count_labels(view.examples()),
        findings=_findings(view),
        missing=(MISSING,) if model is None else (),
    )


def _findings(view: RunView) -> tuple[tuple[str, int], ...]:
    found = Counter(slug for one in view.examples() for slug in one.provenance.get("findings", ()))
    return tuple(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _sparkline(bars: Histogram) -> str:
    """One letter a bar: its height as a share of the highest."""
    top = max(bars.counts, default=0) or 1
    return "".join(" \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"[-(-8 * one // top)] for one in bars.counts).rstrip()
