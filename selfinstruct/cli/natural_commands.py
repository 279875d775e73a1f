"""`selfinstruct natural`: tasks of Natural Instructions and Super-Natural-Instructions."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from selfinstruct.cli.conversions import conversion_class, conversion_options, convert
from selfinstruct.cli.screen import show
from selfinstruct.recipes.natural import NaturalConfig

_OWN = ("positive", "valid_only", "skip_bad")


@click.group()
def natural() -> None:
    """Tasks of Natural Instructions (v1) and Super-Natural-Instructions.

    \b
    selfinstruct natural validate tasks/
    selfinstruct natural import tasks/ --out runs/tasks
    selfinstruct natural export runs/tasks --out tasks-again
    selfinstruct natural encode tasks/ --positive 2 --out prompts.jsonl
    """


@natural.command("import", cls=conversion_class(_OWN))
@click.argument("tasks", nargs=-1, metavar="TASK...")
@conversion_options(NaturalConfig, _OWN)
def import_tasks(tasks: tuple[str, ...], **given: Any) -> None:
    """Make a run of task files: an instruction for each task, an example for each instance.

    \b
    selfinstruct natural import task142_odd-man-out.json task156_codah.json --out runs/two
    selfinstruct natural import tasks/ --valid-only --out runs/tasks

    TASK is a file with a task, a list of tasks or a task a line, or a folder of files task*.json.
    No model is asked. stats, report, check, judge, export and mix work on the run as on any other.
    """
    named = {"tasks": tuple(map(os.path.abspath, tasks))} if tasks else {}
    convert(NaturalConfig, given, named)


@natural.command("export")
@click.argument(
    "directories", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path)
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PATH",
    help="A folder for a file a task, or a .jsonl or .json file with all tasks.",
)
@click.option(
    "--grouped",
    is_flag=True,
    help="Tasks of up to 6,500 examples of any instruction, which stands in the input.",
)
@click.option(
    "--language",
    default="English",
    show_default=True,
    help="The language of the texts, by its English name.",
)
@click.option(
    "--new-schema",
    is_flag=True,
    help="Write imported tasks of v1 and of older files in the new schema too.",
)
@click.option("--keep", multiple=True, metavar="EXPR", help="As in `selfinstruct export`.")
@click.option("--split", default="", metavar="A/B", help="As in `selfinstruct export`.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def export_tasks(directories: tuple[Path, ...], out: Path, **settings: Any) -> None:
    """Write runs as Super-NI tasks: imported tasks as they were, other runs by instruction.

    \b
    selfinstruct natural export runs/two --out tasks
    selfinstruct natural export runs/night --grouped --out night.jsonl

    The same as `selfinstruct export --format super-ni`, and then `natural validate`.
    """
    from selfinstruct.exports import Export
    from selfinstruct.exports import export as write
    from selfinstruct.records.natural.report import counted

    show(write(directories, out, Export(format="super-ni", **settings)).lines())
    show(counted([str(out)]))


@natural.command()
@click.argument("tasks", nargs=-1, required=True, metavar="TASK...")
@click.option(
    "--schema",
    type=click.Choice(["old", "new", "v1"]),
    help="The edition of the schema.  [default: each task's own]",
)
@click.option(
    "--hierarchy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The published doc/task-hierarchy.md, to check categories, domains and reasoning.",
)
@click.option("--every", is_flag=True, help="Print every finding, not three of a rule in a task.")
@click.option("--json", "as_json", is_flag=True, help="Print each finding as a JSON line.")
def validate(tasks: tuple[str, ...], **options: Any) -> None:
    """Hold task files to every rule of the published validator, each finding with its place.

    \b
    selfinstruct natural validate tasks/
    selfinstruct natural validate task001_mine.json --schema new --hierarchy task-hierarchy.md

    Exit code 1 if a task breaks a rule; warnings do not count.
    """
    from selfinstruct.records.natural.report import Report

    report = Report(tasks, **options)
    show(report.lines())
    if report.broken:
        sys.exit(1)


@natural.command()
@click.argument("tasks", nargs=-1, required=True, metavar="TASK...")
@click.option(
    "--out", type=click.Path(), required=True, metavar="FILE", help="A .jsonl file, or -."
)
@click.option(
    "--fields",
    metavar="PARTS",
    help="A v1 encoding: parts in order, with commas, as 'Definition,Prompt,positive'; a "
    "published name as '_Definition_Prompt@0' is taken too.",
)
@click.option("--positive", type=int, help="Positive examples to show.  [default: 2]")
@click.option("--negative", type=int, help="Negative examples to show.  [default: 0]")
@click.option("--explanations", is_flag=True, help="Show the explanations of examples.")
@click.option(
    "--definition/--no-definition", default=True, help="Show the definition.  [default: yes]"
)
@click.option(
    "--max-tokens",
    type=int,
    metavar="N",
    help="Longest prompt; examples are left out first, negative ones before positive ones.",
)
@click.option("--tokenizer", metavar="FILE", help="The tokenizer.json of the model to train.")
@click.option(
    "--instances",
    metavar="FILE",
    help="Inputs for tasks without instances: records with task, input and perhaps output.",
)
def encode(tasks: tuple[str, ...], out: str, **options: Any) -> None:
    """Write every instance as a prompt with its completion.

    \b
    selfinstruct natural encode tasks/ --max-tokens 1024 --tokenizer tokenizer.json --out a.jsonl
    selfinstruct natural encode v1/ --fields 'Definition,Prompt,negative,positive' --out b.jsonl

    Without --fields the layout is Tk-Instruct's: the definition, the examples, the instance.
    """
    from selfinstruct.records.natural.prompts import encoded

    show(encoded(tasks, out, **options), err=out == "-")
