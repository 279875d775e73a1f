"""Whether the result of an equation may be right: as rounded, in another unit, read otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

from selfinstruct.defects.expressions import evaluate
from selfinstruct.defects.tokens import Token
from selfinstruct.defects.values import NotUnderstoodError, Value

# Units that turn into one another: a result may be in another unit than its numbers.
_DIMENSIONS = (
    "hour hr h minute min second sec s day week month year decade century",
    "foot feet ft inch inche yard mile km m cm mm kilometer meter metre kilometre centimeter",
    "kg g mg gram kilogram pound lb ounce oz ton",
    "liter litre l ml gallon quart pint cup tablespoon teaspoon",
    "dollar $ cent quarter dime nickel penny pennie coin",
    "pair score half halve dozen",
    "byte kb mb gb tb kib mib gib bit",
    "mah ah mwh wh kwh",
)
_DIMENSION = {unit: number for number, units in enumerate(_DIMENSIONS) for unit in units.split()}
_FACTORS = frozenset(
    map(
        int,
        "2 3 4 5 7 8 10 12 14 16 20 24 25 28 30 31 36 48 50 52 60 100 128 144 365 366 1000 1760"
        " 2000 3600 5280 10000 1000000".split(),
    )
)


def has_variable(left: Value, right: Value) -> bool:
    """Whether a letter stands for a number, as in "2x + 3" or "5A/5"."""
    ours, theirs = (
        {unit for unit in side.units if len(unit) == 1 and unit.isalpha() and unit.isascii()}
        for side in (left, right)
    )
    if not ours | theirs:
        return False
    return ours != theirs or not ours <= set("mshgl") or bool({"+", "-"} & set(right.signs))


def is_in_doubt(line: str, shown: Sequence[Token], left: Value, right: Value) -> bool:
    """Whether a side is a range, a share of a sum, a slash with two readings, or another unit."""
    is_tight = len(shown) == 3 and shown[0].end == shown[1].start
    if is_tight and left.signs == ["-"] and left.number < 0 <= right.number:
        return True  # a key: "5-7 = 2 points"
    if left.signs == ["/"] and abs(left.number) < 1 <= abs(right.number):
        return True  # a share: "2/5 = 12 hectares"
    if re.search("/[/*]", "".join(left.signs)) and left.signs.count("/") > 1:
        return True  # 14 / 1/4
    if "/" in right.signs and len(right.signs) > 1:
        return True
    # "720 * 4 = 2880120 * 6": two texts without a space between
    if right.signs and str(right.first).startswith(str(left.number)):
        return True
    return _in_other_units(line, left, right)


def as_fraction(shown: Sequence[Token]) -> Iterator[Value]:
    """The value with everything above and below its only slash: "50/12+13" as 50/25."""
    slashes = [place for place, token in enumerate(shown) if token.text in "/\u00f7"]
    if len(slashes) != 1:
        return
    try:
        above, below = evaluate(shown[: slashes[0]]), evaluate(shown[slashes[0] + 1 :])
    except NotUnderstoodError:
        return
    if below.number:
        yield Value(above.number / below.number)


def agree(left: Value, right: Value) -> bool:
    """Whether a result is right, as rounded or cut off as it is.

    The result may be the beginning of another sum: "5 + 3 = 8 * 2 = 16".
    """
    value, claim = left.number, right.number
    if abs(claim - value) <= abs(value) / 10**9:  # a float of a program
        return True
    if left.signs == ["-"] and claim == -value:  # the difference, whichever comes first
        return True
    if right.signs and right.first is not None and right.first == value:
        return True
    if right.signs:
        return False
    if right.decimals:
        is_rounded = abs(claim - value) < Fraction(1, 10**right.decimals)
    else:
        is_rounded = value.denominator != 1 and abs(claim - value) < 1
    # 33.33 * 3 = 100: a number on the left was rounded before
    is_rounder = (value * 10**right.decimals).denominator != 1
    half = Fraction(1, 2 * 10**right.decimals) if right.decimals else Fraction()
    return is_rounded or (is_rounder and abs(claim - value) <= left.slack + half)


def _in_other_units(line: str, left: Value, right: Value) -> bool:
    """Whether the sides may be in different units."""
    if left.is_percent and {"+", "-"} & set(left.signs):
        return True
    if not left.number or not right.number:
        return False
    ratio = abs(right.number / left.number)
    factor = max(ratio, 1 / ratio)
    if factor == 100 and re.search(r"%|percent|cent", line):
        return True
    units = {_singular(unit) for unit in left.units | right.units} & set(_DIMENSION)
    dimensions = {_DIMENSION[unit] for unit in units}
    if {"+", "-"} & set(left.signs) and len(units) > len(dimensions):
        return True
    return bool(units) and factor in _FACTORS


def _singular(unit: str) -> str:
    return unit[:-1] if len(unit) > 2 and unit.endswith("s") else unit
