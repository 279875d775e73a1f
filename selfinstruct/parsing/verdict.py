"""From a judge's reply to its verdict: the paper's three questions (section 3.3), a score, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from selfinstruct.parsing.embedded import value_of

QUESTIONS = ("is_valid", "input_fits", "output_right")  # the rows of the paper's table 2
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_SCORE = re.compile(r"([1-5])(?:\.0+)?(?: ?/ ?5)?")
_LONGEST_REASON = 1000  # characters


@dataclass(frozen=True, slots=True)
class Verdict:
    """`error` is None and all else is there, or it is a slug and nothing else is."""

    score: int | None = None  # 1 to 5
    is_valid: bool | None = None
    input_fits: bool | None = None
    output_right: bool | None = None
    reason: str = ""
    error: str | None = None


def judge(reply: str, finish_reason: str) -> Verdict:
    """The verdict in a reply, or why there is none: empty_reply, cut_by_length, broken_json, no_verdict, bad_score."""
    if not reply.strip():
        return Verdict(error="cut_by_length" if finish_reason == "length" else "empty_reply")
    value = value_of(reply)
    if isinstance(value, dict) and len(value) == 1:  # {"judgement": {...}}
        (value,) = value.values()
    if not isinstance(value, dict):
        return Verdict(error="cut_by_length" if finish_reason == "length" else "broken_json")
    is_valid, input_fits, output_right = answers = [_flag(value.get(name)) for name in QUESTIONS]
    if None in answers or "score" not in value:
        return Verdict(error="no_verdict")
    score = _score(value["score"])
    if score is None:
        return Verdict(error="bad_score")
    said = value.get("reason")
    return Verdict(
        score,
        is_valid,
        input_fits,
        output_right,
        said.strip()[:_LONGEST_REASON] if isinstance(said, str) else "",
    )


def _flag(value: Any) -> bool | None:
    return (
        value
        if isinstance(value, bool)
        else _WORDS.get(value.strip().lower())
        if isinstance(value, str)
        else None
    )


def _score(value: Any) -> int | None:
    """A whole number from 1 to 5, also as 4.0, "4" and "4/5"."""
    found = (
        _SCORE.fullmatch(str(value).strip())
        if isinstance(value, int | float | str) and not isinstance(value, bool)
        else None
    )
    return int(found[1]) if found else None
