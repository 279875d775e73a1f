"""Plain computations in an example: the question in words or signs, and its exact value."""

from __future__ import annotations

import ast
import math
import re
from fractions import Fraction

from selfinstruct.defects.edition1.finding import Checked

NUMBER = r"-?\d[\d,]*(?:\.\d+)?"
_ASK = (
    r"[\s\u00bf]*(?:please |can you |could you )?(?:what(?:'s| is| does| do)|calculate|compute"
    r"|evaluate|solve|work out|find|determine|simplify|figure out|how much is|tell me|give(?: me)?"
    r"|do|answer"
    r"|\u8ba1\u7b97|\u6c42|cu\u00e1nto (?:es|son)|calcula|wie ?viel ist|berechne|combien font"
    r"|calcule[rz]?|quanto [e\u00e9]"
    r"|\u0441\u043a\u043e\u043b\u044c\u043a\u043e \u0431\u0443\u0434\u0435\u0442)?"
    r"(?: the| this| following| value| result| answer| math| mathematical| arithmetic| simple"
    r"| equation| expression| expressions| problem| calculation| sum| product| of| to| for| is| out"
    r"| question| addition| multiplication| division| subtraction| el| la| le| resultado| valor"
    r"| r\u00e9sultat| das| ergebnis| von| de| \u4ee5\u4e0b| \u7684)*[\s:\uff1a]*"
)
_EXPRESSION = re.compile(
    rf"{_ASK}(?P<e>[(\s]*{NUMBER}(?:[\s()]*(?:\*\*|[-+*/\u00d7\u00f7\u2212x\u00b7^]|plus|minus"
    rf"|times|divided by|multiplied by)[\s()]*{NUMBER}[\s)]*)+)(?:equals?|equal to"
    rf"|is)?[\s=?.\uff1f\u3002!]*(?:\u662f\u591a\u5c11|\u7b49\u4e8e\u591a\u5c11"
    rf"|\u7b49\u4e8e\u51e0)?[\s=?.\uff1f\u3002]*",
    re.I,
)
_LIST = (
    rf"(?P<l>{NUMBER}(?:(?:, ?and |, | and | und | y | et |\u3001| \u548c |\u548c|, ?){NUMBER})+)"
)
_NUMBERS = (
    r"(?:the )?(?:(?:given|following|two|three|four|five|these|numbers?|values?|integers|set|list"
    r"|data)[ :]*)*"
)
_NAMED = re.compile(
    rf"{_ASK}(?P<op>sum|total|product|difference|average|mean|quotient)\s(?:of"
    rf"|between)\s{_NUMBERS}[\[(]?{_LIST}[\])]?[\s?.:=]*"
    rf"|\s*(?P<verb>add|multiply|sum|total)(?: up"
    rf"| together)?\s{_NUMBERS}{_LIST.replace('<l>', '<m>')}(?: together)?[\s?.]*",
    re.I,
)
_HAN_NAMED = re.compile(
    rf"\s*(?:\u8ba1\u7b97|\u6c42|\u627e\u51fa)?(?:\u6570\u5b57"
    rf"|\u8fd9\u4e9b\u6570)?\s*{_LIST}\s*(?:\u7684|\u4e4b\u95f4\u7684)?(?P<op>\u548c|\u603b\u548c"
    rf"|\u4e58\u79ef|\u79ef|\u5dee|\u5e73\u5747\u503c|\u5e73\u5747\u6570)(?:\u662f\u591a\u5c11"
    rf"|\u4e3a\u591a\u5c11)?[?\uff1f\u3002\s]*"
)
_TWO = re.compile(
    rf"\s*(?:please )?(?P<op>add|subtract|take|multiply|divide)\s(?P<a>{NUMBER})\s(?:to|from"
    rf"|away from|by|with|and)\s(?P<b>{NUMBER})[\s?.]*"
    rf"|{_ASK}(?P<c>{NUMBER}) ?(?:%|percent|per cent) of (?P<d>{NUMBER})[\s?.]*"
    rf"|{_ASK}(?P<root>(?:square|cube) root) of (?P<r>\d[\d,]*)[\s?.]*"
    rf"|{_ASK}(?P<s>{NUMBER}) (?P<power>squared|cubed)[\s?.]*"
    rf"|{_ASK}(?:factorial of (?P<f>\d{{1,2}})|(?P<g>\d{{1,2}})!)[\s?.]*"
    rf"|{_ASK}(?:square|cube) of (?P<q>\d[\d,]*)[\s?.]*",
    re.I,
)
_INPUT_ONLY = re.compile(
    r"\s*(?:please )?(?:(?:calculate|compute|evaluate|solve|simplify|find|work out|answer|do"
    r"|determine|perform)\b(?: (?:the|this|these|following|given|value|result|answer|math"
    r"|mathematical|arithmetic|simple|basic|equation|expression|problem|calculation|of|to|for|below"
    r"|question|sum|and|show|return|output|numeric|numerical|provided))*"
    r"|what is (?:the )?(?:result|answer|value)(?: (?:of|to|the|this|following|given|calculation"
    r"|expression|equation|problem))*|\u8ba1\u7b97(?:\u4ee5\u4e0b|\u4e0b\u9762"
    r"|\u7ed9\u5b9a)?.{0,6}|\u6c42\u503c|calcula.{0,30}|berechne.{0,30}"
    r"|calculer?.{0,30})[\s:.?\u3002\uff1a]*",
    re.I,
)
# Words and signs of an operation, with the operator in Python, in the order of replacement.
_SIGNS = (
    ("plus", "+"), ("minus", "-"), ("multiplied by", "*"), ("times", "*"), ("divided by", "/"),
    ("\u00d7", "*"), ("\u00b7", "*"), ("\u00f7", "/"), ("\u2212", "-"), ("x", "*"), ("^", "**"),
)  # fmt: skip


def asked_value(row: Checked) -> Fraction | None:
    """The value of the computation that is the whole instruction, or the whole input.

    None where the task asks for more, or where the computation is not wholly understood.
    """
    text = row.instruction
    if not any(map(str.isdigit, text)):
        given = row.input.strip()
        return (
            _answer(given) if given and len(given) < 120 and _INPUT_ONLY.fullmatch(text) else None
        )
    if row.input.strip() and _digits(row.input) not in _digits(text):
        return None
    return _answer(text) if len(text) < 160 else None


def _answer(text: str) -> Fraction | None:
    if match := _EXPRESSION.fullmatch(text):
        return value_of(match["e"])
    if match := _NAMED.fullmatch(text) or _HAN_NAMED.fullmatch(text):
        named = match.groupdict()
        numbers = [
            number_of(shown)
            for shown in re.findall(
                r"-?\d+(?:,\d{3})*(?:\.\d+)?", match["l"] or named.get("m") or ""
            )
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
        a, b, name = number_of(match["a"]), number_of(match["b"]), match["op"].lower()
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
        return number_of(match["c"]) * number_of(match["d"]) / 100
    if match["root"]:
        whole, power = (
            int(number_of(match["r"])),
            2 if match["root"].lower().startswith("square") else 3,
        )
        root = round(whole ** (1 / power))
        return Fraction(root) if root**power == whole else None
    if match["s"]:
        return number_of(match["s"]) ** (2 if match["power"].lower() == "squared" else 3)
    if match["q"]:
        return number_of(match["q"]) ** (2 if "square of" in match.group().lower() else 3)
    return Fraction(math.factorial(int(match["f"] or match["g"])))


def value_of(expression: str) -> Fraction | None:
    """The exact value of an expression in words or signs, None for any other text."""
    text = expression.lower().replace(",", "")
    for word, sign in _SIGNS:
        text = text.replace(word, sign)
    if len(text) > 120 or re.search(r"\)\s*\d|\d\s*\(|\d\s+\d|(?<!\d)0\d", text):
        return None
    try:
        return _computed(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, MemoryError, RecursionError):
        return None


def _computed(node: ast.expr) -> Fraction:
    """The value of a syntax tree of numbers, the four operations and small powers.

    Raises ValueError for any other tree.
    """
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


def number_of(text: str) -> Fraction:
    """The number that a text like "1,250.5" shows."""
    return Fraction(text.replace(",", ""))


def _digits(text: str) -> str:
    return re.sub(r"[^\d]+", " ", text).strip()
