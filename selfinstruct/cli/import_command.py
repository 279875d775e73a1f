"""`selfinstruct import`: datasets of the field as runs."""

from __future__ import annotations

import os
from typing import Any

import click

from selfinstruct.cli.conversions import conversion_class, conversion_options, convert
from selfinstruct.recipes.imports.settings import ImportConfig
from selfinstruct.records.imported import SHAPES

_OWN = ("paths", "split_tokens", "tokenizer")
_DROPS = ("short-output", "repeated-digits", "same-id", "same-first-pair")


@click.command("import", cls=conversion_class(("shape", "fields", "drop", *_OWN)))
@click.argument("sources", nargs=-1, metavar="FILE...")
@click.option(
    "--as",
    "shape",
    type=click.Choice(SHAPES),
    help="The shape of the records, where they do not show it.",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=COLUMN",
    help="Which column is the instruction, input, output, system or history; repeatable.",
)
@click.option(
    "--drop",
    multiple=True,
    type=click.Choice(_DROPS),
    help="Drop chats by a rule of the published scripts; repeatable.",
)
@conversion_options(ImportConfig, _OWN)
def import_files(sources: tuple[str, ...], **given: Any) -> None:
    """Make a run of datasets, so that stats, report, check, judge, export and mix work on them.

    \b
    selfinstruct import sharegpt.json --out runs/sharegpt
    selfinstruct import oasst.trees.jsonl.gz --paths all --out runs/oasst
    selfinstruct import core_data.jsonl alpaca.json --out runs/both

    FILE is a run, or a file in any shape of docs/reading.md; ShareGPT's chats, which are cleaned;
    Unnatural Instructions; OASST's trees of messages; rows of P3 and xP3. The shape is told by each
    record. No model is asked; what is left out has a line in rejected.jsonl.
    """
    named = {"sources": tuple(map(os.path.abspath, sources))} if sources else {}
    convert(ImportConfig, given, named)
