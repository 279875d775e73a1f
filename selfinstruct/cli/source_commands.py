"""`selfinstruct invert`: recipes that work on the examples of a run or a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from selfinstruct.asking.config import Config
from selfinstruct.cli.recipe_commands import make, recipe_class, run_options
from selfinstruct.recipes.inversion import InvertConfig


def _source_options(command: Callable[..., None]) -> Callable[..., None]:
    """The runs and files that are read, and their columns."""
    for option in (
        click.option(
            "--field",
            "fields",
            multiple=True,
            metavar="NAME=COLUMN",
            help="Which column is the instruction, input, output, system or history; repeatable.",
        ),
        click.option(
            "--from", "sources", multiple=True, metavar="RUN|FILE", help="A source; repeatable."
        ),
    ):
        command = option(command)
    return command


def _make(kind: type[Config], sources: tuple[str, ...], given: dict[str, Any]) -> None:
    named = {"sources": tuple(map(os.path.abspath, sources))} if sources else {}
    make(kind, given, named)


@click.command(cls=recipe_class(InvertConfig, ("sources", "fields")))
@_source_options
@run_options(InvertConfig)
def invert(sources: tuple[str, ...], **given: Any) -> None:
    """Swap the inputs and outputs of a dataset, with a new instruction for each task.

    \b
    selfinstruct invert --from runs/night --model gpt-4o-mini --out runs/inverted
    selfinstruct invert --from scan.jsonl --instruction "Write a command that leads to these actions." --out runs/scan

    Rows with equal outputs become one example, whose provenance lists every old input. The model
    writes an instruction for each task; with --instruction no model is asked. Rows whose swap
    cannot be asked are in rejected.jsonl with the reason.
    """
    _make(InvertConfig, sources, given)
