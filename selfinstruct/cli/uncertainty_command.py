"""`selfinstruct uncertainty`: which tasks a model is unsure of, and how likely it finds outputs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selfinstruct.annotate.scorer import ScorerSettings
from selfinstruct.cli.options import higher, setting_options
from selfinstruct.cli.screen import Sectioned, show
from selfinstruct.errors import UserError

if TYPE_CHECKING:
    from selfinstruct.annotate.books import Books
    from selfinstruct.annotate.measurement import Measured, Measurement

_SECTIONS = {
    "What is measured": (
        "out", "examples", "variants", "rate", "seeds", "perplexity", "likelihood", "dry_run",
    ),
    "The model": ("model", "base_url", "key_file", "extra_body", "prompts"),
    "The server": ("header", "header_env", "query"),
    "Speed and patience": ("concurrency", "adaptive", "rpm", "tpm", "timeout", "retries", "patience"),
    "Money": ("max_cost", "max_tokens_total", "max_requests", "price_in", "price_out"),
}  # fmt: skip
_SETTINGS = [
    name
    for heading in ("The model", "The server", "Speed and patience", "Money")
    for name in _SECTIONS[heading]
]


class Scoring(Sectioned):
    """Its options, under headings."""

    sections = _SECTIONS


@click.command(cls=Scoring)
@click.argument("sources", nargs=-1, required=True, metavar="RUN|TASKS...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder of the result and of the replies.  [default: the run's own]",
)
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Of a task at most.",
)
@click.option(
    "--variants",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Perturbed instructions of a task.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    help="The probability with which a word of the instruction is dropped.",
)
@click.option(
    "--seed",
    "seeds",
    type=int,
    multiple=True,
    help="Decides which words.  [default: 0]  Several: their rank correlation is shown.",
)
@click.option("--perplexity", is_flag=True, help="Perturb nothing: perplexity.jsonl, a baseline.")
@click.option(
    "--likelihood",
    is_flag=True,
    help="The likelihood of every output: likelihoods.jsonl, for 'select --by fit'.",
)
@click.option(
    "--dry-run", is_flag=True, help="Print what it would take and a first prompt; send nothing."
)
@setting_options(ScorerSettings, _SETTINGS)
def uncertainty(
    sources: tuple[str, ...],
    out: Path | None,
    examples: int,
    variants: int,
    rate: float,
    seeds: tuple[int, ...],
    perplexity: bool,
    likelihood: bool,
    dry_run: bool,
    **given: Any,
) -> None:
    """Measure how unsure a model is of each task: by how much the probability of an output changes when
    words of the instruction are dropped (Active Instruction Tuning).

    \b
    selfinstruct uncertainty runs/mine --model local
    selfinstruct uncertainty tasks/ --base-url http://localhost:8000/v1 --model student --out scored
    selfinstruct select scored/uncertainty.jsonl --by uncertainty --n 68 --out next.jsonl

    TASKS are task files of Super-NaturalInstructions, a folder of them, or any file of records, where a
    task is the records with the same instruction. The endpoint must tell log-probabilities of a given
    text. The same command goes on where it was stopped, and nothing is bought twice.
    """
    from selfinstruct.annotate.measurement import Measured
    from selfinstruct.annotate.uncertainty import Perturbing

    if perplexity and likelihood:
        raise UserError("--perplexity, --likelihood: give one of the two")
    if len(set(seeds)) < len(seeds):
        raise UserError("--seed: names a seed twice; give each once")
    how = Perturbing(0 if perplexity or likelihood else variants, rate, seeds or (0,))
    measured = Measured(sources, how, examples, of_answers=likelihood)
    said = {name: value for name, value in given.items() if value not in (None, ())}
    _measure(measured, _folder(sources, out), said, dry_run=dry_run)


def _folder(sources: tuple[str, ...], out: Path | None) -> Path:
    if out is not None:
        return out
    if len(sources) > 1 or not (Path(sources[0]) / "run.json").is_file():
        raise UserError("--out is missing: name a folder for the result (of a run it is the run's)")
    return Path(sources[0])


def _measure(measured: Measured, out: Path, said: dict[str, Any], *, dry_run: bool) -> None:
    import asyncio

    from selfinstruct.annotate.measurement import Measurement
    from selfinstruct.annotate.scorer import settled

    measurement = Measurement(measured, asyncio.run(settled(out, said, ask=not dry_run)), out)
    if dry_run:
        show(measurement.plan())
        return
    _sit(measurement)
    show(measurement.lines())
    show([f"\n{measurement.wanted:,} lines in {out / measured.file}"])


def _sit(measurement: Measurement) -> None:
    import asyncio

    from selfinstruct.errors import Interrupted
    from selfinstruct.models.money.prices import prices_of
    from selfinstruct.runs.progress import Progress

    config = measurement.scorer.config
    books = measurement.open()
    if len(books.completions):
        show([f"{measurement.out}: goes on, {len(books.completions):,} replies on record"])
    prices, cap = prices_of(config), config.max_cost
    progress = Progress(
        *(measurement.wanted, measurement.tally, books.meter, prices),
        max_cost=cap,
        what="outputs" if measurement.measured.of_answers else "tasks",
    )
    try:
        asyncio.run(
            measurement.go_on(
                books, notice=progress.say, changed=progress.update, waiting=progress.wait_for
            )
        )
    except Interrupted as stop:
        progress.close()
        show([f"stopped ({stop}): {_how_to_go_on(measurement, books, stop)}"])
        sys.exit(stop.code)
    finally:
        progress.close()
        books.close()


def _how_to_go_on(measurement: Measurement, books: Books, stop: Exception) -> str:
    if not books.is_worth_keeping:
        return "no reply had come yet, nothing is kept; start the same command again"
    done = f"{measurement.tally.examples:,} of {measurement.wanted:,} lines are there"
    again = f"the same command goes on{higher(str(stop))}"
    return f"{done}, {len(books.completions):,} replies are saved; {again}"
