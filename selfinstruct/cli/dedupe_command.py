"""`selfinstruct dedupe`: the novelty filter for any dataset."""

from __future__ import annotations

from typing import Any

import click

from selfinstruct.text import printable


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--out", required=True, metavar="KEPT", help="Where the kept records go; - is standard output."
)
@click.option(
    "--rejected",
    metavar="FILE",
    help="Where the others go, each with its reason, nearest neighbour and score.",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    default=("instruction",),
    show_default=True,
    help="What to compare; repeatable; a chat counts as its first user turn.",
)
@click.option(
    "--against",
    multiple=True,
    metavar="FILE",
    help="Also reject what resembles a record of FILE, which is not copied.",
)
@click.option(
    "--against-field",
    "against_fields",
    multiple=True,
    help="What to compare in --against, if not --field.",
)
@click.option(
    "--threshold", type=float, default=0.7, show_default=True, help="Reject above this ROUGE-L F."
)
@click.option(
    "--tokenizer",
    type=click.Choice(["unicode", "rouge"]),
    default="unicode",
    show_default=True,
    help="rouge knows a-z and 0-9 only, as the paper did.",
)
@click.option(
    "--format",
    type=click.Choice(["jsonl", "json", "csv", "tsv", "parquet"]),
    help="Of the inputs (and of standard output), instead of what their names say.",
)
@click.option(
    "--skip-bad", is_flag=True, help="Count broken records and pass over them, instead of stopping."
)
def dedupe(
    inputs: tuple[str, ...],
    out: str,
    rejected: str | None,
    against: tuple[str, ...],
    against_fields: tuple[str, ...],
    **settings: Any,
) -> None:
    """Copy the records of any dataset, in order, but for near-duplicates of an earlier one.

    \b
    selfinstruct dedupe old.jsonl new.parquet --out kept.jsonl --rejected dropped.jsonl
    selfinstruct dedupe train.jsonl --against benchmark.csv --against-field question --out clean.jsonl
    zcat big.jsonl.gz | selfinstruct dedupe - --field messages --out - | head

    JSON Lines, JSON, CSV, TSV and Parquet, plain or with .gz or .zst; - is standard input.
    """
    from selfinstruct.choose.deduplication import Dedupe
    from selfinstruct.choose.deduplication import dedupe as copy
    from selfinstruct.runs.progress import Reading

    with Reading() as reading:
        found = copy(
            inputs,
            out,
            Dedupe(**settings),
            against=against,
            against_fields=against_fields,
            rejected=rejected,
            progress=reading.update,
        )
    said = [
        f"read {found.read:,}: kept {found.kept:,}, near-duplicates {found.near_duplicates:,}, bad {found.bad:,}"
    ]
    if against:
        said.append(f"compared with {found.against:,} records of {', '.join(against)}")
    if found.tokenless:
        advice = "; try --tokenizer unicode" if settings["tokenizer"] == "rouge" else ""
        said.append(
            f"Warning: {found.tokenless:,} records have no tokens under --tokenizer {settings['tokenizer']}; they are kept "
            f"without a comparison{advice}"
        )
    for line in said:
        click.echo(printable(line), err=True)
