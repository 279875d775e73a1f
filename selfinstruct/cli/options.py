"""Options that commands share: those of Config, and what to say when a cap has ended a sitting."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from typing import Any

import click

from selfinstruct.asking.config import Config

DECODING = {
    "temperature": "Randomness of the replies.",
    "top_p": "Share of the likeliest tokens that is drawn from.",
    "max_tokens": "Longest reply, in tokens.",
    "presence_penalty": "Against tokens that have occurred.",
    "frequency_penalty": "Against tokens, the more the oftener they have occurred.",
    "stop": "A text that ends the reply.",
}


def decoding_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for every decoding field, for all stages or for one."""
    for name, text in DECODING.items():
        command = click.option(
            f"--{name.replace('_', '-')}", name, multiple=True, metavar="[STAGE=]VALUE", help=text
        )(command)
    return command


def config_options(
    only: Collection[str] | None = None, defaults: Mapping[str, Any] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option for every setting of Config, or for `only` those named; what is not given stays out of the way.

    `defaults`: those that are others than Config's, for the help.
    """

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for one in fields(Config):
            if "help" in one.metadata and (only is None or one.name in only):
                command = _option(
                    one.name,
                    one.default,
                    {**one.metadata, "shown": (defaults or {}).get(one.name, one.default)},
                )(command)
        return command

    return add


def _option(
    name: str, default: Any, metadata: Mapping[str, Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    flag, value, help = f"--{name.replace('_', '-')}", metadata["shown"], metadata["help"]
    shown = (
        ""
        if value in ("", -1, ())
        else f"  [default: {value if not isinstance(value, bool) else 'no'}]"
    )
    if isinstance(default, tuple):
        return click.option(flag, name, multiple=True, metavar="TEXT", help=help + " Repeatable.")
    if isinstance(default, bool):
        flag += f"/--no-{flag[2:]}" if metadata["free"] else ""  # what may change may change back
        return click.option(flag, name, is_flag=True, default=None, help=help + shown)
    kind: Any = click.Choice(metadata["choices"]) if metadata["choices"] else type(default)
    return click.option(flag, name, type=kind, default=None, help=help + shown)


def higher(why: str) -> str:
    """A cap that ended a sitting ends the next one as well, unless it is raised."""
    option = why.split(maxsplit=1)[0]
    return f" {option} MORE" if option.startswith("--max-") else ""
