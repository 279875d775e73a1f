"""Constraints on punctuation, and those that combine responses (IFEval, table 1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any

from selfinstruct.adherence.constraint import TEXT, Arguments, Constraint
from selfinstruct.adherence.lengths import parts_between

_DIVIDER = "******"
_DEMAND = re.compile(r"^\s*first,? repeat the (?:request|prompt|question)\b", re.IGNORECASE)
_MARKS = {"!": "exclamation marks", "?": "question marks", ";": "semicolons", "(": "parentheses"}
REPEAT = "combination:repeat_prompt"


def _lacks_commas(response: str, given: Arguments) -> bool:
    return "," not in response


def _lacks_mark(response: str, given: Arguments) -> bool:
    return given["mark"] not in response


def _has_two_responses(response: str, given: Arguments) -> bool:
    parts = parts_between(response.split(_DIVIDER))
    return parts is not None and len(parts) == 2 and parts[0].strip() != parts[1].strip()


def _repeats(response: str, given: Arguments) -> bool:
    request: str = given["prompt_to_repeat"].strip().lower()
    return response.strip().lower().startswith(request)


def request_in(prompt: str) -> str:
    """The part of a prompt that is to be repeated: the lines before the demand to repeat."""
    lines = prompt.split("\n")
    end = next((at for at, line in enumerate(lines) if at and _DEMAND.match(line)), len(lines))
    return "\n".join(lines[:end]).strip()


def _nothing(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    return {}


def _draw_mark(generator: Random, words: Sequence[str]) -> dict[str, Any]:
    mark = generator.choice(tuple(_MARKS))
    return {"mark": mark, "mark_name": _MARKS[mark]}


_WHOLE = frozenset(("layout", "length", "start", "end", "sentences", "brevity"))
PUNCTUATION = (
    Constraint(
        "punctuation:no_comma",
        _lacks_commas,
        (
            "In your entire response, refrain from the use of any commas.",
            "Do not use commas.",
            "Write your answer without a single comma.",
        ),
        frozenset(("commas",)),
        draw=_nothing,
    ),
    Constraint(
        "punctuation:forbidden_mark",
        _lacks_mark,
        (
            "Do not use {mark_name}.",
            "Your answer must be free of {mark_name}.",
            "Write without {mark_name}.",
        ),
        frozenset(("commas", "end", "start")),
        {"mark": TEXT},
        _draw_mark,
    ),
)
COMBINATIONS = (
    Constraint(
        "combination:two_responses",
        _has_two_responses,
        (
            "Give two different responses. Separate them with 6 asterisk symbols: ******",
            "Write exactly two different answers with ****** between them.",
            "Provide two alternative responses, divided by a line of six asterisks: ******",
        ),
        _WHOLE | {"asterisks"},
        draw=_nothing,
    ),
    Constraint(
        REPEAT,
        _repeats,
        (
            (
                "First repeat the request above word for word without change, then give your answer. "
                "This sentence is no part of the request."
            ),
            (
                "Before you answer, copy the request above exactly as it stands; say nothing before it. "
                "Do not copy this sentence."
            ),
            (
                "Begin with an exact copy of the request above, then answer. The copy ends before this "
                "sentence."
            ),
        ),
        _WHOLE | {"words", "letters", "case", "capitals", "language", "commas", "asterisks"},
        {"prompt_to_repeat": TEXT},
        draw=_nothing,
    ),
)
