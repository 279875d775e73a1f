"""`selfinstruct check`: the known defects of instruction data."""

from __future__ import annotations

import sys
from typing import Any

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
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=COLUMN",
    help="Which column is the instruction, input, output, system or history; repeatable.",
)
@click.option(
    "--special-token",
    "special_tokens",
    multiple=True,
    metavar="TEXT",
    help="A special token of a model, beside those of all common models. Repeatable.",
)
@click.option("--skip-bad", is_flag=True, help="Leave records that cannot be read out of the copy.")
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
    strict: bool,
    **options: Any,
) -> None:
    """Find known defects in the examples of a run, or of a file in any usual shape.

    \b
    selfinstruct check runs/night
    selfinstruct check alpaca.json --only refusal --only wrong_arithmetic
    selfinstruct check data.jsonl --fix --out mended.jsonl
    selfinstruct check medical.csv --field instruction=question --field output=reply
    selfinstruct check data.jsonl --every findings.jsonl

    docs/checks.md explains each defect, and how often a finding is right; docs/reading.md lists the
    shapes of files. A copy has every record that cannot be read as it stands, unless --skip-bad is
    given.
    """
    import json

    from selfinstruct.defects.survey import chosen, survey
    from selfinstruct.runs.progress import Reading

    if fix != (out is not None):
        raise UserError("--fix and --out FILE go together: the input itself is never changed")
    with Reading() as reading:
        found = survey(path, chosen(only, ignore), out=out, progress=reading.update, **options)
    lines = [json.dumps(found.to_record(), ensure_ascii=False)] if as_json else list(found.lines())
    if fix and not as_json:
        lines.append(f"{found.repaired:,} examples repaired in {out}{_left(found.bad, **options)}")
    show(lines, err=out == "-")
    if strict and (found.defective or (found.bad and not options["skip_bad"])):
        sys.exit(1)


def _left(bad: int, *, skip_bad: bool, **_: Any) -> str:
    """Whether the copy has the records that are no example."""
    kept = "left out" if skip_bad else "copied as they stand (--skip-bad leaves them out)"
    return f"; {bad:,} records that are no example {kept}" if bad else ""
