"""The options of commands that make a run without asking a model, and their way into the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from selfinstruct.asking.config import Config
from selfinstruct.cli.options import DECODING, setting_options
from selfinstruct.cli.recipe_commands import make
from selfinstruct.cli.screen import Sectioned

_OF_A_RUN = ("n", "out", "dry_run", "repair", "accept_change")


def conversion_options(
    kind: type[Config], own: tuple[str, ...] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The settings `own` of a recipe without questions, and those of every run."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        command = setting_options(kind, ["n", *own])(command)
        for option in (
            click.option(
                "--accept-change",
                is_flag=True,
                help="Go on with settings that make the rest of the data another than it began.",
            ),
            click.option("--repair", is_flag=True, help="Build the dataset's files anew."),
            click.option("--dry-run", is_flag=True, help="Print the plan; write nothing."),
            click.option(
                "--out",
                type=click.Path(path_type=Path),
                help="Run directory; one that was begun goes on.  [default: runs/<date-time>]",
            ),
        ):
            command = option(command)
        return command

    return add


def conversion_class(own: tuple[str, ...]) -> type[click.Command]:
    """A command whose help shows its own options, then those of every run."""

    class Conversion(Sectioned):
        """Its options, under headings."""

        sections: Mapping[str, tuple[str, ...]] = {"The data": own, "The run": _OF_A_RUN}

    return Conversion


def convert(kind: type[Config], given: dict[str, Any], named: Mapping[str, Any]) -> None:
    """Make the run. given: the options of the command. named: settings from its arguments."""
    unset = dict.fromkeys(("config_file", "stop_at", "max_hours"))
    make(kind, {**given, **unset, "ask_again": False, **dict.fromkeys(DECODING, ())}, named)
