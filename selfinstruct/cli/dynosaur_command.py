"""`selfinstruct dynosaur`: tasks over annotated datasets."""

from __future__ import annotations

from typing import Any

import click

from selfinstruct.cli.recipe_commands import make, recipe_class, run_options
from selfinstruct.cli.screen import show
from selfinstruct.recipes.dynosaur.settings import DynosaurConfig


@click.command(cls=recipe_class(DynosaurConfig))
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@run_options(DynosaurConfig)
def dynosaur(datasets: tuple[str, ...], **given: Any) -> None:
    """Turn annotated datasets into tasks: a model writes instructions over their fields.

    \b
    selfinstruct dynosaur data/reviews data/trivia --model gpt-4o-mini --out runs/dynosaur
    selfinstruct dynosaur data/reviews:test --tasks runs/dynosaur/instructions.jsonl --out runs/test
    selfinstruct dynosaur --tasks published.json

    DATASET is a folder with data files and a card (README.md), a file, or a name on the Hugging
    Face Hub, with @CONFIG and :SPLIT behind it where there are several. The model sees the fields
    and two rows, with and without the description. The examples are made of the rows, without a
    call. A list of tasks without a DATASET is checked, and nothing else is done.
    """
    if given["tasks"] and not datasets and given["out"] is None:
        from selfinstruct.recipes.dynosaur.task_list import figures, read_list

        show([given["tasks"], *figures(read_list(given["tasks"]))])
        return
    from selfinstruct.records.datasets.opening import absolute

    make(DynosaurConfig, given, {"datasets": tuple(map(absolute, datasets))} if datasets else {})
