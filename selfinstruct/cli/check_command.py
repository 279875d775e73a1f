"""`selfinstruct check`: the known defects of instruction data."""

from __future__ import annotations

import sys

import click

from selfinstruct.cli.screen import show
from selfinstruct.errors import UserError


@click.command()
@click.argument("path", metavar="FILE|DIR")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.option(
    "--only", multiple=True, metavar="SLUG", help="Look for this defect alone. Repeatable."
)
@click.option(
    "--ignore", multiple=True, metavar="SLUG", help="Look for all defects but this. Repeatable."
)
@click.option(
    "--fix",
    is_flag=True,
    help="Write a copy in which defects that have one right repair are repaired; needs --out.",
)
@click.option("--out", metavar="FILE", help="The file of the repaired copy.")
@click.option(
    "--every",
    metavar="FILE",
    help="Write every finding there, not three of a kind: slug, severity, evidence and place.",
)
@click.option(
    "--format",
    type=click.Choice(["jsonl", "json", "csv", "tsv", "parquet"]),
    help="The format of the input, instead of what its name says.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 if anything is found.")
def check(
    path: str,
    as_json: bool,
    only: tuple[str, ...],
    ignore: tuple[str, ...],
    fix: bool,
    out: str | None,
    every: str | None,
    format: str | None,
    strict: bool,
) -> None:
    """Find known defects in the examples of a run, or of a file with instruction, input and output.

    \b
    selfinstruct check runs/night
    selfinstruct check alpaca.json --only refusal --only wrong_arithmetic
    selfinstruct check data.jsonl --fix --out mended.jsonl
    selfinstruct check data.jsonl --every findings.jsonl

    docs/checks.md explains each defect, and how often a finding is right.
    """
    import json

    from selfinstruct.defects.survey import chosen, survey
    from selfinstruct.runs.progress import Reading

    if fix != (out is not None):
        raise UserError("--fix and --out FILE go together: the input itself is never changed")
    with Reading() as reading:
        found = survey(
            path, chosen(only, ignore), out=out, every=every, format=format, progress=reading.update
        )
    lines = [json.dumps(found.to_record(), ensure_ascii=False)] if as_json else list(found.lines())
    if fix and not as_json:
        lines.append(f"{found.repaired:,} examples repaired in {out}")
    show(lines, err=out == "-")
    if strict and found.defective:
        sys.exit(1)
