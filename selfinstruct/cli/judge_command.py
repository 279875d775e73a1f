"""`selfinstruct judge`: how good is what a run has made."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selfinstruct.annotate.judges import JudgeSettings
from selfinstruct.cli.options import higher, number, setting_options
from selfinstruct.cli.screen import Sectioned, show

if TYPE_CHECKING:
    from selfinstruct.annotate.books import Books
    from selfinstruct.annotate.review import Review

_SECTIONS = {
    "What is judged": ("sample", "seed", "replace", "dry_run"),
    "The judge": (
        "model", "base_url", "key_file", "api", "response_format", "extra_body", "prompts", "temperature", "max_tokens", "attempts",
    ),
    "The server": ("leave_out", "system", "header", "header_env", "query", "stream"),
    "Speed and patience": ("concurrency", "batch", "adaptive", "rpm", "tpm", "timeout", "retries", "patience"),
    "Money": ("max_cost", "max_tokens_total", "max_requests", "price_in", "price_out", "price_batch"),
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
    directory: Path, sample: int | None, seed: int, replace: bool, dry_run: bool, **given: Any
) -> None:
    """Ask a model of every example of the run in DIRECTORY: is it a valid task, does the input fit, is the output right?

    \b
    selfinstruct judge runs/mine --model gpt-4o-mini --sample 200     the paper's quality table for one's own data
    selfinstruct judge runs/mine --model gpt-4o-mini --max-cost 5
    selfinstruct export runs/mine --keep 'score>=4' --format alpaca --out good.json

    Writes judgements.jsonl: three answers, a score from 1 to 5 and a reason for each example. The same command goes on where
    it was stopped, and nothing is bought twice.
    """
    import asyncio

    from selfinstruct.annotate.review import Review
    from selfinstruct.annotate.settings import settled
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
    _sit(review)
    show(review.lines)
    show([f"\n{review.wanted:,} examples are judged in {directory / 'judgements.jsonl'}"])


def _sit(review: Review) -> None:
    import asyncio

    from selfinstruct.errors import Interrupted
    from selfinstruct.models.money.prices import prices_of
    from selfinstruct.runs.progress import Progress

    config, directory = review.judge.config, review.run.directory
    books = review.open()
    before = len(books.completions)
    if before:
        show([f"{directory}: goes on, {before} replies of {config.model} on record"])
    progress = Progress(
        review.wanted,
        review.tally,
        books.meter,
        prices_of(config),
        max_cost=config.max_cost,
        what="judged",
    )
    try:
        asyncio.run(
            review.go_on(
                books, notice=progress.say, changed=progress.update, waiting=progress.wait_for
            )
        )
    except Interrupted as stop:
        progress.close()
        show([f"stopped ({stop}): {_how_to_go_on(review, books, stop)}"])
        sys.exit(stop.code)
    finally:
        progress.close()
        books.close()


def _how_to_go_on(review: Review, books: Books, stop: Exception) -> str:
    if not books.is_worth_keeping:
        return "no reply had come yet, nothing is kept; start the same command again"
    judged = f"{review.tally.examples} of {review.wanted} examples are judged"
    directory = shlex.quote(str(review.run.directory))
    command = f"selfinstruct judge {directory}{_sampled(review)}{higher(str(stop))}"
    return f"{judged}, {len(books.completions)} replies are saved; go on with: {command}"


def _sampled(review: Review) -> str:
    return "".join(
        f" --{name} {value}"
        for name, value in (("sample", review.sample), ("seed", review.seed))
        if value
    )
