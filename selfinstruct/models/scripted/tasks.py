"""Proposals of the scripted model in whole tasks: instructions with inputs and outputs (Alpaca)."""

from __future__ import annotations

from random import Random

from selfinstruct.models import Request
from selfinstruct.models.scripted.chance import one_of
from selfinstruct.models.scripted.classification import labels_of
from selfinstruct.models.scripted.forms import as_json
from selfinstruct.models.scripted.instances import pairs
from selfinstruct.models.scripted.instructions import new_instruction
from selfinstruct.models.scripted.prompts import new_numbers, whole_tasks

TASK_FLAWS = {  # shares of the tasks
    "wrong_number": 0.01,
    "no_output_label": 0.01,
    "empty_output": 0.01,
    "no_separator": 0.005,
}


def new_tasks(rng: Random, request: Request) -> str:
    """New tasks, numbered on from those that the prompt shows."""
    shown = whole_tasks(request.text)
    items: list[str] = []
    records: list[dict[str, str]] = []
    blocks: list[str] = []
    for number in new_numbers(request.messages[-1].text, len(shown)):
        items.append(new_instruction(rng, shown, items))
        given, output = pairs(rng, items[-1], bool(labels_of(items[-1])), 1)[0]
        flaw = one_of(rng, TASK_FLAWS)
        output = "" if flaw == "empty_output" else output
        records.append({"instruction": items[-1], "input": given, "output": output})
        said = number + (flaw == "wrong_number")
        label = "" if flaw == "no_output_label" else f"{said}. Output:\n"
        blocks.append(
            f"{said}. Instruction: {items[-1]}\n{said}. Input:\n{given or '<noinput>'}\n"
            f"{label}{output}"
        )
        blocks.append("" if flaw == "no_separator" else "###\n")
    if request.response_format != "text":
        return as_json(rng, request, "tasks", records)
    ended = [block if block == "###\n" else block + "\n" for block in blocks[:-1] if block]
    return "".join(ended).rstrip("\n")
