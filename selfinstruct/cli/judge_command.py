"""`selfinstruct judge`: how good is what a run has made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from selfinstruct.annotate.judges import JudgeSettings
from selfinstruct.cli.options import ask_again_option, number, setting_options
from selfinstruct.cli.screen import Sectioned, show

_SECTIONS = {
    "What is judged": ("sample", "seed", "replace", "ask_again", "dry_run"),
    "The judge": (
        "model", "base_url", "key_file", "api", "response_format", "extra_body", "prompts",
        "temperature", "max_tokens", "attempts",
    ),
    "The server": ("leave_out", "system", "header", "header_env", "query", "stream"),
    "Speed and patience": (
        "concurrency", "batch", "by_files", "files_wait", "requests_per_file", "adaptive", "rpm",
        "tpm", "timeout", "retries", "patience",
    ),
    "Money": (
        "max_cost", "max_tokens_total", "max_requests", "price_in", "price_out", "price_batch",
    ),
}  # fmt: skip
_SETTINGS = [
    name
    for heading in ("The judge", "The server", "Speed and patience", "Money")
    for name in _SECTIONS[heading]
    if name not in ("temperature", "max_tokens")
]


class Judging(Sectioned):
    """Its options, under headings."""

    sections = _SECTIONS


@click.command(cls=Judging)
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Judge N examples, each of another instruction, as the paper did with 200.  [default: all]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides which are drawn.")
@click.option(
    "--replace",
    is_flag=True,
    help="Let another judge, or other settings, take the place of those before.",
)
@ask_again_option
@click.option(
    "--dry-run", is_flag=True, help="Print what it would take and the first prompt; send nothing."
)
@click.option(
    "--temperature",
    callback=number(float),
    metavar="FLOAT|none",
    help="Randomness of the first reply; later attempts draw at 0.7 at least.  [default: 0]",
)
@click.option(
    "--max-tokens",
    callback=number(int),
    metavar="INTEGER|none",
    help="Longest reply, in tokens.  [default: 512]",
)
@setting_options(JudgeSettings, _SETTINGS)
def judge(
    directory: Path,
    sample: int | None,
    seed: int,
    replace: bool,
    ask_again: bool,
    dry_run: bool,
    **given: Any,
) -> None:
    """Ask a model of every example of the run in DIRECTORY: is it a valid task, does the input fit,
    is the output right?

    \b
    selfinstruct judge runs/mine --model gpt-4o-mini --sample 200     the paper's quality table
    selfinstruct judge runs/mine --model gpt-4o-mini --max-cost 5
    selfinstruct export runs/mine --keep 'score>=4' --format alpaca --out good.json

    Writes judgements.jsonl: three answers, a score from 1 to 5 and a reason for each example. The
    same command goes on where it was stopped, and nothing is bought twice.
    """
    import asyncio

    from selfinstruct.annotate.review import Review
    from selfinstruct.annotate.settings import settled
    from selfinstruct.cli.sitting import work_on
    from selfinstruct.runs.view import load_run

    run = load_run(directory)
    said = {name: value for name, value in given.items() if value not in (None, ())}
    review = Review(
        run, asyncio.run(settled(directory, said, ask=not dry_run)), sample=sample, seed=seed
    )
    if dry_run:
        show(review.plan())
        return
    review.check(replace=replace)
    work_on(review, ask_again=ask_again)
    show(review.lines)
    show([f"\n{review.wanted:,} examples are judged in {review.file}"])
