"""Reviews, tests of programs and second attempts by the scripted model, for --verify-with."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

from selfinstruct.models import Request
from selfinstruct.models.scripted.answers import answer
from selfinstruct.models.scripted.chance import any_of, one_of
from selfinstruct.models.scripted.forms import as_json, dressed

YES = {"is_valid": 0.97, "input_fits": 0.95, "output_right": 0.80}  # shares of the answers
REVIEW_FLAWS = {  # shares of the reviews; a schema or a grammar rules them out
    "fence": 0.04,
    "opener": 0.03,
    "words": 0.02,
    "broken": 0.01,
    "missing": 0.01,
}
TEST_FLAWS = {"fence": 0.30, "none": 0.10, "wrong": 0.10, "prose": 0.02}  # shares of the tests
MENDING_FLAWS = {"opener": 0.03, "unchanged": 0.04}  # shares of the second attempts
_REASONS = {
    "is_valid": "Nobody could say what is to be done here.",
    "input_fits": "The input is not what the instruction speaks of.",
    "output_right": "The output passes over a part of the task; it should name the place as well.",
}
_DEFINED = re.compile(r"^(?:async )?(?:def|class) (\w+)", re.M)
_SHOWN = re.compile(r"<(task|answer|names)>\n(.*?)\n</\1>", re.S)


def review(rng: Random, request: Request) -> str:
    """A JSON object, flawed now and then where neither schema nor grammar prescribes the form."""
    said = {name: rng.random() < share for name, share in YES.items()}
    wrong = next((name for name, holds in said.items() if not holds), None)
    reason = _REASONS[wrong] if wrong else "The output answers the task."
    record: dict[str, Any] = {"reason": reason, **said}
    is_free = request.response_format != "json_schema" and request.grammar is None
    flaw = one_of(rng, REVIEW_FLAWS) if is_free else None
    if flaw == "missing":
        del record["output_right"]
    if flaw == "words":
        record |= {name: "yes" if record[name] else "no" for name in said}
    text = json.dumps(record, ensure_ascii=False)
    if flaw == "broken":
        return text.replace('"', "'", 3)
    if flaw == "fence":
        return f"```json\n{text}\n```"
    return dressed(text, flaw, "Here is my review:")


def program_tests(rng: Random, request: Request) -> str:
    """Assertions about the names that the prompt shows; some of them are wrong."""
    names = _DEFINED.findall(_last(request, "names"))
    flaw = one_of(rng, TEST_FLAWS)
    lines = [f"assert callable({name})" for name in names]
    if flaw == "wrong" and names:
        lines.append(f"assert {any_of(rng, names)} is None")
    if flaw == "none" or not names:
        lines = []
    if request.response_format != "text":
        return as_json(rng, request, "tests", lines)
    if flaw == "prose":
        return "A test would have to know more about the program."
    text = "\n".join(lines) or "NONE"
    return f"```python\n{text}\n```" if flaw == "fence" else text


def mended(rng: Random, request: Request) -> str:
    """Another output; sometimes the same again."""
    flaw = one_of(rng, MENDING_FLAWS)
    text = _last(request, "answer") if flaw == "unchanged" else answer(rng, request)
    if request.response_format != "text":
        return as_json(rng, request, "output", text)
    return dressed(text, flaw, "Here is the corrected answer:")


def _last(request: Request, tag: str) -> str:
    """The last text between a pair of marks in the prompt."""
    found = [text for name, text in _SHOWN.findall(request.messages[-1].text) if name == tag]
    return found[-1] if found else ""
