"""Tasks of the scripted model over the fields of a dataset, for `dynosaur`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from selfinstruct.models import Request
from selfinstruct.models.scripted.chance import any_of, one_of
from selfinstruct.models.scripted.forms import JSON_FLAWS, dressed

TASK_FLAWS = {  # shares of the tasks
    "unknown_field": 0.03,  # a name that the dataset does not have
    "no_output": 0.02,
    "overlap": 0.03,  # the output is an input as well
    "repeated": 0.03,  # the instruction of the task before
    "several_outputs": 0.02,
}
FORM_FLAWS = {  # shares of the replies in text
    "python": 0.06,  # in the notation of Python
    "labels": 0.06,  # as labelled lines
    "list": 0.10,  # a JSON list
    "fence": 0.05,
    "opener": 0.05,
}
_FIELDS = re.compile(r"^Fields:\n((?:.+(?:\n|\Z))+)", re.M)
_INSTRUCTIONS = (
    "Given the {inputs}, write the {output}.",
    "Read the {inputs} and tell the {output}.",
    "Work out the {output} from the {inputs}.",
    "What is the {output} that belongs to the given {inputs}?",
)
_Task = dict[str, Any]


def dataset_tasks(rng: Random, request: Request) -> str:
    """One to three tasks, as JSON lines or as a JSON object."""
    shown = _FIELDS.findall(request.messages[-1].text)
    fields = shown[-1].strip().split("\n") if shown else []
    count = 1 + int(rng.random() * 3)
    tasks: list[_Task] = []
    for _ in range(count if len(fields) > 1 else 0):
        tasks.append(_task(rng, fields, tasks))
    if request.response_format == "text":
        return _as_text(tasks, one_of(rng, FORM_FLAWS))
    flaw = one_of(rng, JSON_FLAWS) if request.response_format == "json_object" else None
    text = json.dumps({"tasks": tasks}, ensure_ascii=False)
    if flaw == "broken":
        return text[: len(text) * 2 // 3]
    return dressed(text, flaw if flaw in ("fence", "opener") else None, "Here are the tasks:")


def _task(rng: Random, fields: Sequence[str], before: Sequence[_Task]) -> _Task:
    flaw = one_of(rng, TASK_FLAWS)
    output = any_of(rng, fields)
    others = [field for field in fields if field != output]
    inputs = [any_of(rng, others)]
    if len(others) > 1 and rng.random() < 0.3:
        inputs.append(any_of(rng, [field for field in others if field not in inputs]))
    names = {"inputs": " and the ".join(map(_words, inputs)), "output": _words(output)}
    text = any_of(rng, _INSTRUCTIONS).format(**names)
    if flaw == "repeated" and before:
        text = before[-1]["instruction"]
    if flaw == "unknown_field":
        inputs = [f"{inputs[0]}_text"]
    if flaw == "overlap":
        inputs = [*inputs, output]
    outputs = {"no_output": "", "several_outputs": [output, inputs[0]]}
    return {
        "instruction": text,
        "input_fields": inputs,
        "output_field": outputs.get(flaw or "", output),
    }


def _words(field: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", field)) or field


def _as_text(tasks: Sequence[_Task], flaw: str | None) -> str:
    lines = [json.dumps(task, ensure_ascii=False) for task in tasks]
    forms: dict[str, Callable[[], str]] = {
        "python": lambda: "\n".join(map(repr, tasks)),
        "list": lambda: "[\n" + ",\n".join(lines) + "\n]",
        "labels": lambda: "\n\n".join(map(_labelled, tasks)),
    }
    text = forms[flaw]() if flaw in forms else "\n".join(lines)
    return dressed(text, flaw, "Here are tasks over these fields:")


def _labelled(task: _Task) -> str:
    output = task["output_field"]
    named = output if isinstance(output, str) else ", ".join(output)
    return (
        f"Instruction: {task['instruction']}\n"
        f"Input fields: {', '.join(task['input_fields'])}\nOutput field: {named}"
    )
