"""`selfinstruct respond`: outputs for collected instructions."""

from __future__ import annotations

import os
from typing import Any

import click

from selfinstruct.cli.options import models_of
from selfinstruct.cli.recipe_commands import make, recipe_class, run_options
from selfinstruct.recipes.responses import RespondConfig


@click.command(cls=recipe_class(RespondConfig, ("fields", "more_sources")))
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option(
    "--from", "more_sources", multiple=True, metavar="SOURCE", help="As SOURCE; repeatable."
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=COLUMN",
    help="Which column is the instruction, input, output, system or history; repeatable.",
)
@run_options(RespondConfig)
def respond(
    sources: tuple[str, ...],
    more_sources: tuple[str, ...],
    model: tuple[str, ...],
    **given: Any,
) -> None:
    """Answer collected instructions: those of runs, or of any dataset.

    \b
    selfinstruct respond questions.jsonl --model gpt-4o-mini --out runs/answers
    selfinstruct respond data.csv --field instruction=question --model a --model b
    selfinstruct judge runs/answers --model gpt-4o
    selfinstruct export runs/answers --format preference --out pairs.jsonl

    SOURCE is a run or a file: Alpaca, Dolly, prompt/completion, question/answer, messages or
    ShareGPT (the last turn is the user's), or plain text with an instruction a line. Rows that have
    an output are passed over unless --replace is given. With several --model every instruction is
    answered by each.
    """
    named = models_of(model)
    if sources or more_sources:
        named["sources"] = tuple(map(os.path.abspath, (*sources, *more_sources)))
    make(RespondConfig, given, named)
