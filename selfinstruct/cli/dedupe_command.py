"""`selfinstruct dedupe`: the novelty filter for any dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from selfinstruct.cli.screen import show

if TYPE_CHECKING:
    from selfinstruct.choose.deduplication import DedupeCounts


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--out",
    required=True,
    metavar="KEPT",
    help="The file of the kept records; - is standard output.",
)
@click.option(
    "--rejected",
    metavar="FILE",
    help="The file of the other records, each with its reason, nearest neighbour and score.",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="COLUMN",
    help=(
        "Compare this column instead of the whole prompt; several are compared jointly. "
        "NAME=COLUMN says which column is the instruction, input, system or history. Repeatable."
    ),
)
@click.option(
    "--each",
    is_flag=True,
    help="Compare each --field separately: a record goes if one of them resembles another's.",
)
@click.option(
    "--turns",
    type=click.Choice(["all", "first", "last"]),
    default="all",
    show_default=True,
    help="Turns of a chat that are compared: all up to the user's last, the user's first or last.",
)
@click.option(
    "--mark",
    is_flag=True,
    help=(
        "Drop nothing: write dedupe_verdict, dedupe_neighbour and dedupe_score into each record."
    ),
)
@click.option(
    "--against",
    multiple=True,
    metavar="FILE",
    help="Also reject records that resemble a record of FILE, which is not copied. Repeatable.",
)
@click.option(
    "--against-field",
    "against_fields",
    multiple=True,
    help="The field to compare in --against, if not --field. Repeatable.",
)
@click.option(
    "--threshold", type=float, default=0.7, show_default=True, help="Reject above this ROUGE-L F."
)
@click.option(
    "--tokenizer",
    type=click.Choice(["unicode", "rouge"]),
    default="unicode",
    show_default=True,
    help="How ROUGE-L splits text; rouge knows a-z and 0-9 only, as the paper did.",
)
@click.option(
    "--format",
    type=click.Choice(["jsonl", "json", "csv", "tsv", "parquet"]),
    help="The format of the inputs and of standard output, instead of what names say.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Processes that compare; 0: as many as there are cores, at most 4. Linux only.",
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
    """Copy the records of any dataset, in order, without near-duplicates of an earlier record.

    A near-duplicate resembles an earlier record in its whole prompt: in system message, earlier
    turns, instruction and input, in each above the threshold.

    \b
    selfinstruct dedupe old.jsonl new.parquet --out kept.jsonl --rejected dropped.jsonl
    selfinstruct dedupe train.jsonl --against test.csv --against-field question --out clean.jsonl
    selfinstruct dedupe medical.csv --mark --out marked.csv
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
    show(_lines(found, against, settings), err=True)


def _lines(
    found: DedupeCounts, against: tuple[str, ...], settings: Mapping[str, Any]
) -> Iterator[str]:
    """The counts, as a person reads them."""
    from selfinstruct.defects.finding import shortened
    from selfinstruct.records.columns import listed

    tokenizer = settings["tokenizer"]
    yield (
        f"read {found.read:,}: kept {found.kept:,}, near-duplicates {found.near_duplicates:,}, "
        f"bad {found.bad:,}"
        + (" (all but the bad are written, marked)" if settings["mark"] else "")
    )
    if found.unused:
        yield f"columns that are not compared: {listed(found.unused)}"
    if found.taken is not None:
        advice = "compare more columns with --field" if settings["fields"] else "try --mark first"
        yield (
            f"Warning: {found.taken.records:,} records ({found.taken.share:.0%}) are taken for "
            f"near-duplicates of one text, {found.taken.place}: "
            f"{shortened(found.taken.text)!r}; if they are not, {advice} or raise --threshold"
        )
    if against:
        yield f"compared with {found.against:,} records of {', '.join(against)}"
    if found.tokenless:
        advice = "; try --tokenizer unicode" if tokenizer == "rouge" else ""
        yield (
            f"Warning: {found.tokenless:,} records have no tokens under --tokenizer {tokenizer}; "
            f"they are kept without a comparison{advice}"
        )
