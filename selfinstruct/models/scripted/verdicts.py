"""Verdicts of the scripted model as a judge: the paper's shares, in the form of real replies."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from selfinstruct.models import Request
from selfinstruct.models.scripted.chance import one_of

# Close to the paper's table 2: 92%, 79%, 58%, and 54% for all three.
VALID = 0.92
FITS = {True: 0.84, False: 0.20}  # by whether the task is valid
RIGHT = {True: 0.69, False: 0.17}  # by whether the input fits
FLAWS = {  # shares of the replies; a schema rules these flaws out
    "fence": 0.04,
    "opener": 0.03,
    "words": 0.02,
    "broken": 0.01,
    "no_score": 0.01,
    "six": 0.01,
}
_REASONS: dict[str | None, str] = {
    None: "The task is clear, the input is what it is about, and the output answers it.",
    "is_valid": "Nobody could say what is to be done here.",
    "input_fits": "The input is not what the instruction speaks of.",
    "output_right": "The output does not answer what was asked.",
}


def verdict(rng: Random, request: Request) -> str:
    """A JSON object, flawed now and then where neither schema nor grammar prescribes the form."""
    is_valid = rng.random() < VALID
    input_fits = rng.random() < FITS[is_valid]
    output_right = rng.random() < RIGHT[input_fits]
    said = {"is_valid": is_valid, "input_fits": input_fits, "output_right": output_right}
    wrong = next((name for name, holds in said.items() if not holds), None)
    score = 1 + sum(said.values()) + (rng.random() < 0.6) * (wrong is None)
    record: dict[str, Any] = {"reason": _about(request) + _REASONS[wrong], **said, "score": score}
    is_free = request.response_format != "json_schema" and request.grammar is None
    return _flawed(rng, record) if is_free else json.dumps(record, ensure_ascii=False)


def _about(request: Request) -> str:
    """The beginning of the instruction that is judged, so that a reader sees which."""
    try:
        words = json.loads(request.messages[-1].text.strip().split("\n")[-1])["instruction"].split()
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return f"{' '.join(words[:4])} ...: " if words else ""


def _flawed(rng: Random, record: dict[str, Any]) -> str:
    flaw = one_of(rng, FLAWS)
    if flaw == "no_score":
        del record["score"]
    if flaw == "six":
        record["score"] = 6
    if flaw == "words":
        record |= {name: "yes" if record[name] else "no" for name in _REASONS if name}
        record["score"] = f"{record['score']}/5"
    text = json.dumps(record, ensure_ascii=False)
    if flaw == "fence":
        return f"```json\n{text}\n```"
    if flaw == "broken":
        return text.replace('"', "'", 3)
    return f"Here is my judgement:\n\n{text}" if flaw == "opener" else text
