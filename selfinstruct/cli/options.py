"""Options that commands share: those of Config; the advice after a cap has ended a sitting."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any

import click

from selfinstruct.asking.decoding import NONE
from selfinstruct.asking.endpoint import Endpoint

DECODING = {
    "temperature": "Randomness of the replies.",
    "top_p": "Share of the likeliest tokens that is drawn from.",
    "max_tokens": "Longest reply, in tokens.",
    "presence_penalty": "Against tokens that have occurred.",
    "frequency_penalty": "Against tokens, the more the oftener they have occurred.",
    "stop": "A text that ends the reply.",
}


def number(kind: type[int | float]) -> Callable[..., Any]:
    """The callback of an option that takes a number or "none", which leaves it to the server."""
    number_type: Any = click.INT if kind is int else click.FLOAT

    def convert(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
        if value is None or value.lower() == NONE:
            return value
        return number_type.convert(value, param, ctx)

    return convert


def decoding_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for every decoding field, for all stages or for a single stage."""
    for name, text in DECODING.items():
        command = click.option(
            f"--{name.replace('_', '-')}", name, multiple=True, metavar="[STAGE=]VALUE", help=text
        )(command)
    return command


def setting_options(
    kind: type[Endpoint], only: Collection[str] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option for every setting of `kind` that stands under a heading, or for `only` some."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for each in fields(kind):
            if each.metadata.get("under") and (only is None or each.name in only):
                several = each.name == "model" and hasattr(kind, "other_models")
                command = _option(each.name, each.default, each.metadata, several)(command)
        return command

    return add


def _option(
    name: str, value: Any, metadata: Mapping[str, Any], several: bool
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    flag, help = metadata.get("flag") or f"--{name.replace('_', '-')}", metadata["help"]
    is_unset = value in ("", -1, ()) or (name == "n" and not value)
    said = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
    shown = "" if is_unset else f"  [default: {said}]"
    kind: Any = click.Choice(metadata["choices"]) if metadata["choices"] else type(value)
    if isinstance(value, tuple) or several:
        metavar = "FIELD" if metadata["choices"] else "TEXT"
        metavar = "SOURCE" if "flag" in metadata else metavar
        return click.option(flag, name, multiple=True, metavar=metavar, help=help + " Repeatable.")
    if isinstance(value, bool):
        flag += f"/--no-{flag[2:]}" if metadata["free"] else ""  # what may change may change back
        return click.option(flag, name, is_flag=True, default=None, help=help + shown)
    return click.option(flag, name, type=kind, default=None, help=help + shown)


def models_of(model: Sequence[str]) -> dict[str, Any]:
    """The settings of a repeated --model."""
    return {"model": model[0], "other_models": tuple(model[1:])} if model else {}


def ask_again_option(command: Callable[..., None]) -> Callable[..., None]:
    """--ask-again of the commands over finished examples."""
    return click.option("--ask-again", is_flag=True, help="Buy the requests anew that were lost.")(
        command
    )


def higher(why: str) -> str:
    """The advice to raise a cap: unless raised, the cap ends the next sitting as well."""
    option = why.split(maxsplit=1)[0]
    return f" {option} MORE" if option.startswith("--max-") else ""
