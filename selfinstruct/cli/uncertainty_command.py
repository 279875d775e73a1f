"""`selfinstruct uncertainty`: which tasks a model is unsure of, and how likely it finds outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from selfinstruct.annotate.scorer import ScorerSettings
from selfinstruct.cli.options import ask_again_option, setting_options
from selfinstruct.cli.screen import Sectioned, show

_SECTIONS = {
    "What is measured": (
        "out", "examples", "variants", "rate", "seeds", "perplexity", "likelihood", "ask_again",
        "dry_run",
    ),
    "The model": ("model", "base_url", "key_file", "extra_body", "prompts"),
    "The server": ("header", "header_env", "query"),
    "Speed and patience": (
        "concurrency", "adaptive", "rpm", "tpm", "timeout", "retries", "patience",
    ),
    "Money": ("max_cost", "max_tokens_total", "max_requests", "price_in", "price_out"),
}  # fmt: skip
_SETTINGS = [
    name
    for heading in ("The model", "The server", "Speed and patience", "Money")
    for name in _SECTIONS[heading]
]
_HOW = ("examples", "variants", "rate", "seeds", "perplexity", "likelihood")


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
@ask_again_option
@click.option(
    "--dry-run", is_flag=True, help="Print what it would take and a first prompt; send nothing."
)
@setting_options(ScorerSettings, _SETTINGS)
def uncertainty(
    sources: tuple[str, ...], out: Path | None, ask_again: bool, dry_run: bool, **given: Any
) -> None:
    """Measure how unsure a model is of each task: by how much the probability of an output changes
    when words of the instruction are dropped (Active Instruction Tuning).

    \b
    selfinstruct uncertainty runs/mine --model local
    selfinstruct uncertainty tasks/ --base-url http://localhost:8000/v1 --model student --out scored
    selfinstruct select scored/uncertainty.jsonl --by uncertainty --n 68 --out next.jsonl

    TASKS are task files of Super-NaturalInstructions, a folder of them, or any file of records,
    where a task is the records with the same instruction. The endpoint must tell log-probabilities
    of a given text. The same command goes on where it was stopped, and nothing is bought twice.
    """
    import asyncio

    from selfinstruct.annotate.measurement import Measurement, folder_of, measured_of
    from selfinstruct.annotate.scorer import settled
    from selfinstruct.cli.sitting import work_on

    how = {name: given.pop(name) for name in _HOW}
    measured, folder = measured_of(sources, **how), folder_of(sources, out)
    said = {name: value for name, value in given.items() if value not in (None, ())}
    measurement = Measurement(measured, asyncio.run(settled(folder, said, ask=not dry_run)), folder)
    if dry_run:
        show(measurement.plan())
        return
    work_on(measurement, ask_again=ask_again)
    show(measurement.lines())
    show([f"\n{measurement.wanted:,} lines in {measurement.file}"])
