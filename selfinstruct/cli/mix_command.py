"""`selfinstruct mix`: many sources, balanced, in the folder that a trainer reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from selfinstruct.cli.screen import Lack, show
from selfinstruct.errors import UserError


@click.command()
@click.argument("words", nargs=-1, metavar="MIXTURE.toml|NAME=SOURCE...")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to write.")
@click.option("--n", type=int, help="Rows of conversations; without it, all without a repeat.")
@click.option("--tokens", type=int, help="Tokens of all rows, instead of --n.")
@click.option("--cap", type=int, help="Examples that count of a component at most (FLAN: 3000).")
@click.option("--temperature", type=float, help="Above 1, small components get more.")
@click.option(
    "--weights",
    type=click.Choice(["proportional", "equal"]),
    help="By size, or the same for each component.  [default: proportional]",
)
@click.option(
    "--tokenizer", help="The tokenizer.json of the model that will be trained, to count tokens."
)
@click.option(
    "--format",
    type=click.Choice(["messages", "sharegpt", "alpaca", "prompt-completion"]),
    help="How rows are written.  [default: messages]",
)
@click.option(
    "--order",
    help="mixed, component, tokens, characters, score, or any number in the records, from low to "
    "high.  [default: mixed]",
)
@click.option("--system", help="A system message for the examples without their own.")
@click.option("--seed", type=int, help="Decides which records are drawn, and their order.")
@click.option("--dry-run", is_flag=True, help="Print the table; write nothing.")
@click.option(
    "--verify",
    "folder",
    type=click.Path(path_type=Path),
    help="Hold the mixed folder DIR to its manifest, its rows and its sources.",
    metavar="DIR",
)
def mix(
    words: tuple[str, ...], out: Path | None, folder: Path | None, dry_run: bool, **options: Any
) -> None:
    """Mix runs, files and datasets into one folder for training.

    \b
    selfinstruct mix night=runs/night dolly=dolly.jsonl --n 100000 --cap 3000 --out mixed
    selfinstruct mix mixture.toml --out mixed
    selfinstruct mix --verify mixed

    Rates are proportional to size, with a cap and a temperature; counts are exact; records are
    drawn without replacement. See docs/mixing.md for the file, stages, replay and pre-training text.
    """
    said = {name: value for name, value in options.items() if value is not None}
    if folder is not None:
        if words or out or said:
            raise UserError("--verify: takes a mixed folder and nothing else")
        _verify(folder)
        return
    from selfinstruct.mixing.job import mix as mixed
    from selfinstruct.mixing.job import planned
    from selfinstruct.mixing.tables import of_words, read_mixture

    if not words:
        raise UserError("mix: nothing to mix; name NAME=SOURCE..., or a .toml file")
    if len(words) == 1 and words[0].lower().endswith(".toml") and "=" not in words[0]:
        stages = read_mixture(Path(words[0]), said)
    else:
        stages = of_words(words, said)
    if dry_run:
        show(planned(stages, _reading).lines())
        return
    if out is None:
        raise UserError("mix: name the folder to write with --out")
    show(mixed(stages, out, on_read=_reading).lines())


def _reading(name: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"reading {name}", err=True)


def _verify(folder: Path) -> None:
    from selfinstruct.mixing.proof import faults

    found = list(faults(folder))
    show(found)
    if found:
        raise Lack(f"{folder}: is not what its manifest says ({len(found)} faults)")
    click.echo(
        f"{folder}: every file, count, share and replayed row is as the manifest says, "
        "and the sources give the same bytes again"
    )
