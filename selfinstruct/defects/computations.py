"""Plain computations in an example: the question in words or signs, and its exact value."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from selfinstruct.defects.expressions import value_of
from selfinstruct.defects.finding import Checked

NUMBER = r"-?\d[\d,]*(?:\.\d+)?"
_LONGEST = 160  # letters of an instruction, or an input, that is a computation
# Words of a question that asks for nothing but a result.
_ASKING = frozenset(
    "please can could you what what's whats is are does do calculate compute evaluate solve work out"
    " find determine simplify figure how much many tell me give get perform answer show return"
    " output write the a this these those that following given below provided above of to for from"
    " value values result results answer math mathematical arithmetic arithmetical simple basic"
    " equation equations expression expressions problem problems calculation calculations sum"
    " product question addition multiplication division subtraction fraction fractions number"
    " add numbers integers decimals numerical numeric exact final it its in and operation"
    " cu\u00e1nto es son calcula calcule el la resultado valor siguiente expresi\u00f3n de"
    " wie viel wieviel ist berechne berechnen sie das ergebnis von den wert den folgenden ausdruck"
    " combien font fait calculer calculez le r\u00e9sultat valeur quanto \u00e9 calcolare"
    " \u0441\u043a\u043e\u043b\u044c\u043a\u043e \u0431\u0443\u0434\u0435\u0442".split()
)
_VERBS = frozenset(
    "calculate compute evaluate solve work find determine simplify figure what what's perform answer"
    " do sum add total multiply calcula calcule calcular berechne calculer calculez".split()
)
_HAN_ASKING = re.compile(
    r"\u8bf7|\u8ba1\u7b97|\u6c42|\u4ee5\u4e0b|\u4e0b\u9762|\u7ed9\u5b9a|\u8868\u8fbe\u5f0f|\u7684"
    r"|\u503c|\u7ed3\u679c|\u7b97\u5f0f|\u51fa|\u6570\u5b66|\u662f\u591a\u5c11"
    r"|\u7b49\u4e8e(?:\u591a\u5c11|\u51e0)"
)
_MEANS = {
    "sum": "sum", "total": "sum", "add": "sum", "product": "product", "multiply": "product",
    "average": "mean", "mean": "mean", "median": "median", "difference": "difference",
    "quotient": "quotient", "largest": "max", "maximum": "max", "biggest": "max",
    "greatest": "max", "highest": "max", "smallest": "min", "minimum": "min", "lowest": "min",
}  # fmt: skip
_OF_LISTS = frozenset(
    "list set data array sequence series elements items up together all between two three four five"
    " six ten arithmetic dataset data-set simple scores".split()
)
_SEPARATOR = (
    r"(?:\s*,\s*(?:and\s+)?|\s*;\s*|\s+(?:and|und|y|et|e)\s+|\s*\u3001\s*|\s*\u548c\s*|\s+)"
)
_LIST = re.compile(
    rf"(?:(?:the )?(?:numbers?|list|data|values|set|array)\s*[:=]\s*)?[\[({{]?\s*"
    rf"(?P<l>-?\d+(?:\.\d+)?(?:{_SEPARATOR}-?\d+(?:\.\d+)?)+)\s*[\])}}]?\s*\.?",
    re.I,
)
_GROUPED = re.compile(r"\d,\d{3}(?!\d)")
_HAN_NAMED = re.compile(
    rf"\s*(?:\u8ba1\u7b97|\u6c42|\u627e\u51fa)?(?:\u6570\u5b57|\u8fd9\u4e9b\u6570)?\s*"
    rf"(?P<l>-?\d+(?:\.\d+)?(?:{_SEPARATOR}-?\d+(?:\.\d+)?)+)"
    rf"\s*(?:\u7684|\u4e4b\u95f4\u7684)?(?P<op>\u548c|\u603b\u548c|\u4e58\u79ef|\u79ef|\u5dee"
    rf"|\u5e73\u5747\u503c|\u5e73\u5747\u6570|\u4e2d\u4f4d\u6570)(?:\u662f\u591a\u5c11"
    rf"|\u4e3a\u591a\u5c11)?[?\uff1f\u3002\s]*"
)
_HAN_MEANS = {
    "\u548c": "sum", "\u603b\u548c": "sum", "\u4e58\u79ef": "product", "\u79ef": "product",
    "\u5dee": "difference", "\u5e73\u5747\u503c": "mean", "\u5e73\u5747\u6570": "mean",
    "\u4e2d\u4f4d\u6570": "median",
}  # fmt: skip
_ASK = r"[\s\u00bf]*(?:[a-z']+ )*?"
_TWO = re.compile(
    rf"\s*(?:please )?(?P<op>add|subtract|take|multiply|divide)\s(?P<a>{NUMBER})\s(?:to|from"
    rf"|away from|by|with|and)\s(?P<b>{NUMBER})[\s?.]*"
    rf"|(?P<ask>{_ASK})(?:(?P<c>{NUMBER}) ?(?:%|percent|per cent) of (?P<d>{NUMBER})"
    rf"|(?P<root>(?:square|cube) root) of (?P<r>\d[\d,]*)"
    rf"|(?P<s>{NUMBER}) (?P<power>squared|cubed)"
    rf"|(?:factorial of (?P<f>\d{{1,2}})|(?P<g>\d{{1,2}})!)"
    rf"|(?P<raised>square|cube) of (?P<q>\d[\d,]*))[\s?.]*",
    re.I,
)
_NAMED = re.compile(
    r"add |subtract|take |multiply|divide|%|percent|per cent|root|squared|cubed|factorial|!|square|cube",
    re.I,
)
_SPELLED = (
    (re.compile(r"\b(?:divided by|over)\b", re.I), "\u00f7"),
    (re.compile(r"\b(?:multiplied by)\b", re.I), "\u00d7"),
    (re.compile(r"\b(?:to the power of)\b", re.I), "^"),
)
_DIGIT = re.compile(r"\d")
_BEGIN = re.compile(r"[(\d.$\u20ac\u00a3]|-\s?\d")
_END = re.compile(
    r"(?:\s*(?:=|equals?|equal to|is|\?|\uff1f|\.|\u3002|!|\u7b49\u4e8e|\u662f|\u591a\u5c11|\u51e0))+\s*$",
    re.I,
)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")


def asked_value(row: Checked) -> Fraction | None:
    """The value of the computation that is the whole instruction, or the whole input.

    None where the task asks for more, or where the computation is not wholly understood.
    """
    text, given = row.instruction.strip(), row.input.strip()
    if max(len(text), len(given)) > _LONGEST:
        return None
    if not _DIGIT.search(text):
        return _of_input(text, given) if _DIGIT.search(given) else None
    if given and _digits(given) not in _digits(text):
        return None
    return _of_instruction(text)


def _of_input(task: str, given: str) -> Fraction | None:
    words = _words(task)
    named = {_MEANS[word] for word in words if word in _MEANS}
    numbers = _listed(given)
    if _COUNTS.search(task):
        return None
    if numbers is not None and len(named) == 1 and words <= _ASKING | _OF_LISTS | set(_MEANS):
        return _folded(named.pop(), numbers)
    is_plain = words <= _ASKING and words & _VERBS
    is_han = "\u8ba1\u7b97" in task and not re.search(r"\w", _HAN_ASKING.sub("", task))
    return _expression(given) if is_plain or is_han else None


def _of_instruction(text: str) -> Fraction | None:
    if match := _HAN_NAMED.fullmatch(text):
        shown = _listed(match["l"])
        return None if shown is None else _folded(_HAN_MEANS[match["op"]], shown)
    if match := _TWO.fullmatch(text) if _NAMED.search(text) else None:
        is_plain = _words(match["ask"] or "") <= _ASKING
        return _of_two(match) if is_plain else None
    begin = _BEGIN.search(text)
    if begin is None:
        return None
    words, rest = _words(text[: begin.start()]), text[begin.start() :]
    if re.search(r"[^\W\d_]$", text[: begin.start()]) and not _is_han(text[begin.start() - 1]):
        return None  # the number belongs to a word
    numbers = None if _COUNTS.search(text) else _listed(_TOGETHER.sub("", rest))
    named = {_MEANS[word] for word in words if word in _MEANS}
    if numbers is not None and len(named) == 1 and words <= _ASKING | _OF_LISTS | set(_MEANS):
        return _folded(named.pop(), numbers)
    is_plain = words <= _ASKING or not re.search(r"\w", _HAN_ASKING.sub("", text[: begin.start()]))
    return _expression(rest) if is_plain else None


# "the sum of all numbers between 1 and 10", "the total number of elements", "add 3 to the list"
_TOGETHER = re.compile(r"(?: together)?[\s?.]*$")
_COUNTS = re.compile(
    r"(?:sum|total|average|mean|product|median)\b.*\bbetween\b|\ball (?:the )?(?:\w+ )?(?:numbers|integers) (?:from"
    r"|between)|\bnumber of\b|\badd (?:\w+ )*to\b|\b(?:even|odd|prime|first|last)\b",
    re.I,
)


def _expression(text: str) -> Fraction | None:
    """The value of an expression with at least one operator and no unit."""
    text = _END.sub("", text.strip())
    for pattern, sign in _SPELLED:
        text = pattern.sub(sign, text)
    value = value_of(text)
    if value is None or not value.signs or value.units or re.search(r"\d/\d+\s*/|\d\s?\(", text):
        return None
    return value.number


def _words(text: str) -> set[str]:
    return {word.lower().replace("\u2019", "'") for word in _WORD.findall(text)}


def _is_han(letter: str) -> bool:
    return "\u3400" <= letter <= "\u9fff"


def _listed(text: str) -> list[Fraction] | None:
    """The numbers of a text that is a list of numbers and nothing else."""
    match = None if _GROUPED.search(text) else _LIST.fullmatch(text)
    return (
        [Fraction(shown) for shown in re.findall(r"-?\d+(?:\.\d+)?", match["l"])] if match else None
    )


def _folded(name: str, numbers: list[Fraction]) -> Fraction | None:
    if name in ("difference", "quotient"):
        if len(numbers) != 2 or (name == "quotient" and not numbers[1]):
            return None
        return abs(numbers[0] - numbers[1]) if name == "difference" else numbers[0] / numbers[1]
    ordered = sorted(numbers)
    half, is_odd = divmod(len(ordered), 2)
    return {
        "sum": sum(numbers, Fraction()),
        "product": math.prod(numbers, start=Fraction(1)),
        "mean": sum(numbers, Fraction()) / len(numbers),
        "median": ordered[half] if is_odd else (ordered[half - 1] + ordered[half]) / 2,
        "max": ordered[-1],
        "min": ordered[0],
    }[name]


def _of_two(match: re.Match[str]) -> Fraction | None:
    if match["op"]:
        return _operated(match["op"].lower(), match)
    if match["c"]:
        return number_of(match["c"]) * number_of(match["d"]) / 100
    if match["root"]:
        power = 2 if match["root"].lower().startswith("square") else 3
        whole = int(number_of(match["r"]))
        root = round(whole ** (1 / power))
        return Fraction(root) if root**power == whole else None
    if match["s"]:
        return number_of(match["s"]) ** (2 if match["power"].lower() == "squared" else 3)
    if match["q"]:
        return number_of(match["q"]) ** (2 if match["raised"].lower() == "square" else 3)
    return Fraction(math.factorial(int(match["f"] or match["g"])))


def _operated(name: str, match: re.Match[str]) -> Fraction | None:
    a, b = number_of(match["a"]), number_of(match["b"])
    if name in ("subtract", "take"):
        return b - a if "from" in match.group() else None
    if name == "divide":
        return a / b if b and " by " in match.group() else None
    return a + b if name == "add" else a * b


def number_of(text: str) -> Fraction:
    """The number that a text like "1,250.5" shows."""
    return Fraction(text.replace(",", ""))


def _digits(text: str) -> str:
    return re.sub(r"[^\d]+", " ", text).strip()
