"""The filters of `--keep`: `score>=4`, `model=gpt-4o-mini`, `finding!=truncated`.

Each filter is a comparison. No code is ever run.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.errors import UserError
from selfinstruct.parsing.verdict import QUESTIONS

_Values = Callable[[Candidate], tuple[Any, ...]]
_OPERATORS = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_EXPRESSION = re.compile(r"\s*(\w+)\s*(>=|<=|!=|==|=|>|<)\s*(.*?)\s*\Z", re.DOTALL)
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}


def _known(value: Any) -> tuple[Any, ...]:
    return () if value is None else (value,)


def _words(name: str) -> _Values:
    return lambda row: (len(getattr(row, name).split()),)


_NUMBERS: dict[str, _Values] = {
    "score": lambda row: _known(row.score),
    "turn": lambda row: _known(row.provenance.get("turn")),
    "instruction_words": _words("instruction"),
    "input_words": _words("input"),
    "output_words": _words("output"),
}
_TEXTS: dict[str, _Values] = {
    "id": lambda row: (row.id,),
    "run": lambda row: (row.run,),
    "model": lambda row: _known(row.provenance.get("model")),
    "source": lambda row: _known(row.provenance.get("source")),
}


def _answer(name: str) -> _Values:
    return lambda row: _known(row.answers.get(name))


_FLAGS: dict[str, _Values] = {
    "is_classification": lambda row: _known(row.is_classification),
    **{name: _answer(name) for name in QUESTIONS},
}
_FINDING = "finding"
NAMES = (*_NUMBERS, *_FLAGS, *_TEXTS, _FINDING)
_JUDGED = ("score", *QUESTIONS)


@dataclass(frozen=True, slots=True)
class Keep:
    """A filter, read from its text."""

    text: str  # as the user wrote the filter
    name: str
    operator: str
    value: float | str | bool

    @property
    def is_about_judgements(self) -> bool:
        return self.name in _JUDGED

    def takes(self, row: Candidate) -> bool | None:
        """Whether the row stays. None, and the row goes, if the value to compare is unknown."""
        if self.name == _FINDING:  # of several: = means any of them is, != none is
            return (self.value in row.findings) == (self.operator != "!=")
        values = {**_NUMBERS, **_FLAGS, **_TEXTS}[self.name](row)
        return bool(_OPERATORS[self.operator](values[0], self.value)) if values else None


def keep(text: str) -> Keep:
    """Reads a filter. Raises UserError for any other text."""
    found = _EXPRESSION.match(text)
    if found is None or not found[3]:
        raise UserError(
            f"--keep {text!r}: write NAME, one of >= <= > < = !=, and a value, as in 'score>=4'"
        )
    name, sign, value = found.groups()
    if name not in NAMES:
        raise UserError(f"--keep {text!r}: unknown name {name!r} (known: {', '.join(NAMES)})")
    if name not in _NUMBERS and sign in (">=", "<=", ">", "<"):
        raise UserError(f"--keep {text!r}: {name} is no number; compare it with = or !=")
    return Keep(" ".join(text.split()), name, sign, _value(text, name, value))


def _value(text: str, name: str, value: str) -> float | str | bool:
    if name in _FLAGS:
        if value.lower() not in _TRUTHS:
            raise UserError(f"--keep {text!r}: {name} is true or false")
        return _TRUTHS[value.lower()]
    if name not in _NUMBERS:
        return value
    try:
        return float(value)
    except ValueError:
        raise UserError(
            f"--keep {text!r}: {name} is compared with a number, not {value!r}"
        ) from None
