"""Plain computations, done again with exact fractions. Whatever is not wholly understood is left alone."""

from __future__ import annotations

import ast
import math
import re
from fractions import Fraction

from selfinstruct.defects.finding import Checked, Finding, found

_N = r"-?\d[\d,]*(?:\.\d+)?"
_ASK = (
    r"[\s\u00bf]*(?:please |can you |could you )?(?:what(?:'s| is| does| do)|calculate|compute|evaluate|solve|work out|find|determine|simplify|figure out|how much is|tell me|give(?: me)?|do|answer"
    r"|\u8ba1\u7b97|\u6c42|cu\u00e1nto (?:es|son)|calcula|wie ?viel ist|berechne|combien font|calcule[rz]?|quanto [e\u00e9]|\u0441\u043a\u043e\u043b\u044c\u043a\u043e \u0431\u0443\u0434\u0435\u0442)?"
    r"(?: the| this| following| value| result| answer| math| mathematical| arithmetic| simple| equation| expression| expressions| problem| calculation| sum| product| of| to| for| is| out| question| addition| multiplication| division| subtraction| el| la| le| resultado| valor| r\u00e9sultat| das| ergebnis| von| de| \u4ee5\u4e0b| \u7684)*[\s:\uff1a]*"
)
_EXPRESSION = re.compile(
    rf"{_ASK}(?P<e>[(\s]*{_N}(?:[\s()]*(?:\*\*|[-+*/\u00d7\u00f7\u2212x\u00b7^]|plus|minus|times|divided by|multiplied by)[\s()]*{_N}[\s)]*)+)(?:equals?|equal to|is)?[\s=?.\uff1f\u3002!]*(?:\u662f\u591a\u5c11|\u7b49\u4e8e\u591a\u5c11|\u7b49\u4e8e\u51e0)?[\s=?.\uff1f\u3002]*",
    re.I,
)
_LIST = rf"(?P<l>{_N}(?:(?:, ?and |, | and | und | y | et |\u3001| \u548c |\u548c|, ?){_N})+)"
_NUMBERS = r"(?:the )?(?:(?:given|following|two|three|four|five|these|numbers?|values?|integers|set|list|data)[ :]*)*"
_NAMED = re.compile(
    rf"{_ASK}(?P<op>sum|total|product|difference|average|mean|quotient)\s(?:of|between)\s{_NUMBERS}[\[(]?{_LIST}[\])]?[\s?.:=]*"
    rf"|\s*(?P<verb>add|multiply|sum|total)(?: up| together)?\s{_NUMBERS}{_LIST.replace('<l>', '<m>')}(?: together)?[\s?.]*",
    re.I,
)
_HAN_NAMED = re.compile(
    rf"\s*(?:\u8ba1\u7b97|\u6c42|\u627e\u51fa)?(?:\u6570\u5b57|\u8fd9\u4e9b\u6570)?\s*{_LIST}\s*(?:\u7684|\u4e4b\u95f4\u7684)?(?P<op>\u548c|\u603b\u548c|\u4e58\u79ef|\u79ef|\u5dee|\u5e73\u5747\u503c|\u5e73\u5747\u6570)(?:\u662f\u591a\u5c11|\u4e3a\u591a\u5c11)?[?\uff1f\u3002\s]*"
)
_TWO = re.compile(
    rf"\s*(?:please )?(?P<op>add|subtract|take|multiply|divide)\s(?P<a>{_N})\s(?:to|from|away from|by|with|and)\s(?P<b>{_N})[\s?.]*"
    rf"|{_ASK}(?P<c>{_N}) ?(?:%|percent|per cent) of (?P<d>{_N})[\s?.]*"
    rf"|{_ASK}(?P<root>(?:square|cube) root) of (?P<r>\d[\d,]*)[\s?.]*"
    rf"|{_ASK}(?P<s>{_N}) (?P<power>squared|cubed)[\s?.]*|{_ASK}(?:factorial of (?P<f>\d{{1,2}})|(?P<g>\d{{1,2}})!)[\s?.]*"
    rf"|{_ASK}(?:square|cube) of (?P<q>\d[\d,]*)[\s?.]*",
    re.I,
)
_INPUT_ONLY = re.compile(
    r"\s*(?:please )?(?:(?:calculate|compute|evaluate|solve|simplify|find|work out|answer|do|determine|perform)\b(?: (?:the|this|these|following|given|value|result|answer|math|mathematical|arithmetic|simple|basic|equation|expression|problem|calculation|of|to|for|below|question|sum|and|show|return|output|numeric|numerical|provided))*"
    r"|what is (?:the )?(?:result|answer|value)(?: (?:of|to|the|this|following|given|calculation|expression|equation|problem))*|\u8ba1\u7b97(?:\u4ee5\u4e0b|\u4e0b\u9762|\u7ed9\u5b9a)?.{0,6}|\u6c42\u503c|calcula.{0,30}|berechne.{0,30}|calculer?.{0,30})[\s:.?\u3002\uff1a]*",
    re.I,
)
_EQUATION = re.compile(
    rf"(?:^|[\n:;.,(]|\bso\b|\bis\b|\bthen\b|\bget\b|\btherefore\b)\s*(?P<e>\$?{_N}(?:(?:\s?[-+*/\u00d7\u00f7\u2212]\s?| x )\$?{_N}){{1,4}})\s?=\s?\$?(?P<r>{_N})(?!\s?[-+*/\u00d7\u00f7^=%\d:/]|[\w(]|\.\d|,\d| ?\(?(?:mod|remainder|r\b|\u4f59)|\s?x\b)",
    re.I | re.M,
)
_NUMBER = re.compile(r"(?<![\d.])[-\u2212]?\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\s?/\s?\d+)?")
_UNCLEAR = re.compile(
    r"\^|\u221a|sqrt|\bpi\b|\u03c0|\d ?e[-+]?\d|10\*\*|\u00d7 ?10|x 10|remainder|\bR ?\d|\u4f59|rest\b|resto|reste|\bmillion|\bbillion|\bthousand|\u4e07|\u4ebf|\bhundred|\bbinary|\bhex|\bi\b|repeating|hours?|minutes?|approximat|\babout\b|\u7ea6",
    re.I,
)
_ROUNDED = re.compile(
    r"round|nearest|approximat|estimat|integer|whole|about|decimal|\u2248|~|\u7ea6|\u56db\u820d\u4e94\u5165|redonde|runde|arrond",
    re.I,
)


def wrong_arithmetic(row: Checked) -> Finding | None:
    """The instruction (or the input) is a computation and its result stands nowhere in the output; or an equation is false."""
    if not any(map(str.isdigit, row.output)):
        return None
    value = _asked(row)
    if value is not None and not _ROUNDED.search(row.instruction):
        if _UNCLEAR.search(row.output) or len(row.output) > 250:
            return None
        told = row.output.rpartition("=")[
            2
        ]  # what stands before the sign only says the question again
        claims = [
            match.group()
            for match in _NUMBER.finditer(told if any(map(str.isdigit, told)) else row.output)
        ]
        if not any(_agree(claim, value) for claim in claims) and not _said_elsewhere(row, value):
            return found(
                "wrong_arithmetic", "output", f"{row.output.strip()} (it is {_shown(value)})"
            )
        return None
    return _false_equation(row)


def _said_elsewhere(row: Checked, value: Fraction) -> bool:
    """The result stands before a last equation that checks it, and is no number of the question."""
    given = {
        _number(one)
        for one in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", f"{row.instruction} {row.input}")
    }
    return abs(value) not in given and any(
        _agree(match.group(), value) for match in _NUMBER.finditer(row.output)
    )


def _false_equation(row: Checked) -> Finding | None:
    if (
        "=" not in row.output
        or _ROUNDED.search(row.output)
        or re.search(
            r"false|wrong|incorrect|mistake|\berrors?\b|binary|modul|\bmod\b|clock|hex|base|orwell|joke|riddle|pattern|puzzle|sequence|code|python|\u9519",
            f"{row.instruction} {row.input}",
            re.I,
        )
    ):
        return None
    for match in _EQUATION.finditer(row.output):
        expression = match["e"].replace("$", "")
        value = _value(expression)
        is_date = re.fullmatch(r"\d{1,4}([-/])\d{1,2}\1\d{1,4}", expression.strip())
        if value is not None and not is_date and not _agree(match["r"], value, loose=True):
            return found(
                "wrong_arithmetic", "output", f"{match.group().strip()} (it is {_shown(value)})"
            )
    return None


def _asked(row: Checked) -> Fraction | None:
    """The value of the computation that the whole of the instruction is."""
    text = row.instruction
    if not any(map(str.isdigit, text)):
        given = row.input.strip()
        return (
            _value_of(given) if given and len(given) < 120 and _INPUT_ONLY.fullmatch(text) else None
        )
    if row.input.strip() and _plain(row.input) not in _plain(text):
        return None
    return _value_of(text) if len(text) < 160 else None


def _value_of(text: str) -> Fraction | None:
    if match := _EXPRESSION.fullmatch(text):
        return _value(match["e"])
    if match := _NAMED.fullmatch(text) or _HAN_NAMED.fullmatch(text):
        named = match.groupdict()
        numbers = [
            _number(one)
            for one in re.findall(r"-?\d+(?:,\d{3})*(?:\.\d+)?", match["l"] or named.get("m") or "")
        ]
        return _folded((named.get("op") or named.get("verb") or "").lower(), numbers)
    return _of_two(match) if (match := _TWO.fullmatch(text)) else None


def _folded(name: str, numbers: list[Fraction]) -> Fraction | None:
    if name in ("sum", "total", "add", "\u548c", "\u603b\u548c"):
        return sum(numbers, Fraction())
    if name in ("product", "multiply", "\u4e58\u79ef", "\u79ef"):
        return math.prod(numbers, start=Fraction(1))
    if name in ("average", "mean", "\u5e73\u5747\u503c", "\u5e73\u5747\u6570"):
        return sum(numbers, Fraction()) / len(numbers)
    if len(numbers) != 2:
        return None
    if name == "quotient":
        return numbers[0] / numbers[1] if numbers[1] else None
    return abs(numbers[0] - numbers[1])


def _of_two(match: re.Match[str]) -> Fraction | None:
    if match["op"]:
        a, b, name = _number(match["a"]), _number(match["b"]), match["op"].lower()
        if name in ("subtract", "take"):
            return b - a if "from" in match.group() else None
        return (
            a + b
            if name == "add"
            else a * b
            if name == "multiply"
            else a / b
            if b and " by " in match.group()
            else None
        )
    if match["c"]:
        return _number(match["c"]) * _number(match["d"]) / 100
    if match["root"]:
        whole, power = (
            int(_number(match["r"])),
            2 if match["root"].lower().startswith("square") else 3,
        )
        root = round(whole ** (1 / power))
        return Fraction(root) if root**power == whole else None
    if match["s"]:
        return _number(match["s"]) ** (2 if match["power"].lower() == "squared" else 3)
    if match["q"]:
        return _number(match["q"]) ** (2 if "square of" in match.group().lower() else 3)
    return Fraction(math.factorial(int(match["f"] or match["g"])))


def _value(expression: str) -> Fraction | None:
    text = expression.lower().replace(",", "")
    for word, sign in (("plus", "+"), ("minus", "-"), ("multiplied by", "*"), ("times", "*"), ("divided by", "/"), ("\u00d7", "*"), ("\u00b7", "*"),
                       ("\u00f7", "/"), ("\u2212", "-"), ("x", "*"), ("^", "**")):  # fmt: skip
        text = text.replace(word, sign)
    if len(text) > 120 or re.search(r"\)\s*\d|\d\s*\(|\d\s+\d|(?<!\d)0\d", text):
        return None
    try:
        return _computed(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, MemoryError, RecursionError):
        return None


def _computed(node: ast.expr) -> Fraction:
    """Raises ValueError for anything but numbers and the four operations, and small powers."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return Fraction(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_computed(operand)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _computed(left), _computed(right)
            match op:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.Div():
                    return a / b
                case ast.Pow() if b.denominator == 1 and 0 <= b <= 20 and abs(a) < 10**6:
                    return a ** int(b)
    raise ValueError("no plain computation")


def _agree(claim: str, value: Fraction, *, loose: bool = False) -> bool:
    """Whether `claim` is the value, rounded or cut off to the digits that it shows."""
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
        else (loose or value.denominator != 1)
        and value.denominator != 1
        and abs(shown - value) <= Fraction(1, 2)
    )


def _number(text: str) -> Fraction:
    return Fraction(text.replace(",", ""))


def _plain(text: str) -> str:
    return re.sub(r"[^\d]+", " ", text).strip()


def _shown(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):.6g}"
