"""Values of arithmetic expressions: exact fractions, with the marks that they were written with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

from selfinstruct.defects.tokens import HALVES, Token


class NotUnderstoodError(Exception):
    """A text is no expression, or its value is in doubt."""


@dataclass(slots=True)
class Value:
    """The value of an expression, and the marks that were read on the way.

    decimals: the most decimals of a number. slack: how far the value may be off where its numbers
    were rounded. signs: of the operators. units: the words behind numbers.
    """

    number: Fraction
    slack: Fraction = Fraction()
    decimals: int = 0
    signs: list[str] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    first: Fraction | None = None  # the first number
    is_percent: bool = False


def half(token: Token) -> tuple[int, int]:
    if token.text not in HALVES:
        raise NotUnderstoodError
    return HALVES[token.text]


def literal(token: Token) -> Value:
    if token.kind == "halves":
        return Value(Fraction(*half(token)))
    if token.kind == "mixed":
        whole, _, part = token.text.replace("\n", " ").partition(" ")
        above, below = map(int, part.split("/"))
        if above >= below:
            raise NotUnderstoodError
        return Value(int(whole) + Fraction(above, below))
    text = token.text.replace(",", "")
    if len(text) > 18 or re.match(r"0\d", text):
        raise NotUnderstoodError
    decimals = len(text.partition(".")[2])
    slack = Fraction(1, 2 * 10**decimals) if decimals > 1 else Fraction()
    return Value(Fraction("0" + text if text[0] == "." else text), slack, decimals)


def combined(a: Value, sign: str, b: Value) -> Value:
    """The value of `a sign b`. Raises NotUnderstoodError: a division by zero, or a huge power."""
    try:
        number, slack = _computed(a, sign, b)
    except ZeroDivisionError:
        raise NotUnderstoodError from None
    return Value(
        number,
        slack,
        max(a.decimals, b.decimals),
        [*a.signs, sign, *b.signs],
        a.units | b.units,
        a.first,
        a.is_percent or b.is_percent,
    )


def _computed(a: Value, sign: str, b: Value) -> tuple[Fraction, Fraction]:
    if sign in ("+", "-"):
        return (a.number + b.number if sign == "+" else a.number - b.number), a.slack + b.slack
    if sign == "*":
        return a.number * b.number, abs(a.number) * b.slack + abs(b.number) * a.slack
    if sign == "/":
        number = a.number / b.number
        return number, (a.slack + abs(number) * b.slack) / abs(b.number)
    if b.number.denominator != 1 or abs(b.number) > 64 or abs(a.number) > 10**6:
        raise NotUnderstoodError
    return a.number ** int(b.number), Fraction()
