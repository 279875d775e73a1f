"""`selfinstruct generate`: Self-Instruct and Alpaca's variant."""

from __future__ import annotations

from typing import Any

import click

from selfinstruct.cli.options import models_of
from selfinstruct.cli.recipe_commands import make, recipe_class, run_options
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig


@click.command(cls=recipe_class(SelfInstructConfig))
@run_options(SelfInstructConfig)
def generate(model: tuple[str, ...], **given: Any) -> None:
    """Generate --n examples into a run directory; the same command goes on with a stopped run.

    \b
    selfinstruct generate --n 20                              the embedded model, no key needed
    selfinstruct generate --n 52000 --model gpt-4o-mini       OPENAI_API_KEY from the environment
    selfinstruct generate --n 82000 --base-url http://localhost:8000/v1 --model my-model

    A preset may set other defaults than those shown; --dry-run shows what a run would do. Several
    --model take turns, as each turn's own generator draws.
    """
    make(SelfInstructConfig, given, models_of(model))
