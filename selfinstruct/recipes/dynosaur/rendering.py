"""From the values of a row to the input and the output of an example."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, time
from functools import lru_cache
from typing import Any

from selfinstruct.records.datasets import value_at
from selfinstruct.records.values import is_blank
from selfinstruct.text import well_formed

_LONGEST = 2_000  # characters of an input
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def text_of(value: Any) -> str:
    """A single value as a text: numbers without a needless ".0", lists as A., B., C."""
    if isinstance(value, str):
        return (value if value.isascii() else well_formed(value)).strip()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, (list, tuple)):
        marked = zip(_LETTERS, value, strict=False)
        return "\n".join(f"{letter}. {text_of(member)}" for letter, member in marked)
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def values_of(fields: Mapping[str, Any], paths: Sequence[str]) -> list[Any] | None:
    """The values of these fields; None if any is blank."""
    values = []
    for path in paths:
        value = fields[path] if path in fields else value_at(fields, path)
        if is_blank(value):
            return None
        values.append(value)
    return values


def input_of(paths: Sequence[str], values: Sequence[Any]) -> str:
    """The input of an example: a single value as it stands, several each with its name.

    Cut at 2,000 characters.
    """
    if len(values) == 1:
        return text_of(values[0])[:_LONGEST].rstrip()
    parts = [_named(path, value) for path, value in zip(paths, values, strict=True)]
    return "\n".join(parts)[:_LONGEST].rstrip()


def _named(path: str, value: Any) -> str:
    name = _words(path)
    if isinstance(value, (list, tuple)):
        return f"The {name} are:\n{text_of(value)}"
    return f"The {name} is '{text_of(value)}'."


@lru_cache(maxsize=1024)
def _words(path: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", path)) or path
