"""`selfinstruct merge`: the shards of a job as a single run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from selfinstruct.cli.recipe_commands import make, recipe_class, run_options
from selfinstruct.recipes.merging.settings import MergeConfig


@click.command(cls=recipe_class(MergeConfig, ()))
@click.argument("directories", type=click.Path(path_type=Path), nargs=-1)
@run_options(MergeConfig)
def merge(directories: tuple[Path, ...], **given: Any) -> None:
    """Put finished runs of a recipe together: shards, or runs with seeds of their own.

    \b
    selfinstruct generate --shard 0/4 --out part-0 ...         (and 1/4, 2/4, 3/4, anywhere)
    selfinstruct merge part-* --out whole

    The order of the runs is that of their shards and seeds, so the bytes do not depend on the order
    in which they are named or came to an end. Instructions that resemble one of an earlier run are
    in rejected.jsonl with their reason. No model is asked.
    """
    sources = tuple(str(each.absolute()) for each in directories)
    make(MergeConfig, given, {"sources": sources} if sources else {})
