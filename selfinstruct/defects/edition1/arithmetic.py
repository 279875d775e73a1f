"""Results of plain computations, computed again with exact fractions.

A computation that is not wholly understood gives no finding.
"""

from __future__ import annotations

import re
from fractions import Fraction

from selfinstruct.defects.edition1.computations import NUMBER, asked_value, number_of, value_of
from selfinstruct.defects.edition1.finding import Checked, Finding, found

_EQUATION = re.compile(
    rf"(?:^|[\n:;.,(]|\bso\b|\bis\b|\bthen\b|\bget\b|\btherefore\b)\s*"
    rf"(?P<e>\$?{NUMBER}(?:(?:\s?[-+*/\u00d7\u00f7\u2212]\s?| x )\$?{NUMBER}){{1,4}})"
    rf"\s?=\s?\$?(?P<r>{NUMBER})"
    rf"(?!\s?[-+*/\u00d7\u00f7^=%\d:/]|[\w(]|\.\d|,\d| ?\(?(?:mod|remainder|r\b|\u4f59)|\s?x\b)",
    re.I | re.M,
)
_NUMBER = re.compile(r"(?<![\d.])[-\u2212]?\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\s?/\s?\d+)?")
_UNCLEAR = re.compile(
    r"\^|\u221a|sqrt|\bpi\b|\u03c0|\d ?e[-+]?\d|10\*\*|\u00d7 ?10|x 10|remainder|\bR ?\d|\u4f59"
    r"|rest\b|resto|reste|\bmillion|\bbillion|\bthousand|\u4e07|\u4ebf|\bhundred|\bbinary|\bhex"
    r"|\bi\b|repeating|hours?|minutes?|approximat|\babout\b|\u7ea6",
    re.I,
)
_ROUNDED = re.compile(
    r"round|nearest|approximat|estimat|integer|whole|about|decimal|\u2248|~|\u7ea6"
    r"|\u56db\u820d\u4e94\u5165|redonde|runde|arrond",
    re.I,
)


def wrong_arithmetic(row: Checked) -> Finding | None:
    """An output without the result that the task asks for, or with a false equation."""
    if not any(map(str.isdigit, row.output)):
        return None
    value = asked_value(row)
    if value is not None and not _ROUNDED.search(row.instruction):
        if _UNCLEAR.search(row.output) or len(row.output) > 250:
            return None
        answer = row.output.rpartition("=")[2]  # the question stands before the sign again
        text = answer if any(map(str.isdigit, answer)) else row.output
        claims = [match.group() for match in _NUMBER.finditer(text)]
        if not any(_agree(claim, value) for claim in claims) and not _said_elsewhere(row, value):
            return found(
                "wrong_arithmetic", "output", f"{row.output.strip()} (it is {_shown(value)})"
            )
        return None
    return _false_equation(row)


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


def _false_equation(row: Checked) -> Finding | None:
    if (
        "=" not in row.output
        or _ROUNDED.search(row.output)
        or re.search(
            r"false|wrong|incorrect|mistake|\berrors?\b|binary|modul|\bmod\b|clock|hex|base|orwell"
            r"|joke|riddle|pattern|puzzle|sequence|code|python|\u9519",
            f"{row.instruction} {row.input}",
            re.I,
        )
    ):
        return None
    for match in _EQUATION.finditer(row.output):
        expression = match["e"].replace("$", "")
        value = value_of(expression)
        is_date = re.fullmatch(r"\d{1,4}([-/])\d{1,2}\1\d{1,4}", expression.strip())
        if value is not None and not is_date and not _agree(match["r"], value):
            return found(
                "wrong_arithmetic", "output", f"{match.group().strip()} (it is {_shown(value)})"
            )
    return None


def _agree(claim: str, value: Fraction) -> bool:
    """Whether `claim` shows the value, rounded or cut off after the digits of the claim."""
    text = claim.replace(",", "").replace("\u2212", "-").replace(" ", "")
    if "/" in text:
        above, _, below = text.partition("/")
        return int(below) != 0 and Fraction(above) / int(below) == value
    shown, digits = Fraction(text), len(text.partition(".")[2])
    if shown == value or (not text.startswith("-") and shown == -value):
        return True
    step = Fraction(1, 10**digits)
    return (
        abs(shown - value) < step
        if digits
        else value.denominator != 1 and abs(shown - value) <= Fraction(1, 2)
    )


def _shown(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):.6g}"
