"""The commands that make data, one a recipe, built from the recipe's settings; and `resume`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from selfinstruct.asking.config import Config
from selfinstruct.cli.options import DECODING, decoding_options, setting_options
from selfinstruct.cli.screen import Sectioned
from selfinstruct.errors import UserError
from selfinstruct.recipes.catalogue import kind_of

_OF_A_SITTING = (
    *("out", "config_file", "dry_run", "stop_at", "max_hours"),
    *("repair", "ask_again", "accept_change"),
)
_HEADINGS = (
    *("The run", "The model", "The server", "The method", "Verification", "Decoding"),
    *("Speed and patience", "Money"),
)


def sections_of(kind: type[Config], own: Sequence[str] = ()) -> dict[str, Sequence[str]]:
    """The names of the options of `kind` by heading; `own`: of the command alone."""
    found: dict[str, list[str]] = {heading: [] for heading in _HEADINGS}
    for each in fields(kind):
        if each.metadata.get("under") in found:
            found[each.metadata["under"]].append(each.name)
    found["The run"] = [*found["The run"], *_OF_A_SITTING]
    found["The method"] = [*own, *found["The method"]]
    found["Decoding"] = list(DECODING)
    stages = ", ".join(kind.STAGES)
    about = (
        f"VALUE for all stages, or STAGE=VALUE; none: the server's; repeatable; stages: {stages}"
    )
    return {
        (f"Decoding ({about})" if heading == "Decoding" else heading): names
        for heading, names in found.items()
    }


def sitting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of one sitting, which decide nothing of the data."""
    for option in (
        click.option(
            "--max-hours", type=float, metavar="HOURS", help="Stop cleanly after so many hours."
        ),
        click.option("--stop-at", metavar="HH:MM", help="Stop cleanly at this time of day."),
        click.option(
            "--repair",
            is_flag=True,
            help="Build the dataset's files anew from the replies on record.",
        ),
        click.option(
            "--ask-again",
            is_flag=True,
            help="Buy the requests anew that were lost, and build the files anew with the replies.",
        ),
    ):
        command = option(command)
    return command


def run_options(kind: type[Config]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Every option of a recipe's command."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        command = setting_options(kind)(decoding_options(sitting_options(command)))
        for option in (
            click.option(
                "--accept-change",
                is_flag=True,
                help="Go on with settings that make the rest of the data another than it began.",
            ),
            click.option(
                "--dry-run",
                is_flag=True,
                help="Print what the run would take and its first prompt; send nothing.",
            ),
            click.option(
                "--config",
                "config_file",
                type=click.Path(path_type=Path),
                help="A TOML file with any of these settings; the command line wins.",
            ),
            click.option(
                "--out",
                type=click.Path(path_type=Path),
                help="Run directory; one that was begun goes on.  [default: runs/<date-time>]",
            ),
        ):
            command = option(command)
        return command

    return add


def recipe_class(kind: type[Config], own: Sequence[str] = ()) -> type[Sectioned]:
    """A command whose help shows the settings of `kind` under headings.

    `own`: options of the command alone, shown with the method's.
    """

    class RecipeCommand(Sectioned):
        """Its options, under headings."""

        sections: Mapping[str, Sequence[str]] = sections_of(kind, own)

    return RecipeCommand


def make(kind: type[Config], given: dict[str, Any], named: Mapping[str, Any]) -> None:
    """Run a recipe's command. `given`: its options. `named`: settings from its arguments."""
    import asyncio

    from selfinstruct.asking import settings
    from selfinstruct.cli.sitting import sit
    from selfinstruct.runs.generation import settled
    from selfinstruct.runs.inputs import Inputs

    names = ("dry_run", "repair", "ask_again", "accept_change")
    flags = {name: given.pop(name) for name in names}
    out, config_file = given.pop("out"), given.pop("config_file")
    limits = {name: given.pop(name) for name in ("stop_at", "max_hours")}
    said = settings.merged(said_of(kind, given, config_file), named)
    sitting = {name: said.pop(name, None) for name in settings.SITTING}
    directory = out or Path(sitting["out"] or time.strftime("runs/%Y-%m-%dT%H-%M-%S"))
    hours = sitting["max_hours"] if limits["max_hours"] is None else limits["max_hours"]
    stop_at, now = limits["stop_at"] or sitting["stop_at"], datetime.now().astimezone()
    seconds = settings.seconds_left(stop_at, hours, now)
    config, kept = asyncio.run(
        settled(directory, kind, said, notice=click.echo, ask=not flags["dry_run"])
    )
    _check_kind(directory, config, kind)
    sit(directory, Inputs.read(config, kept=kept, named=said.keys()), seconds=seconds, **flags)


def command_of(name: str) -> click.Command:
    """The command of a recipe that needs none of its own; its settings' docstring is the help."""
    kind = kind_of(name).load_settings()

    @click.command(name, cls=recipe_class(kind), help=kind.__doc__)
    @run_options(kind)
    def command(**given: Any) -> None:
        paths = (each.name for each in fields(kind) if "flag" in each.metadata)
        named = {name: tuple(map(os.path.abspath, said)) for name in paths if (said := given[name])}
        make(kind, given, named)

    return command


def _check_kind(directory: Path, config: Config, kind: type[Config]) -> None:
    if type(config) is not kind:
        raise UserError(
            f"{directory}: holds a run of 'selfinstruct {config.command}'; go on with "
            f"'selfinstruct resume {directory}', or choose another --out"
        )


def said_of(kind: type[Config], given: dict[str, Any], config_file: Path | None) -> dict[str, Any]:
    """The settings of a file and of a command line, which wins. Raises UserError."""
    from selfinstruct.asking import decoding, settings

    known = tuple(kind.STAGES)
    beside = tuple(kind.BESIDE)
    stages = [decoding.for_stages(name, given.pop(name), known, beside) for name in DECODING]
    values = {name: value for name, value in given.items() if value not in (None, ())}
    table = settings.read_file(config_file, kind) if config_file else {}
    return settings.merged(table, values, *stages)


def _resume_sections() -> dict[str, Sequence[str]]:
    found: dict[str, list[str]] = {"The run": ["n", "stop_at", "max_hours", "repair", "ask_again"]}
    for each in fields(Config):
        under = each.metadata.get("under")
        if under and each.metadata.get("free") and each.name not in ("n", "prompts"):
            found.setdefault(under, []).append(each.name)
    return {heading: tuple(names) for heading, names in found.items()}


class Resume(Sectioned):
    """Its options, under headings."""

    sections = _resume_sections()


@click.command(cls=Resume)
@click.argument("directory", type=click.Path(path_type=Path))
@sitting_options
@setting_options(Config, [name for names in Resume.sections.values() for name in names])
def resume(directory: Path, **given: Any) -> None:
    """Go on with the run in DIRECTORY, whatever made it, with its own settings.

    \b
    selfinstruct resume runs/night
    selfinstruct resume runs/night --concurrency 256 --max-cost 20

    Only options of a sitting may be given: speed, caps, the endpoint's address, time.
    """
    import asyncio

    from selfinstruct.asking import settings
    from selfinstruct.cli.sitting import sit
    from selfinstruct.runs.directory import recorded_config
    from selfinstruct.runs.generation import settled
    from selfinstruct.runs.inputs import Inputs

    recorded = recorded_config(directory) if directory.is_dir() else None
    if recorded is None:
        raise UserError(
            f"{directory}: no run here (no run.json); name the directory of a run that was begun"
        )
    flags = {name: given.pop(name) for name in ("repair", "ask_again")}
    stop_at, hours = (given.pop(name) for name in ("stop_at", "max_hours"))
    seconds = settings.seconds_left(stop_at, hours, datetime.now().astimezone())
    said = {name: value for name, value in given.items() if value not in (None, ())}
    config, kept = asyncio.run(settled(directory, type(recorded), said, notice=click.echo))
    inputs = Inputs.read(config, kept=kept, named=said.keys())
    sit(directory, inputs, seconds=seconds, **flags)
