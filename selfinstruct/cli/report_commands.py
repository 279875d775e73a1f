"""`selfinstruct stats` and `selfinstruct report`: the figures of runs."""

from __future__ import annotations

from pathlib import Path

import click

from selfinstruct.cli.screen import show
from selfinstruct.text import printable


def _notice(text: str) -> None:
    click.echo(printable(text), err=True)


_every = click.option(
    "--all",
    "every",
    is_flag=True,
    help="Parse and compare every instruction; otherwise at most 20,000 and 60,000 of them.",
)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print a JSON object, which selfinstruct/stats/schema.json describes.",
)
@_every
def stats(directory: Path, as_json: bool, every: bool) -> None:
    """Print the figures of the run in DIRECTORY beside the paper's: counts, defects, judgements.

    \b
    selfinstruct stats runs/night
    selfinstruct stats runs/night --json | jq .counts

    Verbs and nouns need the extra 'report'.
    """
    from selfinstruct.runs.view import load_run
    from selfinstruct.stats import measure
    from selfinstruct.text import to_json

    found = measure(load_run(directory), _notice, every=every)
    show([to_json(found.to_record())] if as_json else found.lines())


@click.command()
@click.argument(
    "directories", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIRECTORY..."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file of the page.  [default: DIRECTORY/report.html]",
)
@_every
def report(directories: tuple[Path, ...], out: Path | None, every: bool) -> None:
    """Write an HTML page on a run, or on several side by side, that opens without a network.

    \b
    selfinstruct report runs/night
    selfinstruct report runs/monday runs/tuesday --out compared.html

    The page has figures, the funnel, defects, judgements, nearest neighbours, and a browser of
    every example and every rejected candidate. Needs the extra 'report'.
    """
    from selfinstruct.report import write_report

    target = out or directories[0] / "report.html"
    size = write_report(directories, target, _notice, every=every)
    show([f"{target}: {size / 1e6:.1f} MB; open it in a browser"])
