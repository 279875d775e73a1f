"""`selfinstruct try`: does this endpoint serve a run?"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selfinstruct._calls import probes_for
from selfinstruct.asking.endpoint import Endpoint
from selfinstruct.cli.options import decoding_options, setting_options
from selfinstruct.cli.recipe_commands import said_of, sections_of
from selfinstruct.cli.screen import Sectioned, show
from selfinstruct.errors import UserError
from selfinstruct.recipes.self_instruct.settings import SelfInstructConfig

if TYPE_CHECKING:
    from selfinstruct.runs.rehearsal import Rehearsal

_ENDPOINT = tuple(each.name for each in fields(Endpoint) if each.metadata.get("under"))
_METHOD = ("preset", "seed_tasks", "seed")
_IN_THE_ADDRESS = ("base_url", "model", "preset")


def _sections() -> dict[str, Sequence[str]]:
    own = ("with_judge", "dry_run", "config_file")
    others = {
        heading: [name for name in names if name not in own]
        for heading, names in sections_of(SelfInstructConfig).items()
    }
    return {"The trial": own, **others}


class Trying(Sectioned):
    """Its options, under headings."""

    sections = _sections()


@click.command("try", cls=Trying)
@click.option("--judge", "with_judge", is_flag=True, help="Ask the question of `judge` as well.")
@click.option("--dry-run", is_flag=True, help="Show all that would be sent; send nothing.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="A TOML file with settings of `generate`; the command line wins.",
)
@decoding_options
@setting_options(SelfInstructConfig, (*_ENDPOINT, *_METHOD))
def try_endpoint(
    with_judge: bool, dry_run: bool, config_file: Path | None, model: Sequence[str], **given: Any
) -> None:
    """Ask every stage of `generate` once; show the prompts, the replies and what was read.

    \b
    selfinstruct try --base-url http://localhost:8000/v1 --model my-model
    selfinstruct try --model gpt-4o-mini --judge
    selfinstruct try --model gpt-4o-mini --dry-run

    Takes the settings of a run, costs a few calls and writes nothing. Says which fields the server
    does not take and whether the model thinks, and names a remedy where a reply could not be read.
    Exit code 0: all stages were read; 1: a stage was not; 2: the endpoint does not serve.
    """
    import asyncio

    from selfinstruct.asking.settings import SITTING
    from selfinstruct.errors import Interrupted
    from selfinstruct.runs.rehearsal import planned, rehearse

    if len(model) > 1:
        raise UserError(f"--model {model[1]}: try asks one model at a time; name a single one")
    said = said_of(SelfInstructConfig, given, config_file)
    said |= {"model": model[0]} if model else {}
    for name in SITTING:
        said.pop(name, None)
    try:
        probes = asyncio.run(probes_for(said, judge=with_judge, notice=click.echo, ask=not dry_run))
        if dry_run:
            show(planned(probes))
            return
        found = asyncio.run(rehearse(probes, _notice))
    except Interrupted as stop:
        show([f"stopped ({stop}); nothing is kept"], err=True)
        sys.exit(stop.code)
    show(found.lines())
    _conclude(found, said)


def _notice(text: str) -> None:
    show([text], err=True)


def _conclude(found: Rehearsal, said: Mapping[str, Any]) -> None:
    """Print the advice, or how to go on; exit with 1 if a stage was not read."""
    if not found.is_read:
        show(["", *found.advice])
        sys.exit(1)
    words = ["selfinstruct", "generate"]
    for name in _IN_THE_ADDRESS:
        value = said.get(name, "")
        for each in (value,) if isinstance(value, str) else value:
            words += [f"--{name.replace('_', '-')}", each] if each else []
    more = " and the other options" if set(said) - set(_IN_THE_ADDRESS) else ""
    show(["", *found.hints, f"all stages were read; go on with: {_shown(words)}{more}"])


def _shown(words: list[str]) -> str:
    from selfinstruct.text import redacted

    return shlex.join(redacted(word) if "://" in word else word for word in words)
