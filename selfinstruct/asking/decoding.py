"""Decoding settings as values: from a table of a TOML file, or from options with `STAGE=value`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.models import Decoding

DECODING = tuple(field.name for field in fields(Decoding))
NONE = "none"  # in a file and on a command line
_KINDS: dict[type, tuple[tuple[type[Any], ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a text"),
}


def stage_table(key: str, value: Any, where: str) -> dict[str, Any]:
    """The decoding settings in the table of a stage. Raises UserError."""
    if not isinstance(value, Mapping):
        raise UserError(
            f"{where}: {key!r} must be a table of decoding settings ({', '.join(DECODING)}), "
            f"not {value!r}"
        )
    return decoding_table(value, f"{where}: [{key}]")


def decoding_table(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A mapping of decoding settings, each checked. Raises UserError."""
    found = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in DECODING:
            raise UserError(f"{where}: unknown setting {key!r} (known: {', '.join(DECODING)})")
        found[name] = decoding_value(name, value, f"{where}: {key!r}")
    return found


def decoding_value(name: str, value: Any, where: str) -> Any:
    """A decoding setting in its own type. Raises UserError.

    None, or the text "none", leaves the value to the server; as a stop it means no stop.
    """
    if value is None or (isinstance(value, str) and value.lower() == NONE):
        return () if name == "stop" else None
    if name == "stop":
        return texts_value(value, where)
    kind: type = int if name == "max_tokens" else float
    number = checked_value(value, kind, where)
    low, high = {"max_tokens": (1, 10**7), "temperature": (0, 5), "top_p": (0, 1)}.get(
        name, (-2, 2)
    )
    if not low <= number <= high:
        raise UserError(f"{where} must be between {low} and {high}, not {number}")
    return number


def texts_value(value: Any, where: str) -> tuple[str, ...]:
    """A text or a list of texts as a tuple. Raises UserError."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise UserError(f"{where} must be a text or a list of texts")
    return tuple(texts)


def checked_value(value: Any, kind: type[Any], where: str) -> Any:
    """`value` if its type fits the setting's type `kind`. Raises UserError."""
    kinds, wanted = _KINDS[kind]
    if not isinstance(value, kinds) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"{where} must be {wanted}, not {value!r}")
    return float(str(value)) if kind is float else value


def for_stages(
    name: str, values: Sequence[str], known: Sequence[str], beside: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """`--temperature 0.7 --temperature propose=1.0` as settings by stage. Raises UserError.

    beside: stages that must be named, since a value for all stages does not mean them.
    """
    found: dict[str, dict[str, Any]] = {}
    option = f"--{name.replace('_', '-')}"
    for text in values:
        before, separator, after = text.partition("=")
        stages, value = (
            ((before,), after) if separator and before in (*known, *beside) else (known, text)
        )
        for stage in stages:
            found.setdefault(stage, {})[name] = _from_text(
                name, value, f"{option} {text}", found.get(stage, {}), known
            )
    return found


def _from_text(
    name: str, value: str, where: str, so_far: Mapping[str, Any], known: Sequence[str]
) -> Any:
    if value.lower() == NONE:
        return decoding_value(name, NONE, where)
    if name == "stop":
        return (*so_far.get("stop", ()), _unescaped(value, where))
    try:
        number = int(value) if name == "max_tokens" else float(value)
    except ValueError:
        raise UserError(
            f"{where}: must be a number, or STAGE=number with one of the stages " + ", ".join(known)
        ) from None
    return decoding_value(name, number, where)


def _unescaped(text: str, where: str) -> str:
    """Newlines and the like as a command line can spell them."""
    try:
        plain = (
            text.encode("latin-1", "backslashreplace").decode("unicode_escape")
            if "\\" in text
            else text
        )
        plain.encode("utf-8")  # no half of a character
        return plain
    except ValueError:
        raise UserError(
            f"{where}: holds a \\ that begins nothing known; write \\\\ for one of its own"
        ) from None
