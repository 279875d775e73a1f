"""Whether a field holds identifiers, told by its values and never by its name.

An identifier names a row and says nothing of it: a running number, a hash, a code that every row
has anew. "video", "width" and "confidence" are none, although "id" is in their names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

_ENOUGH = 10  # values that can tell
_DISTINCT = 0.97  # share of values that occur once in a field of identifiers
_ALIKE = 0.95  # share of values that have the form of identifiers
_YEARS = 3_000  # no year and no small quantity is greater
_GROUPS = 20  # groups of rows at least that have running numbers
_LONG = 8  # digits of a number that is no count of things
_SHAPES = 0.2  # different shapes of codes by value at most; formulas have more
_HASH = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|(?=[^\s]*\d)[0-9a-f]{16,}", re.I)
_ADDRESS = re.compile(r"(?:https?|ftp|doi|urn):\S+|10\.\d{4,9}/\S+", re.I)
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ]\d\d:\d\d.*)?|\d{1,2}:\d\d(?::\d\d)?.*")
_QUANTITY = re.compile(r"[^\w\s]{0,2}\d[\d.,]*(?:[eE][+-]?\d+)?\s*[^\W\d_]{0,3}[%\u00b0]?")
_DAY = re.compile(r"(?:1[5-9]|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])")
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_DIGITS, _LETTERS = re.compile(r"\d+"), re.compile(r"[^\W\d_]+")


def are_identifiers(values: Sequence[object]) -> bool:
    """Whether the values of a field, blank values left out, in the order of the rows, name rows."""
    texts = [str(value).strip() for value in values]
    if len(texts) >= 2 and all(map(_HASH.fullmatch, texts)):
        return True
    if len(texts) < _ENOUGH:
        return False
    if any(isinstance(value, (bool, float)) and not float(value).is_integer() for value in values):
        return False
    numbers, count = _whole_numbers(values, texts), len(set(texts))
    if numbers is not None and _counts_groups(numbers, count):
        return True
    if count < _DISTINCT * len(texts):
        return False
    if numbers is not None:
        return _is_running(numbers) or _has_one_length(numbers)
    if sum(map(_is_code, texts)) < _ALIKE * len(texts):
        return False
    return _has_few_shapes(texts) or len(set(map(len, texts))) == 1


def _whole_numbers(values: Sequence[object], texts: Sequence[str]) -> list[int] | None:
    if all(isinstance(value, (int, float)) for value in values):
        return [int(value) for value in values if isinstance(value, (int, float))]
    return list(map(int, texts)) if all(map(_WHOLE.fullmatch, texts)) else None


def _is_running(numbers: Sequence[int]) -> bool:
    """Whether nearly every number is the number before it and one more or less.

    Years and lengths run as well, but neither from 0 or 1 on nor beyond some thousand.
    """
    steps = Counter(after - before for before, after in pairwise(numbers))
    step, count = steps.most_common(1)[0]
    least = min(numbers)
    return abs(step) == 1 and count >= 0.9 * len(numbers) and (least in (0, 1) or least > _YEARS)


def _counts_groups(numbers: Sequence[int], count: int) -> bool:
    """Whether rows are numbered in groups, as the visits of patient 1, patient 2 and so on."""
    steps = {after - before for before, after in pairwise(numbers)}
    return numbers[0] in (0, 1) and count >= _GROUPS and steps <= {0, 1}


def _has_one_length(numbers: Sequence[int]) -> bool:
    """Whether the numbers are long, no dates, and as good as all of one length."""
    if all(map(_DAY.fullmatch, map(str, numbers))):
        return False
    lengths = Counter(len(str(abs(number))) for number in numbers)
    length, count = lengths.most_common(1)[0]
    return length >= _LONG and count >= _ALIKE * len(numbers)


def _is_code(text: str) -> bool:
    """A single word with a digit in it that is no date, no quantity and no decimal number."""
    if not text or any(sign.isspace() for sign in text):
        return False
    if _ADDRESS.fullmatch(text) or _HASH.fullmatch(text):
        return True
    has_digit = any(sign.isdigit() for sign in text)
    return has_digit and not _DATE.fullmatch(text) and not _QUANTITY.fullmatch(text)


def _has_few_shapes(texts: Sequence[str]) -> bool:
    """Whether the texts are alike but for their letters and digits: HumanEval/0, HumanEval/163."""
    if all(map(_ADDRESS.fullmatch, texts)):
        return True
    shapes = {_LETTERS.sub("a", _DIGITS.sub("9", text)) for text in texts}
    return len(shapes) <= max(1, _SHAPES * len(texts))
