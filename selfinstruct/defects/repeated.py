"""Inputs that stand in the instruction as well."""

from __future__ import annotations

import re

from selfinstruct.defects.finding import Checked, Finding, found
from selfinstruct.defects.words import words_in

_FEWEST = 4  # words of an input from which a repetition is no chance
_MARKS = re.compile(r"[\W_]+")


def repeated_input(row: Checked) -> Finding | None:
    """An input of several words that the instruction contains: a prompt shows the text twice."""
    if not row.input or len(row.input) > len(row.instruction) + 20:
        return None
    given = _plain(row.input)
    if words_in(row.input) < _FEWEST or given not in _plain(row.instruction):
        return None
    return found("repeated_input", "input", row.input)


def _plain(text: str) -> str:
    return _MARKS.sub(" ", text).strip().casefold()
