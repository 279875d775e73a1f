"""Drafts of the scripted model for `unnatural`: a task with an input and constraints."""

from __future__ import annotations

import json
import re
from random import Random

from selfinstruct.models import Request
from selfinstruct.models.scripted.chance import any_of, one_of
from selfinstruct.models.scripted.classification import labels_of
from selfinstruct.models.scripted.forms import JSON_FLAWS, dressed
from selfinstruct.models.scripted.instances import pairs
from selfinstruct.models.scripted.instructions import new_instruction
from selfinstruct.models.scripted.phrases import fill

DRAFT_FLAWS = {  # shares of the drafts
    "copied": 0.015,  # a demonstration again
    "no_input": 0.010,  # the field is missing
    "no_constraints": 0.015,
    "goes_on": 0.020,  # with the next example
    "solves": 0.020,  # an output behind the constraints
    "bold": 0.030,
    "opener": 0.030,
}
_SHOWN = re.compile(
    r"^Instruction: (?P<instruction>.+)\nInput: (?P<input>(?:(?!^Constraints:).*\n)+)"
    r"Constraints: (?P<constraints>.+)$",
    re.M,
)
_LABELS = ("Instruction", "Input", "Constraints")
_Task = tuple[str, str, str]  # an instruction, an input, constraints


def elicited_task(rng: Random, request: Request) -> str:
    """A task in labelled lines or as JSON."""
    flaw = one_of(rng, DRAFT_FLAWS)
    shown = [
        (found["instruction"], found["input"].strip(), found["constraints"])
        for found in _SHOWN.finditer(request.text)
        if found["instruction"] != "..."
    ]
    task = any_of(rng, shown) if flaw == "copied" and shown else _new(rng)
    if request.response_format != "text":
        return _json(rng, request, task)
    text = _lines(task, flaw)
    if flaw == "goes_on":
        text += f"\n\nExample 5\n{_lines(_new(rng), None)}"
    if flaw == "solves":
        text += f"\nOutput: {fill(rng, '{quality}')}"
    if rng.random() < 0.2:
        text = f"Example 4\n{text}"
    return dressed(text, flaw, "Here is a fourth task:")


def _new(rng: Random) -> _Task:
    instruction = new_instruction(rng, (), ())
    labels = labels_of(instruction)
    given, _ = pairs(rng, instruction, bool(labels), 1)[0]
    if labels:
        constraints = f"The output is one of {', '.join(labels)}."
    elif rng.random() < 0.5:
        constraints = "None."
    else:
        constraints = fill(rng, "The output is {quality} and has at most {number} words.")
    return instruction, given or "None", constraints


def _lines(task: _Task, flaw: str | None) -> str:
    gone = {"no_input": "Input", "no_constraints": "Constraints"}.get(flaw or "")
    mark = "**" if flaw == "bold" else ""
    named = zip(_LABELS, task, strict=True)
    return "\n".join(f"{mark}{label}:{mark} {text}" for label, text in named if label != gone)


def _json(rng: Random, request: Request, task: _Task) -> str:
    flaw = one_of(rng, JSON_FLAWS) if request.response_format == "json_object" else None
    record = {label.lower(): text for label, text in zip(_LABELS, task, strict=True)}
    text = json.dumps(record, ensure_ascii=False)
    if flaw == "broken":
        return text[: len(text) // 2]
    return dressed(text, flaw if flaw in ("fence", "opener") else None, "Here is the JSON object:")
