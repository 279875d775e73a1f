"""Results of plain computations, computed again with exact fractions.

A computation that is not wholly understood gives no finding.
"""

from __future__ import annotations

import re
from fractions import Fraction

from selfinstruct.defects.computations import asked_value, number_of
from selfinstruct.defects.equations import false_equation
from selfinstruct.defects.finding import Checked, Finding, found

_LONGEST = 250  # letters of an output that is compared with the value asked for
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(
    r"(?<![\d.])[-\u2212]?\s?(?:\d+ \d+/\d+|(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\s?/\s?\d+)?"
    r"|\.\d+)"
)
_UNCLEAR = re.compile(
    r"\^|\u221a|sqrt|\bpi\b|\u03c0|\d ?e[-+]?\d|10\*\*|\u00d7 ?10|x 10|remainder|\bR ?\d|\u4f59"
    r"|rest\b|resto|reste|\bmillion|\bbillion|\bthousand|\u4e07|\u4ebf|\bhundred|\bbinary|\bhex"
    r"|\bi\b|repeating|hours?|minutes?|approximat|\babout\b|\u7ea6|[\u00bc-\u00be]|_",
    re.I,
)
_ROUNDED = re.compile(
    r"round|nearest|approximat|estimat|integer part|about|decimal place|\u2248|~|\u7ea6"
    r"|\u56db\u820d\u4e94\u5165|redonde|runde|arrond|significant|mixed|scientific|words"
    r"|roman|binary|simplest form|steps?\b",
    re.I,
)
# Tasks on equations that may be false, or on signs that are no numbers.
_MAY_BE_FALSE = re.compile(
    r"false|wrong|incorrect|mistake|\berrors?\b|binary|modul|\bmod\b|clock|hex|\bbase\b|orwell"
    r"|joke|riddle|pattern|puzzle|sequence|code|python|javascript|string|digit|matchstick|logic"
    r"|\u9519|\u5bf9\u9519",
    re.I,
)


def wrong_arithmetic(row: Checked) -> Finding | None:
    """An output without the result that the task asks for, or with a false equation."""
    if not _DIGIT.search(row.output):
        return None
    value = asked_value(row)
    if value is not None and not _ROUNDED.search(row.instruction):
        return _without_result(row, value)
    wrong = false_equation(row.output)
    if wrong is None or _MAY_BE_FALSE.search(row.instruction) or _MAY_BE_FALSE.search(row.input):
        return None
    return found("wrong_arithmetic", "output", f"{wrong.shown} (it is {_shown(wrong.value)})")


def _without_result(row: Checked, value: Fraction) -> Finding | None:
    if _UNCLEAR.search(row.output) or len(row.output) > _LONGEST:
        return None
    answer = row.output.rpartition("=")[2]  # the question stands before the sign again
    text = answer if any(map(str.isdigit, answer)) else row.output
    claims = [match.group() for match in _NUMBER.finditer(text)]
    if any(_agree(claim, value) for claim in claims) or _said_elsewhere(row, value):
        return None
    return found("wrong_arithmetic", "output", f"{row.output.strip()} (it is {_shown(value)})")


def _said_elsewhere(row: Checked, value: Fraction) -> bool:
    """Whether the result stands anywhere in the output and nowhere in the question.

    An output may end with an equation that checks the result.
    """
    given = {
        number_of(shown)
        for shown in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", f"{row.instruction} {row.input}")
    }
    return abs(value) not in given and any(
        _agree(match.group(), value) for match in _NUMBER.finditer(row.output)
    )


def _agree(claim: str, value: Fraction) -> bool:
    """Whether `claim` shows the value, rounded or cut off after the digits of the claim."""
    text = claim.replace(",", "").replace("\u2212", "-").strip()
    whole, _, part = text.rpartition(" ")
    if "/" in text:
        above, _, below = (part if "/" in part and whole.isdigit() else text).partition("/")
        if not below.strip() or not int(below):
            return False
        more = int(whole) if "/" in part and whole.isdigit() else 0
        return more + Fraction(above.replace(" ", "")) / int(below) == value
    text = text.replace(" ", "")
    shown, digits = Fraction(text), len(text.partition(".")[2])
    if abs(shown - value) <= abs(value) / 10**9 or (text[0] != "-" and shown == -value):
        return True
    step = Fraction(1, 10**digits)
    return (
        abs(shown - value) < step
        if digits
        else value.denominator != 1 and abs(shown - value) <= Fraction(1, 2)
    )


def _shown(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):.6g}"
