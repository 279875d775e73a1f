"""The verdict of a judge: the paper's three questions (section 3.3), a score and a reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from selfinstruct.parsing import Leftover
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.values import value_of

QUESTIONS = ("is_valid", "input_fits", "output_right")  # the rows of the paper's table 2
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_SCORE = re.compile(r"([1-5])(?:\.0+)?(?: ?/ ?5)?")
LONGEST_REASON = 1000  # characters


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's answers. error: a slug where the reply had no verdict, and all else is empty."""

    score: int | None = None  # 1 to 5
    is_valid: bool | None = None
    input_fits: bool | None = None
    output_right: bool | None = None
    words: str = ""
    reason: str | None = None
    leftovers: tuple[Leftover, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True without a verdict."""
        return self.score is None


def unread(*, reason: str) -> Verdict:
    """Stands for a reply that never came."""
    return Verdict(reason=reason)


def judge(reply: str, finish_reason: str) -> Verdict:
    """The verdict of a reply that is a JSON object, alone or inside another object:

        {"reason": "...", "is_valid": true, "input_fits": true, "output_right": "no", "score": 2}

    Errors: empty_reply, a cut (endings.py), broken_json, no_verdict (an answer or the score is
    missing), bad_score.
    """
    if not reply.strip():
        return Verdict(reason=cut_of(finish_reason) or "empty_reply")
    value = value_of(reply)
    if isinstance(value, dict) and len(value) == 1:  # {"judgement": {...}}
        (value,) = value.values()
    if not isinstance(value, dict):
        return Verdict(reason=cut_of(finish_reason) or "broken_json")
    is_valid, input_fits, output_right = answers = [flag_of(value.get(name)) for name in QUESTIONS]
    if None in answers or "score" not in value:
        return Verdict(reason="no_verdict")
    score = _score(value["score"])
    if score is None:
        return Verdict(reason="bad_score")
    said = value.get("reason")
    return Verdict(
        score,
        is_valid,
        input_fits,
        output_right,
        said.strip()[:LONGEST_REASON] if isinstance(said, str) else "",
    )


def flag_of(value: Any) -> bool | None:
    """A truth value, which may be written as a word; None for any other value."""
    return (
        value
        if isinstance(value, bool)
        else _WORDS.get(value.strip().lower())
        if isinstance(value, str)
        else None
    )


def _score(value: Any) -> int | None:
    """A score from 1 to 5, which may be written as 4, 4.0, "4" or "4/5"; None for any other."""
    match = (
        _SCORE.fullmatch(str(value).strip())
        if isinstance(value, int | float | str) and not isinstance(value, bool)
        else None
    )
    return int(match[1]) if match else None
