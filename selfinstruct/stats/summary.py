"""All figures of a run together: measured, as a record, and as lines for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from selfinstruct.runs.funnel import Funnel
from selfinstruct.runs.inputs import FOLDER
from selfinstruct.runs.view import RunView
from selfinstruct.stats.balance import Balance, balances, with_verbs
from selfinstruct.stats.counts import PAPER, Counts, Histogram, count
from selfinstruct.stats.course import Moment, Stretch, moments, stretches
from selfinstruct.stats.defects import Defects, Marks, count_defects, find_defects
from selfinstruct.stats.gates import (
    GateCounts,
    StageCost,
    cost_rows,
    costs_of,
    gate_rows,
    gates_of,
)
from selfinstruct.stats.labels import Labels, count_labels
from selfinstruct.stats.likeness import ASKED, CLOSE, Pair, closest, highest_with_seeds
from selfinstruct.stats.parser import MISSING, installed_model, parsing
from selfinstruct.stats.quality import (
    PAPER_QUALITY,
    ModelScore,
    Quality,
    count_models,
    count_quality,
    judgements_of,
)
from selfinstruct.stats.rounds import Round, rounds_of
from selfinstruct.stats.table import (
    balance_rows,
    model_rows,
    percent,
    quality_rows,
    round_rows,
    rows,
)
from selfinstruct.stats.task_map import Point, count_kinds, task_map
from selfinstruct.stats.verbs import SAMPLE, Verbs, count_verbs, sample

SCHEMA = Path(__file__).with_name("schema.json")  # of the record that `to_record` gives
NO_SEEDS = "the run has no seed tasks: the likeness to seeds is left out"
_MANY = 5000  # instructions that take long enough for a notice
_PRESET = "preset "  # how the method of a run begins that has a preset


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures of a run. Figures that could not be measured are None; `missing` says why."""

    name: str  # of the directory
    model: str
    method: str  # how the run was made: "preset chat"
    version: str  # of the program that began the run
    threshold: float  # of the novelty filter
    counts: Counts
    lengths: dict[str, Histogram]
    funnel: Funnel
    verbs: Verbs | None  # None: no parser is installed
    seeds: Histogram | None  # each instruction's highest ROUGE-L with a seed; None: no seeds
    compared: int  # instructions that were compared with those before them
    close: int  # of them, those that resemble an earlier one at more than 0.6
    closest: tuple[Pair, ...]
    stretches: tuple[Stretch, ...]
    moments: tuple[Moment, ...]
    labels: Labels
    defects: tuple[Defects, ...]  # found by the checks in the examples
    quality: Quality | None  # None: nothing is judged
    models: tuple[ModelScore, ...]  # those that wrote the examples
    balance: tuple[Balance, ...]
    task_map: tuple[Point, ...]  # empty: no uncertainty was measured
    rounds: tuple[Round, ...]  # of a recipe that evolves instructions
    gates: tuple[GateCounts, ...]  # of verification
    verifying: tuple[StageCost, ...]
    missing: tuple[str, ...]

    @property
    def preset(self) -> str | None:
        """The run's preset; None if the run was made without one."""
        has_preset = self.method.startswith(_PRESET)
        return self.method.removeprefix(_PRESET) if has_preset else None

    def to_record(self) -> dict[str, Any]:
        """The record of `stats --json`, in the form of schema.json, with the paper's columns."""
        return {
            **asdict(self),
            "balance": [{**asdict(each), "warning": each.warning} for each in self.balance],
            "preset": self.preset,
            "funnel": self.funnel.to_record(),
            "paper": asdict(PAPER),
            "paper_quality": asdict(PAPER_QUALITY),
        }

    def lines(self) -> Iterator[str]:
        """The figures as a person reads them in a terminal."""
        yield f"{self.name}: {self.model}, {self.method}"
        yield f"{'':<40}{'the paper':>18}{'this run':>18}"
        for label, papers, ours in rows(PAPER, self.counts, self.verbs):
            yield f"{label:<40}{papers:>18}{ours:>18}"
        if self.quality:
            for label, papers, ours in quality_rows(PAPER_QUALITY, self.quality):
                yield f"{label:<40}{papers:>18}{ours:>18}"
        for model, examples, judged, score in model_rows(self.models):
            yield f"  {model:<38}{examples:>9} examples, mean score {score} of {judged} judged"
        yield ""
        yield from self._verb_lines()
        yield from self._text_lines()
        if self.moments:
            last = self.moments[-1]
            cost = "cost unknown" if last.cost is None else f"${last.cost:,.2f}"
            tokens = f"{last.prompt_tokens:,} prompt, {last.completion_tokens:,} completion"
            yield f"{'tokens':<40}{tokens}, {cost}"
        for name, survived, asked, answered, score in round_rows(self.rounds):
            words = f"{asked} words asked, {answered} answered, mean score {score}"
            yield f"  {name:<38}{survived:>18} survived, {words}"
        for gate, _, failed, mended, lost, why in gate_rows(self.gates):
            ends = f"{mended} mended, {lost} dropped: {why}"
            yield f"  {f'stopped by {gate}':<38}{failed:>18}  {ends}"
        for stage, replies, tokens, cost in cost_rows(self.verifying):
            yield f"  {f'replies to {stage}':<38}{replies:>18}  {tokens}, {cost}"
        yield from self._balance_lines()
        for defect in self.defects:
            yield f"  {defect.severity:<8}{defect.slug:<30}{defect.count:>18,}"
        yield from self.missing

    def _balance_lines(self) -> Iterator[str]:
        for by, of, parts in balance_rows(self.balance):
            yield f"{f'by {by}':<40}{of:>18}  {parts}"
        for balance in self.balance:
            if balance.warning:
                yield f"  warning: {balance.warning}"
        if self.task_map:
            counts = count_kinds(self.task_map).items()
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in counts)
            yield f"{'tasks measured for uncertainty':<40}{len(self.task_map):>18,}  {kinds}"

    def _verb_lines(self) -> Iterator[str]:
        if self.verbs is None:
            return
        if self.verbs.parsed < self.verbs.of:
            yield (
                f"verbs {self.verbs.said} of {self.verbs.of:,} instructions; --all parses every one"
            )
        for verb in self.verbs.verbs:
            nouns = ", ".join(f"{noun} {times:,}" for noun, times in verb.nouns)
            yield f"  {verb.verb:<16}{verb.count:>7,}  {nouns}"

    def _text_lines(self) -> Iterator[str]:
        """Lengths, novelty and labels."""
        for name, bars in self.lengths.items():
            yield f"{f'{name}, words':<40}{_sparkline(bars)}"
        if self.seeds is not None:
            yield f"{'highest ROUGE-L with a seed':<40}{_sparkline(self.seeds)}"
        close = f"{self.close:,} ({percent(self.close, self.compared)})"
        yield f"{f'resemble an earlier one (> {CLOSE})':<40}{close:>18}"
        labels = self.labels
        balance = "\u2013" if labels.balance is None else f"{labels.balance:.2f}"
        yield (
            f"{'balance of labels (0 to 1)':<40}{balance:>18}  "
            f"{labels.one_label:,} of {labels.several:,} have one"
        )


def measure(
    view: RunView,
    notice: Callable[[str], None] = lambda text: None,
    *,
    every: bool = False,
    look: Callable[[RunView], Marks] = find_defects,
) -> Stats:
    """Measures a run. The files are read more than once; `notice` hears of work that takes long.

    The instructions measured are those of the examples, as in the paper's tables. every: parse and
    compare all instructions, however many there are. look: finds the defects, for a caller who
    also needs them singly. Raises UserError for a broken file.
    """
    instructions = _instructions_of(view)
    model = installed_model()
    asked = instructions if every else sample(instructions, SAMPLE)
    if len(instructions) > _MANY:
        parser = "" if model is None else f"; the parser sees {len(asked):,} of them"
        notice(f"measuring {len(instructions):,} instructions{parser}")
    if model is None:
        found = _measure(view, instructions, every=every, look=look)
        return replace(found, missing=(MISSING, *found.missing))
    with parsing(asked, model) as parsed:  # at work while everything else is measured
        found = _measure(view, instructions, every=every, look=look)
        verbs = count_verbs(parsed(), of=len(instructions), model=model)
        return replace(found, verbs=verbs, balance=with_verbs(found.balance, verbs))


def _instructions_of(view: RunView) -> list[str]:
    """The text of each instruction that has an example, once; of a chat its opening."""
    texts: dict[str, str] = {}
    for example in view.examples():
        text = example.history[0].text if example.history else example.instruction
        texts[example.provenance.get("instruction_id", example.instruction)] = text
    return list(texts.values())


def _measure(
    view: RunView, instructions: Sequence[str], *, every: bool, look: Callable[[RunView], Marks]
) -> Stats:
    """All figures but the verbs."""
    counts, lengths = count(view.examples())
    funnel, config = view.funnel(), view.config
    tokenizer, threshold = config.comparison
    compared = instructions if every else instructions[:ASKED]
    close, pairs = closest(compared, tokenizer)
    seeds, judgements = _seeds_of(view), judgements_of(view)
    labels = count_labels(view.examples())
    return Stats(
        name=view.directory.resolve().name,
        model=config.model if config.STAGES else config.asked,
        method=view.method,
        version=str(view.record.get("selfinstruct", "")),
        threshold=threshold,
        counts=counts,
        lengths=lengths,
        funnel=funnel,
        verbs=None,
        seeds=highest_with_seeds(instructions, seeds, tokenizer) if seeds else None,
        compared=len(compared),
        close=close,
        closest=pairs,
        stretches=stretches(view.instructions(), view.rejected(), turns=funnel.turns),
        moments=moments(view.replies(), config),
        labels=labels,
        defects=count_defects(look(view)),
        quality=count_quality((example.id for example in view.examples()), judgements),
        models=count_models(view.examples(), judgements),
        balance=balances(view.examples(), labels),
        task_map=task_map(view.directory),
        rounds=rounds_of(view.examples(), view.rejected(), judgements),
        gates=gates_of(view.examples(), view.rejected()),
        verifying=costs_of(view.replies(), config) if config.verify_with else (),
        missing=() if seeds else (NO_SEEDS,),
    )


def _seeds_of(view: RunView) -> list[str]:
    """The instructions of the run's seed tasks; none for a recipe that works without seeds."""
    if not (view.directory / FOLDER / "seed_tasks.jsonl").exists():
        return []
    return [seed.instruction for seed in view.seeds()]


def _sparkline(bars: Histogram) -> str:
    """A letter for each bar: its height as a share of the highest."""
    letters = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
    top = max(bars.counts, default=0) or 1
    return "".join(letters[-(-8 * times // top)] for times in bars.counts).rstrip()
