"""The form of Super-Natural-Instructions: a row is a task with its instances.

A task that `natural import` read goes out as it came in: its fields are those in the run's
inputs/tasks.jsonl. Other examples make a task for each instruction, or for many instructions
together (`grouped`), which then stand in the inputs. Such a task shows its first two examples as
positive examples, which are no instances. The negative example is the first input with the output
of another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from selfinstruct.choose.candidate import Candidate
from selfinstruct.exports.style import Style
from selfinstruct.records.natural.schema import SPOKEN, edition_of
from selfinstruct.records.natural.task import (
    DEFINITION,
    INSTANCES,
    NEGATIVE,
    POSITIVE,
    Shown,
    read_task,
)
from selfinstruct.runs.inputs import FOLDER

NAME = "task"  # the key of a task's name; in a folder of files it is the file's name
MOST = 6500  # instances of a task
_HEADERS = "tasks.jsonl"
_TEXTS = ("Contributors", "Source", "URL", "Categories", "Reasoning", "Domains")
_SHOWN = 2  # positive examples
_FOLLOW = (
    "In this task the input is an instruction, perhaps with a text to work on below it. "
    "Write the output that the instruction asks for."
)
_OTHER = "This is the output that belongs to another input."
_SPEAKERS = {"user": "User", "assistant": "Assistant"}
Outputs = dict[str, dict[str, None]]  # every output of an input, in order, each once


def headers_of(directory: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The imported tasks of a run, by name, as they were beside their instances."""
    path = directory / FOLDER / _HEADERS
    if path.is_file():
        for line in path.read_text("utf-8").split("\n"):
            if line:
                task = json.loads(line)
                yield task["task"], task["header"]


def record(row: Candidate, style: Style) -> dict[str, Any]:
    """The task of an instruction with a single example."""
    return joined([row], style)


def joined(rows: Sequence[Candidate], style: Style) -> dict[str, Any]:
    """The task of these examples, in their order; at least one."""
    name = str(rows[0].provenance.get("task"))
    header = style.tasks.get((rows[0].run, name))
    if header is not None and not style.grouped:
        return _imported(name, header, rows, style)
    return _made(rows, style)


def _imported(
    name: str, header: Mapping[str, Any], rows: Sequence[Candidate], style: Style
) -> dict[str, Any]:
    instances = []
    for row in rows:
        if row.provenance.get("part") != "positive":  # is in the header
            id = row.provenance.get("source_id")
            rest = json.loads(row.provenance.get("rest") or "{}")
            outputs = row.provenance.get("outputs") or [row.output]
            instances.append(
                {**({"id": id} if id else {}), "input": row.input, "output": outputs, **rest}
            )
    task = {NAME: name, **header, INSTANCES: instances}
    return _renewed(name, header, instances, style) if style.new_schema else task


def _renewed(
    name: str, header: Mapping[str, Any], instances: Sequence[dict[str, Any]], style: Style
) -> dict[str, Any]:
    """A task of v1 or of an older file in the new schema; other tasks as they are."""
    if edition_of(header) == "new":
        return {NAME: name, **header, INSTANCES: list(instances)}
    task, name = read_task(header, name), name.removeprefix("sub")  # v1: subtask001_
    texts = {key: _listed(header.get(key, [])) for key in _TEXTS}
    spoken = {key: _listed(header.get(key, style.language)) for key in SPOKEN}
    numbered = [
        {"id": _id(name, each["input"], dict.fromkeys(each["output"])), **each}
        for each in instances
    ]
    return {
        NAME: name,
        **{key: texts[key] for key in _TEXTS[:5]},
        DEFINITION: [task.instruction],
        **spoken,
        "Domains": texts["Domains"],
        POSITIVE: [_explained(shown) for shown in task.positive],
        NEGATIVE: [_explained(shown) for shown in task.negative],
        INSTANCES: numbered,
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _explained(shown: Shown) -> dict[str, str]:
    why = " ".join(filter(None, (shown.explanation, shown.suggestion.strip())))
    return {"input": shown.input, "output": shown.output, "explanation": why}


def _made(rows: Sequence[Candidate], style: Style) -> dict[str, Any]:
    number = "".join(re.findall(r"\d+", str(rows[0].provenance.get("instruction_id", rows[0].id))))
    name = f"task{number or 1}_{_slug(rows[0].run)}"
    follows = style.grouped or not any(row.input for row in rows)
    outputs: Outputs = {}
    for row in rows:
        text = _question(row) if follows or not row.input else row.input
        outputs.setdefault(text, {})[row.output] = None
    inputs = list(outputs)
    shown = inputs[: min(_SHOWN, len(inputs) - 1)]
    definition = _FOLLOW if follows else rows[0].instruction
    if style.language != "English" and style.language not in definition:
        definition += f" The texts are in {style.language}."
    instances = [
        {"id": _id(name, text, outputs[text]), "input": text, "output": list(outputs[text])}
        for text in inputs[len(shown) :]
    ]
    positive = [
        {"input": text, "output": next(iter(outputs[text])), "explanation": ""} for text in shown
    ]
    return {
        NAME: name,
        "Contributors": ["selfinstruct"],
        "Source": [rows[0].run],
        **{key: list[str]() for key in ("URL", "Categories", "Reasoning")},
        DEFINITION: [definition],
        "Input_language": [style.language],
        "Output_language": [style.language],
        "Instruction_language": [style.language],
        "Domains": [],
        POSITIVE: positive,
        NEGATIVE: list(_negative(inputs, outputs)),
        INSTANCES: instances,
    }


def _negative(inputs: Sequence[str], outputs: Outputs) -> Iterator[dict[str, str]]:
    """The first input with the first output that is none of its own."""
    first = inputs[0]
    for text in inputs[1:]:
        for output in outputs[text]:
            if output not in outputs[first]:
                yield {"input": first, "output": output, "explanation": _OTHER}
                return


def _question(row: Candidate) -> str:
    """The instruction and the input; of a chat the whole talk up to there."""
    if not row.history and not row.system:
        return row.question
    turns = [f"{_SPEAKERS.get(turn.role, turn.role)}: {turn.text}" for turn in row.history]
    system = [row.system] if row.system else []
    return "\n\n".join([*system, *turns, f"User: {row.question}"])


def _id(name: str, text: str, outputs: Mapping[str, None]) -> str:
    """As published: the task's number and 32 hexadecimal digits."""
    joined = "".join(f"{len(each)}:{each}" for each in (name, text, *outputs))
    return f"{name.partition('_')[0]}-{blake2b(joined.encode(), digest_size=16).hexdigest()}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "run"
