"""`selfinstruct select` and `selfinstruct overlap`: parts of a dataset, and how alike they are."""

from __future__ import annotations

from pathlib import Path

import click

from selfinstruct.cli.screen import show
from selfinstruct.errors import UserError


@click.command()
@click.argument("source", metavar="DIR|FILE")
@click.option(
    "--by",
    default="random",
    show_default=True,
    help="random, score (a judge's), length (words of the output), diversity, fit (of each prompt "
    "the likeliest output), or a number in the records or a scorer's, as uncertainty.",
)
@click.option("--n", type=int, help="Records to choose; of fit as many as there are prompts.")
@click.option("--lowest", is_flag=True, help="The lowest numbers first.")
@click.option(
    "--strata",
    default="",
    metavar="FIELD[:VALUE=COUNT,...]",
    help="Choose from each value of FIELD in proportion, or as many as said.",
)
@click.option(
    "--threshold",
    type=float,
    default=0.7,
    show_default=True,
    help="Of diversity: no two chosen prompts have a ROUGE-L above it.",
)
@click.option(
    "--seed",
    "seeds",
    type=int,
    multiple=True,
    help="Decides a random choice, and among equals. Several: a selection each, and their overlap.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The file of the chosen records; with several seeds a folder.",
)
def select(
    source: str,
    by: str,
    n: int | None,
    lowest: bool,
    strata: str,
    threshold: float,
    seeds: tuple[int, ...],
    out: Path,
) -> None:
    """Choose --n records of a run or a file, and copy them as they stand.

    \b
    selfinstruct select runs/night --by score --n 1000 --out best.jsonl
    selfinstruct select runs/night --by diversity --n 1000 --out varied.jsonl
    selfinstruct select runs/answers --by fit --out fitting.jsonl
    selfinstruct select data.jsonl --by uncertainty --n 68 \\
      --strata is_classification:true=24,false=44 --out next.jsonl

    The choice depends on the records and the seed, not on the order of the records.
    """
    from selfinstruct.mixing.selecting import Selecting
    from selfinstruct.mixing.selecting import select as selected

    settings = Selecting(n, by, lowest, strata, threshold, seeds or (0,))
    show(selected(source, out, settings).lines())


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--of", type=int, help="Records from which each was chosen, to compare with chance.")
@click.option(
    "--without",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file whose lines do not count: the selection before, one for each FILE in order.",
)
def overlap(files: tuple[Path, ...], of: int | None, without: tuple[Path, ...]) -> None:
    """Say how many lines two selections share on average, and how many they would by chance.

    \b
    selfinstruct overlap picks/seed-0.jsonl picks/seed-1.jsonl --of 688

    A high overlap says that the choice depends on the records rather than on the seed.
    """
    from selfinstruct.choose.picks import overlap as compared

    if len(files) < 2:
        raise UserError("overlap: name at least two files")
    if without and len(without) != len(files):
        raise UserError(f"--without: give one for each file ({len(files)}), or none")
    if of is not None and of < 1:
        raise UserError(f"--of {of}: must be at least 1")
    selections = [_lines(path) for path in files]
    for number, path in enumerate(without):
        selections[number] -= _lines(path)
    show([compared(selections, of).line()])


def _lines(path: Path) -> set[str]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    return {line for line in text.split("\n") if line.strip()}
