"""Values of a record's columns: texts as prompts hold them, and anything as JSON."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Mapping
from datetime import date, time
from typing import Any

from selfinstruct.text import well_formed

Place = tuple[str | int, ...]
"""The keys that lead to a text in a record: ("messages", 1, "content")."""

_KINDS = {dict: "an object", list: "a list", tuple: "a list", bool: "true or false"}


class Unreadable(Exception):
    """A record without a prompt that can be read. Its text says why."""


def clean(text: str) -> str:
    """Well-formed Unicode, without the newline at its end."""
    return well_formed(text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text)


def is_blank(value: Any) -> bool:
    """True for null, NaN, white space and an empty list."""
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or value == [] or (isinstance(value, float) and math.isnan(value))


def text_of(value: Any, column: str) -> str:
    """A text, a number in its JSON form, or "" for a blank value. Raises Unreadable."""
    if is_blank(value):
        return ""
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if not isinstance(value, str):
        raise Unreadable(f"{column!r}: must be a text, not {kind_of(value)}")
    return clean(value)


def kind_of(value: Any) -> str:
    """A value's kind for a message: "a list", "an object", "a number"."""
    if isinstance(value, str):
        return "a text"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "a number"
    return _KINDS.get(type(value), f"a {type(value).__name__}" if value is not None else "null")


def plain(value: Any) -> Any:
    """The value as JSON has it: NaN as null, dates as texts, bytes in base64.

    Raises RecursionError for values nested too deeply.
    """
    match value:
        case None | bool() | int():
            return value
        case str():
            return well_formed(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {well_formed(str(name)): plain(member) for name, member in value.items()}
        case list() | tuple():
            return [plain(member) for member in value]
        case bytes():
            return b64encode(value).decode()
        case date() | time():
            return value.isoformat()
    return str(value)
