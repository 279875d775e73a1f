"""The tokens of arithmetic in text: numbers, signs, parentheses, words of units."""

from __future__ import annotations

import re
from dataclasses import dataclass

_GROUPED = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?"
_TOKEN = re.compile(
    rf"(?P<mixed>\d+\s\d+/\d+(?![\d/.,]\d))|(?P<number>{_GROUPED}|\d+(?:\.\d+)?|(?<!\d)\.\d+)"
    r"|(?P<halves>[\u00bc-\u00be\u2150-\u215e])"
    r"|(?P<relation>[<>!=~\u2248\u2260\u2264\u2265]=|=[=>]|[<>~\u2248\u2260\u2264\u2265])"
    r"|(?P<equals>=)"
    r"|(?P<sign>\*\*|[-+*/^\u00d7\u00f7\u00b7\u2219\u22c5\u2212\u2013])"
    r"|(?P<open>[(\[])|(?P<close>[)\]])|(?P<money>[$\u20ac\u00a3\u00a5\u20b9])|(?P<percent>[%\uff05])"
    r"|(?P<raised>[\u00b2\u00b3])"
    r"|(?P<word>[^\W\d_]+(?:['\u2019-][^\W\d_]+)*[\u00b2\u00b3]?)|(?P<space>\s+)|(?P<other>.)",
    re.S,
)
_OPERATOR = {
    "+": "+", "-": "-", "\u2212": "-", "\u2013": "-", "*": "*", "\u00d7": "*", "\u00b7": "*",
    "\u2219": "*", "\u22c5": "*", "/": "/", "\u00f7": "/", "^": "^", "**": "^", "x": "*",
    "plus": "+", "minus": "-", "times": "*",
}  # fmt: skip
HALVES = {
    "\u00bd": (1, 2), "\u00bc": (1, 4), "\u00be": (3, 4), "\u2153": (1, 3), "\u2154": (2, 3),
    "\u2155": (1, 5), "\u215b": (1, 8), "\u215c": (3, 8), "\u215d": (5, 8), "\u215e": (7, 8),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text. kind: the name of the group of `_TOKEN` that matched."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def operator(self) -> str | None:
        """The arithmetic operator that the token can be: + - * / ^."""
        return _OPERATOR.get(self.text.lower()) if self.kind in ("sign", "word") else None

    @property
    def begins_operand(self) -> bool:
        return self.kind in ("number", "mixed", "halves", "open", "money")


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text without its spaces."""
    return [
        Token(str(match.lastgroup), match.group(), match.start(), match.end())
        for match in _TOKEN.finditer(text)
        if match.lastgroup != "space"
    ]
