"""`selfinstruct render` and `selfinstruct templates`: templates over the rows of datasets."""

from __future__ import annotations

import sys
from typing import Any

import click

from selfinstruct.cli.conversions import conversion_class, conversion_options, convert
from selfinstruct.cli.screen import show
from selfinstruct.recipes.render.settings import RenderConfig

_OWN = ("choose", "templates_per_row", "per_dataset", "original_only", "seed", "shard")


@click.command(cls=conversion_class(("templates", *_OWN)))
@click.argument("datasets", nargs=-1, metavar="DATASET...")
@click.option(
    "--templates",
    multiple=True,
    metavar="[DATASET=]PATH",
    help="A file or a folder of templates; repeatable. DATASET=: for this dataset alone. "
    "PATH#GROUP: those of the file that are written for the dataset GROUP.",
)
@conversion_options(RenderConfig, _OWN)
def render(datasets: tuple[str, ...], templates: tuple[str, ...], **given: Any) -> None:
    """Show the rows of annotated datasets in templates: an example for each row and template.

    \b
    selfinstruct render data/imdb --templates templates/imdb --choose all --out runs/imdb
    selfinstruct render data/rte data/iris --templates flan.json --templates iris=iris.txt
    selfinstruct templates check templates/imdb --against data/imdb

    DATASET is a folder with data files and a card (README.md), a file, or a name on the Hugging
    Face Hub, with @CONFIG and :SPLIT behind it where there are several. PATH holds templates of
    promptsource (.yaml), pairs of FLAN (.json), or a plain text (.txt). No model is asked. A row
    that gives nothing is in rejected.jsonl with its template and the reason.
    """
    from selfinstruct.records.datasets.opening import absolute
    from selfinstruct.templates.reading import Named

    named: dict[str, Any] = {}
    if datasets:
        named["datasets"] = tuple(map(absolute, datasets))
    if templates:
        named["templates"] = tuple(Named.of(word).absolute() for word in templates)
    convert(RenderConfig, given, named)


@click.group()
def templates() -> None:
    """Templates over the rows of datasets, as `selfinstruct render` takes them."""


@templates.command()
@click.argument("path", metavar="FILE")
@click.option("--against", metavar="DATASET", help="Show what the templates make of its rows.")
@click.option(
    "--rows", default=1000, show_default=True, help="Rows that are tried; 0: all of them."
)
@click.option("--shown", default=3, show_default=True, help="Rows that are printed.")
def check(path: str, against: str | None, rows: int, shown: int) -> None:
    """Check the templates of FILE: which are refused, and what they make of a dataset's rows.

    \b
    selfinstruct templates check templates/imdb
    selfinstruct templates check templates/imdb --against data/imdb --rows 0

    FILE is a file or a folder, as for --templates of `render`. Exit code 1 if a template is
    refused, or makes nothing of any row.
    """
    from selfinstruct.recipes.render.checking import Check

    found = Check(path, against, rows=rows, shown=shown)
    show(found.lines())
    if found.faults:
        sys.exit(1)
