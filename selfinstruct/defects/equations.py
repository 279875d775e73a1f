"""False equations in a text: "12.50 * 2 = 26", computed again with exact fractions.

An equation that is not wholly understood is passed over: one with a variable, a clock time, a
remainder, a number in another notation, or words that say that the result is rounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from selfinstruct.defects.expressions import evaluate, first_value
from selfinstruct.defects.results import agree, as_fraction, has_variable, is_in_doubt
from selfinstruct.defects.tokens import Token, tokens_of
from selfinstruct.defects.values import NotUnderstoodError, Value

_MOST = 60  # tokens of one side that are read
_BULLET = re.compile(r"^\s*(?:[-*\u2022\u2013>]\s+|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s*(?!\d)|#+\s)")
_NUMBERED = re.compile(r"^\s*\(?\d{1,3}[.)]\s+")
_TIGHT_NUMBER = re.compile(
    r"^\s*\d{1,2}(?:[.)]| ?-)(?=\s?[(\d][^=]*[-+*/x\u00d7\u00f7][^=]*=)"
)  # perhaps: "1.6 x 7", "2 - 6 x 7"
_BOLD = re.compile(r"(?<![\w)*])(\*\*|__)(?=\S)([^*_\n]+?)(?<=\S)\1(?!\w)")
_LATEX = (
    (re.compile(r"\\(?:times|cdot|ast)\b"), "\u00d7"),
    (re.compile(r"\\div\b"), "\u00f7"),
    (re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}"), r"((\1)/(\2))"),
    (re.compile(r"\\(?:left|right|,|;|!)"), ""),
    (re.compile(r"\\(?=[$%])"), ""),
    (re.compile(r"\\text\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\\[()\[\]]|\$\$"), " "),
)
_EQUAL_TO = re.compile(r"\b(?:is|are) equal to\b|\bequals\b", re.I)
_SAID = re.compile(r"\d\)? is (?:equal to )?[$\u20ac\u00a3]?\d|\d\)? equals ")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d{1,2}(?!\d))")
_DECIMAL_POINT = re.compile(r"\d\.\d|\d,\d{3}")
_GROUPED = re.compile(r"(?<=\d)\.(?=\d{3}(?!\d))")
# A line with such words shows no plain equation.
_UNCLEAR_LINE = re.compile(
    r"approx|\babout\b|\bround|estimat|roughly|nearly|almost|around|\bceil|\bfloor|remainder|\bmod\b"
    r"|wrong|incorrect|mistake|myth|clock|pretend|\berror|should (?:be|have)|instead|\bnot equal|false|oops"
    r"|\d/-|\bbinary|\bhex|\bbase\b|\bas (?:a|an) (?:mixed|whole)|repeating|recurring|\u2026|\.\.\."
    r"|\u7ea6|\u4f59|\u9519|ungef\u00e4hr|environ|aproximad|\u2248",
    re.I,
)
_NOTHING_BEFORE = frozenset(
    ".,;:\"'\u201c\u201d\u2018\u2019!?\u00bf\u00a1|>\u2192\u2022\uff1a\uff0c\u3002\uff1b"
)
_NO_START = frozenset(
    "and in not if suppose assume plus minus times by than from percent per mod log sin cos tan sqrt root half twice"
    " double triple thousand million hundred dozen multiplied divided base at each every day week"
    " month year step level grade page chapter question problem number no row line part".split()
)
_PARTS = re.compile(
    r"(?:half|halves|thirds?|quarters?|(?:four|fif|six|seven|eigh|nin|ten)ths?|percent|sum|product"
    r"|difference|square|root|cube|power|double|twice|rest|most|[\d%\u00bc-\u00be])$",
    re.I,
)
_GOES_ON = frozenset(
    "million billion trillion thousand hundred dozen k mod r remainder rest squared cubed percent"
    " lakh crore base e am pm resto reste".split()
)


@dataclass(frozen=True, slots=True)
class FalseEquation:
    """shown: the text of the equation. value: the right result of its left side."""

    shown: str
    value: Fraction


def false_equation(text: str) -> FalseEquation | None:
    """The first false equation of a text."""
    if ("=" not in text and not _SAID.search(text)) or "digit" in text or "```" in text:
        return None
    for line in text.split("\n"):
        if ("=" not in line and not _SAID.search(line)) or _UNCLEAR_LINE.search(line):
            continue
        wrong = _of_line(_plain(line))
        if wrong is not None and all(_of_line(other) for other in _other_readings(line)):
            return wrong
    return None


def _plain(line: str) -> str:
    """A line without list marks, bold type, decimal commas and the commands of LaTeX."""
    for pattern, sign in _LATEX if "\\" in line or "$$" in line else ():
        line = pattern.sub(sign, line)
    line = _NUMBERED.sub("", _BULLET.sub("", _BOLD.sub(r"\2", line), 1), 1)
    if _DECIMAL_COMMA.search(line) and not _DECIMAL_POINT.search(line):
        line = _DECIMAL_COMMA.sub(".", line)
    return _EQUAL_TO.sub("=", line)


def _other_readings(line: str) -> Iterator[str]:
    """The line with "1.500" as a grouped number, and without a number that may count the line."""
    if _GROUPED.search(line):
        yield _plain(_GROUPED.sub("", line))
    if _TIGHT_NUMBER.search(line):
        yield _plain(_TIGHT_NUMBER.sub("", line))


def _of_line(line: str) -> FalseEquation | None:
    sides: list[list[Token]] = [[]]
    joints: list[Token] = []
    for token in tokens_of(line):
        is_said = token.kind == "word" and token.text == "is"
        if token.kind == "equals" or (is_said and sides[-1] and _ends_operand(sides[-1][-1])):
            joints.append(token)
            sides.append([])
        else:
            sides[-1].append(token)
    for number, joint in enumerate(joints):
        is_chain = number + 2 < len(sides)
        wrong = _between(line, joint, sides[number], sides[number + 1], is_chain)
        if wrong is not None:
            return wrong
    return None


def _ends_operand(token: Token) -> bool:
    return token.kind in ("number", "mixed", "close", "percent")


def _between(
    line: str, joint: Token, before: list[Token], after: list[Token], is_chain: bool
) -> FalseEquation | None:
    """The equation around one sign, if the equation is false."""
    if not after or not before or not before[-1].end <= joint.start:
        return None
    try:
        count, left = _left(line, before)
        right, read = first_value(after[:_MOST])
    except NotUnderstoodError:
        return None
    if joint.text == "is" and (set(left.signs) - {"+", "*"} or right.signs):
        return None
    shown = before[-count:]
    if not _ends_well(line, after, read, is_chain) or has_variable(left, right):
        return None
    if agree(left, right) or is_in_doubt(line, shown, left, right):
        return None
    other, _ = first_value(after[:_MOST], percent=1)
    if agree(evaluate(shown, percent=1), right) or agree(left, other):
        return None
    if any(agree(value, right) for value in as_fraction(shown)):
        return None
    return FalseEquation(line[shown[0].start : after[read - 1].end], left.number)


def _left(line: str, tokens: list[Token]) -> tuple[int, Value]:
    """The longest expression at the end of the tokens before a sign, and its number of tokens.

    Raises NotUnderstoodError where there is none, or where the expression may begin earlier.
    """
    for start in range(max(0, len(tokens) - _MOST), len(tokens)):
        if not (tokens[start].begins_operand or tokens[start].kind == "sign"):
            continue
        try:
            value = evaluate(tokens[start:])
        except NotUnderstoodError:
            continue
        if not value.signs or not _may_begin(line, tokens, start):
            raise NotUnderstoodError
        return len(tokens) - start, value
    raise NotUnderstoodError


def _may_begin(line: str, tokens: Sequence[Token], start: int) -> bool:
    """Whether an expression may begin behind the token before `start`."""
    if start == 0:
        return True
    before, first = tokens[start - 1], tokens[start]
    is_attached = before.end == first.start
    if first.kind == "sign" and before.kind not in ("other", "open"):
        return False
    if _hangs(tokens[:start], first):
        return False
    if before.kind == "word":
        word = before.text.lower()
        is_variable = word.isascii() and (is_attached or (len(word) == 1 and word not in "ai"))
        if word == "of" and any(
            _PARTS.search(part.text) for part in tokens[max(0, start - 4) : start]
        ):
            return False  # "a third of 12 + 6", "40 boxes of 12 + 6"
        return not is_variable and word not in _NO_START
    if before.kind == "other":
        between_digits = is_attached and line[before.start - 1 : before.start].isdigit()
        return before.text in _NOTHING_BEFORE and not between_digits
    is_remark = before.kind == "close" and tokens[start - 2].kind == "word"
    return before.kind == "open" or (is_remark and not is_attached)


def _hangs(before: Sequence[Token], first: Token) -> bool:
    """Whether an operator before the expression leads into it, or the expression cuts a number.

    So it is in "a + his 1 + 1", in "2 * (3 + 4" and in "14, 400 / 80".
    """
    for token in reversed(before[-4:]):
        if token.kind == "sign":
            return True
        if token.kind not in ("word", "open") and token.text != ".":
            break
    is_cut = len(before) > 1 and before[-1].text == "," and before[-2].kind == "number"
    return is_cut and re.match(r"\d{3}(?!\d)", first.text) is not None


def _ends_well(line: str, tokens: Sequence[Token], read: int, is_chain: bool) -> bool:
    """Whether the result ends where its expression ends, and is a plain number."""
    if read >= len(tokens):
        return True
    after = tokens[read]
    is_attached = tokens[read - 1].end == after.start
    follows_digit = line[after.end : after.end + 1].isdigit()
    match after.kind:
        case "word":
            return after.text.lower() not in _GOES_ON and not is_attached
        case "sign":
            return after.operator == "-" and not is_attached and not follows_digit
        case "open":
            return not is_attached
        case "other":
            if after.text == "!" and is_attached and len(tokens[read - 1].text) < 3:
                return False  # a factorial
            return after.text not in "?\uff1f_\\^#@" and not (is_attached and follows_digit)
        case "close" | "money":
            return True
    return False
